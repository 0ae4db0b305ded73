//! Watches a server's members: judges their health, and tells who waits for it.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tracing::{info, warn};

use super::env::Shared;
use super::member::Member;
use crate::server::observe::health::{Judgement, MemberState, ServerHealth, Stage, StopReason};
use crate::server::observe::signs::{Fronts, LostReplies};
use crate::server::observe::stats::{Counters, ServerStats};
use crate::transport::Clock;
use crate::util::lock_order::SERVER_HEALTH;
use crate::util::sync::{Mutex, lock};
use crate::util::throttle;
use crate::{Code, Outcome, RpcError};

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// The same while somebody waits for the server to be ready.
const WAITED_FOR: Duration = Duration::from_millis(50);

/// What is known of a server beside its parts; it outlives them.
pub(crate) struct Watch {
    id: String,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    shared: Weak<Shared>,
    members: Vec<Weak<Member>>,
    stage: watch::Sender<Stage>,
    /// Told at every look, and when the stage changes.
    looked: Notify,
    seen: Mutex<Seen, SERVER_HEALTH>,
}

#[derive(Default)]
struct Seen {
    next: Option<Instant>,
    /// By member.
    fronts: Vec<Fronts>,
    lost: LostReplies,
    lost_lately: u64,
    /// Whether the server was ready at the last look.
    ready: Option<bool>,
}

impl Watch {
    pub(crate) fn new(shared: &Arc<Shared>, members: &[Arc<Member>]) -> Self {
        let seen = Seen {
            fronts: members.iter().map(|_| Fronts::default()).collect(),
            ..Seen::default()
        };
        Self {
            id: shared.server_id.clone(),
            clock: Arc::clone(&shared.clock),
            counters: Arc::clone(&shared.counters),
            shared: Arc::downgrade(shared),
            members: members.iter().map(Arc::downgrade).collect(),
            stage: watch::Sender::new(Stage::Running),
            looked: Notify::new(),
            seen: Mutex::new(seen),
        }
    }

    /// The name that replies and errors of the server bear.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What the server has done so far, and what it is doing.
    pub(crate) fn stats(&self) -> ServerStats {
        let mut stats = self.counters.snapshot();
        for member in self.members.iter().filter_map(Weak::upgrade) {
            let (queued, running) = member.load();
            stats.queued += queued as u64;
            stats.running += running as u64;
        }
        stats
    }

    /// The server goes on to its next stage.
    pub(crate) fn go_on(&self, stage: Stage) {
        self.stage.send_replace(stage);
        self.looked.notify_waiters();
    }

    /// The server's health now.
    pub(crate) fn health(&self) -> ServerHealth {
        let now = self.clock.now();
        let mut judgement = Judgement::default();
        for (index, member) in self.members.iter().enumerate() {
            let Some(member) = member.upgrade() else {
                continue;
            };
            let mut partitions = member.owned();
            partitions.sort_unstable();
            let membership = member.env.membership();
            let standing = membership.map(|membership| membership.standing());
            let seen = lock(&self.seen);
            let fronts = seen.fronts.get(index);
            let owned = partitions.into_iter().map(|partition| {
                let oldest = fronts.and_then(|fronts| fronts.age(partition, now));
                (partition, oldest)
            });
            judgement.member(MemberState {
                group: &member.env.group,
                topic: &member.env.topic,
                standing,
                owned: owned.collect(),
            });
        }
        judgement.lost_replies(lock(&self.seen).lost_lately);
        let stage = *self.stage.borrow();
        judgement.health(stage)
    }

    /// Looks at the members when it is time, and says when that is next; `None` once the server is
    /// stopping.
    pub(crate) fn tick(&self, now: Instant) -> Option<Instant> {
        if *self.stage.borrow() != Stage::Running {
            return None;
        }
        self.looked.notify_waiters();
        {
            let seen = lock(&self.seen);
            if let Some(next) = seen.next.filter(|next| now < *next) {
                return Some(next);
            }
        }
        self.look(now);
        let next = now + INTERVAL;
        lock(&self.seen).next = Some(next);
        Some(next)
    }

    fn look(&self, now: Instant) {
        for (index, member) in self.members.iter().enumerate() {
            if let Some(member) = member.upgrade() {
                let fronts = member.fronts();
                if let Some(known) = lock(&self.seen).fronts.get_mut(index) {
                    known.note(now, fronts.into_iter());
                }
            }
        }
        {
            let mut seen = lock(&self.seen);
            let lost = self.counters.lost_replies.load(Relaxed);
            seen.lost_lately = seen.lost.note(now, lost);
        }
        let health = self.health();
        let before = lock(&self.seen).ready.replace(health.ready);
        match before {
            Some(true) if !health.ready => {
                if let Some(suppressed) = throttle::pass(format_args!("not ready: {}", self.id)) {
                    warn!(
                        target: "kafka_rpc::server", server = self.id, reasons = %health, suppressed,
                        "the server isn't ready any more",
                    );
                }
            }
            Some(false) if health.ready => {
                if let Some(suppressed) = throttle::pass(format_args!("ready: {}", self.id)) {
                    info!(
                        target: "kafka_rpc::server", server = self.id, suppressed,
                        "the server is ready again",
                    );
                }
            }
            _ => {}
        }
    }

    /// Done when the server is ready.
    pub(crate) async fn ready(&self) -> Result<(), RpcError> {
        loop {
            // Before the look: what is told after it counts.
            let looked = self.looked.notified();
            let stage = *self.stage.borrow();
            if stage != Stage::Running {
                let reasons = self.health();
                return Err(RpcError::new(
                    Code::Unavailable,
                    Outcome::NotRun,
                    format!("{reasons}; it won't be ready any more"),
                ));
            }
            if self.health().ready {
                return Ok(());
            }
            if let Some(shared) = self.shared.upgrade()
                && let Some(alarm) = shared.alarm.get()
            {
                alarm.ring_by(self.clock.now() + WAITED_FOR);
            }
            looked.await;
        }
    }

    /// Done when the server has stopped.
    pub(crate) async fn stopped(&self) -> StopReason {
        let mut stage = self.stage.subscribe();
        loop {
            if let Stage::Stopped(reason) = *stage.borrow_and_update() {
                return reason;
            }
            // The sender is this watch's own, and lives as long.
            if stage.changed().await.is_err() {
                return StopReason::Dropped;
            }
        }
    }
}
