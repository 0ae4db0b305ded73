#[kafka_rpc::service]
trait T
where
    Self: Send,
{
    async fn m(&self);
}

fn main() {}
