#[kafka_rpc::service]
pub const unsafe fn m() {}

fn main() {}
