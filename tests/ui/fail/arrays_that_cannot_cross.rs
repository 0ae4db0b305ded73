pub struct L;

#[kafka_rpc::service]
pub trait T {
    async fn m(&self, a: [L; 64], b: [L; 3]);
}

fn main() {}
