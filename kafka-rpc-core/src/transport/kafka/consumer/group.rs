//! A member of a consumer group: joins, has two threads share the polling, and leaves.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::runtime::Handle;

use super::member::Shared;
use super::poller::Poller;
use super::rebalance::Context;
use super::watchdog::PollLease;
use crate::transport::kafka::admin::topics;
use crate::transport::kafka::client::blocking::{self, Reply};
use crate::transport::kafka::client::errors;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::ffi;
use crate::transport::{
    BoxFuture, GroupOptions, GroupSink, Membership, TransportError, TransportErrorKind,
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
    blocking::start("kafka-rpc-group", move |reply: Reply<_>| {
        let _entered = runtime.as_ref().map(Handle::enter);
        let shared = Arc::new(Shared::new(&settings, options, sink));
        let started = subscribe(&settings, &shared).and_then(|poller| {
            let polling = Arc::new(Polling {
                shared: Arc::clone(&shared),
                poller: Mutex::new(Some(poller)),
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
        let handle: Arc<dyn Membership> = Arc::new(Member(shared));
        // Where nobody waits any more, the handle is dropped here, and the member leaves at once.
        drop(reply.send(Ok(handle)));
        polling.live(true);
    })
}

fn subscribe(settings: &Settings, shared: &Arc<Shared>) -> Result<Poller, TransportError> {
    topics::check_name(&shared.options.topic)?;
    let client: BaseConsumer<Context> = settings
        .member(&shared.options)
        .create_with_context(Context(Arc::clone(shared)))
        .map_err(|error| errors::from_creation(&error))?;
    let consumer = ffi::Consumer::new(client, &shared.options.topic)
        .map_err(|error| errors::from_creation(&error))?;
    // Before the first assignment, which comes by polling. They are set once.
    let _ = shared.committer.set(consumer.committer());
    consumer
        .client()
        .subscribe(&[&shared.options.topic])
        .map_err(|error| errors::from_kafka("the topic can't be subscribed to", &error))?;
    Ok(Poller::new(consumer))
}

/// The two threads of a member, of which one polls.
struct Polling {
    shared: Arc<Shared>,
    /// Held by the thread that polls, which has the lease; empty at the end.
    poller: Mutex<Option<Poller>, GROUP_POLLER>,
    lease: PollLease,
}

impl Polling {
    /// The life of one of the two threads.
    fn live(&self, polls: bool) {
        let poll = || {
            let mut poller = lock(&self.poller);
            let work = poller.as_mut().and_then(|poller| poller.next(&self.shared));
            if work.is_none() {
                // The consumer's teardown waits for its commits, and blocks as long as the group's
                // coordinator can't be reached.
                drop(poller.take());
            }
            work
        };
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
