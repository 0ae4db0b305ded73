struct Local;

type Outcome<T> = Result<T, u8>;

#[kafka_rpc::service]
trait T {
    async fn written(&self) -> Result<Local, u8>;
    #[rpc(result)]
    async fn by_an_alias(&self) -> Outcome<Local>;
}

fn main() {}
