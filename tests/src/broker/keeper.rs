//! The process that holds a shared broker for as long as somebody leases it.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::Broker;
use super::shared::{ADDRESS, KEEPER, is_leased, lock};
use crate::process::Identity;

const LOOK: Duration = Duration::from_millis(200);

/// Runs a broker until nobody leases it any more, then removes `folder`, where the leases lie.
///
/// # Errors
/// There can be no broker here, the broker ended by itself, or the folder can't be used.
///
/// # Panics
/// The broker doesn't come up.
pub fn keep(folder: &Path) -> Result<(), Box<dyn Error>> {
    let me = Identity::of(std::process::id()).ok_or("a keeper needs /proc")?;
    publish(folder, KEEPER, &me.to_string())?;
    let mut broker = Broker::builder().start()?;
    publish(folder, ADDRESS, &broker.bootstrap())?;
    loop {
        if !is_leased(folder)? {
            // A lease is taken under the same lock, so whoever takes one from now on finds no
            // keeper and starts another.
            let _lock = lock()?;
            if !is_leased(folder)? {
                drop(broker);
                fs::remove_dir_all(folder)?;
                return Ok(());
            }
        }
        if !broker.is_running() {
            fs::remove_dir_all(folder)?;
            return Err("the broker ended by itself".into());
        }
        thread::sleep(LOOK);
    }
}

/// Readers see the whole file or none.
fn publish(folder: &Path, name: &str, content: &str) -> std::io::Result<()> {
    let draft = folder.join(format!("{name}.draft"));
    fs::write(&draft, content)?;
    fs::rename(draft, folder.join(name))
}
