//! Services of several types can be kept in one collection.

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

use std::sync::Arc;

use kafka_rpc::Service;

/// A service.
#[kafka_rpc::service]
pub trait First {
    /// A method.
    async fn m(&self);
}

/// Another.
#[kafka_rpc::service]
pub trait Second {
    /// A method.
    async fn m(&self);
}

struct Desk;

impl First for Desk {
    async fn m(&self) {}
}

impl Second for Desk {
    async fn m(&self) {}
}

fn serve(service: &impl Service) -> &'static str {
    service.descriptor().name
}

#[test]
fn runs() {
    let services: Vec<Box<dyn Service>> = vec![
        Box::new(FirstServer::new(Desk)),
        Box::new(SecondServer::new(Desk)),
    ];
    let names: Vec<_> = services.iter().map(serve).collect();
    assert_eq!(names, ["First", "Second"]);
    let shared: Arc<dyn Service> = Arc::new(FirstServer::new(Desk));
    assert_eq!(serve(&shared), "First");
}
