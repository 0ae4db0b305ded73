//! Calls that have been sent and are never answered.

use std::pin::Pin;
use std::task::{Context, Waker};

use kafka_rpc::{Call, RpcError};

use crate::measure::Outcome;
use crate::probe::SilenceClient;

/// A call of the service that nobody serves.
pub(crate) type Asked = Call<i64, RpcError>;

/// Between so many calls the broker gets its turn, so that none of its queues grows long.
pub(crate) const TURN: usize = 256;

/// Polls a call once, which sends it.
pub(crate) fn send(call: &mut Asked) -> Outcome {
    let polled = Pin::new(call).poll(&mut Context::from_waker(Waker::noop()));
    match polled {
        std::task::Poll::Pending => Ok(()),
        std::task::Poll::Ready(ended) => Err(format!("a call ended at once: {ended:?}").into()),
    }
}

/// Sends so many calls; `configure` sets their options.
pub(crate) async fn calls(
    silence: &SilenceClient,
    count: usize,
    configure: impl Fn(Asked) -> Asked,
) -> Outcome<Vec<Asked>> {
    let mut calls = Vec::with_capacity(count);
    for number in 0..count {
        let mut call = configure(silence.ask(1 << 40, -1 << 40));
        send(&mut call)?;
        calls.push(call);
        if number % TURN == 0 {
            turn().await;
        }
    }
    turn().await;
    Ok(calls)
}

/// Drops calls, as slowly as they were sent.
pub(crate) async fn cancel(mut calls: Vec<Asked>) {
    while !calls.is_empty() {
        calls.truncate(calls.len().saturating_sub(TURN));
        turn().await;
    }
}

/// Lets every task that can run do so, some times over, as one wakes the other.
pub(crate) async fn turn() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}
