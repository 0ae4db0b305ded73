//! Documentation of a method is the client's too, whatever its form.

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

/// A service.
#[kafka_rpc::service]
pub trait Documented {
    /// A line,
    ///
    /// and another.
    async fn lines(&self);

    #[doc = "An attribute."]
    async fn attribute(&self);

    #[doc = concat!("Made by ", "a macro.")]
    async fn macro_made(&self);

    #[doc = include_str!("../../../LICENSE-MIT")]
    async fn included(&self);

    /** A block. */
    #[doc(alias = "known otherwise")]
    async fn block(&self);

    #[doc(hidden)]
    async fn hidden(&self);
}
