#[kafka_rpc::service]
trait A<'a> {
    async fn m(&self);
}

#[kafka_rpc::service]
trait B<const N: usize> {
    async fn m(&self, a: [u8; N]);
}

struct Desk;

impl A<'static> for Desk {
    async fn m(&self) {}
}

fn uses(a: AClient, b: BClient) {
    let _ = (a.m(), b.m([1, 2]), AServer::new(Desk));
}

fn main() {}
