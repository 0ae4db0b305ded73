//! Runs a handler on the thread that read its command, if handlers of its method have been quick.
//!
//! Handing a command to another thread costs more than a quick handler does. But nothing else is read
//! meanwhile, so this is only for methods whose handlers ended at their first poll within
//! microseconds, again and again ([`Pace`](super::pace::Pace)); the transport's watchdog lets another
//! thread read on if one of them takes long this time; and while it does, no other one is run like
//! this.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use super::run::Run;
use crate::transport::Work;
use crate::util::runtime::is_within;

impl Work for Run {
    fn run(mut self: Box<Self>, alone: bool) {
        // Handlers may use what a runtime gives, such as its timers. A thread that polls is mostly
        // within it already.
        let runtime = self.owner.runtime();
        let runtime = (!is_within(runtime)).then(|| runtime.clone());
        let _runtime = runtime.as_ref().map(Handle::enter);
        let mut handling = self.handling();
        // It was read a microsecond ago, and looking at the clock takes a good part of another.
        let started_at = self.start.origin.read_at;
        // Whoever takes over polls it again, and so nobody needs to be woken for this first one.
        let first = Pin::new(&mut handling).poll(&mut Context::from_waker(Waker::noop()));
        self.owner.inline_returned();
        match first {
            Poll::Ready((ended, panic)) => self.end(ended, panic, started_at, 1, !alone),
            Poll::Pending => self.go_on_as_task(handling, started_at),
        }
    }
}
