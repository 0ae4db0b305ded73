//! Runs one handler: isolates its panics, and drops it when it is interrupted.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use bytes::Bytes;

use crate::call::{Answer, Context, Failure, Reason};
use crate::{Dispatch, Service};

/// How a handler ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself.
    Answered(Result<Answer, Failure>),
    /// It panicked; the text is for the server's own log.
    Panicked(String),
    /// It was stopped.
    Interrupted(Reason),
}

/// A handler at work. Dropping it before its end interrupts what the handler left behind.
pub(crate) struct Handling {
    /// `None` once it has ended.
    dispatch: Option<Dispatch>,
    /// What `dispatch` starts from, at the first poll, so that even a panic before the first await
    /// happens within the task.
    begin: Option<Begin>,
    context: Context,
    polls: u32,
}

struct Begin {
    service: Arc<dyn Service>,
    method: usize,
    arguments: Bytes,
}

impl Handling {
    pub(crate) fn new(
        service: Arc<dyn Service>,
        method: usize,
        arguments: Bytes,
        context: Context,
    ) -> Self {
        Self {
            dispatch: None,
            begin: Some(Begin {
                service,
                method,
                arguments,
            }),
            context,
            polls: 0,
        }
    }

    /// How often it was polled.
    pub(crate) const fn polls(&self) -> u32 {
        self.polls
    }

    /// Drops the handler; a panic of one of its destructors is told, and changes nothing.
    fn stop(&mut self) -> Option<String> {
        self.begin = None;
        let dispatch = self.dispatch.take()?;
        guarded(&self.context, || drop(dispatch)).err()
    }
}

impl Future for Handling {
    type Output = (Ended, Option<String>);

    /// How the handler ended, and the text of a panic when it was dropped.
    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.polls = this.polls.saturating_add(1);
        this.context.interrupt().register(task.waker());
        if let Some(reason) = this.context.interrupt().reason() {
            return Poll::Ready((Ended::Interrupted(reason), this.stop()));
        }
        let Self {
            dispatch,
            begin,
            context,
            ..
        } = this;
        let polled = guarded(context, || {
            if let Some(begin) = begin.take() {
                *dispatch = Some(begin.service.dispatch(begin.method, begin.arguments));
            }
            dispatch
                .as_mut()
                .map_or(Poll::Pending, |dispatch| dispatch.as_mut().poll(task))
        });
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => Ended::Answered(answer),
            Err(text) => Ended::Panicked(text),
        };
        Poll::Ready((ended, this.stop()))
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        if self.dispatch.is_some() {
            self.context.interrupt().fire(Reason::Abandoned);
            self.stop();
        }
    }
}

/// Runs user code; an error is the text of its panic.
fn guarded<T>(context: &Context, run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(|| context.enter(run))).map_err(|payload| {
        let text = text(&*payload);
        // What a user panics with may panic again when it is dropped.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
        text
    })
}

fn text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}
