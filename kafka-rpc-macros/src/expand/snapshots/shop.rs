#[kafka_rpc::service]
pub(crate) trait Shop {
    async fn r#match(&self, mut r#type: String);

    #[cfg(feature = "gifts")]
    #[deprecated = "use `order`"]
    async fn give(&self, article: u64) -> bool;

    async fn order(
        &self,
        article: u64,
        #[serde(default)] gift: bool,
        #[serde(default = "home")] currency: String,
        #[serde(rename = "type")] kind: u8,
    ) -> u64;
}
