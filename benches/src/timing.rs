//! How long a short piece of work takes.

use std::time::{Duration, Instant};

use crate::statistics::{Estimate, bootstrap};

/// The nanoseconds of one run, over samples that each run the work for about so long.
pub(crate) fn nanoseconds(samples: usize, sample: Duration, mut work: impl FnMut()) -> Estimate {
    let mut time = |runs: u32| {
        let start = Instant::now();
        for _ in 0..runs {
            work();
        }
        start.elapsed()
    };
    // Doubling also warms up, for as long as a sample takes.
    let mut runs = 1;
    while time(runs) < sample && runs < u32::MAX / 2 {
        runs *= 2;
    }
    let values: Vec<f64> = (0..samples)
        .map(|_| time(runs).as_secs_f64() * 1e9 / f64::from(runs))
        .collect();
    bootstrap(&values)
}
