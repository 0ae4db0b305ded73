//! Where the cluster is and how to connect to it: what users name `Kafka`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::embedded::Embedded;
use super::{KafkaTransport, defaults, errors};
use crate::error::{Code, Outcome, RpcError};
use crate::transport::sealed::Open;
use crate::transport::{Cluster, GroupOptions, Transport, TransportError, TransportErrorKind};

/// How much longer than a revocation waits a member may go without polling.
const POLL_MARGIN: Duration = Duration::from_secs(60);

/// The longest time without polling where a revocation doesn't need more: librdkafka's default.
const POLL_INTERVAL: Duration = Duration::from_secs(300);

/// A Kafka cluster, and the settings to connect to it with.
///
/// It connects to nothing by itself: a client or server that is built on it does, and it is there
/// that a setting without meaning is reported.
///
/// ```no_run
/// use kafka_rpc_core::transport::kafka::Kafka;
///
/// let kafka = Kafka::new("broker-1:9093,broker-2:9093")
///     .tls()
///     .sasl_scram_512("orders", std::env::var("KAFKA_PASSWORD").unwrap_or_default())
///     .set("compression.codec", "lz4");
/// ```
#[derive(Clone)]
pub struct Kafka(pub(super) Arc<Settings>);

/// What a [`Kafka`] holds, shared by all clients that are made of it.
#[derive(Clone)]
pub(super) struct Settings {
    brokers: String,
    values: BTreeMap<String, String>,
    tls: bool,
    mechanism: Option<&'static str>,
    embedded: Option<Arc<Embedded>>,
}

impl Kafka {
    /// The cluster that these brokers belong to: `host:port`, several separated by commas.
    #[must_use]
    pub fn new(brokers: impl Into<String>) -> Self {
        Self(Arc::new(Settings {
            brokers: brokers.into(),
            values: BTreeMap::new(),
            tls: false,
            mechanism: None,
            embedded: None,
        }))
    }

    /// A cluster within this process, for trying things out: nothing to install, and gone with the
    /// last clone and the last client or server on it.
    ///
    /// It speaks Kafka's protocol on a port of the loopback interface, and is no substitute for a
    /// real broker in tests: topics have no settings but their partitions, partitions keep the last
    /// 5 MiB, and there are neither transactions nor access control.
    ///
    /// # Errors
    /// `Internal`, if it can't be started.
    pub fn embedded() -> Result<Self, RpcError> {
        let embedded = Embedded::start().map_err(|error| {
            RpcError::new(
                Code::Internal,
                Outcome::NotRun,
                format!("the embedded cluster can't be started: {error}"),
            )
        })?;
        let mut kafka = Self::new(embedded.brokers());
        kafka.edit().embedded = Some(Arc::new(embedded));
        Ok(kafka)
    }

