//! Latencies of many calls in a histogram of fixed size.

use std::borrow::Borrow;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::measure::Outcome;

/// Longer ones count as this long; no call here waits longer.
const LONGEST: Duration = Duration::from_secs(60);
/// Three digits: a quantile is at most 0.1 % off.
const DIGITS: u8 = 3;

/// Counts latencies, in nanoseconds. Recording allocates nothing, whatever comes.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

/// Latencies as they travel between processes: each value that occurred, and how often.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Sparse(Vec<(u64, u64)>);

/// What results tell of latencies, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) calls: u64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p99_9_us: f64,
    pub(crate) max_us: f64,
}

impl Latencies {
    pub(crate) fn new() -> Outcome<Self> {
        let longest = u64::try_from(LONGEST.as_nanos())?;
        Ok(Self(Histogram::new_with_bounds(1, longest, DIGITS)?))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanoseconds);
    }

    pub(crate) fn calls(&self) -> u64 {
        self.0.len()
    }

    /// What another process has counted.
    pub(crate) fn from_sparse(sparse: &Sparse) -> Outcome<Self> {
        let mut latencies = Self::new()?;
        for &(value, count) in &sparse.0 {
            latencies.0.record_n(value, count)?;
        }
        Ok(latencies)
    }

    /// All latencies of several together.
    pub(crate) fn pool(several: impl IntoIterator<Item: Borrow<Self>>) -> Outcome<Self> {
        let mut pooled = Self::new()?;
        for one in several {
            pooled.0.add(&one.borrow().0)?;
        }
        Ok(pooled)
    }

    pub(crate) fn sparse(&self) -> Sparse {
        let recorded = self.0.iter_recorded();
        Sparse(
            recorded
                .map(|step| (step.value_iterated_to(), step.count_at_value()))
                .collect(),
        )
    }

    /// The latency that this share of the calls doesn't exceed, in microseconds.
    pub(crate) fn quantile_us(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1e3
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        Quantiles {
            calls: self.calls(),
            p50_us: self.quantile_us(0.5),
            p90_us: self.quantile_us(0.9),
            p99_us: self.quantile_us(0.99),
            p99_9_us: self.quantile_us(0.999),
            max_us: self.quantile_us(1.0),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(microseconds: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::new().unwrap();
        for one in microseconds {
            latencies.record(Duration::from_micros(one));
        }
        latencies
    }

    #[track_caller]
    fn is_about(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 2e-3, "{value}");
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let quantiles = of(1..=1000).quantiles();
        assert_eq!(quantiles.calls, 1000);
        is_about(quantiles.p50_us, 500.0);
        is_about(quantiles.p90_us, 900.0);
        is_about(quantiles.p99_us, 990.0);
        is_about(quantiles.p99_9_us, 999.0);
        is_about(quantiles.max_us, 1000.0);
    }

    #[test]
    fn what_two_processes_counted_is_pooled_without_loss() {
        let (low, high) = (of([10, 20, 20, 30]), of([20, 50_000, 70_000_000]));
        let told = [low, high].map(|one| Latencies::from_sparse(&one.sparse()).unwrap());
        let pooled = Latencies::pool(&told).unwrap();
        assert_eq!(pooled.calls(), 7);
        is_about(pooled.quantile_us(0.5), 20.0);
        is_about(pooled.quantile_us(1.0), 60e6);
    }
}
