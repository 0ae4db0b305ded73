//! The service that every case calls, and what its implementation saw.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_rpc::Context;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Has a method for every way in which a call can go.
#[kafka_rpc::service]
pub(crate) trait Probe {
    async fn echo(&self, text: String) -> String;
    async fn subtract(&self, a: i64, b: i64) -> i64;
    async fn unit(&self);
    async fn bytes(&self, data: Vec<u8>) -> Vec<u8>;
    async fn order(&self, order: Order) -> Option<Order>;
    async fn divide(&self, a: i64, b: i64) -> Result<i64, Refusal>;
    /// Takes so long.
    async fn sleep(&self, ms: u64) -> u64;
    #[rpc(timeout = "300ms")]
    async fn impatient(&self, ms: u64) -> u64;
    /// Ends when the test opens the gate.
    async fn hold(&self, name: String) -> String;
    async fn panic(&self, text: String);
    async fn fill(&self, bytes: usize) -> Vec<u8>;
    #[rpc(oneway)]
    async fn note(&self, text: String);
    /// Yields in the middle, so that overlapping runs would show.
    #[rpc(key = account)]
    async fn append(&self, account: String, value: u32) -> u32;
    async fn context(&self) -> Seen;
}

/// A nested value with every shape that serde knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) lines: Vec<(String, i32)>,
    pub(crate) status: Status,
    pub(crate) notes: BTreeMap<String, Option<f64>>,
    pub(crate) seal: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Status {
    Open,
    Paid { cents: u64 },
    Sent(String, bool),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    ByZero,
    Odd { remainder: i64 },
}

/// What a handler sees of its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) call_id: String,
    pub(crate) attempt: u32,
    pub(crate) header: Option<Vec<u8>>,
    pub(crate) left_ms: u64,
}

/// Implements [`Probe`] and keeps a journal of what ran.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    journal: Arc<Mutex<Vec<String>>>,
    gate: watch::Sender<bool>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            journal: Arc::default(),
            gate: watch::Sender::new(false),
        }
    }
}

impl Desk {
    pub(crate) fn journal(&self) -> Vec<String> {
        self.journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn count(&self, entry: &str) -> usize {
        self.journal().iter().filter(|e| *e == entry).count()
    }

    pub(crate) fn saw(&self, entry: &str) -> bool {
        self.count(entry) > 0
    }

    /// Lets every `hold` end.
    pub(crate) fn open(&self) {
        self.gate.send_replace(true);
    }

    fn write(&self, entry: impl Into<String>) {
        self.journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry.into());
    }
}

/// Writes down that a handler was stopped before it ended.
struct Stopped<'a>(&'a Desk, Option<String>);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.1.take() {
            self.0.write(entry);
        }
    }
}

impl Probe for Desk {
    async fn echo(&self, text: String) -> String {
        self.write(format!("echo {text}"));
        text
    }

    async fn subtract(&self, a: i64, b: i64) -> i64 {
        a - b
    }

    async fn unit(&self) {
        self.write("unit");
    }

    async fn bytes(&self, mut data: Vec<u8>) -> Vec<u8> {
        data.reverse();
        data
    }

    async fn order(&self, order: Order) -> Option<Order> {
        (order.id != 0).then_some(order)
    }

    async fn divide(&self, a: i64, b: i64) -> Result<i64, Refusal> {
        match (a.checked_div(b), a.checked_rem(b)) {
            (Some(quotient), Some(0)) => Ok(quotient),
            (Some(_), Some(remainder)) => Err(Refusal::Odd { remainder }),
            _ => Err(Refusal::ByZero),
        }
    }

    async fn sleep(&self, ms: u64) -> u64 {
        self.write(format!("sleep {ms} began"));
        let mut stopped = Stopped(self, Some(format!("sleep {ms} was stopped")));
        tokio::time::sleep(Duration::from_millis(ms)).await;
        stopped.1 = None;
        self.write(format!("sleep {ms} ended"));
        ms
    }

    async fn impatient(&self, ms: u64) -> u64 {
        self.sleep(ms).await
    }

    async fn hold(&self, name: String) -> String {
        self.write(format!("hold {name} began"));
        let mut stopped = Stopped(self, Some(format!("hold {name} was stopped")));
        let mut gate = self.gate.subscribe();
        // The sender lives as long as this desk: waiting can't fail.
        let _ = gate.wait_for(|open| *open).await;
        stopped.1 = None;
        self.write(format!("hold {name} ended"));
        name
    }

    async fn panic(&self, text: String) {
        panic!("{text}");
    }

    async fn fill(&self, bytes: usize) -> Vec<u8> {
        self.write("fill");
        vec![7; bytes]
    }

    async fn note(&self, text: String) {
        self.write(format!("note {text}"));
    }

    async fn append(&self, account: String, value: u32) -> u32 {
        self.write(format!("{account}+{value}"));
        tokio::task::yield_now().await;
        self.write(format!("{account}-{value}"));
        value
    }

    async fn context(&self) -> Seen {
        let context = Context::current().expect("a handler has a context");
        Seen {
            call_id: context.call_id().to_string(),
            attempt: context.attempt(),
            header: context.header("x-test").map(<[u8]>::to_vec),
            left_ms: context.time_left().as_millis() as u64,
        }
    }
}

/// The same service as a newer, or just a different, client knows it.
#[kafka_rpc::service(name = "Probe")]
pub(crate) trait OtherProbe {
    /// No such method on the server.
    async fn unheard_of(&self) -> u8;
    /// The arguments in another order, and one more.
    async fn subtract(&self, b: i64, extra: Option<String>, a: i64) -> i64;
    /// An argument of another type.
    async fn echo(&self, text: u64) -> String;
    /// An argument of another name.
    async fn sleep(&self, seconds: u64) -> u64;
    /// An answer of another type.
    #[rpc(name = "bytes")]
    async fn measure(&self, data: Vec<u8>) -> u64;
}

/// The same names in another version.
#[kafka_rpc::service(name = "Probe", version = 7)]
pub(crate) trait ProbeSeven {
    async fn echo(&self, text: String) -> String;
}

/// Another service that uses the probe's topics.
#[kafka_rpc::service(commands = "Probe.commands", results = "Probe.results")]
pub(crate) trait Stranger {
    async fn hello(&self) -> String;
}

/// Calls the probe from inside a handler.
#[kafka_rpc::service]
pub(crate) trait Relay {
    /// Says how long the nested call could take, and whether it was traced.
    async fn relay(&self) -> Seen;
    /// Waits for a nested call that takes longer than anyone has.
    async fn stall(&self) -> String;
}

#[derive(Debug)]
pub(crate) struct RelayDesk(pub(crate) ProbeClient);

impl Relay for RelayDesk {
    async fn relay(&self) -> Seen {
        self.0.context().await.expect("the probe answers")
    }

    async fn stall(&self) -> String {
        match self.0.sleep(60_000).await {
            Ok(ms) => format!("slept {ms}"),
            Err(error) => error.code().name().to_owned(),
        }
    }
}
