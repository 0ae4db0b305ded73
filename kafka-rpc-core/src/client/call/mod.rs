//! One call of a remote method, as a future.

pub(super) mod layered;
pub(super) mod with_metadata;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::RpcError;
use crate::call::{ExplicitPartition, IdempotencyKey};
use crate::client::call::layered::LayeredCall;
use crate::client::call::with_metadata::MetadataCall;
use crate::client::inbound::decode::{Answered, Decode};
use crate::client::metadata::Reply;
use crate::client::outbound::draft::{Draft, Prepared};
use crate::client::outbound::sent::SentCall;
use crate::util::park;
use crate::wire::CallId;

/// How long after its deadline a blocked thread gives up on the alarm. It needs to only where
/// nothing runs that could ring it, as on the one thread of a current-thread runtime.
const ALARM_TIMEOUT: Duration = Duration::from_millis(20);

/// One call of a remote method: a future that can be configured until it is first polled.
///
/// Nothing is sent, and no deadline runs, before the first poll. A call that has been polled once
/// ends by its deadline at the latest. Settings made after the first poll have no effect.
///
/// Dropping it cancels the call: its entry is gone at once, and the server is told to stop the
/// handler. That is best effort: the handler may have run, or may not hear of it. A one-way call
/// can't be cancelled once it is sent.
///
/// A one-way call resolves when the log has its command, and tells nothing of what the server does
/// with it. It expires like any other: a server drops it unrun if its timeout has passed, and stops
/// its handler when it passes.
///
/// # Cancel safety
/// Polling it by reference in `select!` loses nothing. Dropping it after the first poll leaves open
/// whether the method ran.
///
/// # Panics
/// Polling it again after it has resolved panics, as with any future made by `async`.
#[must_use = "a call does nothing until it is awaited or waited for"]
pub struct Call<T, E> {
    stage: Stage,
    decode: Decode<T, E>,
}

enum Stage {
    /// It can still be configured.
    Draft(CallId, Draft),
    /// It may have ended.
    Sent(SentCall),
    /// It goes through layers, or has ended.
    Layered(LayeredCall),
    /// It has ended without being sent.
    Unsent(CallId),
}

/// What depends on no type of a method's, and is compiled here once.
impl Stage {
    const fn id(&self) -> CallId {
        match self {
            Self::Draft(id, _) | Self::Unsent(id) => *id,
            Self::Sent(sent) => sent.id(),
            Self::Layered(call) => call.id,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Answered<'_>, RpcError>> {
        let id = self.id();
        if let Self::Draft(..) = self {
            let Self::Draft(_, draft) = std::mem::replace(self, Self::Unsent(id)) else {
                unreachable!("the stage was just seen to be a draft");
            };
            if let Err(error) = self.start(draft, id, context) {
                return Poll::Ready(Err(error));
            }
            if let Self::Sent(_) = self {
                // The reply may already be there, but its waker is: nothing to poll yet.
                return Poll::Pending;
            }
        }
        match self {
            Self::Sent(sent) if !sent.ended => {
                let ended = ready!(sent.poll(context.waker()));
                Poll::Ready(ended.map(|response| Answered {
                    response,
                    attached: &sent.attached,
                    method: sent.method(),
                    id,
                    started: sent.started(),
                    timing: sent.timing.as_deref(),
                }))
            }
            Self::Layered(call) if !call.has_ended() => {
                let ended = ready!(call.poll(context));
                Poll::Ready(ended.map(|response| Answered {
                    response,
                    attached: &call.attached,
                    method: call.method,
                    id,
                    started: call.started,
                    timing: None,
                }))
            }
            _ => panic!("a call was polled after it had resolved"),
        }
    }

    /// Makes the one request of a call and sends it, through the layers if there are any.
    fn start(
        &mut self,
        draft: Draft,
        id: CallId,
        context: &mut Context<'_>,
    ) -> Result<(), RpcError> {
        let prepared = draft.prepare(id)?;
        if let Some(outermost) = prepared.attached.connection.layers.outermost() {
            *self = Self::Layered(LayeredCall::new(&*outermost, prepared));
            return Ok(());
        }
        let Prepared {
            attached,
            request,
            started,
            timing,
        } = prepared;
        // It is sent from where it stays: a request is large.
        *self = Self::Sent(SentCall::new(attached, request, started, timing));
        match self {
            Self::Sent(sent) => sent.begin(started, context.waker()),
            _ => Ok(()),
        }
    }
}

impl<T, E> Call<T, E> {
    pub(super) fn new(id: CallId, draft: Draft, decode: Decode<T, E>) -> Self {
        Self {
            stage: Stage::Draft(id, draft),
            decode,
        }
    }

    /// The call's id. It is in the call's records and in what the server logs about it.
    pub const fn id(&self) -> CallId {
        self.stage.id()
    }

