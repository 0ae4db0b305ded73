#[kafka_rpc::service]
pub struct S;

fn main() {}
