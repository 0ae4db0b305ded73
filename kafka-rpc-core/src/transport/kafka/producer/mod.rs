//! Appends records, and hears what became of them.
//!
//! A record goes one way: `handle` → `delivery` → `inflight` (is it sent now, or kept back?) →
//! `ffi`. Its report comes back by `ffi` → `delivery`, which tells the sink and lets others go.
//!
//! # Threads and locks
//!
//! The thread `kafka-rpc-producer` owns the client, by a keeper that can't leave it; callers borrow
//! the client from the slot for one call. `inflight` is used by callers and by the thread: the state
//! of one partition is locked while its record is handed to librdkafka, and before the slot and
//! `ffi`'s topics. `wakeup` says when the thread looks for reports; its lock is taken last, also from
//! a queue's callback. The sink is called without any lock of these.
//!
//! `watch` has a thread of its own, which borrows the client for one look-up of topics at a time.

pub(super) mod delivery;
pub(super) mod handle;
pub(super) mod inflight;
pub(super) mod opaque;
pub(super) mod wakeup;
pub(super) mod watch;
