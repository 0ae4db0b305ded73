//! A call whose command was handed over, until its end.

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::transport::{Record, TransportError};
use crate::wire::{CallId, Cancel};
use crate::{Code, Method, Outcome, RpcError};

use crate::client::call::timing::Timing;
use crate::client::connection::Bound;
use crate::client::inbound::decode::Answered;
use crate::client::pending::{Ending, NO_CALL};

/// Guards the registry entry of a sent call. Dropping it before the end cancels the call.
pub(in crate::client) struct Pending {
    pub(in crate::client) bound: Arc<Bound>,
    pub(in crate::client) method: &'static Method,
    pub(in crate::client) id: CallId,
    pub(in crate::client) partition: u32,
    pub(in crate::client) started: Instant,
    pub(in crate::client) deadline: Instant,
    /// Only of a call that is timed.
    pub(in crate::client) timing: Option<Box<Timing>>,
    pub(in crate::client) ended: bool,
}

impl Pending {
    pub(in crate::client) fn poll(&mut self, waker: &Waker) -> Poll<Result<Answered, RpcError>> {
        let connection = &self.bound.connection;
        let ending = std::task::ready!(connection.registry.poll(self.id.sequence(), waker));
        self.ended = true;
        Poll::Ready(match ending {
            Ending::Reply { envelope, arrival } => Ok(Answered {
                envelope: Some(envelope),
                arrival,
            }),
            Ending::Acknowledged => Ok(Answered {
                envelope: None,
                arrival: None,
            }),
            ending => Err(self.error(ending)),
        })
    }

    pub(in crate::client) fn time_left(&self) -> Duration {
        self.deadline
            .saturating_duration_since(self.bound.connection.clock.now())
    }

    /// Ends the call although its alarm has not rung.
    pub(in crate::client) fn expire(&self) {
        self.bound.connection.registry.expire(self.id.sequence());
    }

    /// The producer has refused the command.
    pub(in crate::client) fn withdraw(&mut self, error: TransportError) -> RpcError {
        self.ended = true;
        self.bound.connection.registry.withdraw(self.id.sequence());
        self.not_persisted(error)
    }

    fn error(&self, ending: Ending) -> RpcError {
        let name = self.bound.name(self.method);
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
                    self.bound.results.topic()
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
    fn not_persisted(&self, error: TransportError) -> RpcError {
        error
            .context(format_args!(
                "the command of {} did not reach topic `{}`",
                self.bound.name(self.method),
                self.bound.commands
            ))
            .into_rpc(Outcome::NotRun)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let connection = &self.bound.connection;
        if !connection.registry.forget(self.id.sequence()) || self.method.oneway {
            return;
        }
        let mut value = Vec::with_capacity(64);
        Cancel {
            call_id: self.id,
            service: self.bound.descriptor.name,
        }
        .encode(&mut value);
        // Best effort: if the cancel is lost, the handler's deadline stops it.
        let _ = connection.producer.produce(
            Record {
                topic: &self.bound.commands,
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
