//! A table that grows while others read it.

use std::sync::OnceLock;

/// Tables of twice as many places each: all places that a `u32` counts.
const TABLES: usize = 32;

/// A place for each number. It is made when it is first asked for, and never moves: reading takes no
/// lock.
#[derive(Debug)]
pub(super) struct Growing<T>([OnceLock<Box<[T]>>; TABLES]);

impl<T> Default for Growing<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

impl<T: Default> Growing<T> {
    /// The place of a number.
    pub(super) fn get(&self, number: u32) -> &T {
        // The table with the number n holds those of 2^n - 1 to 2^(n+1) - 2.
        let one_more = u64::from(number) + 1;
        let table = (one_more.ilog2() as usize).min(TABLES - 1);
        let size = 1_usize << table;
        let places =
            self.0[table].get_or_init(|| std::iter::repeat_with(T::default).take(size).collect());
        &places[(one_more as usize - size).min(size - 1)]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn each_number_has_a_place_of_its_own() {
        let growing = Growing::<AtomicU32>::default();
        for number in 0..5_000 {
            assert_eq!(growing.get(number).swap(number + 1, Ordering::Relaxed), 0);
        }
        for number in 0..5_000 {
            assert_eq!(growing.get(number).load(Ordering::Relaxed), number + 1);
        }
    }
}
