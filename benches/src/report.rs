//! The result file: what was measured, on which machine, with which versions, and when.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::measure::Outcome;

/// What every result file begins with.
#[derive(Debug, Serialize)]
struct Report<'a, T> {
    benchmark: &'a str,
    /// In UTC.
    date: String,
    command_line: String,
    machine: Machine,
    versions: Versions<'a>,
    results: &'a T,
}

#[derive(Debug, Serialize)]
struct Machine {
    cpu: String,
    cores: usize,
    memory_mib: u64,
    os: String,
    kernel: String,
}

#[derive(Debug, Serialize)]
struct Versions<'a> {
    kafka_rpc: &'a str,
    /// With `-dirty` if the work tree had changes.
    commit: String,
    rustc: String,
    librdkafka: String,
    /// `None` where no broker took part.
    kafka: Option<&'a str>,
}

/// Writes the file, if one is wanted.
pub(crate) fn write(
    path: Option<&Path>,
    benchmark: &str,
    kafka: Option<&str>,
    results: &impl Serialize,
) -> Outcome {
    let Some(path) = path else { return Ok(()) };
    let report = Report {
        benchmark,
        date: said_by("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
        command_line: command_line(),
        machine: Machine::this(),
        versions: Versions {
            kafka_rpc: env!("CARGO_PKG_VERSION"),
            commit: said_by("git", &["describe", "--always", "--dirty", "--abbrev=12"]),
            rustc: said_by("rustc", &["--version"]),
            librdkafka: rdkafka::util::get_rdkafka_version().1,
            kafka,
        },
        results,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut text = serde_json::to_string_pretty(&report)?;
    text.push('\n');
    std::fs::write(path, text)?;
    println!("\nwritten to {}", path.display());
    Ok(())
}

impl Machine {
    fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let memory_kib: u64 = field(&read("/proc/meminfo"), "MemTotal", ':')
            .and_then(|size| size.strip_suffix(" kB")?.parse().ok())
            .unwrap_or(0);
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: memory_kib / 1024,
            os: field(&read("/etc/os-release"), "PRETTY_NAME", '=').unwrap_or_else(unknown),
            kernel: said_by("uname", &["-sr"]),
        }
    }
}

/// The command as somebody would type it, without the path that this program happens to have.
fn command_line() -> String {
    let mut words = vec!["kafka-rpc-benches".to_owned()];
    words.extend(std::env::args().skip(1));
    words.join(" ")
}

/// The value of the first line that gives one to this name.
fn field(text: &str, name: &str, separator: char) -> Option<String> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(separator)?;
        (found.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// What a program prints, run in the project's folder.
fn said_by(program: &str, arguments: &[&str]) -> String {
    Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(unknown, |text| text.trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2:1\nmodel name\t: Other";
        let cpu = field(text, "model name", ':');
        assert_eq!(cpu.as_deref(), Some("Some CPU @ 2:1"));
        let os = field("ID=x\nPRETTY_NAME=\"A B\"", "PRETTY_NAME", '=');
        assert_eq!(os.as_deref(), Some("A B"));
        assert_eq!(field("", "model name", ':'), None);
    }
}
