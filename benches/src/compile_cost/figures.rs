//! What was measured, as figures a method.

use serde::Serialize;

use crate::statistics::{Estimate, bootstrap, median};

/// What one block says of one framework, a method.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    pub(super) build_ms: f64,
    pub(super) build_cpu_ms: f64,
    pub(super) check_ms: f64,
}

/// What doesn't depend on the machine's mood, a method.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    pub(super) binary_bytes: f64,
    pub(super) ir_lines: f64,
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    what: &'static str,
    unit: &'static str,
    kafka_rpc: f64,
    tarpc: f64,
    /// The first over the second; for times the median of the ratios within a block.
    ratio: Estimate,
}

pub(super) fn all(samples: &[[Sample; 2]], sizes: &[Sizes; 2]) -> Vec<Figures> {
    let timed = |what, figure: fn(&Sample) -> f64| {
        let of = |side: usize| -> Vec<f64> {
            let side = samples.iter().map(|pair| figure(&pair[side]));
            side.collect()
        };
        let (ours, theirs) = (of(0), of(1));
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
        Figures {
            what,
            unit: "ms",
            kafka_rpc: median(&ours),
            tarpc: median(&theirs),
            ratio: bootstrap(&ratios),
        }
    };
    let counted = |what, unit, figure: fn(&Sizes) -> f64| {
        let [ours, theirs] = [figure(&sizes[0]), figure(&sizes[1])];
        Figures {
            what,
            unit,
            kafka_rpc: ours,
            tarpc: theirs,
            ratio: bootstrap(&[ours / theirs]),
        }
    };
    vec![
        timed("release build", |it| it.build_ms),
        timed("release build, CPU time", |it| it.build_cpu_ms),
        timed("cargo check", |it| it.check_ms),
        counted("stripped binary", "bytes", |it| it.binary_bytes),
        counted("LLVM IR", "lines", |it| it.ir_lines),
    ]
}

impl Figures {
    pub(super) fn print(&self) {
        let name = format!("{}, {}", self.what, self.unit);
        print!(
            "  {name:<34}{:>12.1}{:>16.1}{:>10.2}",
            self.kafka_rpc, self.tarpc, self.ratio.median
        );
        if self.ratio.low < self.ratio.high {
            print!("   95 %: {:.2} to {:.2}", self.ratio.low, self.ratio.high);
        }
        println!();
    }
}
