#[kafka_rpc::service]
trait T {
    #[rpc(key = price)]
    async fn m(&self, price: f64);
}

fn main() {}
