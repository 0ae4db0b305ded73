//! A read-write lock. It has no rank: no other lock is taken under one.

use std::sync::PoisonError;

use super::primitives::{RwLockReadGuard, RwLockWriteGuard};

pub(crate) use super::primitives::RwLock;

/// Locks to read, whatever became of an earlier holder; as [`lock`](super::lock).
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks to write, whatever became of an earlier holder; as [`lock`](super::lock).
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
