//! What came of a request: the method's answer on its way back.

use std::fmt;
use std::ops::Range;

use super::{Extensions, Payload};
use crate::wire::StageTimes;

/// An encoded answer of a method: its value, or its own error.
#[derive(PartialEq, Eq)]
pub enum Answer {
    /// The method's value.
    Value(Vec<u8>),
    /// The method's own error.
    App(Vec<u8>),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads never reach a log.
        match self {
            Self::Value(bytes) => write!(f, "Value({} bytes)", bytes.len()),
            Self::App(bytes) => write!(f, "App({} bytes)", bytes.len()),
        }
    }
}

/// Why a method gave no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The arguments can't be decoded; the method did not start. Names the argument.
    Arguments(String),
    /// The method ran, and its answer can't be encoded.
    Answer(String),
    /// The index is no method's.
    Unimplemented,
}

/// A method's answer on its way back, on the server and on the client alike.
///
/// A call that has no answer ends with an [`RpcError`](crate::RpcError) instead.
#[derive(Debug)]
pub(crate) struct Response {
    /// The method's value or, where `is_error`, its own error. Empty for a one-way call.
    pub(crate) payload: Payload,
    pub(crate) is_error: bool,
    /// Who gave it and when, once it has travelled; `None` on the server, and for a one-way call.
    pub(crate) served: Option<Served>,
    /// What few responses have.
    pub(crate) extensions: Extensions,
}

impl Response {
    /// The id of the server that gave it; empty if it hasn't travelled.
    pub(crate) fn server(&self) -> &str {
        let Some(served) = &self.served else {
            return "";
        };
        let bytes = self.payload.around().get(served.server.clone());
        bytes.map_or("", |bytes| str::from_utf8(bytes).unwrap_or_default())
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let (bytes, is_error) = match answer {
            Answer::Value(bytes) => (bytes, false),
            Answer::App(bytes) => (bytes, true),
        };
        Self {
            payload: bytes.into(),
            is_error,
            served: None,
            extensions: Extensions::default(),
        }
    }
}

/// Who gave an answer, and how fast.
#[derive(Debug)]
pub(crate) struct Served {
    /// Where in the reply the server's name is.
    pub(crate) server: Range<usize>,
    pub(crate) times: StageTimes,
    /// Which attempt is answered.
    pub(crate) attempt: u32,
}
