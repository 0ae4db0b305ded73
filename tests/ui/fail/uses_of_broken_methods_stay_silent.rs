use std::sync::Arc;

#[kafka_rpc::service]
pub trait T {
    fn not_async(&self, a: u8) -> u8;
    async fn exclusive(&mut self);
    async fn counted(self: Arc<Self>) -> Result<u8, String>;
    async fn pattern(&self, (a, b): (u8, u8));
    async fn borrowed(&self, a: &str) -> Vec<u8>;
    async fn generic<A: Send + Sync>(&self, a: A);
    async fn conditional(&self, #[serde(alias = "b")] a: u8);
}

struct Desk;

impl T for Desk {
    fn not_async(&self, a: u8) -> u8 {
        a
    }
    async fn exclusive(&mut self) {}
    async fn counted(self: Arc<Self>) -> Result<u8, String> {
        Ok(1)
    }
    async fn pattern(&self, (a, b): (u8, u8)) {
        let _ = (a, b);
    }
    async fn borrowed(&self, a: &str) -> Vec<u8> {
        a.as_bytes().to_vec()
    }
    async fn generic<A: Send + Sync>(&self, a: A) {
        drop(a);
    }
    async fn conditional(&self, a: u8) {
        let _ = a;
    }
}

pub async fn calls(client: &TClient) -> TServer<Desk> {
    let number: u8 = client.not_async(1).await.unwrap();
    client.exclusive().await.unwrap();
    let counted: u8 = client.counted().await.unwrap();
    client.pattern((number, counted)).await.unwrap();
    let bytes: Vec<u8> = client.borrowed("text").await.unwrap();
    client.generic(bytes).await.unwrap();
    client.conditional(1).await.unwrap();
    TServer::new(Desk)
}

fn main() {
    let _ = kafka_rpc::testing::in_process(TServer::new(Desk));
}
