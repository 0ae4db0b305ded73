//! Arguments may have defaults, other names on the wire, and documentation.

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

const fn nine() -> u8 {
    9
}

/// A service.
#[kafka_rpc::service]
pub trait Evolving {
    /// A method.
    async fn m(
        &self,
        /// A first argument.
        old: String,
        #[serde(default)] added: Vec<u8>,
        #[serde(default = "nine")] later: u8,
        #[serde(rename = "type")] kind: u8,
        mut changed: u8,
    );
}

struct Desk;

impl Evolving for Desk {
    async fn m(&self, old: String, added: Vec<u8>, later: u8, kind: u8, changed: u8) {
        let _ = (old, added, later, kind, changed);
    }
}

#[test]
fn runs() {
    let _ = EvolvingServer::new(Desk);
}
