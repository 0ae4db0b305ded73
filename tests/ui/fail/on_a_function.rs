#[kafka_rpc::service]
async fn m() {}

fn main() {}
