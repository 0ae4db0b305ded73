mod own {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Result<T>(T);
}

#[kafka_rpc::service]
trait T {
    async fn m(&self) -> own::Result<u8>;
}

fn main() {}
