mod own {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Result<T, E>(T, E);
}

#[kafka_rpc::service]
trait T {
    async fn m(&self) -> own::Result<u8, u16>;
}

fn main() {}
