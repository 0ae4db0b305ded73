//! Contestants that are other frameworks' programs.

use crate::measure::Outcome;

/// How to start a peer: command lines, to which the plan's options are appended.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) server: Vec<String>,
    pub(crate) client: Vec<String>,
    /// Starts a broker of its own, for a peer that doesn't talk to Kafka; and where that will be.
    pub(crate) broker: Option<Vec<String>>,
    pub(crate) address: Option<String>,
}

/// Builds a peer; the inner error is why it is skipped.
pub(crate) fn prepare(name: &str) -> Outcome<Result<Peer, String>> {
    Err(format!("there is no contestant `{name}`").into())
}