    /// Sets a librdkafka setting of that name, for every client that knows it.
    ///
    /// The settings that kafka-rpc's promises rest on can't be overridden: connecting fails, and
    /// says why.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.edit().values.insert(key.into(), value.into());
        self
    }

    /// The name by which the brokers know these clients in logs, metrics and quotas.
    #[must_use]
    pub fn client_id(self, id: impl Into<String>) -> Self {
        self.set("client.id", id)
    }

    /// Encrypts the connections, trusting the authorities that the system trusts. Needs the cargo
    /// feature `ssl`, as all settings of TLS do.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.edit().tls = true;
        self
    }

    /// Encrypts the connections, trusting the authorities in this PEM file.
    #[must_use]
    pub fn tls_ca_file(self, file: impl AsRef<Path>) -> Self {
        self.tls().set("ssl.ca.location", path(file))
    }

    /// Encrypts the connections, trusting these authorities, in PEM format.
    #[must_use]
    pub fn tls_ca_pem(self, pem: impl Into<String>) -> Self {
        self.tls().set("ssl.ca.pem", pem)
    }

    /// Encrypts the connections and shows the brokers this certificate: two PEM files.
    #[must_use]
    pub fn tls_identity_files(self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.tls()
            .set("ssl.certificate.location", path(certificate))
            .set("ssl.key.location", path(key))
    }

    /// Encrypts the connections and shows the brokers this certificate, in PEM format.
    #[must_use]
    pub fn tls_identity_pem(self, certificate: impl Into<String>, key: impl Into<String>) -> Self {
        self.tls()
            .set("ssl.certificate.pem", certificate)
            .set("ssl.key.pem", key)
    }

    /// The password that the certificate's private key is encrypted with.
    #[must_use]
    pub fn tls_key_password(self, password: impl Into<String>) -> Self {
        self.tls().set("ssl.key.password", password)
    }

    /// Whether a broker's certificate must be for the name that it is reached by; it must by
    /// default.
    #[must_use]
    pub fn tls_verify_hostname(self, verify: bool) -> Self {
        let algorithm = if verify { "https" } else { "none" };
        self.tls()
            .set("ssl.endpoint.identification.algorithm", algorithm)
    }

    /// Logs in by SASL/PLAIN. Without TLS the password is sent in the clear.
    #[must_use]
    pub fn sasl_plain(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.sasl("PLAIN", user.into(), password.into())
    }

    /// Logs in by SASL/SCRAM-SHA-256. Needs the cargo feature `ssl`.
    #[must_use]
    pub fn sasl_scram_256(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.sasl("SCRAM-SHA-256", user.into(), password.into())
    }

    /// Logs in by SASL/SCRAM-SHA-512. Needs the cargo feature `ssl`.
    #[must_use]
    pub fn sasl_scram_512(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.sasl("SCRAM-SHA-512", user.into(), password.into())
    }

    fn sasl(mut self, mechanism: &'static str, user: String, password: String) -> Self {
        self.edit().mechanism = Some(mechanism);
        self.set("sasl.username", user)
            .set("sasl.password", password)
    }

    fn edit(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.0)
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: BTreeMap<&str, &str> = self
            .0
            .values
            .iter()
            .map(|(key, value)| {
                let value = if defaults::is_secret(key) {
                    "***"
                } else {
                    value
                };
                (key.as_str(), value)
            })
            .collect();
        f.debug_struct("Kafka")
            .field("brokers", &self.0.brokers)
            .field("protocol", &self.0.protocol())
            .field("settings", &shown)
            .finish_non_exhaustive()
    }
}

impl Open for Kafka {
    fn open(&self) -> Result<Arc<dyn Transport>, TransportError> {
        self.0.check()?;
        Ok(Arc::new(KafkaTransport::new(Arc::clone(&self.0))))
    }
}

impl Cluster for Kafka {}

impl Settings {
    /// The brokers that are connected to first.
    pub(super) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The cluster within this process, if it is one.
    pub(super) fn embedded(&self) -> Option<&Embedded> {
        self.embedded.as_deref()
    }

    /// How connections are secured, for messages: never a secret.
    pub(super) fn protocol(&self) -> String {
        let protocol = self.security_protocol();
        match self.mechanism() {
            Some(mechanism) if protocol.contains("sasl") => format!("{protocol} {mechanism}"),
            _ => protocol,
        }
    }

    fn mechanism(&self) -> Option<&str> {
        ["sasl.mechanism", "sasl.mechanisms"]
            .iter()
            .find_map(|key| self.values.get(*key).map(String::as_str))
            .or(self.mechanism)
    }

