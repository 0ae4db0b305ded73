#[kafka_rpc::service]
trait T {
    async extern "C" fn m(&self);
}

fn main() {}
