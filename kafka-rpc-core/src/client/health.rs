//! Whether a client can make calls, and why not.

use std::fmt;

use crate::client::connection::Connection;
use crate::error::{HealthCause, HealthReason};
use crate::util::sync::lock;

/// Whether a client can make calls, as it knows without asking anybody; see
/// [`Client::health`](crate::Client::health).
///
/// A broker that doesn't answer any more is noticed within five seconds where the client reads replies from
/// it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientHealth {
    /// It works, or can come back by itself: for liveness probes. A closed client doesn't.
    pub live: bool,
    /// The brokers of all its results topics answer: for readiness probes. That servers run isn't said.
    pub ready: bool,
    /// Why it isn't ready.
    pub reasons: Vec<HealthReason>,
}

impl fmt::Display for ClientHealth {
    /// One line: `ready`, or all reasons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ready {
            return f.write_str("ready");
        }
        for (index, reason) in self.reasons.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{reason}")?;
        }
        Ok(())
    }
}

/// How a client is.
pub(super) fn of(connection: &Connection) -> ClientHealth {
    let closed = connection.registry.is_closed();
    let reasons: Vec<HealthReason> = if closed {
        let message = "the client is closed; connect a new one";
        vec![HealthReason::new(HealthCause::Stopping, message)]
    } else {
        // Outside the lock, since listeners take locks of their own.
        let listening: Vec<_> = lock(&connection.reply_partitions)
            .values()
            .cloned()
            .collect();
        let troubles = listening.iter();
        troubles
            .filter_map(|replies| replies.listener.trouble())
            .map(HealthReason::from)
            .collect()
    };
    ClientHealth {
        live: !closed,
        ready: reasons.is_empty(),
        reasons,
    }
}
