//! Tells a partition whose calls aren't answered from one whose calls are only slow.
//!
//! A partition is *out* when another one has answered a call that was sent long after the oldest call
//! which this one hasn't answered. By that rule nothing is out where everything is slow, or where nobody
//! answers any more: then no other partition answers what was sent later. How long is *long* follows from
//! how long calls take. Unkeyed calls avoid a partition that is out, but for a probe now and then, until
//! it answers one. The call that finds a partition out is the first probe: after an outage of everything
//! the partitions that are tried last look as if they were out, and answer at once.
//!
//! Two times for each partition are enough for that, and no reading of a clock: both say when a call was
//! sent. They are atomics of their own, which are written a thousand times a second at most, however many
//! calls there are. A race between those who send and those who hear loses one note, which the next call
//! makes again.

use std::sync::atomic::{AtomicI64, Ordering};

/// Times are nanoseconds from any origin; this is before all of them.
pub(super) const NONE: i64 = i64::MIN;

const MILLISECOND: i64 = 1_000_000;

/// Of the calls that are answered, not each is noted, but one of so long a time.
pub(super) const STEP: i64 = MILLISECOND;

/// A partition is never out before the difference is so long: pauses up to this are part of the day.
pub(super) const SHORTEST: i64 = 300 * MILLISECOND;

/// Nor before it is so many times as long as a call usually takes.
const TIMES_USUAL: i64 = 4;

/// Where calls take no longer than this, how long makes no difference.
pub(super) const SHORT: i64 = SHORTEST / TIMES_USUAL;

/// The pause after the first probe. Each pause is twice as long as the one before it.
const FIRST_PAUSE: i64 = 1_000 * MILLISECOND;

/// The longest pause between two probes.
const LAST_PAUSE: i64 = 4_000 * MILLISECOND;

/// Of so many other partitions at most it is asked what they have answered.
pub(super) const WITNESSES: usize = 8;

/// What is known of one partition.
#[derive(Debug)]
#[repr(align(64))] // Each on a cache line of its own.
pub(super) struct Health {
    /// When the first call was sent since the one that `answered` tells of; `NONE`, or no later than
    /// that, if none was.
    unanswered: AtomicI64,
    /// When the call was sent that was sent last of those which were answered.
    answered: AtomicI64,
    /// When it is probed next; `NONE` unless it is out.
    probe: AtomicI64,
    /// The pause after that.
    pause: AtomicI64,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            unanswered: AtomicI64::new(NONE),
            answered: AtomicI64::new(NONE),
            probe: AtomicI64::new(NONE),
            pause: AtomicI64::new(0),
        }
    }
}

/// Whether an unkeyed call may go to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answers, as far as is known, or it is to be probed.
    Takes,
    /// It takes one more probe: it hasn't answered the one before.
    TakesAgain,
    /// It is out.
    IsOut,
}

impl Health {
    /// A call that wants an answer was sent at this time.
    pub(super) fn sent(&self, at: i64) {
        let answered = self.answered.load(Ordering::Relaxed);
        // One of the same moment as an answered one can't be told from that.
        if self.unanswered.load(Ordering::Relaxed) <= answered && at > answered {
            self.unanswered.store(at, Ordering::Relaxed);
        }
    }

    /// A call that was sent at this time was answered. Says whether the partition was out until now.
    pub(super) fn answered(&self, sent: i64) -> bool {
        let before = self.answered.load(Ordering::Relaxed);
        let unanswered = self.unanswered.load(Ordering::Relaxed);
        let answers_first = unanswered > before && sent >= unanswered;
        if answers_first || sent.saturating_sub(before) >= STEP {
            self.answered.store(sent, Ordering::Relaxed);
        }
        self.is_out() && self.probe.swap(NONE, Ordering::Relaxed) != NONE
    }

    /// What became of a call that was sent at this time says nothing of the partition.
    pub(super) fn forget(&self, sent: i64) {
        // In vain, if another call is the first one, or was meanwhile.
        let _ = self
            .unanswered
            .compare_exchange(sent, NONE, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn is_out(&self) -> bool {
        self.probe.load(Ordering::Relaxed) != NONE
    }

    /// Forgets everything.
    pub(super) fn reset(&self) {
        for time in [&self.unanswered, &self.answered, &self.probe] {
            time.store(NONE, Ordering::Relaxed);
        }
    }

    /// Whether an unkeyed call may go here at `now`; it may be a probe if it `probes`. `usual` is how
    /// long a call takes.
    ///
    /// It is asked for `others` only where they matter, in any order; this one may be among them.
    pub(super) fn judge<'a, I: Iterator<Item = &'a Self>>(
        &self,
        now: i64,
        probes: bool,
        usual: i64,
        others: impl FnOnce() -> I,
    ) -> Verdict {
        let probe = self.probe.load(Ordering::Relaxed);
        if probe != NONE {
            return if probes && probe <= now && self.probe_now(probe, now) {
                Verdict::TakesAgain
            } else {
                Verdict::IsOut
            };
        }
        let unanswered = self.unanswered.load(Ordering::Relaxed);
        let all_answered = unanswered <= self.answered.load(Ordering::Relaxed);
        // Nearly always.
        if all_answered || now.saturating_sub(unanswered) < SHORTEST {
            return Verdict::Takes;
        }
        let long = SHORTEST.max(usual.saturating_mul(TIMES_USUAL));
        let is_late = |other: &Self| {
            other
                .answered
                .load(Ordering::Relaxed)
                .saturating_sub(unanswered)
                >= long
        };
        if !others().take(WITNESSES).any(is_late) {
            return Verdict::Takes;
        }
        self.pause.store(FIRST_PAUSE, Ordering::Relaxed);
        let noted = self
            .probe
            .compare_exchange(NONE, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if noted && probes && self.probe_now(now, now) {
            Verdict::Takes
        } else {
            Verdict::IsOut
        }
    }

    /// Whether this call is the probe that is due.
    fn probe_now(&self, due: i64, now: i64) -> bool {
        let pause = self.pause.load(Ordering::Relaxed);
        let next = now.saturating_add(pause);
        let taken = self
            .probe
            .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        if taken {
            let longer = pause.saturating_mul(2).min(LAST_PAUSE);
            self.pause.store(longer, Ordering::Relaxed);
        }
        taken
    }
}
