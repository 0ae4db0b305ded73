//! A real Apache Kafka for tests: one that a test run shares, or one of a test's own.
//!
//! [`shared`] is what most tests want. Tests that stop, kill or configure a broker start their own
//! with [`Broker::builder`].

mod acl;
mod cluster;
mod config;
mod distribution;
mod keeper;
mod shared;
mod tls;
mod unavailable;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use crate::process::Process;
use crate::run;
use config::{Ports, Seat, Security};
use distribution::{Distribution, Share};

pub use acl::{Acl, Permission, Resource};
pub use cluster::Cluster;
pub use distribution::{VERSION, cache_folder};
pub use keeper::keep;
pub use shared::{Shared, shared};
pub use unavailable::Unavailable;

/// A busy machine starts a broker in ten seconds or so.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// What a broker gets to write its state when it is asked to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// How often another process may take a port between our choice and the broker's use of it.
const PORT_ATTEMPTS: usize = 4;

/// Whether this machine can start brokers. Where it can't, reports the test as skipped.
///
/// # Panics
/// A broker is required (`KAFKA_RPC_REQUIRE_BROKER=1`) and this machine can't start one.
#[track_caller]
pub fn can_start() -> bool {
    match Distribution::locate() {
        Ok(_) => true,
        Err(reason) => {
            unavailable::skip(&reason);
            false
        }
    }
}

/// One Kafka node, broker and controller in one, on free ports of the loopback interface; by itself,
/// or one of a [`Cluster`].
///
/// When it is dropped, or its process dies in whatever way, the broker is gone and so is its
/// folder.
pub struct Broker {
    options: Builder,
    distribution: Distribution,
    ports: Ports,
    seat: Seat,
    /// `None` after [`Broker::kill`].
    process: Option<Process>,
    /// After the process: files are removed when nobody writes them any more.
    folder: TempDir,
}

/// Settings of a [`Broker`].
#[derive(Clone, Default)]
pub struct Builder {
    port: Option<u16>,
    security: Security,
    properties: Vec<(String, String)>,
}

