//! A service in a crate that has its name for kafka-rpc from the workspace.

/// A service.
#[rpc_by_the_workspace::service]
pub trait Inherited {
    /// A method.
    #[rpc(key = account)]
    async fn deposit(&self, account: String, cents: u64) -> Result<u64, String>;
}
