//! Arguments and answers may be of every owned kind.

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

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// A generic type.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Page<T> {
    items: Vec<T>,
}

/// A trait with a type.
pub trait Kind {
    /// The type.
    type Of;
}

impl Kind for u8 {
    type Of = String;
}

macro_rules! ty {
    () => { Option<u8> };
}

/// A service.
#[kafka_rpc::service]
pub trait Kinds {
    /// Maps, boxes and more.
    async fn many(
        &self,
        maps: HashMap<String, BTreeMap<u8, (u8, char)>>,
        boxed: Box<str>,
        slice: Box<[u8]>,
        borrowed: Cow<'static, str>,
        duration: Duration,
        made: ty!(),
        projected: <u8 as Kind>::Of,
        nested: Page<Page<u8>>,
        unit: (),
    ) -> Page<Result<u8, Box<str>>>;

    /// A parenthesized type, and an array.
    async fn shapes(&self, array: [(u8, f64); 3]) -> [Option<u8>; 32];
}
