//! Nobody is warned of a half that isn't used.

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

mod client_only {
    #[kafka_rpc::service]
    pub(super) trait A {
        async fn m(&self);
    }
}

mod unused {
    #[kafka_rpc::service]
    trait B {
        async fn m(&self);
    }
}

#[test]
fn runs() {
    let _: Option<client_only::AClient> = None;
}
