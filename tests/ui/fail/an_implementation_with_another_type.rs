#[kafka_rpc::service]
trait T {
    async fn m(&self, a: u8) -> u8;
}

struct Desk;

impl T for Desk {
    async fn m(&self, a: u16) -> u8 {
        a as u8
    }
}

fn main() {}
