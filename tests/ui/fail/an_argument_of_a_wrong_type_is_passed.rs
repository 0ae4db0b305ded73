#[kafka_rpc::service]
pub trait T {
    async fn m(&self, a: u8);
}

pub fn calls(client: &TClient) {
    let _ = client.m("text");
    let _ = client.m();
}

fn main() {}
