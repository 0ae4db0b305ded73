//! Watching topics.

use std::sync::Arc;
use std::time::Duration;

use super::fate::Access;
use super::node::Node;
use super::runtime::Task;
use super::state::Shared;
use crate::transport::{TopicsSink, Watch};

pub(super) struct MemoryWatch {
    _task: Task,
}

impl MemoryWatch {
    pub(super) fn start(
        shared: &Arc<Shared>,
        node: &Arc<Node>,
        every: Duration,
        sink: Arc<dyn TopicsSink>,
    ) -> Self {
        let task = run(Arc::clone(shared), Arc::clone(node), every, sink);
        Self {
            _task: shared.executor.spawn(task).into(),
        }
    }
}

impl Watch for MemoryWatch {}

async fn run(shared: Arc<Shared>, node: Arc<Node>, every: Duration, sink: Arc<dyn TopicsSink>) {
    loop {
        shared.executor.sleep(every).await;
        if node.crashed() {
            return;
        }
        if node.frozen() {
            continue;
        }
        for topic in sink.topics() {
            let found = {
                let state = shared.lock();
                let allowed = state.check(&node, &topic, Access::Describe);
                allowed.map(|()| state.partitions(&topic).ok())
            };
            // The sink is called with nothing locked.
            match found {
                Ok(Some(partitions)) => sink.has(&topic, partitions),
                // It may be created again.
                Ok(None) => {}
                Err(error) => sink.trouble(error),
            }
        }
    }
}
