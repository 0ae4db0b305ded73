//! What can happen in a run.

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The process that runs the driver itself.
pub const DRIVER: u32 = 0;

/// Nanoseconds of the machine's monotonic clock.
#[must_use]
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // The clock starts at zero with the machine, so neither part is negative.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// An event with its time and its process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened, in nanoseconds of the monotonic clock.
    pub at: u64,
    /// The number of the process that wrote it; each life of a process has its own.
    pub process: u32,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A client is about to poll a call for the first time.
    Invoke {
        /// The call's number; no other call of the run has it.
        call: u64,
        /// What it asks for.
        method: Method,
        /// Its key, if it has one.
        key: Option<u64>,
        /// The digest of its data.
        digest: u64,
        /// How long it may take.
        timeout_ms: u64,
    },
    /// The call ended with a value; without a receipt if it is one-way.
    Ok {
        /// The call.
        call: u64,
        /// What the handler returned.
        receipt: Option<Receipt>,
    },
    /// The call ended with the method's own error.
    Failed {
        /// The call.
        call: u64,
        /// What the handler returned.
        receipt: Receipt,
    },
    /// The call ended with an error of the framework's.
    Err {
        /// The call.
        call: u64,
        /// The code's name.
        code: String,
        /// Whether it ran, as the error says.
        outcome: Outcome,
        /// Whether a server reported it.
        from_server: bool,
    },
    /// The caller dropped the call.
    Cancel {
        /// The call.
        call: u64,
    },
    /// A handler was polled for the first time.
    Recv {
        /// The call.
        call: u64,
        /// Which run it is, counted by the server process.
        run: u64,
        /// The call's attempt.
        attempt: u32,
    },
    /// A handler's effect began or ended.
    Effect {
        /// The call.
        call: u64,
        /// The run.
        run: u64,
        /// Which of the two.
        phase: Phase,
    },
    /// A handler returned.
    Reply {
        /// The call.
        call: u64,
        /// The run.
        run: u64,
    },
    /// A handler was dropped before it returned.
    Drop {
        /// The call.
        call: u64,
        /// The run.
        run: u64,
    },
    /// The driver began or ended a fault.
    Fault {
        /// What it did.
        name: String,
        /// [`Phase::Start`] if calls can't succeed from now on, [`Phase::End`] if they can again.
        phase: Phase,
    },
    /// The driver started a process.
    Started {
        /// The process.
        number: u32,
        /// What it does.
        role: Role,
    },
    /// A process ended.
    Exited {
        /// The process.
        number: u32,
        /// How.
        exit: Exit,
    },
    /// The driver asked the clients to make no more calls.
    LoadEnds,
    /// The process, or one of its processors, stood still until now.
    Stall {
        /// Since when.
        since: u64,
    },
    /// Kafka-rpc logged a warning or an error.
    Log {
        /// The level.
        level: String,
        /// Where it comes from.
        target: String,
        /// The text.
        message: String,
    },
    /// A client has no calls left.
    ClientAtRest(ClientAtRest),
    /// A server has nothing left to do.
    ServerAtRest {
        /// Commands that wait.
        queued: u64,
        /// Handlers that run.
        running: u64,
    },
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// An answer at once.
    Quick,
    /// An answer after 1 to 3 ms, in the order of its key.
    Keyed,
    /// An answer after 200 ms.
    Slow,
    /// An answer after 3 s, for which the caller doesn't wait.
    Hang,
    /// An answer after 8 s.
    Long,
    /// An error of the method's own.
    Refuse,
    /// No answer.
    Tell,
}

/// The start or the end of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins.
    Start,
    /// It is over.
    End,
}

/// Whether a failed call ran, as its error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It didn't.
    NotRun,
    /// It did.
    Ran,
    /// Nobody knows.
    Unknown,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It serves.
    Server,
    /// It calls.
    Client,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It was asked to, and did so in good order.
    Asked,
    /// The driver killed it.
    Killed,
    /// It failed, or hung.
    Failed(String),
}

/// What a handler returns: proof of which call it served, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The call's number.
    pub call: u64,
    /// The digest of the data that the handler was given.
    pub digest: u64,
    /// The number of the server's process.
    pub server: u32,
    /// The run, counted by that process.
    pub run: u64,
}

/// What a client counted, after all its calls have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientAtRest {
    /// Calls that wait for their end.
    pub in_flight: u64,
    /// Calls that were started.
    pub started: u64,
    /// Calls to which a reply came.
    pub answered: u64,
    /// One-way calls that are in the log.
    pub acknowledged: u64,
    /// Calls whose deadline passed.
    pub expired: u64,
    /// Calls that were dropped.
    pub cancelled: u64,
    /// Calls that lost their reply path.
    pub disconnected: u64,
    /// Calls whose command isn't in the log.
    pub failed: u64,
    /// Calls that were refused before they were started.
    pub refused: u64,
}
