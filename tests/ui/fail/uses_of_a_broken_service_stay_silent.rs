#[kafka_rpc::service]
pub trait T {
    async fn good(&self, a: u8) -> u8;
    #[rpc(timeout = "soon")]
    async fn bad(&self);
}

struct Desk;

impl T for Desk {
    async fn good(&self, a: u8) -> u8 {
        a
    }
    async fn bad(&self) {}
}

fn both(client: TClient) -> TServer<Desk> {
    let _ = client.good(1);
    TServer::new(Desk)
}

fn main() {}
