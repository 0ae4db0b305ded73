//! An implementation may leave out a method with a body, or replace it.

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
pub trait Greeter {
    /// Has no body.
    async fn name(&self) -> String;

    /// Has one.
    async fn greet(&self, mut greeting: String, times: u8) -> Result<String, String> {
        if times == 0 {
            return Err("never".to_owned());
        }
        let name = self.name().await;
        for _ in 0..times {
            greeting.push_str(&name);
        }
        Ok(greeting)
    }

    /// Returns nothing.
    #[rpc(oneway)]
    async fn note(&self) {}
}

struct Short;

impl Greeter for Short {
    async fn name(&self) -> String {
        "short".to_owned()
    }
}

struct Long;

impl Greeter for Long {
    async fn name(&self) -> String {
        "long".to_owned()
    }

    async fn greet(&self, greeting: String, _: u8) -> Result<String, String> {
        Ok(greeting)
    }
}

fn spawn(_: impl Future<Output = ()> + Send + 'static) {}

/// What a body awaits can be sent, too.
pub fn spawn_it<S: Greeter + Send + Sync + 'static>(service: S) {
    spawn(async move {
        let _ = service.greet(String::new(), 1).await;
    });
}

#[test]
fn runs() {
    let _ = (GreeterServer::new(Short), GreeterServer::new(Long));
}
