use std::pin::Pin;

#[kafka_rpc::service]
trait T {
    fn m(&self, a: u8) -> impl Future<Output = Result<u8, String>> + Send;
    fn boxed(&self) -> Pin<Box<dyn Future<Output = u8> + Send + '_>>;
}

fn main() {}
