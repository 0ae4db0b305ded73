//! Methods have no arguments, or many, or large ones, or nested ones.

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

use std::collections::HashMap;

macro_rules! ty {
    () => {
        u8
    };
}

/// A service.
#[kafka_rpc::service]
pub trait Many {
    /// None.
    async fn none(&self);
    /// Eighteen.
    async fn eighteen(
        &self,
        a: u8,
        b: u8,
        c: u8,
        d: u8,
        e: u8,
        f: u8,
        g: u8,
        h: u8,
        i: u8,
        j: u8,
        k: u8,
        l: u8,
        m: u8,
        n: u8,
        o: u8,
        p: u8,
        q: u8,
        r: u8,
    );
    /// Nested.
    async fn nested(&self, a: HashMap<u8, Vec<Option<u8>>>, b: (), c: ty!());
}
