struct A;
struct B;

#[kafka_rpc::service]
trait T {
    async fn m(&self, a: A, b: Vec<u8>) -> Result<u8, B>;
    async fn n(&self, a: Vec<A>);
}

fn main() {}
