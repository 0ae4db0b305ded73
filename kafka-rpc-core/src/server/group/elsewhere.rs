//! What becomes of calls that run on a former owner of their partition: they occupy their keys until
//! they are settled there, and run here if their executor is dead.

use std::time::Instant;

use super::state::Transition;
use crate::server::admit::arrival::Arrival;
use crate::server::admit::pending_lookup::Kept;
use crate::server::calls::CallKey;
use crate::server::calls::elsewhere::{Call, LEASE};
use crate::server::calls::live::Live;
use crate::server::complete::Completion;
use crate::server::complete::offsets::RecordRef;
use crate::wire::{self, Command, Envelope, Executor, HandOver};

impl Transition<'_> {
    /// The command of a call was read that runs on a former owner.
    pub(super) fn runs_elsewhere(
        &mut self,
        executor: Executor,
        command: &Command<'_>,
        kept: Kept,
        now: Instant,
    ) {
        let record = kept.record;
        let key = self.key_of(command, record.partition);
        if let Some(key) = key
            && self.state.live.find(&key).is_none()
        {
            self.state
                .live
                .begin(key, record.generation, Live::Elsewhere);
        }
        let ordering = self.env.shared.limits.ordering;
        let lane = ordering.lane(record.partition, command.key);
        if let Some(lane) = &lane {
            self.state.queue.occupy(lane.clone());
        }
        let call = Call {
            kept,
            executor,
            heard: now,
            lane,
            key,
            cancelled: false,
        };
        self.state
            .elsewhere
            .begin(record.partition, record.offset, call);
        let wake_by = self.state.timers.arm(now + LEASE);
        self.actions.wake_by(wake_by);
        // What its executor says of it comes after commands that a full member wouldn't read.
        if self.state.flow.is_full() {
            self.state.flow.resume();
            self.actions.flow = true;
        }
    }

    /// A former owner of a partition tells how its calls fare.
    pub(super) fn handed_over(&mut self, record: RecordRef, told: &HandOver<'_>, now: Instant) {
        for offset in told.settled() {
            let elsewhere = &mut self.state.elsewhere;
            if let Some(call) = elsewhere.settled(told.executor, record.partition, offset) {
                // Its reply is in the log: a duplicate needs none.
                if self.forget_elsewhere(&call)
                    && let Some(key) = call.key
                {
                    self.state.ended.remember(key, None, now);
                }
                self.settle(call.kept.record);
            }
        }
        for offset in told.running() {
            let elsewhere = &mut self.state.elsewhere;
            elsewhere.runs(told.executor, record.partition, offset, now);
        }
        self.complete(record, Completion::Silent);
        self.start_ready(now);
    }

    /// Runs the calls here whose executors are dead.
    pub(super) fn take_back(&mut self, now: Instant) {
        for mut call in self.state.elsewhere.ended(now) {
            let lane = call.lane.take();
            self.forget_elsewhere(&call);
            let Kept {
                record,
                value,
                headers,
                timestamp_ms,
            } = call.kept;
            self.state.offsets.take_back(record);
            match wire::decode(&value) {
                Ok(Envelope::Command(command)) if !call.cancelled => self.judge(Arrival {
                    record,
                    command: &command,
                    value: &value,
                    headers,
                    timestamp_ms,
                    read_at: now,
                    looked_up: true,
                    lane,
                }),
                _ => {
                    self.vacate(lane);
                    self.complete(record, Completion::Silent);
                }
            }
        }
        self.start_ready(now);
    }

    /// The calls of a partition that run elsewhere are its next owner's.
    pub(super) fn discard_elsewhere(&mut self, partition: u32) {
        for call in self.state.elsewhere.discard(partition) {
            self.forget_elsewhere(&call);
        }
    }

    /// A call runs elsewhere no longer: it occupies its lane no longer, and isn't live. Says whether it was.
    fn forget_elsewhere(&mut self, call: &Call<Kept>) -> bool {
        self.vacate(call.lane.clone());
        let generation = call.kept.record.generation;
        let live = &mut self.state.live;
        call.key.is_some_and(|key| {
            matches!(live.find(&key), Some(Live::Elsewhere)) && live.end(&key, generation)
        })
    }

    /// The call of a command, if its method is known.
    fn key_of(&self, command: &Command<'_>, partition: u32) -> Option<CallKey> {
        let service = self.env.admission.find(command.service)?;
        let method = self.env.admission.method(service, command.method)?;
        Some(CallKey {
            call_id: command.call_id,
            partition,
            service,
            method,
        })
    }
}
