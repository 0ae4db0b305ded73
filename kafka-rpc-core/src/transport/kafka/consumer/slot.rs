//! What leads to a member's consumer, which is replaced after a fatal error.

use std::sync::Arc;

use crate::util::sync::{RwLock, read, write};

/// Empty, or what belongs to the consumer of the moment.
pub(super) struct Slot<T>(RwLock<Option<Arc<T>>>);

impl<T> Slot<T> {
    pub(super) fn get(&self) -> Option<Arc<T>> {
        read(&self.0).clone()
    }

    pub(super) fn set(&self, value: T) {
        *write(&self.0) = Some(Arc::new(value));
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(RwLock::new(None))
    }
}
