//! A lint that is allowed or expected on a method is silent in all that is made of it.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    single_use_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]

/// An old type.
#[deprecated]
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Old;

/// A service.
#[kafka_rpc::service]
pub trait Levels {
    /// Allows it.
    #[allow(deprecated)]
    async fn allowed(&self, a: Old) -> Old;

    /// Expects it.
    #[expect(deprecated, reason = "clients of old")]
    async fn expected(&self, a: Old) -> Result<Old, Old>;

    /// Expects another.
    #[expect(non_snake_case)]
    async fn GetOne(&self);

    /// On an argument.
    async fn argument(&self, #[allow(unused_variables)] a: u8, #[expect(unused_variables)] b: u8) {}

    /// Stays with the trait.
    #[deny(clippy::unwrap_used)]
    #[warn(deprecated)]
    async fn raised(&self);
}

/// A service that allows it everywhere.
#[expect(deprecated)]
#[kafka_rpc::service]
pub trait Everywhere {
    /// A method.
    async fn m(&self, a: Old) -> Old;
}
