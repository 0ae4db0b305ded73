#[kafka_rpc::service]
trait T {
    #[rpc(key = a)]
    async fn m(&self, #[cfg(all())] a: u8);
}

fn main() {}
