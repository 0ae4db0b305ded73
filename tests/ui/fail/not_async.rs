#[kafka_rpc::service]
trait T {
    fn m(&self) -> u8;
}

fn main() {}
