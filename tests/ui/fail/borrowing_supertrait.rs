trait Borrows<'a> {}

#[kafka_rpc::service]
trait T: 'a + Send {
    async fn m(&self);
}

fn main() {}
