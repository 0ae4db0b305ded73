//! What a cancel does to a member's state.

use std::time::Instant;

use super::state::Transition;
use crate::call::Reason;
use crate::server::calls::CallKey;
use crate::server::calls::live::Live;
use crate::server::complete::Completion;
use crate::server::complete::offsets::RecordRef;
use crate::server::observe::stats::count;
use crate::wire::Cancel;

impl Transition<'_> {
    /// A caller gave up. A cancel that came before its command is remembered; one for a call that has
    /// ended does no harm.
    pub(super) fn cancel(&mut self, record: RecordRef, cancel: &Cancel<'_>, now: Instant) {
        if let Some(service) = self.env.admission.find(cancel.service) {
            let methods = self.env.admission.services[service]
                .descriptor
                .methods
                .len();
            let mut found = false;
            for method in 0..methods {
                found |= self.cancel_method(record, cancel, (service, method), now);
            }
            if !found {
                let early = &mut self.state.early_cancels;
                early.add(record.partition, service, cancel.call_id, now);
            }
            self.start_ready(now);
        }
        self.complete(record, Completion::Silent);
    }

    /// Ends the call if it is live as one of this method; says whether it is.
    fn cancel_method(
        &mut self,
        record: RecordRef,
        cancel: &Cancel<'_>,
        (service, method): (usize, usize),
        now: Instant,
    ) -> bool {
        let key = CallKey {
            call_id: cancel.call_id,
            partition: record.partition,
            service,
            method,
        };
        match self.state.live.find(&key) {
            None => return false,
            Some(Live::Running(context)) => {
                let interrupt = (context.clone(), Reason::Cancelled);
                self.actions.interrupts.push(interrupt);
            }
            // Its executor doesn't hear of it. If that is dead, the call doesn't run here either.
            Some(Live::Elsewhere) => self.state.elsewhere.cancel(&key),
            Some(Live::Queued(place)) => {
                if let Some(job) = self.state.queue.remove(place) {
                    count(&self.env.shared.counters.cancelled);
                    self.drop_queued(&job, now);
                }
            }
        }
        true
    }
}
