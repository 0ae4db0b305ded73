#[kafka_rpc::service]
trait T {
    async fn vector(&self, a: Vec<Self>) -> Option<Self>;
    async fn projected(&self, a: Self::Item, b: <Self as Iterator>::Item);
}

fn main() {}
