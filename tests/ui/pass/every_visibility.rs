//! What is generated is as visible as the trait, with types that are no more visible.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    single_use_lifetimes,
    clippy::all
)]

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

    #[kafka_rpc::service]
    pub(in crate::inner) trait In {
        async fn m(&self, secret: Secret);
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Private;

    #[kafka_rpc::service]
    trait Hidden {
        async fn m(&self, private: Private) -> Private;
    }
}

/// The generated items can be named from here.
pub fn named(_: &PublicClient, _: &PublicServer<()>) {}

pub(crate) type Named = (CrateClient, CrateServer<()>, inner::SuperClient);

fn main() {
    let _: Option<Named> = None;
}
