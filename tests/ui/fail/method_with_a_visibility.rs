#[kafka_rpc::service]
trait T {
    pub async fn m(&self);
    pub(crate) async fn n(&self);
}

fn main() {}
