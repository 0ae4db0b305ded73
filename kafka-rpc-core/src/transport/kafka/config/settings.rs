//! Where the cluster is and how to connect to it: what users name `Kafka`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::effective::EffectiveSettings;
use super::group_protocol::GroupProtocol;
use super::profile::Profile;
use crate::error::{Code, Outcome, RpcError};
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::config::defaults;
use crate::transport::kafka::config::embedded::Embedded;

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
pub struct Kafka(pub(in crate::transport::kafka) Arc<Settings>);

impl Kafka {
    /// The cluster that these brokers belong to: `host:port`, several separated by commas.
    #[must_use]
    pub fn new(brokers: impl Into<String>) -> Self {
        Self(Arc::new(Settings {
            brokers: brokers.into(),
            profile: Profile::default(),
            group_protocol: GroupProtocol::default(),
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
    /// 5 MiB, whether or not they were read, and there are neither transactions, access control, TLS
    /// nor log-in.
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

    /// Chooses what the clients are tuned for: [`Profile::Latency`], unless told otherwise. Client and
    /// server each have a profile of their own, and both count for a call.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.edit().profile = profile;
        self
    }

    /// Chooses the protocol by which servers are members of their groups: [`GroupProtocol::Classic`],
    /// unless told otherwise.
    #[must_use]
    pub fn group_protocol(mut self, protocol: GroupProtocol) -> Self {
        self.edit().group_protocol = protocol;
        self
    }

    /// The settings that librdkafka is given for each kind of client: those of kafka-rpc, of the
    /// [`profile`](Self::profile) and of [`set`](Self::set), with secrets redacted. All others have
    /// librdkafka's own defaults.
    ///
    /// What each client or server gets for itself isn't in it: the group's name and the member's,
    /// and `max.poll.interval.ms`.
    ///
    /// ```
    /// use kafka_rpc_core::transport::kafka::{Kafka, Profile, Role};
    ///
    /// let kafka = Kafka::new("broker-1:9092").set("linger.ms", "3");
    /// let settings = kafka.profile(Profile::Throughput).effective_settings()?;
    /// assert_eq!(settings.get(Role::CommandProducer, "linger.ms"), Some("3"));
    /// println!("{settings}"); // command-producer acks=all …
    /// # Ok::<(), kafka_rpc_core::RpcError>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument`, if a setting is refused or has no meaning: connecting would fail.
    pub fn effective_settings(&self) -> Result<EffectiveSettings, RpcError> {
        self.0
            .check()
            .map_err(|error| error.into_rpc(Outcome::NotRun))?;
        Ok(self.0.effective())
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
            .map(|(key, value)| (key.as_str(), defaults::shown(key, value)))
            .collect();
        f.debug_struct("Kafka")
            .field("brokers", &self.0.brokers)
            .field("protocol", &self.0.protocol())
            .field("profile", &self.0.profile)
            .field("group_protocol", &self.0.group_protocol)
            .field("settings", &shown)
            .finish_non_exhaustive()
    }
}

fn path(file: impl AsRef<Path>) -> String {
    file.as_ref().to_string_lossy().into_owned()
}
