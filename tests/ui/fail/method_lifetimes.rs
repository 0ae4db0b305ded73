#[kafka_rpc::service]
trait T {
    async fn m<'a>(&'a self, a: &'a str) -> &'a str;
}

fn main() {}
