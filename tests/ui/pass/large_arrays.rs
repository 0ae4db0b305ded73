//! Arrays may be longer than those that serde knows.

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

use kafka_rpc::testing::in_process;

const LEN: usize = 40;

/// A service.
#[kafka_rpc::service]
pub trait Blocks {
    /// Takes two, and a small one.
    async fn sum(&self, block: [u8; 4096], words: [u64; LEN], small: [u8; 4]) -> u64;
}

struct Desk;

impl Blocks for Desk {
    async fn sum(&self, block: [u8; 4096], words: [u64; LEN], small: [u8; 4]) -> u64 {
        let bytes = block.iter().chain(&small).copied().map(u64::from);
        bytes.chain(words).sum()
    }
}

#[test]
fn runs() {
    let client = in_process(BlocksServer::new(Desk));
    let sum = client.sum([1; 4096], [2; LEN], [3; 4]).wait();
    assert_eq!(sum.ok(), Some(4096 + 80 + 12));
}
