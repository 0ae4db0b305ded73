//! Runs a handler on the thread that read its command, if handlers of its method have been quick.
//!
//! Handing a command to another thread costs more than a quick handler does. But nothing else is read
//! meanwhile, so this is only for methods whose handlers ended at their first poll within
//! microseconds, again and again; the transport lets another thread read on if one of them takes long
//! this time; and while it does, no other one is run like this.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::server::group::member::{Member, Run};
use crate::transport::Work;
use crate::util::runtime::is_within;

/// Handlers that take no longer are quick: another thread would hardly save time.
const QUICK: Duration = Duration::from_micros(50);

/// One that takes so long held others up.
const SLOW: Duration = Duration::from_millis(1);

/// So many quick handlers in a row are believed in.
const TRUST: u8 = 8;
/// More trust than this isn't put in any method.
const MOST_TRUST: u8 = 24;
/// What one that isn't quick costs of it.
const DOUBT: u8 = 8;

/// How quick the handlers of a method have been.
#[derive(Debug, Default)]
pub(in crate::server) struct Pace(AtomicU8);

impl Pace {
    fn is_quick(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= TRUST
    }

    /// A handler took so long, and so many polls.
    pub(in crate::server) fn note(&self, took: Duration, polls: u32) {
        // Of two that end at once one may go uncounted.
        let trust = self.0.load(Ordering::Relaxed);
        let now = if took >= SLOW {
            0
        } else if took > QUICK || polls > 1 {
            trust.saturating_sub(DOUBT)
        } else {
            (trust + 1).min(MOST_TRUST)
        };
        if now != trust {
            self.0.store(now, Ordering::Relaxed);
        }
    }
}

impl Member {
    /// Whether a handler of this method is to run where its command was read; if so, it is the only
    /// one until it ends.
    pub(in crate::server) fn runs_inline(&self, service: usize, method: usize) -> bool {
        self.admission.services[service].paces[method].is_quick()
            && !self.inline.swap(true, Ordering::Acquire)
    }
}

impl Work for Run {
    fn run(mut self: Box<Self>, alone: bool) {
        // Handlers may use what a runtime gives, such as its timers. A thread that polls is mostly
        // within it already.
        let runtime = &self.member.shared.runtime;
        let runtime = (!is_within(runtime)).then(|| runtime.clone());
        let _runtime = runtime.as_ref().map(Handle::enter);
        let mut handling = self.handling();
        // It was read a microsecond ago, and looking at the clock takes a good part of another.
        let started_at = self.job.read_at;
        // Whoever takes over polls it again, and so nobody needs to be woken for this first one.
        let first = Pin::new(&mut handling).poll(&mut Context::from_waker(Waker::noop()));
        self.member.inline.store(false, Ordering::Release);
        match first {
            Poll::Ready((ended, panic)) => self.end(ended, panic, started_at, 1, !alone),
            Poll::Pending => self.go_on_as_task(handling, started_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_that_were_quick_again_and_again_are_trusted() {
        let pace = Pace::default();
        for _ in 0..TRUST {
            assert!(!pace.is_quick());
            pace.note(QUICK, 1);
        }
        assert!(pace.is_quick());
        pace.note(QUICK, 2);
        assert!(!pace.is_quick(), "it had to wait for something");
    }

    #[test]
    fn trust_is_lost_faster_than_it_is_won() {
        let pace = Pace::default();
        for _ in 0..200 {
            pace.note(QUICK, 1);
        }
        pace.note(QUICK + Duration::from_micros(1), 1);
        assert!(pace.is_quick(), "a thread may lose its core once");
        pace.note(SLOW, 1);
        assert!(!pace.is_quick());
    }
}
