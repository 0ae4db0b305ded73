#[kafka_rpc::service]
trait T {
    #[rpc(timeout = "0s")]
    async fn zero(&self);
    #[rpc(timeout = "-1s")]
    async fn negative(&self);
    #[rpc(timeout = "99999999999999999999h")]
    async fn overflow(&self);
    #[rpc(timeout = "5 parsecs")]
    async fn unit(&self);
    #[rpc(timeout = "5")]
    async fn unitless(&self);
}

fn main() {}
