//! Producing.

use std::sync::Arc;
use std::time::Duration;

use super::node::Node;
use super::reports::Reports;
use super::state::Shared;
use super::watch::MemoryWatch;
use crate::transport::{
    BoxFuture, DeliverySink, Producer, Record, TopicsSink, TransportError, Watch,
};

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

    fn watch(
        &self,
        every: Duration,
        sink: Arc<dyn TopicsSink>,
    ) -> Result<Box<dyn Watch>, TransportError> {
        let watch = MemoryWatch::start(&self.shared, &self.node, every, sink);
        Ok(Box::new(watch))
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
        self.reports.close();
        self.reports.wake.notify_one();
    }
}
