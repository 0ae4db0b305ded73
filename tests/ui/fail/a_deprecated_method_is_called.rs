#![deny(deprecated)]

#[kafka_rpc::service]
pub trait T {
    #[deprecated = "use another"]
    async fn old(&self);
}

pub fn caller(client: &TClient) {
    let _ = client.old();
}

fn main() {}
