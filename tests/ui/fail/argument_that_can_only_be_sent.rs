#[derive(serde::Serialize)]
struct OneWay;

#[kafka_rpc::service]
trait T {
    async fn m(&self, a: OneWay) -> u8;
}

fn main() {}
