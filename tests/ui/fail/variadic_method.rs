#[kafka_rpc::service]
trait T {
    async unsafe extern "C" fn m(&self, a: u8, rest: ...);
}

fn main() {}
