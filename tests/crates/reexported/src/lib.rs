//! A service in a crate that knows kafka-rpc only by way of another one.

/// A service.
#[kafka_rpc_tests_renamed::rpc::service(crate = "kafka_rpc_tests_renamed::rpc")]
pub trait Reexported {
    /// A method.
    async fn m(&self, a: u8) -> Result<u8, String>;
}
