//! The partitions of commands topics: how many there are by now, and which of them answer.
//!
//! Each commands topic that a client is attached to has one [`Partitions`], which all its calls share.
//! Callers write to it when they send and when they find a reply, [`topics`]' watch when the topic has
//! got more partitions, or fewer. It has no lock: atomics decide, and what two of them say together may
//! be older than one call.

mod growing;
mod outlier;
#[cfg(test)]
mod tests;
pub(super) mod topics;

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use growing::Growing;
use outlier::{Health, Verdict};

use crate::util::throttle;

/// How often another partition is drawn before the next one that answers is taken.
const DRAWS: usize = 8;

/// So many calls are timed at first, since those that are timed anyway are rare.
const FIRST_CALLS: u32 = 16;

/// The partitions of one commands topic.
#[derive(Debug)]
pub(in crate::client) struct Partitions {
    topic: String,
    count: AtomicU32,
    /// A smaller number that was found last; 0 if none was.
    smaller: AtomicU32,
    /// By partition.
    healths: Growing<Health>,
    /// How long a call takes: of those that were timed lately, about a quarter took less. In nanoseconds.
    usual: AtomicI64,
    /// How many were timed, up to `FIRST_CALLS`.
    timed: AtomicU32,
    /// Times are nanoseconds from here.
    origin: Instant,
}

/// When a call was sent, as [`Partitions`] tells times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct SentAt(i64);

impl SentAt {
    /// Of a call that nothing is told of.
    pub(in crate::client) const UNTOLD: Self = Self(outlier::NONE);
}

impl Partitions {
    pub(in crate::client) fn new(topic: &str, count: u32, origin: Instant) -> Self {
        Self {
            topic: topic.to_owned(),
            count: AtomicU32::new(count.max(1)),
            smaller: AtomicU32::new(0),
            healths: Growing::default(),
            usual: AtomicI64::new(0),
            timed: AtomicU32::new(0),
            origin,
        }
    }

    /// How many there are, as far as is known.
    pub(in crate::client) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// The topic was looked up, and has so many. Fewer than before count when they are found twice in a
    /// row: the topic was made anew, or a broker that is behind has answered.
    pub(in crate::client) fn set_count(&self, count: u32) {
        let before = self.count();
        if count == 0 || (count < before && self.smaller.swap(count, Ordering::Relaxed) != count) {
            return;
        }
        self.smaller.store(0, Ordering::Relaxed);
        self.count.store(count, Ordering::Relaxed);
        for gone in count..before {
            self.healths.get(gone).reset();
        }
        if before != count {
            tracing::info!(
                target: "kafka_rpc::client",
                topic = self.topic,
                before,
                partitions = count,
                "the number of partitions has changed; keys are sent to other ones"
            );
        }
    }

    /// One for a call that may go to any, at random of those that answer. If the call `probes`, it may
    /// be one of the rare ones that find out whether another one answers again.
    pub(in crate::client) fn choose(&self, now: Instant, probes: bool) -> u32 {
        self.choose_by(self.nanos(now), probes, |below| fastrand::u32(..below))
    }

    fn choose_by(&self, now: i64, probes: bool, mut draw: impl FnMut(u32) -> u32) -> u32 {
        let count = self.count();
        if count == 1 {
            return 0;
        }
        let first = draw(count);
        if self.takes(first, now, probes, &mut draw) {
            return first;
        }
        // Drawn again rather than counted on from there, so that no neighbour gets what all of them
        // are to share.
        for _ in 0..DRAWS {
            let next = draw(count);
            if self.takes(next, now, probes, &mut draw) {
                return next;
            }
        }
        let mut all = Self::from(first, count);
        // Where none answers, one is as good as another.
        all.find(|one| !self.healths.get(*one).is_out())
            .unwrap_or(first)
    }

