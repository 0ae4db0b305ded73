//! Contestants that are other frameworks' programs: built from `peers/` into the target folder.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::Outcome;

/// How to start a peer: command lines, to which the plan's options are appended.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) server: Vec<String>,
    pub(crate) client: Vec<String>,
    /// Starts a broker of its own, for a peer that doesn't talk to Kafka; and where that will be.
    pub(crate) broker: Option<Vec<String>>,
    pub(crate) address: Option<String>,
}

/// Builds a peer; the inner error is why it is skipped.
pub(crate) fn prepare(name: &str) -> Outcome<Result<Peer, String>> {
    type Build = fn(&Folders) -> Outcome<Peer>;
    let (tools, build): (&[Tool], Build) = match name {
        "franz-go" => (&[GO], franz_go),
        "spring" => (&[JAVA, MAVEN], spring),
        "nats" => (&[GO, CARGO], nats),
        _ => return Err(format!("there is no contestant `{name}`").into()),
    };
    if let Some(reason) = tools.iter().find_map(Tool::lack) {
        return Ok(Err(reason));
    }
    let folders = Folders::of(name)?;
    build(&folders).map(Ok)
}

/// Where a peer's source is, and where it is built.
struct Folders {
    source: PathBuf,
    built: PathBuf,
}

impl Folders {
    fn of(name: &str) -> Outcome<Self> {
        // This program is in `target/<profile>`.
        let program = std::env::current_exe()?;
        let target = program.ancestors().nth(2).ok_or("no target folder")?;
        let built = target.join("peers").join(name);
        fs::create_dir_all(&built)?;
        Ok(Self {
            source: Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("peers")
                .join(name),
            built,
        })
    }

    /// Something that was built, as a word of a command line.
    fn built(&self, path: &str) -> Outcome<String> {
        text(self.built.join(path))
    }
}

fn franz_go(folders: &Folders) -> Outcome<Peer> {
    let program = folders.built("peer")?;
    go_build(folders, &program, ".")?;
    Ok(Peer {
        server: words(&[&program, "server"]),
        client: words(&[&program, "client"]),
        broker: None,
        address: None,
    })
}

fn spring(folders: &Folders) -> Outcome<Peer> {
    run(Command::new("mvn")
        .current_dir(&folders.source)
        .args(["--quiet", "--batch-mode", "compile"])
        .arg(format!("-Dpeer.target={}", folders.built("")?)))?;
    let class_path = format!("{}:{}", folders.built("classes")?, folders.built("lib/*")?);
    let java = |class| words(&["java", "-Xms512m", "-Xmx1g", "-cp", &class_path, class]);
    Ok(Peer {
        server: java("peer.Server"),
        client: java("peer.Client"),
        broker: None,
        address: None,
    })
}

fn nats(folders: &Folders) -> Outcome<Peer> {
    let server = folders.built("nats-server")?;
    go_build(folders, &server, "github.com/nats-io/nats-server/v2")?;
    run(Command::new(CARGO.program)
        .current_dir(&folders.source)
        .args(["build", "--quiet", "--release", "--locked", "--target-dir"])
        .arg(&folders.built))?;
    let program = folders.built("release/kafka-rpc-peer-nats")?;
    let port = free_port().to_string();
    Ok(Peer {
        server: words(&[&program, "server"]),
        client: words(&[&program, "client"]),
        broker: Some(words(&[&server, "--addr", "127.0.0.1", "--port", &port])),
        address: Some(format!("127.0.0.1:{port}")),
    })
}

fn go_build(folders: &Folders, program: &str, package: &str) -> Outcome {
    run(Command::new("go")
        .current_dir(&folders.source)
        // Its stamp of the repository needs git, and would be built anew with every commit.
        .args(["build", "-buildvcs=false", "-o", program, package]))
}

/// Runs a command to its end; an error holds what it printed.
fn run(command: &mut Command) -> Outcome {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let program = command.get_program().display();
    Err(format!("{program} failed, {}:\n{printed}", output.status).into())
}

/// A program that a peer is built or run with.
struct Tool {
    program: &'static str,
    /// Makes it tell its version.
    question: &'static str,
    /// What stands before the version in its answer.
    before: &'static str,
    oldest: (u32, u32),
}

