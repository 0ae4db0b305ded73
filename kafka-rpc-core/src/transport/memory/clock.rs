//! The runtime's time, paused or not, and alarms that ring by it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::transport::memory::node::Node;
use crate::transport::memory::runtime::{Executor, Task};
use crate::transport::memory::state::Shared;
use crate::transport::{Alarm, Clock, Tick};
use crate::util::lock_order::MEMORY_ALARM;
use crate::util::sync::{Mutex, lock};

pub(super) struct MemoryClock {
    pub(super) shared: Arc<Shared>,
    pub(super) node: Arc<Node>,
}

impl Clock for MemoryClock {
    fn now(&self) -> Instant {
        self.shared.executor.now()
    }

    fn wall_us(&self) -> i64 {
        self.wall_us_at(self.now())
    }

    fn wall_us_at(&self, now: Instant) -> i64 {
        let offset = self.node.wall_offset_ms().saturating_mul(1000);
        self.shared.executor.wall_us_at(now).saturating_add(offset)
    }

    fn suspended(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    fn alarm(&self, tick: Arc<dyn Tick>) -> Box<dyn Alarm> {
        let due = Arc::<Due>::default();
        self.shared.lock().link(&self.node).tasks.add(&due.wake);
        let executor = Arc::clone(&self.shared.executor);
        let task = Arc::clone(&due).run(executor, Arc::clone(&self.node), tick);
        Box::new(MemoryAlarm {
            due,
            _task: self.shared.executor.spawn(task).into(),
        })
    }
}

/// When the tick is to be called next.
#[derive(Default)]
struct Due {
    at: Mutex<Option<Instant>, MEMORY_ALARM>,
    wake: Arc<Notify>,
}

impl Due {
    /// Whether this made it earlier.
    fn advance(&self, to: Instant) -> bool {
        let mut at = lock(&self.at);
        let earlier = at.is_none_or(|at| to < at);
        if earlier {
            *at = Some(to);
        }
        earlier
    }

    /// Takes the time out if it has come.
    fn take(&self, now: Instant) -> Result<(), Option<Instant>> {
        let mut at = lock(&self.at);
        match *at {
            Some(due) if due <= now => {
                *at = None;
                Ok(())
            }
            later => Err(later),
        }
    }

    async fn run(self: Arc<Self>, executor: Arc<Executor>, node: Arc<Node>, tick: Arc<dyn Tick>) {
        while !node.crashed() {
            if node.frozen() {
                self.wake.notified().await;
                continue;
            }
            let now = executor.now();
            match self.take(now) {
                // The time is taken out before the tick, so that one asked for meanwhile isn't lost.
                Ok(()) => {
                    if let Some(next) = tick.tick(now) {
                        self.advance(next);
                    }
                }
                Err(later) => executor.until(later, self.wake.notified()).await,
            }
        }
    }
}

struct MemoryAlarm {
    due: Arc<Due>,
    _task: Task,
}

impl Alarm for MemoryAlarm {
    fn ring_by(&self, at: Instant) {
        if self.due.advance(at) {
            self.due.wake.notify_one();
        }
    }
}
