//! What became of records, on its way to their producer.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::coop::consume_budget;

use super::node::Node;
use crate::transport::{Delivery, DeliverySink, TransportError, TransportErrorKind};
use crate::util::lock_order::MEMORY_REPORTS;
use crate::util::sync::{Mutex, MutexGuard, lock};

/// What became of records, on its way to the sink.
///
/// It goes through a task, never from within `produce`: the caller may hold locks that the sink
/// takes as well.
#[derive(Default)]
pub(super) struct Reports {
    queue: Mutex<Queue, MEMORY_REPORTS>,
    pub(super) wake: Arc<Notify>,
    drained: Notify,
}

#[derive(Default)]
struct Queue {
    ready: Ready,
    /// Handed over, and not yet reported.
    outstanding: usize,
    closed: bool,
}

/// Reports in their order.
#[derive(Default)]
struct Ready {
    /// The tokens of the records that are in the log.
    persisted: Vec<u64>,
    /// What became of others, each with the number of tokens that come before it.
    others: Vec<(usize, u64, Delivery)>,
}

impl Ready {
    fn len(&self) -> usize {
        self.persisted.len() + self.others.len()
    }

    fn push(&mut self, token: u64, delivery: Delivery) {
        match delivery {
            Delivery::Persisted => self.persisted.push(token),
            other => self.others.push((self.persisted.len(), token, other)),
        }
    }

    /// Tells the sink, as few times as can be.
    fn tell(&mut self, sink: &dyn DeliverySink) {
        let mut told = 0;
        for (before, token, delivery) in self.others.drain(..) {
            if told < before {
                sink.persisted(&self.persisted[told..before]);
                told = before;
            }
            sink.delivered(token, delivery);
        }
        if told < self.persisted.len() {
            sink.persisted(&self.persisted[told..]);
        }
        self.persisted.clear();
    }
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
        self.ready(queue, token, delivery);
    }

    fn ready(
        &self,
        mut queue: MutexGuard<'_, Queue, MEMORY_REPORTS>,
        token: u64,
        delivery: Delivery,
    ) {
        let first = queue.ready.len() == 0;
        queue.ready.push(token, delivery);
        drop(queue);
        // The task takes all that is there, and whoever came first has woken it.
        if first {
            self.wake.notify_one();
        }
    }

    /// Nothing more is produced.
    pub(super) fn close(&self) {
        lock(&self.queue).closed = true;
    }

    pub(super) async fn drained(&self) {
        loop {
            let mut drained = std::pin::pin!(self.drained.notified());
            drained.as_mut().enable();
            if lock(&self.queue).outstanding == 0 {
                return;
            }
            drained.await;
        }
    }

    pub(super) async fn run(self: Arc<Self>, node: Arc<Node>, sink: Arc<dyn DeliverySink>) {
        let mut batch = Ready::default();
        while !node.crashed() {
            let mut closed = false;
            if !node.frozen() {
                let mut queue = lock(&self.queue);
                std::mem::swap(&mut queue.ready, &mut batch);
                closed = queue.closed;
            }
            let count = batch.len();
            if count == 0 {
                if closed {
                    return;
                }
                self.wake.notified().await;
                continue;
            }
            batch.tell(&*sink);
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
            reports.ready(lock(&reports.queue), self.token, delivery);
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
