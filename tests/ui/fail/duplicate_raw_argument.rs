#[kafka_rpc::service]
trait T {
    async fn m(&self, a: u8, r#a: u16);
}

fn main() {}
