#[kafka_rpc::service]
pub trait Mistaken {
    async fn sound(&self, a: u8) -> u8;
    async fn exclusive(&mut self);
    fn blocking(&self);
    const LIMIT: u8;
}
