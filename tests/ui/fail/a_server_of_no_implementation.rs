#[kafka_rpc::service]
trait T {
    async fn m(&self);
}

struct Desk;

fn main() {
    let _ = kafka_rpc::testing::in_process(TServer::new(Desk));
}
