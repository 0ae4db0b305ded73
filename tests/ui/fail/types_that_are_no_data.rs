#[kafka_rpc::service]
trait T {
    async fn function(&self, a: fn(u8) -> u8);
    async fn raw(&self, a: *const u8);
    async fn boxed(&self, a: Box<dyn Send>);
}

fn main() {}
