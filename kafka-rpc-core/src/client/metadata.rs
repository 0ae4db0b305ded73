//! An answer together with how it came about.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::RpcError;
use crate::wire::CallId;

use super::Call;

/// A method's value, and who gave it how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply<T> {
    /// What the method returned.
    pub value: T,
    /// The call.
    pub call_id: CallId,
    /// The server that ran the method; empty for a one-way call.
    pub server: String,
    /// Which attempt was answered, counted from 1. Clients make only one yet.
    pub attempt: u32,
    /// How long the stages of the call took.
    pub times: Times,
}

/// How long the stages of a call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// From the first poll to the arrival of the reply, or of a one-way call's acknowledgement, by
    /// the caller's clock.
    pub round_trip: Duration,
    /// From the server's reading of the command to the start of the method, by the server's clock;
    /// zero for a one-way call.
    pub queued: Duration,
    /// The method itself, with the decoding of its arguments and the encoding of its answer, by the
    /// server's clock; zero for a one-way call.
    pub handler: Duration,
}

/// A [`Call`] that resolves to a [`Reply`]; made by [`Call::with_metadata`].
///
/// Dropping it cancels the call.
#[must_use = "a call does nothing until it is awaited or waited for"]
#[derive(Debug)]
pub struct MetadataCall<T, E>(pub(super) Call<T, E>);

impl<T, E: From<RpcError>> MetadataCall<T, E> {
    /// Blocks this thread until the call ends; see [`Call::wait`].
    ///
    /// # Errors
    /// Those of the call.
    pub fn wait(self) -> Result<Reply<T>, E> {
        self.0.wait_with(Call::poll_reply)
    }
}

impl<T, E: From<RpcError>> Future for MetadataCall<T, E> {
    type Output = Result<Reply<T>, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_reply(context)
    }
}
