//! A certificate authority and a certificate for one broker, made on the spot.

use std::path::Path;
use std::process::Command;

pub(super) const CA_FILE: &str = "ca.pem";
/// The broker's private key and certificate in one file, as Kafka reads it.
pub(super) const KEY_STORE_FILE: &str = "broker.pem";

pub(super) fn make_certificates(folder: &Path) -> Result<(), String> {
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=kafka-rpc-test-authority \
         -keyout ca.key -out ca.pem",
    )?;
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=CA:FALSE \
         -CA ca.pem -CAkey ca.key -keyout broker.key -out broker.crt",
    )?;
    join(folder).map_err(|error| format!("the key store can't be written: {error}"))
}

fn openssl(folder: &Path, arguments: &str) -> Result<(), String> {
    let done = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.split(' '))
        .output()
        .map_err(|error| format!("openssl: {error}"))?;
    if done.status.success() {
        Ok(())
    } else {
        let message = String::from_utf8_lossy(&done.stderr);
        Err(format!("openssl {arguments}:\n{message}"))
    }
}

fn join(folder: &Path) -> std::io::Result<()> {
    let mut store = std::fs::read(folder.join("broker.key"))?;
    store.extend(std::fs::read(folder.join("broker.crt"))?);
    std::fs::write(folder.join(KEY_STORE_FILE), store)
}
