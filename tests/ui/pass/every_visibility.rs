//! What is generated is as visible as the trait, with types that are no more visible.

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

/// Shown to everyone.
#[kafka_rpc::service]
pub trait Public {
    /// A method.
    async fn m(&self);
}

#[kafka_rpc::service]
pub(crate) trait Crate {
    async fn m(&self);
}

mod inner {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Secret;

    #[kafka_rpc::service]
    pub(super) trait Super {
        async fn m(&self, secret: Secret);
    }

    pub(super) mod deep {
        #[kafka_rpc::service]
        pub(in super::super) trait In {
            async fn m(&self, secret: super::Secret);
        }
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Private;

    #[kafka_rpc::service]
    trait Hidden {
        async fn m(&self, private: Private) -> Private;
    }
}

/// The generated items can be named from here.
pub const fn named(_: &PublicClient, _: &PublicServer<()>) {}

type Named = (
    CrateClient,
    CrateServer<()>,
    inner::SuperClient,
    inner::deep::InClient,
);

#[test]
fn runs() {
    let _: Option<Named> = None;
}
