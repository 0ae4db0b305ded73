#[kafka_rpc::service]
trait T {
    #[rpc(key = acount)]
    async fn m(&self, account: u64);
}

fn main() {}
