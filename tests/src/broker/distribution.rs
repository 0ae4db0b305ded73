//! Apache Kafka's jars: fetched once from Maven Central, then kept in a cache.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Unavailable;

/// The version of Kafka that a [`Broker`](super::Broker) runs.
pub const VERSION: &str = "4.3.0";
const OLDEST_JAVA: u32 = 17;
/// Lists each jar with its size. It is written last, so a folder with it is complete.
const MARKER: &str = "complete";

/// Kafka's jars on this machine, and a Java that can run them.
#[derive(Clone, Debug)]
pub(super) struct Distribution {
    jars: PathBuf,
}

/// How much of the machine a Java process gets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Share {
    /// For a broker by itself.
    Usual,
    /// For one of several.
    Little,
}

impl Distribution {
    pub(super) fn locate() -> Result<Self, Unavailable> {
        check_java()?;
        let cache = cache_folder()?;
        let jars = cache.join(format!("kafka-{VERSION}"));
        if !is_complete(&jars) {
            // One process downloads, the others wait for it. The kernel frees the lock of a
            // process that dies.
            let lock = lock_file(&cache.join("download.lock"))
                .map_err(|error| cache_error(&cache, &error))?;
            if !is_complete(&jars) {
                download(&cache, &jars)?;
            }
            drop(lock);
        }
        Ok(Self { jars })
    }

    /// A command that runs a class of Kafka's, with a share of the machine.
    pub(super) fn java(&self, class: &str, share: Share) -> Command {
        let mut command = Command::new("java");
        command
            .args(match share {
                Share::Usual => ["-Xmx512m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"],
                // Several brokers that each compile themselves thoroughly leave nothing of a small
                // machine for anybody else.
                Share::Little => ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
            })
            .arg("-Xms256m")
            .arg("-Djava.awt.headless=true")
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .arg("-cp")
            .arg(self.jars.join("*"))
            .arg(class);
        command
    }
}

/// Opens a file for its lock alone and waits for that. It is never removed: a process could then
/// hold the lock of a file that the next one doesn't see.
pub(super) fn lock_file(path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    file.lock()?;
    Ok(file)
}

/// Where Kafka and the leases of shared brokers are kept: `$KAFKA_RPC_CACHE`, else `kafka-rpc` in
/// the user's cache folder.
///
/// # Errors
/// It can't be created.
pub fn cache_folder() -> Result<PathBuf, Unavailable> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = variable("KAFKA_RPC_CACHE")
        .map(PathBuf::from)
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| Path::new(&folder).join("kafka-rpc")))
        .or_else(|| variable("HOME").map(|folder| Path::new(&folder).join(".cache/kafka-rpc")))
        .unwrap_or_else(|| std::env::temp_dir().join("kafka-rpc-cache"));
    fs::create_dir_all(&folder).map_err(|error| cache_error(&folder, &error))?;
    Ok(folder)
}

fn cache_error(folder: &Path, error: &io::Error) -> Unavailable {
    Unavailable::new(format!(
        "the cache folder {}: {error} (KAFKA_RPC_CACHE names another one)",
        folder.display()
    ))
}

fn check_java() -> Result<(), Unavailable> {
    let need = format!("Java {OLDEST_JAVA} or newer");
    let answer = Command::new("java")
        .arg("-version")
        .output()
        .map_err(|error| Unavailable::new(format!("{need} is needed; `java`: {error}")))?;
    // It goes to standard error: `openjdk version "17.0.15" 2025-04-15`.
    let text = String::from_utf8_lossy(&answer.stderr);
    match java_version(&text) {
        Some(version) if version >= OLDEST_JAVA => Ok(()),
        _ => Err(Unavailable::new(format!(
            "{need} is needed, but `java -version` says: {}",
            text.lines().next().unwrap_or_default()
        ))),
    }
}

fn java_version(text: &str) -> Option<u32> {
    let version = text.split('"').nth(1)?;
    let digits = version.find(|c: char| !c.is_ascii_digit());
    version[..digits.unwrap_or(version.len())].parse().ok()
}

fn is_complete(jars: &Path) -> bool {
    let Ok(marker) = fs::read_to_string(jars.join(MARKER)) else {
        return false;
    };
    !marker.is_empty()
        && marker.lines().all(|line| {
            line.split_once(' ').is_some_and(|(size, name)| {
                fs::metadata(jars.join(name)).is_ok_and(|file| file.len().to_string() == size)
            })
        })
}

/// Downloads into a sibling and renames that, so that no reader ever sees a half-filled folder.
fn download(cache: &Path, jars: &Path) -> Result<(), Unavailable> {
    let folder = tempfile::Builder::new()
        .prefix("download-")
        .tempdir_in(cache)
        .map_err(|error| cache_error(cache, &error))?;
    let target = folder.path().join("jars");
    let project = folder.path().join("pom.xml");
    fs::write(&project, pom()).map_err(|error| cache_error(cache, &error))?;
    let maven = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies"])
        .arg("-DincludeScope=runtime")
        .arg(format!("-DoutputDirectory={}", target.display()))
        .arg("-f")
        .arg(&project)
        .output()
        .map_err(|error| {
            Unavailable::new(format!(
                "Maven is needed to fetch Kafka once; `mvn`: {error}"
            ))
        })?;
    if !maven.status.success() {
        let text = String::from_utf8_lossy(&maven.stdout);
        let line = text.lines().find(|line| line.contains("ERROR"));
        return Err(Unavailable::new(format!(
            "Maven can't fetch Kafka {VERSION}: {}",
            line.unwrap_or("it says nothing")
        )));
    }
    seal(&target)
        .and_then(|()| {
            // What is there is incomplete, or it would have been used.
            if jars.exists() {
                fs::remove_dir_all(jars)?;
            }
            fs::rename(&target, jars)
        })
        .map_err(|error| cache_error(cache, &error))
}

fn seal(folder: &Path) -> io::Result<()> {
    let mut marker = String::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        let size = file.metadata()?.len();
        marker += &format!("{size} {}\n", file.file_name().to_string_lossy());
    }
    fs::write(folder.join(MARKER), marker)
}

fn pom() -> String {
    let dependency = |group, artifact, version| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>kafka-rpc</groupId><artifactId>broker</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies>{}{}</dependencies></project>\n",
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.slf4j", "slf4j-simple", "1.7.36"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_versions_are_read() {
        let version = |text: &str| java_version(text);
        assert_eq!(
            version("openjdk version \"17.0.15\" 2025-04-15\n"),
            Some(17)
        );
        assert_eq!(version("java version \"1.8.0_402\"\n"), Some(1));
        assert_eq!(version("openjdk version \"25\" 2025-09-16\n"), Some(25));
        assert_eq!(version("no such thing\n"), None);
    }

    #[test]
    fn a_folder_is_complete_only_with_every_jar_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let jar = folder.path().join("a.jar");
        assert!(!is_complete(folder.path()));
        fs::write(&jar, "content").expect("writable");
        assert!(!is_complete(folder.path()));
        seal(folder.path()).expect("writable");
        assert!(is_complete(folder.path()));
        fs::write(&jar, "con").expect("writable");
        assert!(!is_complete(folder.path()));
        fs::remove_file(&jar).expect("writable");
        assert!(!is_complete(folder.path()));
    }
}
