#[kafka_rpc::service(name = "bank", version = 2, commands = "bank.in", results = "bank.out", crate = "rpc")]
trait Bank: Clone {
    #[rpc(key = account, name = "deposit.v2")]
    async fn deposit(&self, account: String, cents: u64) -> Outcome<u64>;

    #[rpc(result)]
    async fn balance(&self, account: String) -> Answer<u64>;

    #[rpc(plain)]
    async fn audit(&self) -> Result;

    #[rpc(oneway)]
    async fn note(&self, text: String);
}
