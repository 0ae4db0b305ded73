//! The calls that go on here though their partition was handed over to another member.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// How often their new owners are told that they still run.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The calls that go on here though their partition was handed over to another member, by partition and
/// offset. A partition that comes back brings its calls with it: they stay here until they end.
#[derive(Debug, Default)]
pub(crate) struct HandedOver {
    calls: BTreeSet<(u32, i64)>,
    /// How many reports of their ends aren't known to be in the log.
    unreported: usize,
    /// When their new owners are told next that they still run.
    report_at: Option<Instant>,
    /// Dropped when no call and no handler is left, and each end is reported, or at a time.
    waiting: Vec<(Instant, oneshot::Sender<()>)>,
}

impl HandedOver {
    /// The partition of these calls is handed over.
    pub(crate) fn begin(&mut self, partition: u32, offsets: Vec<i64>, now: Instant) {
        if self.calls.is_empty() {
            self.report_at = Some(now + REPORT_INTERVAL);
        }
        self.calls
            .extend(offsets.into_iter().map(|offset| (partition, offset)));
    }

    /// Whether this call goes on here.
    pub(crate) fn contains(&self, partition: u32, offset: i64) -> bool {
        self.calls.contains(&(partition, offset))
    }

    /// A call has ended; `false` if it isn't among these.
    pub(crate) fn end(&mut self, partition: u32, offset: i64) -> bool {
        self.calls.remove(&(partition, offset))
    }

    /// The calls of a partition aren't waited for by its new owner.
    pub(crate) fn forget(&mut self, partition: u32) {
        self.calls.retain(|(of, _)| *of != partition);
    }

    /// When their new owners are to be told next that they still run.
    pub(crate) fn report_at(&self) -> Option<Instant> {
        self.report_at.filter(|_| !self.calls.is_empty())
    }

    /// What their new owners are to be told now: the calls that still run, by partition.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<(u32, Vec<i64>)> {
        if self.report_at().is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.report_at = Some(now + REPORT_INTERVAL);
        let calls: Vec<(u32, i64)> = self.calls.iter().copied().collect();
        calls
            .chunk_by(|one, next| one.0 == next.0)
            .map(|of_one| (of_one[0].0, of_one.iter().map(|call| call.1).collect()))
            .collect()
    }

    /// The report of an end is on its way to the log.
    pub(crate) const fn reporting(&mut self) {
        self.unreported += 1;
    }

    /// The report of an end is in the log, or won't ever be.
    pub(crate) const fn reported(&mut self) {
        self.unreported -= 1;
    }

    /// Is told, by the other end being dropped, when no call and no handler is left and each end is
    /// reported, or at `until`.
    pub(crate) fn wait(&mut self, until: Instant) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.push((until, sender));
        receiver
    }

    /// Whether somebody waits.
    #[inline]
    pub(crate) const fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Until when somebody waits.
    pub(crate) fn waits_until(&self) -> Option<Instant> {
        self.waiting.iter().map(|(until, _)| *until).min()
    }

    /// Those who wait, if what they wait for has come. So many handlers run; one that was stopped does so
    /// until its task has dropped it.
    pub(crate) fn done(&mut self, handlers: usize, now: Instant) -> Vec<oneshot::Sender<()>> {
        let all = self.calls.is_empty() && self.unreported == 0 && handlers == 0;
        let done = self
            .waiting
            .extract_if(.., |(until, _)| all || *until <= now);
        done.map(|(_, sender)| sender).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_still_runs_is_reported_once_a_second() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut calls = HandedOver::default();
        assert_eq!(calls.report_at(), None);
        calls.begin(1, vec![7, 5], start);
        calls.begin(0, vec![3], at(500));
        assert_eq!(calls.due(at(999)), []);
        assert_eq!(calls.due(at(1_000)), [(0, vec![3]), (1, vec![5, 7])]);
        assert!(calls.end(1, 5) && calls.end(0, 3));
        assert_eq!(calls.report_at(), Some(at(2_000)));
        assert_eq!(calls.due(at(2_100)), [(1, vec![7])]);
        assert!(calls.end(1, 7) && !calls.end(1, 7));
        assert_eq!(calls.report_at(), None);
    }

    #[test]
    fn who_waits_is_told_when_the_last_end_is_reported() {
        let mut calls = HandedOver::default();
        let now = Instant::now();
        calls.begin(0, vec![1], now);
        let later = now + Duration::from_secs(1);
        let (mut waits, mut gives_up) = (calls.wait(later + REPORT_INTERVAL), calls.wait(later));
        assert!(calls.done(1, now).is_empty());
        calls.end(0, 1);
        calls.reporting();
        assert_eq!(
            (calls.done(0, now).len(), calls.waits_until()),
            (0, Some(later))
        );
        drop(calls.done(0, later));
        assert_eq!(
            gives_up.try_recv(),
            Err(oneshot::error::TryRecvError::Closed)
        );
        assert_eq!(waits.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        calls.reported();
        assert!(calls.done(1, later).is_empty(), "a handler runs");
        drop(calls.done(0, later));
        assert_eq!(waits.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
