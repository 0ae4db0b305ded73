//! Two services of one module may have methods of the same names.

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
pub trait First {
    /// A method.
    async fn m(&self, a: u8) -> u8;
}

/// Another.
#[kafka_rpc::service]
pub trait Second {
    /// A method.
    async fn m(&self, a: String) -> String;
}

struct Desk;

impl First for Desk {
    async fn m(&self, a: u8) -> u8 {
        a
    }
}

impl Second for Desk {
    async fn m(&self, a: String) -> String {
        a
    }
}

#[test]
fn runs() {
    let _ = (FirstServer::new(Desk), SecondServer::new(Desk));
}
