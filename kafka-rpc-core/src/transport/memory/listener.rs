//! Listening to one partition without a group.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::transport::memory::node::Node;
use crate::transport::memory::record::Batch;
use crate::transport::memory::runtime::Task;
use crate::transport::memory::state::{Shared, State};
use crate::transport::{Listener, ListenerSink, TransportError, TransportErrorKind};

/// Where a listener is.
struct Cursor {
    topic: String,
    partition: u32,
    /// Which topic of that name it is in.
    incarnation: u64,
    next: i64,
    /// What was last told as trouble, so that it is told once.
    troubled: Option<TransportErrorKind>,
    wake: Arc<Notify>,
}

/// Lets other tasks run after a batch: always after a full one, now and then after others, since a
/// sink may produce to the very partition that it reads.
pub(super) async fn give_way(full: bool) {
    if full {
        tokio::task::yield_now().await;
    } else {
        tokio::task::coop::consume_budget().await;
    }
}

enum Step {
    Stop,
    Wait,
    Gap(Option<u64>),
    Trouble(TransportError),
    Records,
}

impl Cursor {
    fn step(&mut self, state: &mut State, node: &Node, batch: &mut Batch) -> Step {
        if node.crashed() {
            return Step::Stop;
        }
        if node.frozen() {
            return Step::Wait;
        }
        let topic = match state.readable(node, &self.topic, self.partition) {
            Ok(topic) => topic,
            Err(error) if self.troubled == Some(error.kind) => return Step::Wait,
            Err(error) => {
                self.troubled = Some(error.kind);
                return Step::Trouble(error);
            }
        };
        self.troubled = None;
        let incarnation = topic.incarnation;
        let Some(log) = topic.partition_mut(self.partition) else {
            return Step::Wait;
        };
        if incarnation != self.incarnation {
            self.incarnation = incarnation;
            self.next = log.low();
            log.readers.add(&self.wake);
            return Step::Gap(None);
        }
        if self.next < log.low() {
            let lost = log.low() - self.next;
            self.next = log.low();
            return Step::Gap(u64::try_from(lost).ok());
        }
        log.read(self.next, batch);
        match batch.next() {
            Some(next) => {
                self.next = next;
                Step::Records
            }
            None => Step::Wait,
        }
    }

    async fn run(mut self, shared: Arc<Shared>, node: Arc<Node>, sink: Arc<dyn ListenerSink>) {
        let mut batch = Batch::default();
        loop {
            let step = self.step(&mut shared.lock(), &node, &mut batch);
            match step {
                Step::Stop => return,
                Step::Wait => self.wake.notified().await,
                Step::Gap(lost) => sink.gap(lost),
                Step::Trouble(error) => sink.trouble(error),
                Step::Records => {
                    batch
                        .records(self.partition)
                        .for_each(|record| sink.record(record));
                    give_way(batch.is_full()).await;
                }
            }
        }
    }
}

pub(super) struct MemoryListener {
    shared: Arc<Shared>,
    node: Arc<Node>,
    topic: String,
    partition: u32,
    _task: Task,
}

impl MemoryListener {
    pub(super) fn start(
        shared: &Arc<Shared>,
        node: &Arc<Node>,
        topic: &str,
        partition: u32,
        sink: Arc<dyn ListenerSink>,
    ) -> Result<Self, TransportError> {
        let wake = Arc::<Notify>::default();
        let mut state = shared.lock();
        state.link(node).tasks.add(&wake);
        let found = state.readable(node, topic, partition)?;
        let incarnation = found.incarnation;
        let log = found.partition_mut(partition).ok_or_else(|| {
            crate::transport::memory::state::unknown_topic(topic, Some(partition))
        })?;
        log.readers.add(&wake);
        let cursor = Cursor {
            topic: topic.to_owned(),
            partition,
            incarnation,
            next: log.end(),
            troubled: None,
            wake,
        };
        drop(state);
        let task = cursor.run(Arc::clone(shared), Arc::clone(node), sink);
        Ok(Self {
            shared: Arc::clone(shared),
            node: Arc::clone(node),
            topic: topic.to_owned(),
            partition,
            _task: shared.executor.spawn(task).into(),
        })
    }
}

impl Listener for MemoryListener {
    fn trouble(&self) -> Option<TransportError> {
        let mut state = self.shared.lock();
        let readable = state.readable(&self.node, &self.topic, self.partition);
        readable.err()
    }
}
