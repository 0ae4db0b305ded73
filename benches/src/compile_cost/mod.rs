//! `compile-cost`: what a method of a service costs to compile, beside tarpc's.

mod expansion;
mod figures;
mod sources;
mod workshop;

use std::path::PathBuf;

use serde::Serialize;

use self::expansion::Expansion;
use self::figures::{Figures, Sample};
use self::workshop::Workshop;
use crate::measure::Outcome;
use crate::options::Options;
use crate::report;

/// A framework whose services are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Framework {
    KafkaRpc,
    Tarpc,
}

const FRAMEWORKS: [Framework; 2] = [Framework::KafkaRpc, Framework::Tarpc];

impl Framework {
    const fn name(self) -> &'static str {
        match self {
            Self::KafkaRpc => "kafka-rpc",
            Self::Tarpc => "tarpc",
        }
    }
}

#[derive(Debug, Serialize)]
struct Results {
    methods: usize,
    blocks: usize,
    /// The release of tarpc that was built.
    tarpc: String,
    figures: Vec<Figures>,
    expansion: Expansion,
}

pub(crate) fn run(mut options: Options) -> Outcome {
    let methods: usize = options.take("--methods", 100, 5)?;
    let blocks: usize = options.take("--blocks", 7, 1)?;
    let folder: String = options.take("--folder", String::new(), String::new())?;
    let json = options.finish()?;
    if methods < 2 || blocks == 0 {
        return Err("--methods has to be 2 or more, and --blocks 1 or more".into());
    }
    let folder = (!folder.is_empty()).then(|| PathBuf::from(folder));
    let workshop = Workshop::new(folder, methods)?;
    println!("building the dependencies, which isn't measured");
    workshop.warm_up(methods)?;

    let mut samples: Vec<[Sample; 2]> = Vec::new();
    for block in 0..blocks {
        let mut order = FRAMEWORKS;
        if block % 2 == 1 {
            order.reverse();
        }
        let mut pair = [Sample::default(); 2];
        for framework in order {
            let sample = workshop.times(framework, methods)?;
            println!(
                "  block {:>2}  {:<9}  release {:>6.1} ms ({:>6.1} ms of CPU), check {:>5.2} ms a method",
                block + 1,
                framework.name(),
                sample.build_ms,
                sample.build_cpu_ms,
                sample.check_ms,
            );
            pair[framework as usize] = sample;
        }
        samples.push(pair);
    }
    let results = Results {
        methods,
        blocks,
        tarpc: workshop.version_of("tarpc")?,
        figures: figures::all(&samples, &workshop.sizes(methods)?),
        expansion: workshop.expansion()?,
    };
    results.print();
    report::write(json.as_deref(), "compile-cost", None, &results)
}

impl Results {
    fn print(&self) {
        println!(
            "\na method's part of a service of {}, which is what it adds to one of 1",
            self.methods
        );
        println!(
            "  {:<34}{:>12}{:>16}{:>10}",
            "",
            "kafka-rpc",
            format!("tarpc {}", self.tarpc),
            "ratio"
        );
        for figures in &self.figures {
            figures.print();
        }
        self.expansion.print();
    }
}
