#[kafka_rpc::service]
trait T {
    async fn boxed(self: Box<Self>);
    async fn counted(self: std::rc::Rc<Self>);
    async fn shared(self: std::sync::Arc<Self>);
    async fn pinned(self: std::pin::Pin<&mut Self>);
    async fn spelled(self: &Self);
}

fn main() {}
