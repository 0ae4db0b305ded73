#[kafka_rpc::service]
trait T {
    async fn m(&self, a: &'a str) -> &'b str;
}

fn main() {}
