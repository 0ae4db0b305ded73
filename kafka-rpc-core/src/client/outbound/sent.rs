//! An attempt whose command was handed over, until its end.

use std::sync::Arc;
use std::task::{Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::call::Response;
use crate::client::connection::Attached;
use crate::client::inbound::decode;
use crate::client::partitions::SentAt;
use crate::client::pending::{Arrival, Ending, NO_CALL};
use crate::client::timing::{Moments, Timing};
use crate::transport::{Record, TransportError};
use crate::wire::{CallId, Cancel};
use crate::{Code, Method, Outcome, RpcError};

/// Guards the registry entry of an attempt. Dropping it before the end cancels the call.
pub(in crate::client) struct SentCall {
    pub(in crate::client) attached: Arc<Attached>,
    pub(in crate::client) method: &'static Method,
    pub(in crate::client) id: CallId,
    /// Where the command went, and a cancel would go.
    pub(in crate::client) partition: u32,
    pub(in crate::client) sent_at: SentAt,
    /// When the call was polled first.
    pub(in crate::client) started: Instant,
    pub(in crate::client) deadline: Instant,
    /// Only of a call that is timed.
    pub(in crate::client) timing: Option<Box<Timing>>,
    /// The entry is gone.
    pub(in crate::client) ended: bool,
}

impl SentCall {
    /// The answer, still encoded; or leaves the waker to be woken by the end.
    pub(in crate::client) fn poll(&mut self, waker: &Waker) -> Poll<Result<Response, RpcError>> {
        let registry = &self.attached.connection.registry;
        let ending = ready!(registry.poll(self.id.sequence(), waker));
        self.ended = true;
        self.tell(&ending);
        Poll::Ready(match ending {
            Ending::Reply { envelope, arrival } => {
                let began = self.time(arrival);
                let response = decode::response(&self.attached, self.method, self.id, envelope);
                if let (Some(timing), Some(began)) = (&mut self.timing, began) {
                    timing.reply = began.elapsed();
                }
                response
            }
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

    /// Notes when the call ended, if it is timed. Returns when decoding begins.
    fn time(&mut self, arrival: Option<Box<Arrival>>) -> Option<Instant> {
        let timing = self.timing.as_mut()?;
        let found = self.attached.connection.clock.now();
        let (arrived, acknowledged) = match arrival {
            Some(arrival) => (arrival.at, arrival.acknowledged.filter(|_| timing.asked)),
            // What a one-way call waits for is the acknowledgement.
            None => (found, self.method.oneway.then_some(found)),
        };
        timing.moments = Some(Moments {
            started: self.started,
            acknowledged,
            arrived,
            found,
        });
        Some(Instant::now())
    }

    pub(in crate::client) fn time_left(&self) -> Duration {
        self.deadline
            .saturating_duration_since(self.attached.connection.clock.now())
    }

    /// Ends the call although its alarm has not rung.
    pub(in crate::client) fn expire(&self) {
        self.attached.connection.registry.expire(self.id.sequence());
    }

    /// The producer has refused the command.
    pub(in crate::client) fn withdraw(&mut self, error: TransportError) -> RpcError {
        self.ended = true;
        self.attached
            .partitions
            .forget(self.partition, self.sent_at);
        self.attached
            .connection
            .registry
            .withdraw(self.id.sequence());
        self.not_persisted(error)
    }

    #[cold]
    fn error(&self, ending: Ending) -> RpcError {
        let name = self.attached.name(self.method);
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
                let awaited = if self.method.oneway {
                    "acknowledged"
                } else {
                    "answered"
                };
                let timeout = self.deadline - self.started;
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
                self.attached.name(self.method),
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
        if !connection.registry.forget(self.id.sequence()) || self.method.oneway {
            return;
        }
        let mut value = Vec::with_capacity(64);
        Cancel {
            call_id: self.id,
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