    /// Sets how long the call may take, from its first poll; one hour at most.
    ///
    /// It takes the place of the method's and the client's timeout. A call made inside a handler
    /// also ends with that handler's own deadline, whichever is earlier.
    ///
    /// A longer one ends the call with `InvalidArgument`, and zero with `DeadlineExceeded`; neither is
    /// sent.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.configure(|draft| draft.timeout = Some(timeout));
        self
    }

    /// Sets the routing key: calls with one key go to one partition, and servers that order by key
    /// run them one after another. So such a call waits for its partition, also while nobody serves that
    /// one; a call without a key goes to a partition that answers.
    ///
    /// It takes the place of the method's own. Use the encoding that `#[rpc(key = …)]` uses where both
    /// are to meet: strings as UTF-8, integers as 8 bytes big-endian, bytes as they are. At most 1,024
    /// bytes; a longer one ends the call with `InvalidArgument`.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.configure(|draft| draft.key = Some(Bytes::copy_from_slice(key.as_ref())));
        self
    }

    /// Adds a header for the handler and for other tools to read. At most 64 of them, and 8,192 bytes
    /// of names and values; more end the call with `InvalidArgument`.
    ///
    /// A call made inside a handler carries on the `traceparent` and `tracestate` of the call that is
    /// served, unless it has one of them itself.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.configure(|draft| draft.headers.push((name.into(), value.into())));
        self
    }

    /// Names what the call is about to do, over all attempts to do it.
    ///
    /// It travels with the command, and chooses the partition where there is no key, so that the call can't
    /// go to another one. Servers don't
    /// suppress repetitions by it yet. At most 1,024 bytes.
    pub fn idempotency_key(mut self, key: impl AsRef<[u8]>) -> Self {
        let key = IdempotencyKey(Bytes::copy_from_slice(key.as_ref()));
        self.configure(|draft| draft.extensions.insert(key));
        self
    }

    /// Sends the call to this partition of the commands topic, whatever its key, and whether or not that
    /// one answers. One that the topic lacks ends the call with `InvalidArgument`; one that was added is
    /// known within 5 s.
    pub fn partition(mut self, partition: u32) -> Self {
        self.configure(|draft| draft.extensions.insert(ExplicitPartition(partition)));
        self
    }

    /// Resolves to the value together with stage times, the server's name and the attempt.
    pub fn with_metadata(mut self) -> MetadataCall<T, E> {
        self.configure(Draft::time);
        MetadataCall(self)
    }

    fn configure(&mut self, set: impl FnOnce(&mut Draft)) {
        if let Stage::Draft(_, draft) = &mut self.stage {
            set(draft);
        }
    }
}

impl<T, E: From<RpcError>> Call<T, E> {
    /// Blocks this thread, parked on a condition variable, until the call ends; needs no async
    /// runtime.
    ///
    /// On a worker of a multi-thread tokio runtime the worker's other tasks move to another thread
    /// first. On the only thread of a current-thread runtime nothing else runs meanwhile: a server
    /// or an in-memory broker on that same runtime can't answer, and the call ends with its deadline,
    /// by the real clock, instead of a deadlock. Prefer `.await` there, and in every handler.
    ///
    /// # Errors
    /// Those of the call.
    ///
    /// # Panics
    /// Inside a `LocalSet` of a multi-thread runtime, where tokio forbids blocking.
    pub fn wait(self) -> Result<T, E> {
        self.wait_with(Self::poll_value)
    }

    pub(super) fn wait_with<O>(
        mut self,
        poll: fn(&mut Self, &mut Context<'_>) -> Poll<Result<O, E>>,
    ) -> Result<O, E> {
        let ended = park::block_on_until(&mut self, poll, |call| {
            let time_left = match &call.stage {
                Stage::Sent(sent) => sent.time_left(),
                Stage::Layered(layered) => layered.time_left(),
                Stage::Draft(..) | Stage::Unsent(_) => return None,
            };
            Some(Instant::now() + time_left + ALARM_TIMEOUT)
        });
        match ended {
            Some(output) => output,
            None => {
                match &self.stage {
                    Stage::Sent(sent) => sent.expire(),
                    Stage::Layered(layered) => layered.expire(),
                    Stage::Draft(..) | Stage::Unsent(_) => {}
                }
                park::block_on(std::future::poll_fn(|context| poll(&mut self, context)))
            }
        }
    }

    // Not in each place that awaits a call.
    #[inline(never)]
    fn poll_value(&mut self, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        let decode = self.decode;
        self.stage.poll(context).map(|ended| ended?.value(decode))
    }

    pub(super) fn poll_reply(&mut self, context: &mut Context<'_>) -> Poll<Result<Reply<T>, E>> {
        let decode = self.decode;
        self.stage.poll(context).map(|ended| ended?.reply(decode))
    }
}

impl<T, E: From<RpcError>> Future for Call<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_value(context)
    }
}

impl<T, E> fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
