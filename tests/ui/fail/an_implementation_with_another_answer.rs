#[kafka_rpc::service]
trait T {
    async fn m(&self) -> u8;
}

struct Desk;

impl T for Desk {
    async fn m(&self) -> String {
        String::new()
    }
}

fn main() {}
