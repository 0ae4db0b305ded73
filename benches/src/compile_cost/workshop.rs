//! A workspace outside the project, in which services are built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use kafka_rpc_tests::run::temp_dir;
use tempfile::TempDir;

use super::expansion::{self, Expansion};
use super::figures::{Sample, Sizes};
use super::{FRAMEWORKS, Framework, sources};
use crate::cpu;
use crate::measure::Outcome;

const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const WORKSPACE: &str = "[workspace]
resolver = \"3\"
members = [MEMBERS]

[profile.release]
strip = true
";

const OURS: &str = "kafka-rpc = { path = \"PROJECT/kafka-rpc\" }
tokio = { version = \"1\", features = [\"macros\", \"rt\"] }
";

const THEIRS: &str = "futures = \"0.3\"
tarpc = { version = \"0.38\", features = [\"tokio1\"] }
tokio = { version = \"1\", features = [\"macros\", \"rt\"] }
";

/// How `cargo llvm-lines` has IR written: of this crate alone, and before it is optimized.
const IR: [&str; 3] = [
    "-Ccodegen-units=1",
    "-Cno-prepopulate-passes",
    "-Cpasses=name-anon-globals",
];

pub(super) struct Workshop {
    folder: PathBuf,
    /// Removes the folder, unless the user asked to keep it.
    _passing: Option<TempDir>,
}

impl Workshop {
    /// A crate for each framework with one method, with so many, and one that times `expand`.
    pub(super) fn new(kept: Option<PathBuf>, methods: usize) -> Outcome<Self> {
        let (folder, passing) = match kept {
            Some(folder) => (folder, None),
            None => {
                let passing = temp_dir("compile-cost")?;
                (passing.path().to_owned(), Some(passing))
            }
        };
        let workshop = Self {
            folder,
            _passing: passing,
        };
        let mut members = vec!["\"expansion\"".to_owned()];
        for framework in FRAMEWORKS {
            for methods in [1, methods] {
                let name = name(framework, methods);
                let dependencies = match framework {
                    Framework::KafkaRpc => OURS,
                    Framework::Tarpc => THEIRS,
                };
                workshop.package(&name, dependencies)?;
                workshop.source(framework, methods)?;
                members.push(format!("\"{name}\""));
            }
        }
        workshop.package("expansion", expansion::DEPENDENCIES)?;
        expansion::write(Path::new(PROJECT), &workshop.folder.join("expansion"))?;
        let members = members.join(", ");
        workshop.write("Cargo.toml", &WORKSPACE.replace("MEMBERS", &members))?;
        // The same versions as ours, where both have a dependency.
        let lock = fs::read_to_string(Path::new(PROJECT).join("Cargo.lock"))?;
        if !workshop.folder.join("Cargo.lock").exists() {
            workshop.write("Cargo.lock", &lock)?;
        }
        Ok(workshop)
    }

    fn package(&self, name: &str, dependencies: &str) -> Outcome {
        let dependencies = dependencies.replace("PROJECT", PROJECT);
        self.write(
            &format!("{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                 [dependencies]\n{dependencies}"
            ),
        )
    }

    /// Writes a program anew, so that it has to be built again.
    fn source(&self, framework: Framework, methods: usize) -> Outcome {
        let name = name(framework, methods);
        let program = sources::program(framework, methods);
        self.write(&format!("{name}/src/main.rs"), &program)
    }

    fn write(&self, path: &str, text: &str) -> Outcome {
        let path = self.folder.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(path, text)?)
    }

    /// Builds everything once, and runs it: what is compared does work.
    pub(super) fn warm_up(&self, methods: usize) -> Outcome {
        self.cargo(&["build", "--release", "--package", "expansion"])?;
        for framework in FRAMEWORKS {
            for methods in [1, methods] {
                // Each by itself, since dependencies have the features that the built packages want.
                let package = name(framework, methods);
                self.cargo(&["build", "--release", "--package", &package])?;
                self.cargo(&["check", "--package", &package])?;
                let program = self.binary(&package);
                let sum = output(Command::new(&program))?;
                let expected = methods * (methods - 1) / 2;
                if sum.trim() != expected.to_string() {
                    return Err(format!("{} said {sum:?}", program.display()).into());
                }
            }
        }
        Ok(())
    }

    /// What a method adds to the time of a build and of a check.
    pub(super) fn times(&self, framework: Framework, methods: usize) -> Outcome<Sample> {
        let time = |methods| -> Outcome<Sample> {
            let package = name(framework, methods);
            self.source(framework, methods)?;
            let (build_ms, build_cpu_ms) =
                self.timed(&["build", "--release", "--package", &package])?;
            self.source(framework, methods)?;
            let (check_ms, _) = self.timed(&["check", "--package", &package])?;
            Ok(Sample {
                build_ms,
                build_cpu_ms,
                check_ms,
            })
        };
        let (one, many) = (time(1)?, time(methods)?);
        let each = |many: f64, one: f64| (many - one) / (methods - 1) as f64;
        Ok(Sample {
            build_ms: each(many.build_ms, one.build_ms),
            build_cpu_ms: each(many.build_cpu_ms, one.build_cpu_ms),
            check_ms: each(many.check_ms, one.check_ms),
        })
    }

    /// What a method adds to the binary and to the IR, for each framework.
    pub(super) fn sizes(&self, methods: usize) -> Outcome<[Sizes; 2]> {
        let mut sizes = [Sizes::default(); 2];
        for framework in FRAMEWORKS {
            let count = |methods| -> Outcome<[f64; 2]> {
                let package = name(framework, methods);
                let binary = fs::metadata(self.binary(&package))?.len();
                Ok([binary as f64, self.ir_lines(&package)? as f64])
            };
            let (one, many) = (count(1)?, count(methods)?);
            let each = |at: usize| (many[at] - one[at]) / (methods - 1) as f64;
            sizes[framework as usize] = Sizes {
                binary_bytes: each(0),
                ir_lines: each(1),
            };
        }
        Ok(sizes)
    }

    /// The instructions in the crate's IR, counted as `cargo llvm-lines` counts them.
    fn ir_lines(&self, package: &str) -> Outcome<usize> {
        let file = self.folder.join(package).join("program.ll");
        let emit = format!("--emit=llvm-ir={}", file.display());
        let mut arguments = vec!["rustc", "--release", "--package", package, "--", &emit];
        arguments.extend(IR);
        self.cargo(&arguments)?;
        let text = fs::read_to_string(file)?;
        let mut within = false;
        let instructions = text.lines().filter(|line| {
            match (line.starts_with("define "), *line) {
                (true, _) => within = true,
                (false, "}") => within = false,
                _ => {}
            }
            within && line.starts_with("  ") && !line.starts_with("   ")
        });
        Ok(instructions.count())
    }

    pub(super) fn expansion(&self) -> Outcome<Expansion> {
        // So that it looks for kafka-rpc where a service would be.
        let package = self.folder.join(name(Framework::KafkaRpc, 1));
        let mut program = Command::new(self.binary("expansion"));
        program.env("CARGO_MANIFEST_DIR", package);
        Expansion::read(&output(program)?)
    }

    /// The version of a dependency that was chosen.
    pub(super) fn version_of(&self, package: &str) -> Outcome<String> {
        let said = self.cargo(&["pkgid", package])?;
        let version = said.trim().rsplit(['@', '#']).next();
        Ok(version.unwrap_or_default().to_owned())
    }

    fn binary(&self, package: &str) -> PathBuf {
        self.folder.join("target/release").join(package)
    }

    /// Runs cargo; wall and CPU time in ms.
    fn timed(&self, arguments: &[&str]) -> Outcome<(f64, f64)> {
        let (began, cpu) = (Instant::now(), cpu::time_of_children_us());
        self.cargo(arguments)?;
        let took = began.elapsed().as_secs_f64() * 1e3;
        Ok((took, (cpu::time_of_children_us() - cpu) / 1e3))
    }

    fn cargo(&self, arguments: &[&str]) -> Outcome<String> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("RUSTFLAGS")
            .args(arguments);
        output(cargo)
    }
}

fn name(framework: Framework, methods: usize) -> String {
    format!("{}-{methods}", framework.name())
}

/// What a program prints; its errors go where ours do if it fails.
fn output(mut command: Command) -> Outcome<String> {
    let output = command.output()?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(format!("{command:?} failed").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
