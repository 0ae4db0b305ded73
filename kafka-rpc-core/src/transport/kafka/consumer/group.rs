//! A member of a consumer group: joins, has two threads share the polling, and leaves.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::member::Shared;
use super::poller::{Poller, Turn};
use super::recovery::{self, Recovery};
use super::watchdog::PollLease;
use crate::transport::kafka::client::blocking::{self, Reply};
use crate::transport::kafka::config::clients::Settings;
use crate::transport::{
    BoxFuture, GroupOptions, GroupSink, Membership, Standing, TransportError, TransportErrorKind,
    Work,
};
use crate::util::lock_order::GROUP_POLLER;
use crate::util::sync::{Mutex, lock};

/// How long a member that was dropped tries to leave properly.
const DROP_TIMEOUT: Duration = Duration::from_secs(30);

pub(in crate::transport::kafka) fn join(
    settings: &Arc<Settings>,
    options: GroupOptions,
    sink: Arc<dyn GroupSink>,
) -> BoxFuture<Result<Arc<dyn Membership>, TransportError>> {
    let settings = Arc::clone(settings);
    // What runs on the member's threads may be user code, which expects to be within a runtime.
    let runtime = Handle::try_current().ok();
    let member = blocking::start("kafka-rpc-group", move |reply: Reply<Arc<Member>>| {
        let _entered = runtime.as_ref().map(Handle::enter);
        let shared = Arc::new(Shared::new(&settings, options, sink));
        let started = recovery::subscribe(&settings, &shared).and_then(|poller| {
            let polling = Arc::new(Polling {
                settings: Arc::clone(&settings),
                shared: Arc::clone(&shared),
                polled: Mutex::new(Polled {
                    poller: Some(poller),
                    recovery: Recovery::default(),
                }),
                lease: PollLease::default(),
            });
            let second = Arc::clone(&polling);
            let runtime = runtime.clone();
            blocking::spawn("kafka-rpc-group", move || {
                let _entered = runtime.as_ref().map(Handle::enter);
                second.live(false);
            })?;
            Ok(polling)
        });
        let polling = match started {
            Ok(polling) => polling,
            Err(error) => return drop(reply.send(Err(error))),
        };
        // Where nobody waits any more, the handle is dropped here, and the member leaves at once.
        drop(reply.send(Ok(Arc::new(Member(shared)))));
        polling.live(true);
    });
    Box::pin(async move {
        let member = member.await?;
        // Dropped where it is refused: the member leaves in the background.
        member.0.acceptance.wait().await?;
        let handle: Arc<dyn Membership> = member;
        Ok(handle)
    })
}

/// The two threads of a member, of which one polls.
struct Polling {
    settings: Arc<Settings>,
    shared: Arc<Shared>,
    /// Held by the thread that polls, which has the lease.
    polled: Mutex<Polled, GROUP_POLLER>,
    lease: PollLease,
}

struct Polled {
    /// Empty at the end.
    poller: Option<Poller>,
    recovery: Recovery,
}

impl Polled {
    /// Polls until a record leads to work; `None` when the member has left.
    fn next(&mut self, settings: &Settings, shared: &Arc<Shared>) -> Option<(Box<dyn Work>, bool)> {
        loop {
            match self.poller.as_mut()?.next(shared) {
                Turn::Work(work, alone) => return Some((work, alone)),
                // The consumer's teardown waits for its commits, and blocks as long as the group's
                // coordinator can't be reached.
                Turn::Left => drop(self.poller.take()),
                turn @ (Turn::Failed(_) | Turn::Replaced) => {
                    match turn {
                        Turn::Failed(code) => recovery::fail(shared, code),
                        _ => recovery::replaced(shared),
                    }
                    // Before the next one joins: no member is to be there twice.
                    drop(self.poller.take());
                    self.poller = self.recovery.next(settings, shared);
                    // A member that isn't there has nothing to tell.
                    shared.told(self.poller.is_none());
                }
            }
        }
    }
}

impl Polling {
    /// The life of one of the two threads.
    fn live(&self, polls: bool) {
        let poll = || lock(&self.polled).next(&self.settings, &self.shared);
        if self
            .lease
            .share(polls, poll, |(work, alone)| work.run(alone))
        {
            self.shared.left.open();
        }
    }
}

/// The handle of a member.
struct Member(Arc<Shared>);

impl Membership for Member {
    fn progressed(&self) {
        // Mostly it is known already.
        if !self.0.progressed.load(Ordering::Relaxed) {
            self.0.progressed.store(true, Ordering::Release);
        }
    }

    fn pause(&self) {
        self.0.paused.store(true, Ordering::Release);
    }

    fn resume(&self) {
        self.0.paused.store(false, Ordering::Release);
    }

    fn standing(&self) -> Standing {
        let owned = lock(&self.0.partitions).owned();
        self.0.known.standing(&owned)
    }

    fn leave(&self, timeout: Duration) -> BoxFuture<Result<(), TransportError>> {
        let shared = Arc::clone(&self.0);
        shared.leave(timeout);
        // The time runs from now on, not from the first poll: several members leave at once, and are
        // waited for one after another.
        let by = Instant::now().checked_add(timeout);
        blocking::start("kafka-rpc-leave", move |reply| {
            let left = by.map_or(timeout, |by| by.saturating_duration_since(Instant::now()));
            shared.left.wait(left);
            let told = if shared.is_told() {
                Ok(())
            } else {
                let group = &shared.options.group;
                let message = format!("the group {group} has not answered for {timeout:?}");
                Err(TransportError::new(
                    TransportErrorKind::Unavailable,
                    message,
                ))
            };
            drop(reply.send(told));
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if !self.0.leaving.is_open() {
            self.0.leave(DROP_TIMEOUT);
        }
    }
}
