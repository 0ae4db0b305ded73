struct Local;

#[kafka_rpc::service]
trait T {
    async fn m(&self) -> Result<u8, Local>;
}

fn main() {}
