#[kafka_rpc::service]
trait Größe {
    async fn m(&self);
}

#[kafka_rpc::service(name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
trait Long {
    async fn m(&self);
}

#[kafka_rpc::service(commands = "__consumer_offsets")]
trait Reserved {
    async fn m(&self);
}

fn main() {}
