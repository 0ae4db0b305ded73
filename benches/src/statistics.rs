//! Medians, and how far they can be trusted.

use serde::Serialize;

const RESAMPLES: usize = 10_000;

/// A median, or another figure, and the middle 95 % of what its resamples give.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Estimate {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// The percentile bootstrap of the median. The same values give the same interval.
pub(crate) fn bootstrap(values: &[f64]) -> Estimate {
    resampled(values.len(), RESAMPLES, |chosen| {
        let sample: Vec<f64> = chosen.iter().map(|&index| values[index]).collect();
        median(&sample)
    })
}

/// The percentile bootstrap of any figure that is drawn from the observations with these indices.
pub(crate) fn resampled(
    observations: usize,
    resamples: usize,
    mut figure: impl FnMut(&[usize]) -> f64,
) -> Estimate {
    let mut random = fastrand::Rng::with_seed(1);
    let all: Vec<usize> = (0..observations).collect();
    let mut figures: Vec<f64> = (0..resamples)
        .map(|_| {
            let chosen: Vec<usize> = all.iter().map(|_| random.usize(..observations)).collect();
            figure(&chosen)
        })
        .collect();
    figures.sort_unstable_by(f64::total_cmp);
    Estimate {
        median: figure(&all),
        low: figures[resamples * 25 / 1_000],
        high: figures[resamples * 975 / 1_000],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn an_interval_holds_its_median_and_narrows_to_it() {
        let wide = bootstrap(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(wide.median, 3.0);
        assert!(wide.low < 3.0 && 3.0 < wide.high);
        let sure = bootstrap(&[1.5; 5]);
        assert_eq!((sure.low, sure.median, sure.high), (1.5, 1.5, 1.5));
    }
}
