#[kafka_rpc::service(nmae = "t")]
pub trait T<A: Send>
where
    Self: Send,
{
    type Kind;
    async fn m(&self, a: A) -> u8;
}

struct Desk;

impl T<u8> for Desk {
    type Kind = u8;
    async fn m(&self, a: u8) -> u8 {
        a
    }
}

pub async fn calls(client: &TClient) -> TServer<Desk> {
    let _: u8 = client.m(1_u8).await.unwrap();
    TServer::new(Desk)
}

fn main() {
    let _ = kafka_rpc::testing::in_process(TServer::new(Desk));
}
