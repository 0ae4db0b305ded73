struct Ref<'a>(&'a u8);

#[kafka_rpc::service]
trait T {
    async fn m(&self, a: Ref<'a>, b: Option<Ref<'_>>);
}

fn main() {}