    fn security_protocol(&self) -> String {
        let derived = match (self.tls, self.mechanism.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        self.values
            .get("security.protocol")
            .map_or_else(|| derived.to_owned(), |raw| raw.to_ascii_lowercase())
    }

    /// Looks up topics and offsets: a consumer without a group, because a producer would look its
    /// topics up again and again.
    pub(super) fn metadata_client(&self) -> ClientConfig {
        self.consumer(&[])
    }

    pub(super) fn admin_client(&self) -> ClientConfig {
        self.config(&[])
    }

    pub(super) fn producer(&self) -> ClientConfig {
        self.config(&[defaults::PRODUCER])
    }

    pub(super) fn listener(&self) -> ClientConfig {
        let mut config = self.consumer(defaults::LISTENER);
        // A consumer can't be assigned anything without a group's name; nobody joins this one.
        config.set(
            "group.id",
            format!("kafka-rpc-listener-{:016x}", fastrand::u64(..)),
        );
        config
    }

    /// # Errors
    /// A revocation may take longer than the member may go without polling.
    pub(super) fn member(&self, options: &GroupOptions) -> Result<ClientConfig, TransportError> {
        let mut config = self.consumer(defaults::MEMBER);
        config.set("group.id", &options.group);
        if let Some(instance) = &options.instance {
            config.set("group.instance.id", instance);
        }
        let needed = options.revoke_patience.saturating_add(POLL_MARGIN);
        match config.get("max.poll.interval.ms") {
            None => {
                let interval = needed.max(POLL_INTERVAL).as_millis().min(86_400_000);
                config.set("max.poll.interval.ms", interval.to_string());
            }
            Some(set) => {
                let enough = set
                    .parse()
                    .is_ok_and(|set| Duration::from_millis(set) >= needed);
                if !enough {
                    return Err(TransportError::new(
                        TransportErrorKind::Configuration,
                        format!(
                            "max.poll.interval.ms is {set}, but a revocation may wait for {:?} \
                             and needs {POLL_MARGIN:?} more than that",
                            options.revoke_patience
                        ),
                    ));
                }
            }
        }
        Ok(config)
    }

    fn consumer(&self, own: &[(&str, &str)]) -> ClientConfig {
        let embedded = match self.embedded {
            Some(_) => defaults::EMBEDDED,
            None => &[],
        };
        self.config(&[defaults::CONSUMER, own, embedded])
    }

    fn config(&self, tables: &[&[(&str, &str)]]) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (key, value) in defaults::COMMON
            .iter()
            .chain(tables.iter().copied().flatten())
        {
            config.set(*key, *value);
        }
        for (key, value) in &self.values {
            config.set(key, value);
        }
        config
            .set("bootstrap.servers", &self.brokers)
            .set("security.protocol", self.security_protocol());
        if let Some(mechanism) = self.mechanism {
            config.set("sasl.mechanism", mechanism);
        }
        // What librdkafka logs is filtered by `tracing`; its debug lines cost too much for that.
        config.set_log_level(if self.values.contains_key("debug") {
            RDKafkaLogLevel::Debug
        } else {
            RDKafkaLogLevel::Info
        });
        config
    }

    fn check(&self) -> Result<(), TransportError> {
        let configuration = |message| {
            Err(TransportError::new(
                TransportErrorKind::Configuration,
                message,
            ))
        };
        if self.brokers.trim().is_empty() {
            return configuration("no brokers are given to connect to".to_owned());
        }
        for key in self.values.keys() {
            if let Some(reason) = defaults::refusal(key) {
                return configuration(format!("the setting {key} can't be overridden: {reason}"));
            }
        }
        let secured = self.security_protocol().contains("ssl")
            || self
                .mechanism()
                .is_some_and(|mechanism| mechanism.starts_with("SCRAM"));
        let built_in = cfg!(any(
            feature = "ssl",
            feature = "ssl-vendored",
            feature = "gssapi"
        ));
        if secured && !built_in {
            return configuration(format!(
                "{} needs TLS or cryptography that this build lacks: enable the cargo feature \
                 `ssl` or `ssl-vendored` of kafka-rpc",
                self.protocol()
            ));
        }
        for config in [self.producer(), self.listener()] {
            config
                .create_native_config()
                .map_err(|error| errors::from_creation(&error))?;
        }
        Ok(())
    }
}

fn path(file: impl AsRef<Path>) -> String {
    file.as_ref().to_string_lossy().into_owned()
}
