use std::rc::Rc;

#[kafka_rpc::service]
trait T {
    async fn m(&self) {
        let held = Rc::new(1);
        std::future::ready(()).await;
        drop(held);
    }
}

fn main() {}
