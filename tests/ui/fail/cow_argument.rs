use std::borrow::Cow;

#[kafka_rpc::service]
trait T {
    async fn elided(&self, a: Cow<'_, str>);
    async fn named(&self, a: Cow<'a, [u8]>);
    async fn hidden(&self, a: Cow<str>);
}

fn main() {}