    fn takes(
        &self,
        partition: u32,
        now: i64,
        probes: bool,
        draw: &mut impl FnMut(u32) -> u32,
    ) -> bool {
        let count = self.count();
        let usual = self.usual.load(Ordering::Relaxed);
        // From anywhere on, since those of one server may be neighbours.
        let others = || {
            let all = Self::from(draw(count), count);
            all.map(|other| self.healths.get(other))
        };
        let health = self.healths.get(partition);
        match health.judge(now, probes, usual, others) {
            Verdict::Takes => true,
            Verdict::IsOut => false,
            Verdict::TakesAgain => {
                self.stays_out(partition);
                true
            }
        }
    }

    /// All partitions, from this one on and around.
    fn from(first: u32, count: u32) -> impl Iterator<Item = u32> {
        (first..count).chain(0..first.min(count))
    }

    /// A call that wants an answer goes to a partition at this time.
    pub(in crate::client) fn sent(&self, partition: u32, now: Instant) -> SentAt {
        let at = self.nanos(now);
        self.healths.get(partition).sent(at);
        SentAt(at)
    }

    /// A call was answered; `arrived` is when, if it was timed.
    pub(in crate::client) fn answered(
        &self,
        partition: u32,
        SentAt(sent): SentAt,
        arrived: Option<Instant>,
    ) {
        if let Some(arrived) = arrived {
            self.learn(self.nanos(arrived).saturating_sub(sent));
        }
        if self.healths.get(partition).answered(sent) {
            self.comes_back(partition);
        }
    }

    /// What became of a call says nothing of the partition that it went to: nobody waits for it any more,
    /// it never got there, or the replies of all partitions are lost.
    pub(in crate::client) fn forget(&self, partition: u32, SentAt(sent): SentAt) {
        self.healths.get(partition).forget(sent);
    }

    /// How many partitions are avoided by calls that may go to any.
    fn avoided(&self) -> u64 {
        let all = (0..self.count()).filter(|one| self.healths.get(*one).is_out());
        all.count() as u64
    }

    /// Whether further calls are worth being timed: those that are timed anyway are rare, and where calls
    /// seem to take long, another reading of the clock is nothing beside them.
    pub(in crate::client) fn wants_times(&self) -> bool {
        self.timed.load(Ordering::Relaxed) < FIRST_CALLS
            || self.usual.load(Ordering::Relaxed) > outlier::SHORT
    }

    /// A call took so long. Down by half at most and up by a quarter: what waited for a server to start
    /// is soon forgotten, and some calls that take long among others make little difference.
    fn learn(&self, took: i64) {
        let usual = self.usual.load(Ordering::Relaxed);
        let timed = self.timed.load(Ordering::Relaxed);
        if timed < FIRST_CALLS {
            self.timed.store(timed + 1, Ordering::Relaxed);
        }
        let next = if timed == 0 {
            took
        } else if took < usual {
            took.max(usual / 2)
        } else {
            took.min(usual + usual / 4 + outlier::STEP)
        };
        self.usual.store(next.max(0), Ordering::Relaxed);
    }

    fn nanos(&self, at: Instant) -> i64 {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        match at.checked_duration_since(self.origin) {
            Some(after) => nanos(after),
            None => -nanos(self.origin - at),
        }
    }

    #[cold]
    fn stays_out(&self, partition: u32) {
        let topic = &self.topic;
        if let Some(suppressed) = throttle::pass(format_args!("unanswered: {topic}")) {
            tracing::warn!(
                target: "kafka_rpc::client",
                topic,
                partition,
                suppressed,
                "calls to a partition aren't answered while others are; calls that may go to any \
                 avoid it until it answers"
            );
        }
    }

    #[cold]
    fn comes_back(&self, partition: u32) {
        let topic = &self.topic;
        if let Some(suppressed) = throttle::pass(format_args!("answered again: {topic}")) {
            tracing::info!(
                target: "kafka_rpc::client",
                topic,
                partition,
                suppressed,
                "calls to a partition are answered again"
            );
        }
    }
}
