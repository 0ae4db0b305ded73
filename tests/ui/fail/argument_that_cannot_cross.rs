struct Local;

#[kafka_rpc::service]
trait T {
    async fn m(&self, a: Local, b: u8);
}

fn main() {}
