//! Tells how old a command is: by this server's own clock where the caller knows it, and else as if the
//! clocks agreed.
//!
//! Nothing is remembered of any caller. So no stall, no step of a clock and no record with a false name
//! changes how another command is judged.

use std::time::Duration;

use super::server_clock::Reading;
use crate::wire::Sent;

/// A larger error says nothing: the command would run too long after its deadline.
pub(crate) const MAX_ERROR_MS: u64 = 500;

/// How old a command is, as far as that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// It is at least so old, for certain, and not more than a second older.
    Known(Duration),
    /// It seems so old, if two clocks agree.
    Presumed(Duration),
    /// It was sent so much later than now, so that the clocks don't agree.
    Ahead(Duration),
}

impl Age {
    /// How long a command of this age may still take; `None` if it isn't to be run.
    pub(crate) fn left(self, budget: Duration, allowance: Duration) -> Option<Duration> {
        let (age, allowance) = match self {
            Self::Known(age) => (age, Duration::ZERO),
            Self::Presumed(age) => (age, allowance),
            Self::Ahead(_) => return None,
        };
        let some = |left: &Duration| !left.is_zero();
        // The allowance is for clocks that differ. It isn't the handler's, unless the command seems to
        // be older than it can be.
        let within = |limit: Duration| limit.checked_sub(age).filter(some);
        within(budget).or_else(|| within(budget + allowance))
    }
}

/// The age of a command that is read now. `allowance` is by how much clocks may differ and still agree.
pub(crate) fn of(sent: Option<Sent>, timestamp_ms: i64, now: Reading, allowance: Duration) -> Age {
    let told = sent.filter(|sent| sent.clock != 0 && sent.error_ms <= MAX_ERROR_MS);
    let Some(sent) = told else {
        if timestamp_ms <= 0 {
            // The record has no timestamp, and so nothing tells its age.
            return Age::Presumed(Duration::ZERO);
        }
        return presumed(now.ms(), timestamp_ms, 0, allowance);
    };
    let at_ms = i64::try_from(sent.at_ms).unwrap_or(i64::MAX);
    let error_ms = sent.error_ms.cast_signed();
    // Where the partition has changed hands, the clocks of two servers are more likely to agree than
    // those of a server and a caller.
    match presumed(now.ms(), at_ms, error_ms, allowance) {
        Age::Presumed(age) if sent.clock == now.clock => Age::Known(age),
        other => other,
    }
}

/// The age of what was sent at `at_ms`, or by the error earlier or later.
fn presumed(now_ms: i64, at_ms: i64, error_ms: i64, allowance: Duration) -> Age {
    let least = now_ms.saturating_sub(at_ms).saturating_sub(error_ms);
    if let Ok(age) = u64::try_from(least) {
        return Age::Presumed(Duration::from_millis(age));
    }
    let ahead = at_ms.saturating_sub(error_ms).saturating_sub(now_ms);
    let ahead = Duration::from_millis(u64::try_from(ahead).unwrap_or(0));
    if ahead > allowance {
        Age::Ahead(ahead)
    } else {
        Age::Presumed(Duration::ZERO)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::limits::MAX_BUDGET_MS;

    const ALLOWANCE: Duration = Duration::from_secs(1);

    /// The words of PROTOCOL.md, from vectors that no code of this project has written.
    #[test]
    fn the_vectors_are_judged_as_they_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/wire.txt");
        let file = std::fs::read_to_string(path).unwrap();
        let mut judged = 0;
        for block in file
            .split("\n\n")
            .filter(|block| block.starts_with("judged:"))
        {
            let fields: HashMap<&str, &str> = block
                .lines()
                .map(|line| line.split_once(": ").unwrap())
                .collect();
            let number = |name| fields[name].parse::<u64>().unwrap();
            let sent = (fields["sent"] != "nil").then(|| {
                let mut numbers = fields["sent"].split(' ').map(|one| one.parse().unwrap());
                let mut next = || numbers.next().unwrap();
                Sent {
                    at_ms: next(),
                    error_ms: next(),
                    clock: next(),
                }
            });
            let now = Reading {
                clock: number("clock"),
                us: number("now_ms").cast_signed() * 1_000,
            };
            let timestamp_ms = number("timestamp_ms").cast_signed();
            let age = of(sent, timestamp_ms, now, ALLOWANCE);
            let budget = Duration::from_millis(number("budget_ms").min(MAX_BUDGET_MS.into()));
            let verdict = match (age.left(budget, ALLOWANCE), age) {
                (Some(left), _) => format!("runs {}", left.as_millis()),
                (None, Age::Ahead(_)) => "ahead".to_owned(),
                (None, _) => "expired".to_owned(),
            };
            assert_eq!(verdict, fields["verdict"], "{}", fields["judged"]);
            judged += 1;
        }
        assert!(judged >= 19, "only {judged}");
    }

    proptest! {
        /// Of a caller that knows the clock as well as it says: nothing with time left is dropped, and
        /// nothing begins more than a second after its deadline, whatever the timestamp says.
        #[test]
        fn what_is_known_decides(
            timestamp_ms in any::<i64>(),
            sent_ms in 0..4_000_000_000_000_i64,
            waited_ms in 0..4_000_000_i64,
            error_ms in 0..=500_i64,
            off_by in -1.0..=1.0_f64,
            budget_ms in 1..3_600_000_i64,
        ) {
            let off_ms = (off_by * error_ms as f64) as i64;
            let sent = Sent {
                at_ms: (sent_ms + off_ms).max(0).cast_unsigned(),
                error_ms: error_ms.cast_unsigned(),
                clock: 7,
            };
            let now = Reading { clock: 7, us: (sent_ms + waited_ms) * 1_000 };
            let age = of(Some(sent), timestamp_ms, now, ALLOWANCE);
            let budget = Duration::from_millis(budget_ms.cast_unsigned());
            let left = age.left(budget, ALLOWANCE);
            prop_assert!(waited_ms >= budget_ms || left.is_some(), "{age:?}");
            prop_assert!(waited_ms <= budget_ms + 1_000 || left.is_none(), "{age:?}");
            if let Some(left) = left {
                let truly = budget.saturating_sub(Duration::from_millis(waited_ms.cast_unsigned()));
                prop_assert!(left >= truly && left <= truly + ALLOWANCE);
            }
        }

        #[test]
        fn no_numbers_are_too_large(
            sent in prop::option::of(any::<(u64, u64, u64)>()),
            timestamp_ms in any::<i64>(),
            us in any::<i64>(),
        ) {
            let sent = sent.map(|(at_ms, error_ms, clock)| Sent { at_ms, error_ms, clock });
            let budget = Duration::from_millis(MAX_BUDGET_MS.into());
            of(sent, timestamp_ms, Reading { clock: 7, us }, ALLOWANCE).left(budget, ALLOWANCE);
        }
    }
}
