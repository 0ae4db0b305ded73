#[kafka_rpc::service(name = "my service", commands = "..", results = "")]
trait T {
    async fn m(&self);
}

fn main() {}
