//! What is done about a command whose age can't be told, or is beyond its budget: its caller is told this
//! server's clock, and may send it again.

use std::time::Duration;

use super::state::Transition;
use crate::Code;
use crate::server::admit::arrival::Arrival;
use crate::server::admit::refuse::{Refusal, UNKNOWN_DEADLINE};
use crate::server::calls::CallKey;
use crate::server::complete::Completion;
use crate::server::complete::origin::Address;
use crate::server::observe::events::Event;
use crate::server::observe::stats::count;

impl Transition<'_> {
    /// A command seems older than its budget.
    #[cold]
    pub(super) fn expire(
        &mut self,
        arrival: &Arrival<'_>,
        reply_to: Option<Address>,
        age: Duration,
    ) {
        let command = arrival.command;
        count(&self.env.shared.counters.expired);
        self.actions.events.push(Event::Expired {
            call_id: command.call_id,
            age,
        });
        let problem = format!(
            "by the server's clock the command was {age:?} old when it was read, beyond its budget of \
             {:?}; see that the clocks of client and server agree",
            Duration::from_millis(command.budget_ms.into()),
        );
        if !self.tell_clock(arrival, reply_to, &problem) {
            self.complete(arrival.record, Completion::Silent);
        }
    }

    /// A command comes from the future.
    #[cold]
    pub(super) fn ahead(&mut self, arrival: &Arrival<'_>, reply_to: Option<Address>, by: Duration) {
        let problem = format!(
            "the command is dated {by:?} ahead of the server's clock; see that the clocks of client and \
             server agree"
        );
        if self.tell_clock(arrival, reply_to, &problem) {
            return;
        }
        count(&self.env.shared.counters.expired);
        if let Some(suppressed) = self.state.throttles.ahead.pass(arrival.read_at) {
            self.actions.events.push(Event::Ahead {
                client: arrival.command.call_id.instance(),
                by,
                suppressed,
            });
        }
        self.complete(arrival.record, Completion::Silent);
    }

    /// A command asks for the clock alone.
    #[cold]
    pub(super) fn probed(&mut self, arrival: &Arrival<'_>, reply_to: Option<Address>) {
        count(&self.env.shared.counters.clock_answers);
        self.answer(
            arrival,
            reply_to,
            Code::Unimplemented,
            "it asks for the server's clock",
        );
    }

    /// Answers a command with this server's clock and runs nothing; says whether it does. Nobody waits
    /// for most of these answers, so they are few.
    fn tell_clock(
        &mut self,
        arrival: &Arrival<'_>,
        reply_to: Option<Address>,
        problem: &str,
    ) -> bool {
        let Some(address) = reply_to else {
            return false;
        };
        let instance = arrival.command.call_id.instance();
        if self.is_known(arrival) || !self.state.clock_answers.pass(instance, arrival.read_at) {
            return false;
        }
        count(&self.env.shared.counters.clock_answers);
        self.answer(arrival, Some(address), Code::DeadlineExceeded, problem);
        true
    }

    fn answer(
        &mut self,
        arrival: &Arrival<'_>,
        reply_to: Option<Address>,
        code: Code,
        message: &str,
    ) {
        let refusal = Refusal {
            call_id: arrival.command.call_id,
            attempt: arrival.command.attempt,
            code,
            message,
            retry_after_ms: None,
            times: self.env.shared.times(arrival.read_at),
            give_up: arrival.read_at + UNKNOWN_DEADLINE,
        };
        let server = &self.env.shared.server_id;
        let completion = refusal.completion(server, reply_to, arrival.record.first_delivery);
        self.complete(arrival.record, completion);
    }

    /// Whether the call is live or has ended: another command of it was admitted, and is or was answered.
    fn is_known(&mut self, arrival: &Arrival<'_>) -> bool {
        let command = arrival.command;
        let admission = &self.env.admission;
        let Some(service) = admission.find(command.service) else {
            return false;
        };
        let Some(method) = admission.method(service, command.method) else {
            return false;
        };
        let key = CallKey {
            call_id: command.call_id,
            partition: arrival.record.partition,
            service,
            method,
        };
        self.state.live.find(&key).is_some()
            || self.state.ended.known(&key, arrival.read_at).is_some()
    }
}
