//! An implementation may have parameters and borrow nothing.

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

use std::collections::BTreeMap;
use std::sync::Mutex;

/// A service.
#[kafka_rpc::service]
pub trait Store {
    /// A method.
    async fn get(&self, key: String) -> Option<u64>;
}

struct Memory<K, M: ?Sized>(
    std::marker::PhantomData<K>,
    Mutex<BTreeMap<String, u64>>,
    Box<M>,
);

impl<K: Send + Sync, M: Send + Sync + ?Sized> Store for Memory<K, M> {
    async fn get(&self, key: String) -> Option<u64> {
        let map = self.1.lock().ok()?;
        map.get(&key).copied()
    }
}

#[test]
fn runs() {
    let memory = Memory(
        std::marker::PhantomData::<u8>,
        Mutex::new(BTreeMap::new()),
        Box::new(1_u8),
    );
    let _ = StoreServer::new(memory);
}
