//! Copies the arguments of small commands into shared blocks of memory: one allocation for many.

use bytes::{Bytes, BytesMut};

/// How long a block is. One command that waits or runs for long keeps all of it.
const BLOCK: usize = 4_096;

/// What is longer gets memory of its own.
const SMALL: usize = 256;

/// The block that is being filled.
#[derive(Debug, Default)]
pub(crate) struct BlockPool(BytesMut);

impl BlockPool {
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() > SMALL {
            return Bytes::copy_from_slice(bytes);
        }
        if self.0.capacity() < bytes.len() {
            self.0 = BytesMut::with_capacity(BLOCK);
        }
        self.0.extend_from_slice(bytes);
        self.0.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn copies_stay_what_they_were(
            all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..60),
        ) {
            let mut pool = BlockPool::default();
            let copies: Vec<Bytes> = all.iter().map(|bytes| pool.copy(bytes)).collect();
            drop(pool);
            for (bytes, copy) in all.iter().zip(copies) {
                prop_assert_eq!(&bytes[..], &copy[..]);
            }
        }
    }

    #[test]
    fn a_block_serves_many() {
        let mut pool = BlockPool::default();
        let copies: Vec<Bytes> = (0..BLOCK / 64).map(|_| pool.copy(&[7; 64])).collect();
        let first = copies[0].as_ptr() as usize;
        for (number, copy) in copies.iter().enumerate() {
            assert_eq!(copy.as_ptr() as usize, first + number * 64);
        }
    }
}
