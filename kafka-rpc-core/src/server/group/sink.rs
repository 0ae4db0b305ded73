//! The front door of a member: records, assignments, revocations and the timer come in here.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::member::Member;
use super::watch::Watch;
use crate::server::complete::Complete;
use crate::server::observe::events::Event;
use crate::transport::{Assigned, GroupSink, Incoming, Progress, Tick, TransportError, Work};

/// The sink of one member. It holds the member weakly, since the member holds its membership.
pub(crate) struct GroupSinkHandle(pub(crate) Weak<Member>);

impl GroupSink for GroupSinkHandle {
    fn assigned(&self, partitions: &[Assigned]) {
        if let Some(member) = self.0.upgrade() {
            member.assigned(partitions);
        }
    }

    fn revoked(&self, partitions: &[u32]) -> Vec<Progress> {
        let member = self.0.upgrade();
        member.map_or_else(Vec::new, |member| member.revoked(partitions))
    }

    fn not_handed_over(&self, partitions: &[u32]) {
        if let Some(member) = self.0.upgrade() {
            member.not_handed_over(partitions);
        }
    }

    fn lost(&self, partitions: &[u32]) {
        if let Some(member) = self.0.upgrade() {
            member.lost(partitions);
        }
    }

    fn progress(&self) -> Vec<Progress> {
        let member = self.0.upgrade();
        member.map_or_else(Vec::new, |member| member.progress())
    }

    fn record(&self, record: Incoming<'_>) -> Option<Box<dyn Work>> {
        Some(self.0.upgrade()?.record(&record)?)
    }

    fn flush(&self) {
        if let Some(member) = self.0.upgrade() {
            member.env.shared.complete.release();
        }
    }

    fn trouble(&self, error: TransportError) {
        if let Some(member) = self.0.upgrade() {
            Event::Trouble(error).emit(&member.env.group, &member.env.topic);
        }
    }
}

/// The timer of a server: ends what runs too long, and sends again what failed.
pub(crate) struct ServerTimer {
    pub(crate) complete: Weak<dyn Complete>,
    pub(crate) members: Vec<Weak<Member>>,
    pub(crate) watch: Arc<Watch>,
}

impl Tick for ServerTimer {
    fn tick(&self, now: Instant) -> Option<Instant> {
        let again = self
            .complete
            .upgrade()
            .and_then(|complete| complete.tick(now));
        self.members
            .iter()
            .filter_map(Weak::upgrade)
            .filter_map(|member| member.tick(now))
            .chain(again)
            .chain(self.watch.tick(now))
            .min()
    }
}
