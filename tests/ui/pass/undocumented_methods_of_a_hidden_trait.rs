//! The client is documented even where the trait is not.

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
// It asks for `pub` where `unreachable_pub` asks for less.
#![allow(clippy::redundant_pub_crate)]

mod inner {
    #[kafka_rpc::service]
    pub(super) trait Undocumented {
        async fn m(&self);
        #[allow(missing_docs)]
        #[doc(alias = "other")]
        async fn n(&self);
    }
}

/// Undocumented by its own choice.
#[allow(missing_docs)]
#[kafka_rpc::service]
pub trait Chosen {
    async fn m(&self);
    #[doc(alias = "other")]
    async fn n(&self);
}

#[test]
fn runs() {
    let _: Option<inner::UndocumentedClient> = None;
}
