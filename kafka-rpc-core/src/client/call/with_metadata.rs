//! A call that resolves to its answer together with how it came about.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::RpcError;
use crate::client::call::Call;
use crate::client::metadata::Reply;

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
