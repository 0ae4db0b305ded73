#[kafka_rpc::service]
trait T {
    fn a(&self);
    async fn b(&mut self);
    async fn c(&self, (x, y): (u8, u8));
}

fn main() {}
