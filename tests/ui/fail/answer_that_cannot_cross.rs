struct Local;

#[kafka_rpc::service]
trait T {
    async fn m(&self) -> Local;
}

fn main() {}
