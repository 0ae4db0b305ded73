#[kafka_rpc::service]
trait Empty {}

fn main() {}
