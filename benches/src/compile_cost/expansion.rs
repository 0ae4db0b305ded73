//! How long the macro itself takes, as a function on token streams and outside of the compiler.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::measure::Outcome;

pub(super) const DEPENDENCIES: &str = "proc-macro-crate = \"3.5\"
proc-macro2 = \"1.0\"
quote = \"1.0\"
syn = { version = \"3.0\", features = [\"full\"] }
";

/// The program's end: it prints a number of methods and the median time in µs, a line each.
const MAIN: &str = r#"
extern crate proc_macro;

fn main() {
    for methods in [1, 100, 500, 1000] {
        let methods_of = |n| format!("async fn method_{n}(&self, a: u32, b: String) -> Vec<u64>;");
        let source: String = (0..methods).map(methods_of).collect();
        let source = format!("pub trait Many {{ {source} }}");
        let mut times: Vec<_> = (0..15)
            .map(|_| {
                let item = source.parse().expect("it is tokens");
                let began = std::time::Instant::now();
                let expanded = expand::expand(proc_macro2::TokenStream::new(), item);
                let took = began.elapsed();
                drop(expanded);
                took
            })
            .collect();
        times.sort_unstable();
        println!("{methods} {}", times[times.len() / 2].as_micros());
    }
}
"#;

/// The macro's sources with a `main` instead of the attribute, which no program can call.
pub(super) fn write(project: &Path, package: &Path) -> Outcome {
    let from = project.join("kafka-rpc-macros/src");
    let to = package.join("src");
    copy(&from, &to)?;
    let lib = to.join("lib.rs");
    let mut main: String = fs::read_to_string(&lib)?
        .lines()
        .filter(|line| line.starts_with("mod "))
        .flat_map(|line| [line, "\n"])
        .collect();
    main.push_str(MAIN);
    fs::remove_file(lib)?;
    Ok(fs::write(to.join("main.rs"), main)?)
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// The time of one expansion, by the number of methods.
#[derive(Debug, Serialize)]
pub(super) struct Expansion(Vec<Row>);

#[derive(Debug, Serialize)]
struct Row {
    methods: u32,
    ms: f64,
}

impl Expansion {
    pub(super) fn read(said: &str) -> Outcome<Self> {
        let row = |line: &str| -> Outcome<Row> {
            let (methods, us) = line.split_once(' ').ok_or("it printed no times")?;
            Ok(Row {
                methods: methods.parse()?,
                ms: us.parse::<f64>()? / 1e3,
            })
        };
        said.lines().map(row).collect::<Outcome<_>>().map(Self)
    }

    pub(super) fn print(&self) {
        println!("\nexpanding a service, release profile, outside of the compiler");
        for row in &self.0 {
            println!("  {:>5} methods{:>10.2} ms", row.methods, row.ms);
        }
    }
}
