//! What an operator reads of a server, never with a payload.

use std::time::Duration;

use tracing::{debug, info, warn};

use crate::Code;
use crate::transport::TransportError;
use crate::util::throttle;
use crate::wire::CallId;

/// Something to be logged, once no lock is held: a subscriber is the user's code.
#[derive(Debug)]
pub(crate) enum Event {
    Assigned(Vec<u32>),
    Revoked {
        partitions: Vec<u32>,
        running: usize,
    },
    NotHandedOver(Vec<u32>),
    Lost(Vec<u32>),
    GraceOver {
        partition: u32,
        stopped: u64,
    },
    Trouble(TransportError),
    Malformed {
        partition: u32,
        offset: i64,
        reason: String,
        suppressed: u64,
    },
    Forbidden {
        call_id: CallId,
        topic: String,
        partition: u32,
        suppressed: u64,
    },
    Refused {
        call_id: CallId,
        code: Code,
        problem: String,
    },
    Full {
        suppressed: u64,
    },
    Expired {
        call_id: CallId,
        age: Duration,
    },
    ExpiredInQueue {
        call_id: CallId,
        waited: Duration,
    },
    ReplyBacklog {
        suppressed: u64,
    },
    LongNote {
        suppressed: u64,
    },
    Ahead {
        client: [u8; 8],
        by: Duration,
        suppressed: u64,
    },
}

impl Event {
    pub(crate) fn emit(self, group: &str, topic: &str) {
        match self {
            Self::Assigned(partitions) => {
                info!(target: "kafka_rpc::server", group, topic, ?partitions, "partitions assigned");
            }
            Self::Revoked {
                partitions,
                running,
            } => {
                info!(
                    target: "kafka_rpc::server", group, topic, ?partitions, running,
                    "partitions given up; calls of theirs that run go on here",
                );
            }
            Self::NotHandedOver(partitions) => {
                if let Some(suppressed) = throttle::pass(format_args!("kept {group}/{topic}")) {
                    warn!(
                        target: "kafka_rpc::server", group, topic, ?partitions, suppressed,
                        "the last commit of partitions that were given up was refused; another server \
                         may run their commands again",
                    );
                }
            }
            Self::Lost(partitions) => {
                if let Some(suppressed) = throttle::pass(format_args!("lost {group}/{topic}")) {
                    warn!(
                        target: "kafka_rpc::server", group, topic, ?partitions, suppressed,
                        "partitions lost; another server may run their commands again",
                    );
                }
            }
            Self::GraceOver { partition, stopped } => {
                warn!(
                    target: "kafka_rpc::server", group, topic, partition, stopped,
                    "handlers were stopped at the end of the grace period",
                );
            }
            Self::Trouble(error) => {
                let place = format!("{group}/{topic}");
                if let Some(suppressed) = error.pass_throttle("member", &place) {
                    warn!(
                        target: "kafka_rpc::server", group, topic, %error, suppressed,
                        "the group member is in trouble",
                    );
                }
            }
            Self::Malformed {
                partition,
                offset,
                reason,
                suppressed,
            } => {
                warn!(
                    target: "kafka_rpc::server", group, topic, partition, offset, reason, suppressed,
                    "malformed record",
                );
            }
            Self::Forbidden {
                call_id,
                topic: reply_topic,
                partition: reply_partition,
                suppressed,
            } => {
                warn!(
                    target: "kafka_rpc::server", group, topic, %call_id, reply_topic,
                    reply_partition, suppressed,
                    "a command wants its reply where none may be sent, and was not run; the \
                     builder's `allow_reply_topic` allows a topic",
                );
            }
            Self::Refused {
                call_id,
                code,
                problem,
            } => {
                debug!(target: "kafka_rpc::server", group, topic, %call_id, %code, problem, "refused");
            }
            Self::Full { suppressed } => {
                warn!(
                    target: "kafka_rpc::server", group, topic, suppressed,
                    "the server is full; the builder's `queue_limit` and `concurrency` say when",
                );
            }
            Self::Expired { call_id, age } => {
                debug!(target: "kafka_rpc::server", group, topic, %call_id, ?age, "expired");
            }
            Self::ExpiredInQueue { call_id, waited } => {
                debug!(
                    target: "kafka_rpc::server", group, topic, %call_id, ?waited,
                    "expired in the queue",
                );
            }
            Self::ReplyBacklog { suppressed } => {
                warn!(
                    target: "kafka_rpc::server", group, topic, suppressed,
                    "too many replies aren't in the log; no command is read until they are, or \
                     nobody waits for them",
                );
            }
            Self::LongNote { suppressed } => {
                warn!(
                    target: "kafka_rpc::server", group, topic, suppressed,
                    "too many commands were started out of order to be noted beside a commit; no \
                     command is read until some of the oldest have ended",
                );
            }
            Self::Ahead {
                client,
                by,
                suppressed,
            } => {
                let client = u64::from_be_bytes(client);
                warn!(
                    target: "kafka_rpc::server", group, topic, client = format_args!("{client:016x}"),
                    ?by, suppressed,
                    "a command is dated ahead of this server's clock, and was not run: its caller knows \
                     nothing of this clock and couldn't be told; see that the clocks agree",
                );
            }
        }
    }
}
