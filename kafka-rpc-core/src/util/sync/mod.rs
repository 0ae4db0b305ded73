//! Locks, condition variables and atomics: the standard library's, or `loom`'s where the cfg
//! `kafka_rpc_loom` has a hand-shake checked in every order of its steps.
//!
//! A [`Mutex`] has a rank, and debug builds assert that locks are taken in the order of
//! [`lock_order`](crate::util::lock_order).

#[cfg(kafka_rpc_loom)]
pub(crate) mod atomic;
mod mutex;
mod notify;
mod rwlock;

#[cfg(all(test, kafka_rpc_loom))]
pub(crate) mod model;
#[cfg(test)]
mod tests;

#[cfg(not(kafka_rpc_loom))]
pub(crate) use std::sync::atomic;

pub(crate) use mutex::{Condvar, Mutex, MutexGuard, lock};
pub(crate) use notify::Notify;
pub(crate) use rwlock::{RwLock, read, write};

#[cfg(kafka_rpc_loom)]
use loom::sync as primitives;
#[cfg(not(kafka_rpc_loom))]
use std::sync as primitives;
