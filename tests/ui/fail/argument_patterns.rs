struct Point {
    x: u8,
    y: u8,
}

#[kafka_rpc::service]
trait T {
    async fn tuple(&self, (a, b): (u8, u8));
    async fn field(&self, Point { x, y }: Point);
    async fn reference(&self, &a: &'static u8);
    async fn bound(&self, a @ _: u8);
    async fn by_reference(&self, ref a: u8);
    async fn nothing(&self, _: u8, _: u8);
}

fn main() {}
