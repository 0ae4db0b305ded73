#[kafka_rpc::service]
trait T {
    async unsafe fn m(&self);
}

fn main() {}
