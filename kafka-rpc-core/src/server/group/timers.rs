//! What a member has to do at certain times: stop handlers at their deadlines, end grace periods, and
//! look reply topics up.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::call::Context;

/// A partition that was handed over, and its generation.
pub(crate) type HandedOver = (u32, u64);

/// The deadlines of handlers, and the ends of grace periods.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: BTreeMap<(Instant, u64), Context>,
    graces: BTreeMap<(Instant, u64), HandedOver>,
    /// When reply topics are looked up.
    look_up: Option<Instant>,
    /// How many timers there have been.
    numbers: u64,
    /// A tick is certain to come by then.
    armed: Option<Instant>,
}

/// What is due.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) deadlines: Vec<Context>,
    pub(crate) graces: Vec<HandedOver>,
    /// Whether reply topics are to be looked up.
    pub(crate) look_up: bool,
}

impl Timers {
    /// Stops a handler at its deadline, unless it [ends](Self::handler_ended) before. Returns
    /// the timer's number, and when a tick is needed that nobody has asked for yet.
    pub(crate) fn handler_started(&mut self, context: &Context) -> (u64, Option<Instant>) {
        let number = self.next();
        let deadline = context.deadline();
        self.deadlines.insert((deadline, number), context.clone());
        (number, self.arm(deadline))
    }

    /// The handler with this deadline and timer has ended.
    pub(crate) fn handler_ended(&mut self, deadline: Instant, number: u64) {
        self.deadlines.remove(&(deadline, number));
    }

    /// Ends the grace period of a partition at `at`. Returns when a tick is needed that nobody has asked
    /// for yet.
    pub(crate) fn grace_began(&mut self, at: Instant, partition: HandedOver) -> Option<Instant> {
        let number = self.next();
        self.graces.insert((at, number), partition);
        self.arm(at)
    }

    /// Looks reply topics up at `at`. Returns when a tick is needed that nobody has asked for yet.
    pub(crate) fn look_up_waits(&mut self, at: Instant) -> Option<Instant> {
        self.look_up = Some(at);
        self.arm(at)
    }

    /// Takes out what is due.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        let mut due = Due::default();
        while let Some(first) = self.deadlines.first_entry()
            && first.key().0 <= now
        {
            due.deadlines.push(first.remove());
        }
        while let Some(first) = self.graces.first_entry()
            && first.key().0 <= now
        {
            due.graces.push(first.remove());
        }
        due.look_up = self.look_up.take_if(|at| *at <= now).is_some();
        due
    }

    /// When something is due next, of these timers or at `other`; a tick is certain to come by then.
    pub(crate) fn rearm(&mut self, other: Option<Instant>) -> Option<Instant> {
        let deadline = self.deadlines.first_key_value().map(|(key, _)| key.0);
        let grace = self.graces.first_key_value().map(|(key, _)| key.0);
        let times = [deadline, grace, self.look_up, other];
        self.armed = times.into_iter().flatten().min();
        self.armed
    }

    fn next(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Makes sure that something is done at this time. Returns when a tick is needed that nobody has asked
    /// for yet.
    pub(crate) fn arm(&mut self, at: Instant) -> Option<Instant> {
        if self.armed.is_some_and(|armed| armed <= at) {
            return None;
        }
        self.armed = Some(at);
        self.armed
    }
}
