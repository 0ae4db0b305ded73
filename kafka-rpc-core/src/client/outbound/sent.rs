//! An attempt whose command was handed over, until its end.

use std::sync::Arc;
use std::task::{Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::call::{Request, Response};
use crate::client::clocks::Stamp;
use crate::client::connection::Attached;
use crate::client::inbound::decode;
use crate::client::outbound::probe;
use crate::client::partitions::SentAt;
use crate::client::pending::{Arrival, Ending, NO_CALL};
use crate::client::timing::{Moments, Timing};
use crate::transport::{Record, TransportError};
use crate::wire::{CallId, Cancel};
use crate::{Code, Method, Outcome, RpcError};

/// Guards the registry entry of an attempt. Dropping it before the end cancels the call.
pub(in crate::client) struct SentCall {
    pub(in crate::client) attached: Arc<Attached>,
    /// Kept until the end: a server may answer with its clock alone, and then it is sent again.
    pub(super) request: Request,
    /// Where the command went, and a cancel would go.
    pub(super) partition: u32,
    pub(super) sent_at: SentAt,
    pub(super) stamp: Stamp,
    /// How long the call may take in all, which is an hour at most.
    timeout_us: u32,
    /// Only of a call that is timed.
    pub(in crate::client) timing: Option<Box<Timing>>,
    /// What the command waits for; it isn't sent yet then, and has no entry.
    pub(super) probe: Option<Box<Self>>,
    pub(super) resent: bool,
    /// An earlier attempt may have run, as far as its server knew.
    unclear: bool,
    /// The entry is gone.
    pub(in crate::client) ended: bool,
}

impl SentCall {
    /// A call that isn't sent yet.
    pub(in crate::client) fn new(
        attached: Arc<Attached>,
        request: Request,
        started: Instant,
        timing: Option<Box<Timing>>,
    ) -> Self {
        let timeout = request.deadline.saturating_duration_since(started);
        Self {
            attached,
            request,
            partition: 0,
            sent_at: SentAt::UNTOLD,
            stamp: Stamp::default(),
            timeout_us: u32::try_from(timeout.as_micros()).unwrap_or(u32::MAX),
            timing,
            probe: None,
            resent: false,
            unclear: false,
            ended: false,
        }
    }

    pub(in crate::client) const fn id(&self) -> CallId {
        self.request.id
    }

    /// When the call was polled first, or less than a microsecond later.
    pub(in crate::client) fn started(&self) -> Instant {
        self.request.deadline - self.timeout()
    }

    fn timeout(&self) -> Duration {
        Duration::from_micros(self.timeout_us.into())
    }

    pub(in crate::client) const fn method(&self) -> &'static Method {
        self.request.method
    }

    /// The answer, still encoded; or leaves the waker to be woken by the end.
    pub(in crate::client) fn poll(&mut self, waker: &Waker) -> Poll<Result<Response, RpcError>> {
        // An answer is large, and isn't moved for nothing.
        if !self.unclear {
            return self.poll_attempt(waker);
        }
        let ended = ready!(self.poll_attempt(waker));
        Poll::Ready(ended.map_err(RpcError::of_another_attempt))
    }

    fn poll_attempt(&mut self, waker: &Waker) -> Poll<Result<Response, RpcError>> {
        if self.probe.is_some() {
            ready!(self.poll_probe(waker));
            let now = self.attached.connection.clock.now();
            if let Err(error) = self.send(now, waker) {
                return Poll::Ready(Err(error));
            }
        }
        let registry = &self.attached.connection.registry;
        let ending = ready!(registry.poll(self.request.id.sequence(), waker));
        self.ended = true;
        self.tell(&ending);
        Poll::Ready(match ending {
            Ending::Reply { envelope, arrival } => return self.replied(envelope, arrival, waker),
            Ending::Acknowledged => {
                self.time(None);
                Ok(decode::acknowledgement())
            }
            ending => Err(self.error(ending)),
        })
    }

    /// Tells what the end of this attempt says of its partition.
    fn tell(&self, ending: &Ending) {
        let partitions = &self.attached.partitions;
        match ending {
            Ending::Reply { arrival, .. } => {
                let arrived = match arrival {
                    Some(arrival) => Some(arrival.at),
                    None => {
                        let clock = &self.attached.connection.clock;
                        partitions.wants_times().then(|| clock.now())
                    }
                };
                partitions.answered(self.partition, self.sent_at, arrived);
            }
            // What remains is that it wasn't answered.
            Ending::Expired { .. } => {}
            Ending::Acknowledged | Ending::NotPersisted(_) | Ending::Gap | Ending::Closed => {
                partitions.forget(self.partition, self.sent_at);
            }
        }
    }

    /// Ready when the probe has ended, in whatever way.
    #[cold]
    fn poll_probe(&mut self, waker: &Waker) -> Poll<()> {
        let Some(probe) = &mut self.probe else {
            return Poll::Ready(());
        };
        let now = self.attached.connection.clock.now();
        // Where nothing rings its alarm, too.
        if now < probe.request.deadline {
            let _ = ready!(probe.poll(waker));
        }
        self.probe = None;
        self.attached.clocks.probed(self.partition, now);
        Poll::Ready(())
    }

    /// A reply has come: the end, unless it tells the server's clock alone and there is time left.
    fn replied(
        &mut self,
        envelope: Box<[u8]>,
        arrival: Option<Box<Arrival>>,
        waker: &Waker,
    ) -> Poll<Result<Response, RpcError>> {
        let arrived = arrival.as_ref().map(|arrival| arrival.at);
        let began = self.time(arrival);
        let request = &self.request;
        let response = decode::response(&self.attached, request.method, request.id, envelope);
        if let (Some(timing), Some(began)) = (&mut self.timing, began) {
            timing.reply = began.elapsed();
        }
        let told = match &response {
            Ok(response) => response.served.as_ref().map(|by| (by.times, by.attempt)),
            Err(refused) => refused.told,
        };
        // A repeated command gets the reply to the first one, whose times are older than this attempt.
        if let Some((times, attempt)) = &told
            && *attempt == self.request.attempt
        {
            let clock = &self.attached.connection.clock;
            let received = || arrived.unwrap_or_else(|| clock.now());
            let stamp = (self.started(), self.stamp);
            self.attached
                .clocks
                .answered(self.partition, stamp, times, received);
        }
        match response {
            Ok(response) => Poll::Ready(Ok(response)),
            // A copy of the answer to an attempt of before: that one was sent again since.
            Err(refused)
                if refused.is_clock_alone()
                    && told.is_some_and(|(_, attempt)| attempt < self.request.attempt) =>
            {
                self.wait_on(refused.error, waker)
            }
            Err(refused) if refused.is_clock_alone() => self.send_again(refused.error, waker),
            Err(refused) => Poll::Ready(Err(refused.error)),
        }
    }

    /// Sends the command once more, now that the server's clock is known.
    #[cold]
    fn send_again(&mut self, refusal: RpcError, waker: &Waker) -> Poll<Result<Response, RpcError>> {
        let now = self.attached.connection.clock.now();
        if self.resent || self.request.deadline <= now || probe::is_one(self) {
            return Poll::Ready(Err(refusal));
        }
        self.resent = true;
        self.unclear = refusal.outcome() != Outcome::NotRun;
        self.ended = false;
        self.request.attempt = self.request.attempt.saturating_add(1);
        self.probe = probe::begin(self, now, waker);
        if self.probe.is_some() {
            return Poll::Pending;
        }
        match self.send(now, waker) {
            Ok(()) => Poll::Pending,
            Err(error) if self.unclear => Poll::Ready(Err(error.of_another_attempt())),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Notes when the call ended, if it is timed. Returns when decoding begins.
    fn time(&mut self, arrival: Option<Box<Arrival>>) -> Option<Instant> {
        let started = self.started();
        let timing = self.timing.as_mut()?;
        let found = self.attached.connection.clock.now();
        let (arrived, acknowledged) = match arrival {
            Some(arrival) => (arrival.at, arrival.acknowledged.filter(|_| timing.asked)),
            // What a one-way call waits for is the acknowledgement.
            None => (found, self.request.method.oneway.then_some(found)),
        };
        timing.moments = Some(Moments {
            started,
            acknowledged,
            arrived,
            found,
        });
        Some(Instant::now())
    }

    pub(in crate::client) fn time_left(&self) -> Duration {
        self.request
            .deadline
            .saturating_duration_since(self.attached.connection.clock.now())
    }

    /// Ends the call although its alarm has not rung.
    pub(in crate::client) fn expire(&self) {
        let registry = &self.attached.connection.registry;
        registry.expire(self.request.id.sequence());
    }

    /// The producer has refused the command.
    pub(super) fn withdraw(&self, error: TransportError) -> RpcError {
        let partitions = &self.attached.partitions;
        partitions.forget(self.partition, self.sent_at);
        let registry = &self.attached.connection.registry;
        registry.withdraw(self.request.id.sequence());
        self.not_persisted(error)
    }

    #[cold]
    fn error(&self, ending: Ending) -> RpcError {
        let name = self.attached.name(self.request.method);
        match ending {
            Ending::Expired { persisted, trouble } => {
                let state = match (persisted, trouble) {
                    (true, _) => {
                        "its command is in the log: the server is slow, absent or dead; see that \
                         one runs, or give the call more time"
                            .to_owned()
                    }
                    (false, None) => "the broker has not acknowledged its command yet; see that \
                                      the brokers can be reached"
                        .to_owned(),
                    (false, Some(trouble)) => format!("its command may be in the log: {trouble}"),
                };
                let awaited = if self.request.method.oneway {
                    "acknowledged"
                } else {
                    "answered"
                };
                let timeout = self.timeout();
                RpcError::new(
                    Code::DeadlineExceeded,
                    Outcome::Unknown,
                    format!("{name} was not {awaited} within {timeout:?}; {state}"),
                )
            }
            Ending::NotPersisted(error) => self.not_persisted(error),
            Ending::Gap => RpcError::new(
                Code::Disconnected,
                Outcome::Unknown,
                format!(
                    "topic `{}` lost records while {name} waited for its reply; check the topic's \
                     retention, and whether it was created anew",
                    self.attached.replies.topic
                ),
            ),
            Ending::Reply { .. } | Ending::Acknowledged | Ending::Closed => RpcError::new(
                Code::Disconnected,
                Outcome::Unknown,
                format!("the client was closed while {name} was pending"),
            ),
        }
    }

    /// The error of a call whose command certainly isn't in the log.
    #[cold]
    fn not_persisted(&self, error: TransportError) -> RpcError {
        error
            .context(format_args!(
                "the command of {} did not reach topic `{}`",
                self.attached.name(self.request.method),
                self.attached.commands
            ))
            .into_rpc(Outcome::NotRun)
    }
}

impl Drop for SentCall {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.attached
            .partitions
            .forget(self.partition, self.sent_at);
        let connection = &self.attached.connection;
        if !connection.registry.forget(self.request.id.sequence()) || self.request.method.oneway {
            return;
        }
        let mut value = Vec::with_capacity(64);
        Cancel {
            call_id: self.request.id,
            service: self.attached.descriptor.name,
        }
        .encode(&mut value);
        // Best effort: if the cancel is lost, the handler's deadline stops it.
        let _ = connection.producer.produce(
            Record {
                topic: &self.attached.commands,
                partition: self.partition,
                key: None,
                value: &value,
                headers: &[],
                timestamp_ms: connection.clock.wall_ms(),
                urgent: false,
            },
            NO_CALL,
        );
    }
}