/// What the modules of both peers demand; an older one would look for a newer one to download.
const GO: Tool = Tool {
    program: "go",
    question: "version",
    before: "go version go",
    oldest: (1, 26),
};

const JAVA: Tool = Tool {
    program: "java",
    question: "-version",
    before: "version \"",
    oldest: (17, 0),
};

const MAVEN: Tool = Tool {
    program: "mvn",
    question: "--version",
    before: "Apache Maven ",
    oldest: (3, 6),
};

/// The oldest with edition 2024's lock file, and of all that the peer depends on.
const CARGO: Tool = Tool {
    program: "cargo",
    question: "--version",
    before: "cargo ",
    oldest: (1, 89),
};

impl Tool {
    /// Why it can't be used, if so.
    fn lack(&self) -> Option<String> {
        let Self { program, .. } = self;
        let Ok(answer) = Command::new(program).arg(self.question).output() else {
            return Some(format!("{program} isn't installed"));
        };
        // Java answers on standard error.
        let answer = [answer.stdout, answer.stderr].concat();
        self.lack_by(&String::from_utf8_lossy(&answer))
    }

    /// The same, by what it answered.
    fn lack_by(&self, answer: &str) -> Option<String> {
        let Self {
            program, oldest, ..
        } = self;
        match version(answer, self.before) {
            Some(found) if found >= *oldest => None,
            Some((major, minor)) => Some(format!(
                "{program} is version {major}.{minor}, and {}.{} or newer is needed",
                oldest.0, oldest.1,
            )),
            None => Some(format!("{program} doesn't tell its version")),
        }
    }
}

/// The first two numbers of the version that follows a text.
fn version(answer: &str, before: &str) -> Option<(u32, u32)> {
    let (_, rest) = answer.split_once(before)?;
    let end = rest.find(|one: char| !one.is_ascii_digit() && one != '.');
    let mut numbers = rest[..end.unwrap_or(rest.len())].split('.');
    let major = numbers.next()?.parse().ok()?;
    // Java's first release of a year is `21` and no more.
    let minor = numbers.next().map_or(Ok(0), str::parse).ok()?;
    Some((major, minor))
}

/// A port that nobody listens on, from below the range that outgoing connections take theirs from.
fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().copied().map(str::to_owned).collect()
}

fn text(path: impl AsRef<OsStr>) -> Outcome<String> {
    let path = path.as_ref();
    let text = path.to_str();
    Ok(text
        .ok_or_else(|| format!("{} is no text", path.display()))?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_tools_say() {
        let maven = "\u{1b}[1mApache Maven 3.8.7\u{1b}[m\nMaven home: /usr/share/maven\n";
        for (tool, answer, expected) in [
            (GO, "go version go1.26.8 linux/amd64\n", Some((1, 26))),
            (
                JAVA,
                "Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"17.0.15\" 2025-04-15\n",
                Some((17, 0)),
            ),
            (JAVA, "openjdk version \"21\" 2023-09-19\n", Some((21, 0))),
            (MAVEN, maven, Some((3, 8))),
            (
                CARGO,
                "cargo 1.95.0-nightly (f2d3ce0bd 2026-03-21)\n",
                Some((1, 95)),
            ),
            (GO, "command not found", None),
            (GO, "go version go", None),
        ] {
            assert_eq!(version(answer, tool.before), expected, "{answer}");
        }
    }

    #[test]
    fn a_tool_that_is_too_old_is_a_reason_to_skip() {
        assert_eq!(GO.lack_by("go version go1.26.0 linux/amd64"), None);
        let reason = GO.lack_by("go version go1.9.7 linux/amd64");
        assert_eq!(
            reason.as_deref(),
            Some("go is version 1.9, and 1.26 or newer is needed")
        );
        let reason = JAVA.lack_by("");
        assert_eq!(reason.as_deref(), Some("java doesn't tell its version"));
    }

    #[test]
    fn a_tool_that_is_absent_is_a_reason_to_skip() {
        let absent = Tool {
            program: "kafka-rpc-no-such-program",
            ..GO
        };
        let reason = absent.lack();
        assert_eq!(
            reason.as_deref(),
            Some("kafka-rpc-no-such-program isn't installed")
        );
    }

    #[test]
    fn an_unknown_peer_is_an_error() {
        let error = prepare("no-such-peer").expect_err("there is none");
        assert!(error.to_string().contains("no-such-peer"), "{error}");
    }
}
