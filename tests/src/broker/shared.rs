//! The broker that all test programs of one run use.
//!
//! `cargo test` runs one test program after the other. The first that needs a broker starts a
//! keeper, a process of its own that starts the broker and outlives the program. Each program
//! leaves a lease in the keeper's folder, one for itself and one for the `cargo` above it, and the
//! keeper stops when no lease belongs to a living process. So the broker lives from the first test
//! that needs it to the end of `cargo`, however that ends.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use super::distribution::{Distribution, cache_folder, lock_file};
use super::{START_PATIENCE, Unavailable, unavailable};
use crate::process::{Identity, ancestor, profile_folder, wait_until, workspace_binary};
use crate::run;
use crate::topics::Topics;

/// The file that holds the keeper's identity, as soon as it runs.
pub(super) const KEEPER: &str = "keeper";
/// The file that holds the address, as soon as the broker answers.
pub(super) const ADDRESS: &str = "address";
const LEASE_PREFIX: &str = "lease-";
const LOG: &str = "keeper.log";

/// A broker that other tests use at the same time.
#[derive(Clone, Debug)]
pub struct Shared {
    bootstrap: String,
}

impl Shared {
    /// `host:port` for clients, without any security.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Names for topics and groups that no other test uses; the topics are deleted at the end.
    pub fn topics(&self) -> Topics {
        Topics::new(&self.bootstrap)
    }
}

/// The broker that the tests of this run share: that of `KAFKA_RPC_BROKERS`, else one that is
/// started now if none is. Where there can be none, reports the test as skipped and returns `None`.
///
/// The broker is bound to the life of the nearest `cargo` above this program, or of the process
/// that `KAFKA_RPC_RUN_PID` names, and in any case to this program's.
///
/// # Panics
/// The broker doesn't come up, or a broker is required (`KAFKA_RPC_REQUIRE_BROKER=1`) and there
/// can be none.
#[track_caller]
pub fn shared() -> Option<Shared> {
    static SHARED: OnceLock<Result<String, Unavailable>> = OnceLock::new();
    let found = SHARED.get_or_init(|| match std::env::var("KAFKA_RPC_BROKERS") {
        Ok(brokers) if !brokers.is_empty() => Ok(brokers),
        _ => lease(),
    });
    match found {
        Ok(bootstrap) => Some(Shared {
            bootstrap: bootstrap.clone(),
        }),
        Err(reason) => {
            unavailable::skip(reason);
            None
        }
    }
}

fn lease() -> Result<String, Unavailable> {
    // Here rather than in the keeper: the reason for which there can be no broker is known here,
    // and a download takes its time.
    Distribution::locate()?;
    let me = Identity::of(std::process::id()).ok_or_else(|| {
        Unavailable::new("sharing one needs /proc; KAFKA_RPC_BROKERS can name a running one")
    })?;
    let run = std::env::var("KAFKA_RPC_RUN_PID")
        .ok()
        .and_then(|pid| pid.parse().ok())
        .or_else(|| ancestor("cargo"))
        .and_then(Identity::of);

    // Held until the broker answers, so that a run starts one broker only.
    let lock = lock()?;
    let runs = cache_folder()?.join("runs");
    let folder = runs.join(run.unwrap_or(me).to_string());
    let prepared = (|| {
        fs::create_dir_all(&runs)?;
        remove_abandoned(&runs)?;
        fs::create_dir_all(&folder)?;
        for holder in [Some(me), run].into_iter().flatten() {
            fs::write(folder.join(format!("{LEASE_PREFIX}{holder}")), "")?;
        }
        if !is_kept(&folder) {
            start_keeper(&folder)?;
        }
        io::Result::Ok(())
    })();
    if let Err(error) = prepared {
        panic!("the keeper of the shared broker can't be started: {error}");
    }
    let address = wait_for_address(&folder);
    drop(lock);
    Ok(address)
}

/// The lock under which leases are taken and keepers start and end.
pub(super) fn lock() -> Result<fs::File, Unavailable> {
    let path = cache_folder()?.join("shared.lock");
    lock_file(&path).map_err(|error| Unavailable::new(format!("{}: {error}", path.display())))
}

fn keeper(folder: &Path) -> Option<Identity> {
    Identity::parse(&fs::read_to_string(folder.join(KEEPER)).ok()?)
}

fn is_kept(folder: &Path) -> bool {
    keeper(folder).is_some_and(Identity::is_alive)
}

/// Removes the folders of keepers that were killed.
fn remove_abandoned(runs: &Path) -> io::Result<()> {
    for run in fs::read_dir(runs)? {
        let folder = run?.path();
        if !is_kept(&folder) {
            fs::remove_dir_all(folder)?;
        }
    }
    Ok(())
}

fn start_keeper(folder: &Path) -> io::Result<()> {
    // Cargo has built it for the tests of this package, but not for other programs.
    let mut program = profile_folder().join("kafka");
    if !program.exists() {
        program = workspace_binary("kafka");
    }
    let log = fs::File::create(folder.join(LOG))?;
    run::outliving(&mut Command::new(program))
        .arg("keep")
        .arg(folder)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    Ok(())
}

fn wait_for_address(folder: &Path) -> String {
    let mut address = None;
    let mut started = false;
    wait_until(START_PATIENCE + Duration::from_secs(10), || {
        address = fs::read_to_string(folder.join(ADDRESS)).ok();
        let alive = keeper(folder).map(Identity::is_alive);
        started |= alive.is_some();
        address.is_some() || (started && alive != Some(true))
    });
    address.unwrap_or_else(|| {
        let log = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
        panic!("the shared broker doesn't come up:\n{log}");
    })
}

/// Removes the leases of dead processes; says whether any is left.
pub(super) fn is_leased(folder: &Path) -> io::Result<bool> {
    let mut leased = false;
    for lease in leases(folder)? {
        let (holder, path) = lease?;
        if holder.is_some_and(Identity::is_alive) {
            leased = true;
        } else {
            fs::remove_file(path)?;
        }
    }
    Ok(leased)
}

fn leases(
    folder: &Path,
) -> io::Result<impl Iterator<Item = io::Result<(Option<Identity>, PathBuf)>>> {
    Ok(fs::read_dir(folder)?.filter_map(|entry| match entry {
        Ok(entry) => {
            let name = entry.file_name();
            let holder = name.to_str()?.strip_prefix(LEASE_PREFIX)?;
            Some(Ok((Identity::parse(holder), entry.path())))
        }
        Err(error) => Some(Err(error)),
    }))
}