impl Broker {
    /// A broker with plain listeners and settings that suit tests.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `host:port` for clients.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.ports.client)
    }

    /// `host:port` of a listener without any security, whatever clients have to use: for set-up.
    pub fn plain_bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.ports.internal)
    }

    /// The certificate of the authority that signed the broker's, as a PEM file; with
    /// [`Builder::tls`] only.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.options
            .security
            .tls
            .then(|| self.folder.path().join(tls::CA_FILE))
    }

    /// Where the broker's files lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The id of the broker's process, while there is one.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Whether the broker's process is there. A paused one is.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// Grants something to users, as the super user that everybody on the plain listener is.
    ///
    /// # Panics
    /// The broker refuses it.
    pub fn allow(&self, grants: &[Acl<'_>]) {
        acl::create(&self.plain_bootstrap(), grants).expect("the broker takes the grants");
    }

    /// SIGKILL; returns when the process is gone. Its log stays for [`Broker::restart`].
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the broker in good order, unless it was killed, and starts it with the same log and
    /// the same ports. Returns when it answers.
    ///
    /// # Panics
    /// It doesn't come up; the message holds its log.
    pub fn restart(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
            let _ = process.wait(STOP_PATIENCE);
        }
        if let Err(failure) = self.launch().and_then(|()| self.wait_until_ready()) {
            panic!("the broker can't be restarted: {failure}");
        }
    }

    /// SIGSTOP: the broker keeps its connections and answers nothing.
    pub fn pause(&mut self) {
        if let Some(process) = &mut self.process {
            process.pause();
        }
    }

    /// Ends a [`Broker::pause`].
    pub fn resume(&mut self) {
        if let Some(process) = &mut self.process {
            process.resume();
        }
    }

    /// Starts the process, and doesn't wait for it.
    fn launch(&mut self) -> Result<(), String> {
        let process = Process::spawn(
            self.distribution
                .java("kafka.Kafka", self.share())
                .arg(self.properties_file()),
        )
        .map_err(|error| format!("java: {error}"))?;
        self.process = Some(process);
        Ok(())
    }

    /// Waits until it answers, and knows all brokers of its cluster.
    fn wait_until_ready(&mut self) -> Result<(), String> {
        let until = Instant::now() + START_PATIENCE;
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.plain_bootstrap())
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "100")
            .create()
            .map_err(|error| error.to_string())?;
        let all = self.seat.voters.len();
        let process = self.process.as_mut().ok_or("there is no process")?;
        loop {
            match client.fetch_metadata(None, Duration::from_millis(500)) {
                Ok(metadata) if metadata.brokers().len() >= all => return Ok(()),
                _ if !process.is_running() => {
                    return Err(format!("the broker ended:\n{}", process.output()));
                }
                _ if Instant::now() > until => {
                    let log = process.output();
                    return Err(format!("no answer within {START_PATIENCE:?}:\n{log}"));
                }
                _ => {}
            }
        }
    }

    fn share(&self) -> Share {
        if self.seat.voters.len() > 1 {
            Share::Little
        } else {
            Share::Usual
        }
    }

    fn properties_file(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    fn format_storage(&self) -> Result<(), String> {
        let properties = config::properties(
            self.folder.path(),
            self.ports,
            &self.seat,
            &self.options.security,
            &self.options.properties,
        );
        std::fs::write(self.properties_file(), properties).map_err(|error| error.to_string())?;
        let formatted = run::bind(
            &mut self
                .distribution
                .java("kafka.tools.StorageTool", self.share()),
        )
        .args(["format", "-t", &self.seat.cluster, "-c"])
        .arg(self.properties_file())
        .output()
        .map_err(|error| format!("java: {error}"))?;
        if formatted.status.success() {
            Ok(())
        } else {
            Err(format!(
                "the storage can't be formatted:\n{}{}",
                String::from_utf8_lossy(&formatted.stdout),
                String::from_utf8_lossy(&formatted.stderr),
            ))
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Killed, not stopped: nobody will read its log again, and a stop takes seconds.
        self.kill();
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("bootstrap", &self.bootstrap())
            .field("pid", &self.pid())
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// The port for clients; a free one by default.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Clients must log in with SASL/PLAIN, as this user.
    pub fn sasl_plain(mut self, user: &str, password: &str) -> Self {
        self.security.user = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Clients must use TLS. The broker's certificate is for 127.0.0.1 and localhost, and signed
    /// by [`Broker::ca_file`].
    pub fn tls(mut self) -> Self {
        self.security.tls = true;
        self
    }

    /// Nobody may do what is not granted by [`Broker::allow`], but whoever uses the plain listener.
    pub fn authorizer(self) -> Self {
        self.property(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        )
        .property("super.users", "User:ANONYMOUS")
    }

    /// Sets a property of the broker; it wins over the harness's own.
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.properties.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Starts the broker, and downloads Kafka before if that has never been done. Returns when it
    /// answers.
    ///
    /// # Errors
    /// [`Unavailable`]: this machine lacks what a broker needs.
    ///
    /// # Panics
    /// It has everything, but the broker doesn't come up.
    pub fn start(self) -> Result<Broker, Unavailable> {
        let distribution = Distribution::locate()?;
        let mut attempt = 1;
        loop {
            match self.clone().start_once(&distribution) {
                Ok(broker) => return Ok(broker),
                Err(failure)
                    if attempt < PORT_ATTEMPTS
                        && self.port.is_none()
                        && config::is_lost_port(&failure) =>
                {
                    attempt += 1;
                }
                Err(failure) => panic!("the broker can't be started: {failure}"),
            }
        }
    }

    /// As [`Builder::start`], for tests: where there can be no broker, reports the test as skipped
    /// and returns `None`.
    ///
    /// # Panics
    /// The broker doesn't come up, or a broker is required (`KAFKA_RPC_REQUIRE_BROKER=1`) and there
    /// can be none.
    #[track_caller]
    pub fn start_or_skip(self) -> Option<Broker> {
        self.start()
            .map_err(|reason| unavailable::skip(&reason))
            .ok()
    }

    fn start_once(self, distribution: &Distribution) -> Result<Broker, String> {
        let ports = Ports::choose(self.port);
        let mut broker = self.launch(distribution, ports, Seat::alone(ports))?;
        broker.wait_until_ready()?;
        Ok(broker)
    }

    /// Prepares and starts a broker, and doesn't wait for it: one of several answers only when most
    /// of them are there.
    fn launch(
        self,
        distribution: &Distribution,
        ports: Ports,
        seat: Seat,
    ) -> Result<Broker, String> {
        let mut broker = Broker {
            ports,
            seat,
            distribution: distribution.clone(),
            process: None,
            folder: run::temp_dir("broker-").map_err(|error| error.to_string())?,
            options: self,
        };
        if broker.options.security.tls {
            tls::make_certificates(broker.folder.path())?;
        }
        broker.format_storage()?;
        broker.launch()?;
        Ok(broker)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Properties may hold passwords.
        f.debug_struct("Builder")
            .field("port", &self.port)
            .field("tls", &self.security.tls)
            .field("sasl", &self.security.user.is_some())
            .finish_non_exhaustive()
    }
}
