//! The holding back of everything for a moment, and the partitions that it has to let go.

use crate::util::lock_order::HELD_PARTITIONS;
use crate::util::sync::atomic::{AtomicBool, Ordering};
use crate::util::sync::{Mutex, lock};

/// Whether everything is held back, and where something is.
///
/// Whoever holds something back notes its partition first, and looks at [`is_on`](Self::is_on)
/// again when it is done. Whoever ends the holding says so before it takes the notes. So one of
/// both lets the partition go.
#[derive(Debug, Default)]
pub(super) struct Hold {
    on: AtomicBool,
    /// The numbers of the partitions that hold something back.
    noted: Mutex<Vec<u16>, HELD_PARTITIONS>,
}

impl Hold {
    pub(super) fn begin(&self) {
        self.on.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// Ends it; says whether this did.
    pub(super) fn end(&self) -> bool {
        self.on.swap(false, Ordering::SeqCst)
    }

    /// This partition holds something back until the end.
    pub(super) fn note(&self, number: u16) {
        lock(&self.noted).push(number);
    }

    /// One of those which did. They are taken one by one, so that the list keeps its memory: a lone
    /// call passes through here, too.
    pub(super) fn take(&self) -> Option<u16> {
        lock(&self.noted).pop()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.noted).is_empty()
    }
}
