//! Ends calls that their callers gave up, and remembers those whose commands haven't come.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::call::context::Reason;
use crate::server::complete::offsets::Ticket;
use crate::server::group::member::{CallKey, Effects, Live, Member, State};
use crate::server::observe::stats::count;
use crate::wire::{CallId, Cancel};

/// How many cancels are remembered whose commands haven't come.
const EARLY_CANCELS: usize = 4_096;
/// For how long.
const EARLY_CANCEL_AGE: Duration = Duration::from_secs(60);

impl Member {
    /// A caller gave up. One that came before its command is remembered; one for a call that has
    /// ended does no harm.
    pub(in crate::server) fn cancel(
        self: &Arc<Self>,
        state: &mut State,
        ticket: Ticket,
        cancel: &Cancel<'_>,
        now: Instant,
        effects: &mut Effects,
    ) {
        if let Some(service) = self.admission.find(cancel.service) {
            let methods = self.admission.services[service].descriptor.methods.len();
            let mut found = false;
            for method in 0..methods {
                let key = CallKey {
                    generation: ticket.generation,
                    service,
                    method,
                    call_id: cancel.call_id,
                };
                match state.dedupe.in_progress(&key) {
                    None => {}
                    Some(Live::Running(context)) => {
                        found = true;
                        effects
                            .interrupts
                            .push((context.clone(), Reason::Cancelled));
                    }
                    Some(Live::Queued(place)) => {
                        found = true;
                        if let Some(job) = state.schedule.remove(place) {
                            count(&self.shared.counters.cancelled);
                            self.drop_queued(state, &job, now, effects);
                        }
                    }
                }
            }
            if !found {
                state
                    .early_cancels
                    .add(ticket.partition, service, cancel.call_id, now);
            }
            self.start_ready(state, now, effects);
        }
        self.settle_in(state, ticket, effects);
    }
}

impl Member {
    /// A caller gave up while the member stops: what runs in that partition is stopped.
    pub(in crate::server) fn cancel_running(
        &self,
        state: &mut State,
        partition: u32,
        cancel: &Cancel<'_>,
        effects: &mut Effects,
    ) {
        let generation = state.partitions.generation(partition);
        let service = self.admission.find(cancel.service);
        let (Some(generation), Some(service)) = (generation, service) else {
            return;
        };
        for method in 0..self.admission.services[service].descriptor.methods.len() {
            let key = CallKey {
                generation,
                service,
                method,
                call_id: cancel.call_id,
            };
            if let Some(Live::Running(context)) = state.dedupe.in_progress(&key) {
                let context = context.clone();
                effects.interrupts.push((context, Reason::Cancelled));
            }
        }
    }
}

/// Calls that were given up before their commands came.
#[derive(Debug, Default)]
pub(in crate::server) struct EarlyCancels {
    known: HashMap<(u32, usize, CallId), Instant>,
    order: VecDeque<(Instant, (u32, usize, CallId))>,
}

impl EarlyCancels {
    /// Remembers that a call of this service, in this partition, was given up.
    pub(in crate::server) fn add(
        &mut self,
        partition: u32,
        service: usize,
        call_id: CallId,
        now: Instant,
    ) {
        let key = (partition, service, call_id);
        if self.known.insert(key, now).is_none() {
            self.order.push_back((now, key));
        }
        while let Some(&(at, key)) = self.order.front() {
            let old = now.saturating_duration_since(at) > EARLY_CANCEL_AGE;
            if !old && self.order.len() <= EARLY_CANCELS {
                return;
            }
            self.order.pop_front();
            self.known.remove(&key);
        }
    }

    /// Whether the call was given up lately.
    pub(in crate::server) fn contains(
        &self,
        partition: u32,
        service: usize,
        call_id: CallId,
        now: Instant,
    ) -> bool {
        self.known
            .get(&(partition, service, call_id))
            .is_some_and(|at| now.saturating_duration_since(*at) <= EARLY_CANCEL_AGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_cancels_are_bounded_and_forgotten() {
        let now = Instant::now();
        let mut cancels = EarlyCancels::default();
        let call = |number| CallId::new([0; 8], number);
        for number in 0..=EARLY_CANCELS as u64 {
            cancels.add(0, 0, call(number), now);
        }
        assert!(!cancels.contains(0, 0, call(0), now));
        assert!(cancels.contains(0, 0, call(1), now));
        assert!(
            !cancels.contains(1, 0, call(1), now),
            "in another partition"
        );
        let later = now + EARLY_CANCEL_AGE + Duration::from_millis(1);
        assert!(!cancels.contains(0, 0, call(1), later));
        cancels.add(0, 0, call(0), later);
        assert_eq!((cancels.known.len(), cancels.order.len()), (1, 1));
    }
}
