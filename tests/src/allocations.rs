//! A global allocator that counts what the heap is asked for.
//!
//! A test program or a benchmark makes it its own with `#[global_allocator]`. Only what goes through
//! Rust's allocator is counted, so not what librdkafka's C code allocates.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::Sub;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// The system's allocator, which also counts after [`Counting::begin`]. Before, it costs each
/// allocation one load.
#[derive(Debug)]
pub struct Counting {
    on: AtomicBool,
    allocations: AtomicU64,
    bytes: AtomicU64,
    live: AtomicI64,
}

/// What all threads together have asked for since counting began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often memory was asked for; moving a block to another size is one time.
    pub allocations: u64,
    /// How many bytes were asked for; a block that moves counts with its new size.
    pub bytes: u64,
    /// The bytes that are in use, less those that were when counting began.
    pub live_bytes: i64,
}

impl Counting {
    /// An allocator that doesn't count yet.
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self {
            on: AtomicBool::new(false),
            allocations: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            live: AtomicI64::new(0),
        }
    }

    /// Counts from now on.
    pub fn begin(&self) {
        self.on.store(true, Ordering::Relaxed);
    }

    /// The counts as they stand.
    pub fn count(&self) -> Count {
        Count {
            allocations: self.allocations.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            live_bytes: self.live.load(Ordering::Relaxed),
        }
    }

    fn resized(&self, from: usize, to: usize) {
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        if to > 0 {
            self.allocations.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(to as u64, Ordering::Relaxed);
        }
        self.live
            .fetch_add(to as i64 - from as i64, Ordering::Relaxed);
    }
}

impl Sub for Count {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            allocations: self.allocations - earlier.allocations,
            bytes: self.bytes - earlier.bytes,
            live_bytes: self.live_bytes - earlier.live_bytes,
        }
    }
}

// SAFETY: each method hands its arguments on to the system's allocator as they are, and returns
// what that returned; counting touches neither.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.resized(0, layout.size());
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.resized(0, layout.size());
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.resized(layout.size(), 0);
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.resized(layout.size(), size);
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_from_its_beginning_on() {
        let heap = Counting::new();
        let layout = Layout::from_size_align(100, 8).unwrap();
        // SAFETY: the blocks are freed once each, with the layouts that they have.
        unsafe {
            let early = heap.alloc(layout);
            assert_eq!(heap.count(), Count::default());
            heap.begin();
            let block = heap.alloc(layout);
            let block = heap.realloc(block, layout, 300);
            let before = heap.count();
            assert_eq!((before.allocations, before.bytes), (2, 400));
            assert_eq!(before.live_bytes, 300);
            heap.dealloc(block, Layout::from_size_align(300, 8).unwrap());
            heap.dealloc(early, layout);
            let since = heap.count() - before;
            assert_eq!((since.allocations, since.live_bytes), (0, -400));
        }
    }
}
