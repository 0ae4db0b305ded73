//! Wakes a task, now or when it next waits.

#[cfg(kafka_rpc_loom)]
use super::atomic::{AtomicUsize, Ordering};

/// Tokio's, which keeps one notification for whoever waits later.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    notify: tokio::sync::Notify,
    /// Where a model may switch threads before a notification, and what orders it for `loom`, which
    /// doesn't see into tokio.
    #[cfg(kafka_rpc_loom)]
    step: AtomicUsize,
}

impl Notify {
    pub(crate) fn notify_one(&self) {
        self.step();
        self.notify.notify_one();
    }

    pub(crate) async fn notified(&self) {
        self.step();
        self.notify.notified().await;
        self.step();
    }

    #[cfg(kafka_rpc_loom)]
    fn step(&self) {
        self.step.fetch_add(1, Ordering::SeqCst);
    }

    #[cfg(not(kafka_rpc_loom))]
    const fn step(&self) {}
}
