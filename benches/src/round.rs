//! What the runs of one load showed: medians, pooled latencies, and ratios to the first contestant.

use serde::Serialize;

use crate::contest::Skipped;
use crate::latencies::{Latencies, Quantiles};
use crate::measure::{Figures, Outcome};
use crate::statistics::{Estimate, bootstrap, median, resampled};

/// Fewer than of medians: each adds up histograms.
const POOLED_RESAMPLES: usize = 1_000;

/// All runs of one load.
#[derive(Debug, Serialize)]
pub(crate) struct Round {
    contestants: Vec<Entry>,
    ratios: Vec<Ratios>,
    failed: Vec<Skipped>,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    median: Figures,
    /// Of the calls of all blocks, where the program tells its latencies.
    pooled: Option<Quantiles>,
    blocks: Vec<Figures>,
    #[serde(skip)]
    latencies: Option<Vec<Latencies>>,
}

/// A contestant against the first one: above 1 is slower, or for calls/s faster.
#[derive(Debug, Serialize)]
struct Ratios {
    name: String,
    against: String,
    p50: Estimate,
    p90: Estimate,
    p99: Estimate,
    calls_per_second: Estimate,
    cpu_per_call: Estimate,
    /// Over the calls of all blocks.
    pooled_p99: Option<Estimate>,
}

impl Round {
    /// Takes each contestant's runs, from the first block on, and who didn't come to the last.
    pub(crate) fn new(
        runs: impl IntoIterator<Item = (String, Vec<Figures>)>,
        failed: Vec<Skipped>,
    ) -> Outcome<Self> {
        let contestants: Vec<Entry> = runs
            .into_iter()
            .map(|(name, blocks)| Entry::new(name, blocks))
            .collect::<Outcome<_>>()?;
        let ratios = match contestants.split_first() {
            Some((first, others)) => others.iter().map(|one| Ratios::new(first, one)).collect(),
            None => Vec::new(),
        };
        Ok(Self {
            contestants,
            ratios,
            failed,
        })
    }

    /// Refuses a round in which somebody failed: without one of its sides it compares nothing.
    pub(crate) fn check(&self) -> Outcome {
        match self.failed.first() {
            Some(failed) => Err(format!("{} failed: {}", failed.name, failed.reason).into()),
            None => Ok(()),
        }
    }

    pub(crate) fn print(&self) {
        println!(
            "  {:<15}{:>10}{:>10}{:>10}{:>11}{:>16}{:>16}",
            "", "p50 µs", "p90 µs", "p99 µs", "calls/s", "client µs/call", "server µs/call",
        );
        for entry in &self.contestants {
            entry.print();
        }
        for ratios in &self.ratios {
            ratios.print();
        }
        for failed in &self.failed {
            println!("  {} failed: {}", failed.name, failed.reason);
        }
    }
}

impl Entry {
    fn new(name: String, mut blocks: Vec<Figures>) -> Outcome<Self> {
        let latencies: Option<Vec<Latencies>> = blocks
            .iter_mut()
            .map(|figures| Some(Latencies::from_sparse(&figures.latencies.take()?)))
            .map(Option::transpose)
            .collect::<Outcome<_>>()?;
        let pooled = latencies.as_ref().map(Latencies::pool).transpose()?;
        let of = |pick: fn(&Figures) -> f64| median(&column(&blocks, pick));
        Ok(Self {
            name,
            median: Figures {
                calls: of(|one| one.calls as f64) as u64,
                calls_per_second: of(|one| one.calls_per_second),
                p50_us: of(|one| one.p50_us),
                p90_us: of(|one| one.p90_us),
                p99_us: of(|one| one.p99_us),
                client_cpu_us_per_call: of(|one| one.client_cpu_us_per_call),
                server_cpu_us_per_call: of(|one| one.server_cpu_us_per_call),
                latencies: None,
            },
            pooled: pooled.as_ref().map(Latencies::quantiles),
            blocks,
            latencies,
        })
    }

    fn print(&self) {
        let median = &self.median;
        println!(
            "  {:<15}{:>10.0}{:>10.0}{:>10.0}{:>11.0}{:>16.1}{:>16.1}",
            self.name,
            median.p50_us,
            median.p90_us,
            median.p99_us,
            median.calls_per_second,
            median.client_cpu_us_per_call,
            median.server_cpu_us_per_call,
        );
        if let Some(pooled) = &self.pooled {
            println!(
                "  {:<15}{:>10.0}{:>10.0}{:>10.0}  all {} calls; p99.9 {:.0}, max {:.0}",
                "",
                pooled.p50_us,
                pooled.p90_us,
                pooled.p99_us,
                pooled.calls,
                pooled.p99_9_us,
                pooled.max_us,
            );
        }
    }
}

impl Ratios {
    fn new(first: &Entry, other: &Entry) -> Self {
        let of = |pick: fn(&Figures) -> f64| {
            let pairs = first.blocks.iter().zip(&other.blocks);
            let ratios: Vec<f64> = pairs.map(|(a, b)| pick(b) / pick(a)).collect();
            bootstrap(&ratios)
        };
        let pooled = first.latencies.as_deref().zip(other.latencies.as_deref());
        Self {
            name: other.name.clone(),
            against: first.name.clone(),
            p50: of(|one| one.p50_us),
            p90: of(|one| one.p90_us),
            p99: of(|one| one.p99_us),
            calls_per_second: of(|one| one.calls_per_second),
            cpu_per_call: of(Figures::cpu_us_per_call),
            pooled_p99: pooled.map(|(first, other)| pooled_p99(first, other)),
        }
    }

    fn print(&self) {
        let names = format!("{}/{}", self.name, self.against);
        let print = |what: &str, ratio: &Estimate| {
            println!(
                "  {names:<20} {what:<10}{:>7.3}  95 %: {:.3} to {:.3}",
                ratio.median, ratio.low, ratio.high,
            );
        };
        print("p50", &self.p50);
        print("p90", &self.p90);
        print("p99", &self.p99);
        print("calls/s", &self.calls_per_second);
        print("CPU/call", &self.cpu_per_call);
        if let Some(ratio) = &self.pooled_p99 {
            print("p99 (all)", ratio);
        }
    }
}

/// The ratio of the p99 over all calls; whole blocks are resampled, as their calls belong together.
fn pooled_p99(first: &[Latencies], other: &[Latencies]) -> Estimate {
    let blocks = first.len().min(other.len());
    resampled(blocks, POOLED_RESAMPLES, |chosen| {
        let p99 = |all: &[Latencies]| {
            let pooled = Latencies::pool(chosen.iter().map(|&index| &all[index]));
            pooled.map_or(f64::NAN, |pooled| pooled.quantile_us(0.99))
        };
        p99(other) / p99(first)
    })
}

fn column(figures: &[Figures], pick: impl Fn(&Figures) -> f64) -> Vec<f64> {
    figures.iter().map(pick).collect()
}
