//! A service with names that are keywords in some editions, for crates of several.

#![allow(non_camel_case_types)]

/// What the service fails with.
pub type Failed = String;

/// A service.
#[kafka_rpc::service]
pub trait r#dyn {
    /// Its name is a keyword since 2018.
    async fn r#async(&self, r#await: u8, r#try: Vec<u8>) -> Result<u8, Failed>;

    /// Its name is a keyword since 2024.
    #[rpc(key = r#gen)]
    async fn r#gen(&self, r#gen: u64, #[serde(default)] b: u8) -> Option<u8>;

    /// It has a body.
    async fn provided(&self) -> Option<u8> {
        self.r#gen(1, 2).await
    }
}

/// Implements it.
#[derive(Debug)]
pub struct Desk;

impl r#dyn for Desk {
    async fn r#async(&self, r#await: u8, _: Vec<u8>) -> Result<u8, Failed> {
        Ok(r#await)
    }

    async fn r#gen(&self, r#gen: u64, b: u8) -> Option<u8> {
        Some(b).filter(|_| r#gen > 0)
    }
}

/// Serves it.
pub fn serve() -> dynServer<Desk> {
    dynServer::new(Desk)
}

/// What a client borrows ends with the making of a call.
pub fn call(client: &dynClient) -> impl Send + Sized + 'static {
    client.r#async(1, Vec::new())
}
