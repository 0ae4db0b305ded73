use std::sync::Arc;

#[kafka_rpc::service]
trait T {
    async fn value(self)
    where
        Self: Sized;
    async fn shared(self: Arc<Self>);
    async fn named(&'static self);
}

fn main() {}
