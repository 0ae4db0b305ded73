//! The stages of a call that is timed.

use std::time::{Duration, Instant};

use crate::client::metadata::Times;
use crate::wire::StageTimes;

/// What is noted of a timed call until it ends. Calls that aren't timed have none of it, and cost
/// no reading of a clock beyond those for the deadline and the timestamp.
#[derive(Clone, Debug, Default)]
pub(in crate::client) struct Timing {
    /// Whether the caller asks for it, and not only the statistics.
    pub(in crate::client) asked: bool,
    /// Encoding the arguments.
    pub(in crate::client) arguments: Duration,
    /// Encoding the command around them.
    pub(in crate::client) command: Duration,
    /// When the producer had the command, by the transport's clock.
    pub(in crate::client) handed: Option<Instant>,
    /// The same by the wall clock, in microseconds since the Unix epoch.
    pub(in crate::client) handed_wall_us: i64,
    /// When it was answered, once it is.
    pub(in crate::client) moments: Option<Moments>,
    /// Decoding the reply around the answer.
    pub(in crate::client) reply: Duration,
}

/// When a call ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Moments {
    pub(in crate::client) started: Instant,
    /// When the command was known to be in the log, if it was.
    pub(in crate::client) acknowledged: Option<Instant>,
    /// When the listener had the reply.
    pub(in crate::client) arrived: Instant,
    /// When the caller found it.
    pub(in crate::client) found: Instant,
}

impl Timing {
    /// The stages of a call, but for the decoding.
    pub(in crate::client) fn times(&self, moments: Moments, server: Option<StageTimes>) -> Times {
        let Moments {
            started,
            acknowledged,
            arrived,
            found,
        } = moments;
        let handed = self.handed.unwrap_or(started);
        let since = |later: Instant, earlier| later.saturating_duration_since(earlier);
        let mut times = Times {
            encode: self.arguments + self.command,
            hand_over: since(handed, started).saturating_sub(self.command),
            acknowledged: acknowledged.map(|at| since(at, handed)),
            wake: since(found, arrived),
            round_trip: since(arrived, started),
            ..Times::default()
        };
        if let Some(server) = server {
            times.queued = Duration::from_micros(server.queued_us);
            times.handler = Duration::from_micros(server.handler_us);
            let served = times.queued.saturating_add(times.handler);
            // Both ways together, by this machine's monotonic clock. Where the wall clocks differ by
            // more than that, the way there takes all or nothing of it.
            let travelled = since(arrived, handed).saturating_sub(served);
            times.outbound = self.handed.and(server.read_at_us).map(|at| {
                let handed = u64::try_from(self.handed_wall_us).unwrap_or(0);
                Duration::from_micros(at.saturating_sub(handed)).min(travelled)
            });
            times.inbound = times.outbound.map(|outbound| travelled - outbound);
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn times(read_at_us: Option<u64>) -> Times {
        let started = Instant::now();
        let timing = Timing {
            asked: true,
            arguments: ms(1),
            command: ms(2),
            handed: Some(started + ms(5)),
            handed_wall_us: 1_000_000,
            ..Timing::default()
        };
        let moments = Moments {
            started,
            acknowledged: Some(started + ms(8)),
            arrived: started + ms(40),
            found: started + ms(41),
        };
        let server = StageTimes {
            queued_us: 4_000,
            handler_us: 11_000,
            read_at_us,
            clock: None,
        };
        timing.times(moments, Some(server))
    }

    #[test]
    fn the_stages_follow_on_each_other() {
        let times = times(Some(1_006_000));
        assert_eq!((times.encode, times.hand_over), (ms(3), ms(3)));
        assert_eq!(times.acknowledged, Some(ms(3)));
        assert_eq!((times.queued, times.handler), (ms(4), ms(11)));
        assert_eq!((times.outbound, times.inbound), (Some(ms(6)), Some(ms(14))));
        assert_eq!((times.wake, times.round_trip), (ms(1), ms(40)));
    }

    #[test]
    fn clocks_that_differ_change_the_ways_but_not_their_sum() {
        for (read_at_us, outbound) in [(0, 0), (990_000, 0), (1_013_000, 13), (u64::MAX, 20)] {
            let times = times(Some(read_at_us));
            assert_eq!(times.outbound, Some(ms(outbound)));
            assert_eq!(times.inbound, Some(ms(20 - outbound)));
        }
    }

    #[test]
    fn a_server_that_does_not_tell_leaves_the_ways_open() {
        let times = times(None);
        assert_eq!((times.outbound, times.inbound), (None, None));
        assert_eq!(times.handler, ms(11));
    }
}
