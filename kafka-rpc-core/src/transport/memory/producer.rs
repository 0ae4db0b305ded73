//! Producing, and the task that tells what became of each record.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::coop::consume_budget;

use super::node::Node;
use super::state::Shared;
use crate::sync::lock;
use crate::transport::{
    BoxFuture, Delivery, DeliverySink, Producer, Record, TransportError, TransportErrorKind,
};

/// What became of records, on its way to the sink.
///
/// It goes through a task, never from within `produce`: the caller may hold locks that the sink
/// takes as well.
#[derive(Default)]
pub(super) struct Reports {
    queue: Mutex<Queue>,
    pub(super) wake: Arc<Notify>,
    drained: Notify,
}

#[derive(Default)]
struct Queue {
    ready: Vec<(u64, Delivery)>,
    /// Handed over, and not yet reported.
    outstanding: usize,
    closed: bool,
}

impl Reports {
    /// A record was handed over; its report is made with the ticket.
    pub(super) fn ticket(self: &Arc<Self>, token: u64) -> Ticket {
        lock(&self.queue).outstanding += 1;
        Ticket {
            reports: Some(Arc::clone(self)),
            token,
        }
    }

    /// A record was handed over and is done at once.
    pub(super) fn push(&self, token: u64, delivery: Delivery) {
        let mut queue = lock(&self.queue);
        queue.outstanding += 1;
        queue.ready.push((token, delivery));
        drop(queue);
        self.wake.notify_one();
    }

    async fn drained(&self) {
        loop {
            let mut drained = std::pin::pin!(self.drained.notified());
            drained.as_mut().enable();
            if lock(&self.queue).outstanding == 0 {
                return;
            }
            drained.await;
        }
    }

    async fn run(self: Arc<Self>, node: Arc<Node>, sink: Arc<dyn DeliverySink>) {
        let mut batch = Vec::new();
        while !node.crashed() {
            let mut closed = false;
            if !node.frozen() {
                let mut queue = lock(&self.queue);
                std::mem::swap(&mut queue.ready, &mut batch);
                closed = queue.closed;
            }
            if batch.is_empty() {
                if closed {
                    return;
                }
                self.wake.notified().await;
                continue;
            }
            let count = batch.len();
            for (token, delivery) in batch.drain(..) {
                sink.delivered(token, delivery);
            }
            self.reported(count);
            consume_budget().await;
        }
    }

    fn reported(&self, count: usize) {
        let mut queue = lock(&self.queue);
        queue.outstanding -= count;
        if queue.outstanding == 0 {
            self.drained.notify_waiters();
        }
    }
}

/// The duty to report one record; dropped, it reports that the record was never sent.
pub(super) struct Ticket {
    reports: Option<Arc<Reports>>,
    token: u64,
}

impl Ticket {
    pub(super) fn report(mut self, delivery: Delivery) {
        self.send(delivery);
    }

    pub(super) fn belongs_to(&self, reports: &Arc<Reports>) -> bool {
        self.reports
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, reports))
    }

    fn send(&mut self, delivery: Delivery) {
        if let Some(reports) = self.reports.take() {
            lock(&reports.queue).ready.push((self.token, delivery));
            reports.wake.notify_one();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.send(Delivery::NotPersisted(TransportError::new(
            TransportErrorKind::Closed,
            "the producer was closed before it could send",
        )));
    }
}

pub(super) struct MemoryProducer {
    shared: Arc<Shared>,
    node: Arc<Node>,
    reports: Arc<Reports>,
}

impl MemoryProducer {
    pub(super) fn new(
        shared: &Arc<Shared>,
        node: &Arc<Node>,
        sink: Arc<dyn DeliverySink>,
    ) -> Arc<Self> {
        let reports = Arc::<Reports>::default();
        shared.lock().link(node).tasks.add(&reports.wake);
        // Not aborted when the producer is dropped: it first reports what is outstanding.
        let task = Arc::clone(&reports).run(Arc::clone(node), sink);
        drop(shared.executor.spawn(task));
        Arc::new(Self {
            shared: Arc::clone(shared),
            node: Arc::clone(node),
            reports,
        })
    }
}

impl Producer for MemoryProducer {
    fn produce(&self, record: Record<'_>, token: u64) -> Result<(), TransportError> {
        self.shared
            .lock()
            .produce(&self.node, &self.reports, record, token)
    }

    fn flush(&self, patience: Duration) -> BoxFuture<()> {
        let reports = Arc::clone(&self.reports);
        let executor = Arc::clone(&self.shared.executor);
        Box::pin(async move {
            let _ = executor.timeout(patience, reports.drained()).await;
        })
    }
}

impl Drop for MemoryProducer {
    fn drop(&mut self) {
        let abandoned = self.shared.lock().abandon(&self.node, &self.reports);
        drop(abandoned);
        lock(&self.reports.queue).closed = true;
        self.reports.wake.notify_one();
    }
}
