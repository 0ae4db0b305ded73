//! Backpressure: whether a member reads on, and how much it holds.

/// How much a member may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// Commands that wait or run; also replies that aren't in the log.
    pub(crate) commands: usize,
    /// Bytes of commands that wait; also of replies that aren't in the log.
    pub(crate) bytes: usize,
}

impl Capacity {
    /// At half of it a member that was too full reads on.
    pub(crate) const fn half(self) -> Self {
        Self {
            commands: self.commands / 2,
            bytes: self.bytes / 2,
        }
    }
}

/// Whether the member reads on.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    full: bool,
    /// Bytes of the commands that wait.
    queued_bytes: usize,
}

impl Flow {
    /// The member is too full to read on.
    pub(crate) const fn is_full(&self) -> bool {
        self.full
    }

    /// Bytes of the commands that wait.
    pub(crate) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// A command of this size begins to wait.
    pub(crate) const fn queued(&mut self, bytes: usize) {
        self.queued_bytes += bytes;
    }

    /// A command of this size waits no longer.
    pub(crate) const fn unqueued(&mut self, bytes: usize) {
        self.queued_bytes -= bytes;
    }

    /// Stops the reading. Says whether that is a change.
    pub(crate) const fn stop(&mut self) -> bool {
        !std::mem::replace(&mut self.full, true)
    }

    /// Lets the member read on.
    pub(crate) const fn resume(&mut self) {
        self.full = false;
    }
}
