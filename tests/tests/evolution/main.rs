//! Two versions of one service call each other: what works, and what the caller is told.
//!
//! The table in the documentation of `#[kafka_rpc::service]` has a row for each module.
#![allow(clippy::unwrap_used, missing_docs)]
#![allow(
    dead_code,
    reason = "each method is called of the version that a test is about"
)]

use std::fmt::Debug;

use kafka_rpc::testing::MemoryBroker;
use kafka_rpc::{
    CallError, Client, Code, Outcome, RpcError, Server, Service, ServiceClient, TopicSettings,
};

/// A version of the service, and an implementation of it.
macro_rules! version {
    ($version:ident $(($($setting:tt)*))?:
        $($(#[rpc($($rpc:tt)*)])? $method:ident($($(#[$serde:meta])* $argument:ident: $type:ty),*)
            -> $output:ty $body:block)*
    ) => {
        mod $version {
            #[allow(unused_imports, reason = "not each version has types of its own")]
            use super::*;

            #[kafka_rpc::service(name = "Shop" $(, $($setting)*)?)]
            pub(super) trait Shop {
                $(
                    $(#[rpc($($rpc)*)])?
                    async fn $method(&self, $($(#[$serde])* $argument: $type),*) -> $output;
                )*
            }

            pub(super) struct Desk;

            impl Shop for Desk {
                $(async fn $method(&self, $($argument: $type),*) -> $output $body)*
            }
        }
    };
}

/// A client of one version, and a server of the other.
async fn between<C: ServiceClient + 'static>(service: impl Service) -> (C, Server) {
    let broker = MemoryBroker::new();
    let server = Server::builder(&broker)
        .create_topics(TopicSettings::default())
        .service(service)
        .start()
        .await
        .unwrap();
    let client = Client::connect(&broker).await.unwrap();
    (client.attach().await.unwrap(), server)
}

macro_rules! old_client_new_server {
    () => {
        between::<old::ShopClient>(new::ShopServer::new(new::Desk)).await
    };
}

macro_rules! new_client_old_server {
    () => {
        between::<new::ShopClient>(old::ShopServer::new(old::Desk)).await
    };
}

#[track_caller]
fn told<T: Debug>(ended: Result<T, RpcError>, code: Code, outcome: Outcome, words: &str) {
    let error = ended.expect_err("the versions don't fit");
    assert_eq!((error.code(), error.outcome()), (code, outcome), "{error}");
    assert!(error.message().contains(words), "{words} isn't in: {error}");
}

/// The framework's own error.
fn framework<E: Debug>(error: CallError<E>) -> RpcError {
    error.rpc().expect("it is the framework's").clone()
}

mod arguments;
mod types;

mod a_method_added_or_removed {
    use super::*;

    version! { old: order() -> u8 { 1 } removed() -> u8 { 2 } }
    version! { new: order() -> u8 { 1 } added() -> u8 { 3 } }

    #[tokio::test]
    async fn is_unimplemented_where_it_is_not() {
        let (client, _server) = old_client_new_server!();
        told(
            client.removed().await,
            Code::Unimplemented,
            Outcome::NotRun,
            "`removed`",
        );
        assert_eq!(client.order().await.unwrap(), 1);
        let (client, _server) = new_client_old_server!();
        told(
            client.added().await,
            Code::Unimplemented,
            Outcome::NotRun,
            "`added`",
        );
        assert_eq!(client.order().await.unwrap(), 1);
    }
}

mod a_method_renamed {
    use super::*;

    version! { old: order() -> u8 { 1 } ask() -> u8 { 2 } }
    version! {
        new:
        #[rpc(name = "order")]
        buy() -> u8 { 1 }
        enquire() -> u8 { 2 }
    }

    #[tokio::test]
    async fn is_the_same_one_where_it_keeps_its_name_on_the_wire() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.order().await.unwrap(), 1);
        let ended = client.ask().await;
        told(ended, Code::Unimplemented, Outcome::NotRun, "`ask`");
        let (client, _server) = new_client_old_server!();
        assert_eq!(client.buy().await.unwrap(), 1);
        let ended = client.enquire().await;
        told(ended, Code::Unimplemented, Outcome::NotRun, "`enquire`");
    }
}

mod an_error_added_to_a_method {
    use super::*;

    version! { old: order(fail: bool) -> u8 { let _ = fail; 1 } }
    version! { new: order(fail: bool) -> Result<u8, String> { if fail { Err("no".to_owned()) } else { Ok(1) } } }

    #[tokio::test]
    async fn is_a_bad_reply_to_an_old_client_when_it_is_returned() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.order(false).await.unwrap(), 1);
        told(
            client.order(true).await,
            Code::BadReply,
            Outcome::Ran,
            "it is an application error, and the method declares none",
        );
        let (client, _server) = new_client_old_server!();
        assert_eq!(client.order(true).await.map_err(framework).unwrap(), 1);
    }
}

mod compact_arguments {
    use super::*;

    version! { old (compact): order(a: u8) -> String { format!("{a}") } }
    version! { new (compact): order(b: u8, #[serde(default)] c: u8) -> String { format!("{b} {c}") } }

    #[tokio::test]
    async fn are_added_last_and_renamed_freely() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.order(1).await.unwrap(), "1 0");
        let (client, _server) = new_client_old_server!();
        assert_eq!(client.order(1, 2).await.unwrap(), "1");
    }
}

mod compact_added {
    use super::*;

    version! { old: order(a: u8, b: u8) -> String { format!("{a} {b}") } }
    version! { new (compact): order(a: u8, b: u8) -> String { format!("{a} {b}") } }

    #[tokio::test]
    async fn works_both_ways() {
        let (client, _server) = old_client_new_server!();
        assert_eq!(client.order(1, 2).await.unwrap(), "1 2");
        let (client, _server) = new_client_old_server!();
        assert_eq!(client.order(1, 2).await.unwrap(), "1 2");
    }
}

mod another_version_of_the_service {
    use super::*;

    version! { old: order() -> u8 { 1 } }
    version! { new (version = 1): order() -> u8 { 1 } }

    #[tokio::test]
    async fn is_refused_both_ways() {
        let (client, _server) = old_client_new_server!();
        let ended = client.order().await;
        told(ended, Code::Unimplemented, Outcome::NotRun, "version");
        let (client, _server) = new_client_old_server!();
        let ended = client.order().await;
        told(ended, Code::Unimplemented, Outcome::NotRun, "version");
    }
}
