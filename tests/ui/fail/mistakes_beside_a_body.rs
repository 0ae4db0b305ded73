#[kafka_rpc::service]
pub trait T {
    async fn m(&mut self, a: &str) -> u8 {
        a.len() as u8
    }
    async fn n(&self, (a, b): (u8, u8)) -> u8 {
        a + b
    }
    async fn o(self: Box<Self>) {}
}

fn main() {}
