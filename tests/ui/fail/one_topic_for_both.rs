#[kafka_rpc::service(commands = "both", results = "both")]
trait T {
    async fn m(&self);
}

fn main() {}
