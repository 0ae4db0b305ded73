//! The librdkafka configuration of each kind of client, made of the defaults and of what the user set.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::config::brokers;
use crate::transport::kafka::config::defaults;
use crate::transport::kafka::config::defaults::Table;
use crate::transport::kafka::config::effective::{EffectiveSettings, Role};
use crate::transport::kafka::config::embedded::Embedded;
use crate::transport::kafka::config::group_protocol::GroupProtocol;
use crate::transport::kafka::config::profile::Profile;
use crate::transport::{Duplicates, GroupOptions, TransportError, TransportErrorKind};

/// The name by which a group knows a static member. A group takes two members of one name for one, also
/// if they have subscribed to different topics, and gives the second what the first had. So the topic
/// is part of it, and its length, which tells where the topic begins.
pub(in crate::transport::kafka) fn instance_id(instance: &str, topic: &str) -> String {
    format!("{instance}.{topic}.{}", topic.len())
}

/// What a [`Kafka`](crate::transport::kafka::Kafka) holds, shared by all clients that are made of it.
#[derive(Clone)]
pub(in crate::transport::kafka) struct Settings {
    pub(in crate::transport::kafka) brokers: String,
    pub(in crate::transport::kafka) profile: Profile,
    pub(in crate::transport::kafka) group_protocol: GroupProtocol,
    pub(in crate::transport::kafka) values: BTreeMap<String, String>,
    pub(in crate::transport::kafka) tls: bool,
    pub(in crate::transport::kafka) mechanism: Option<&'static str>,
    pub(in crate::transport::kafka) embedded: Option<Arc<Embedded>>,
}

impl Settings {
    /// The brokers that are connected to first.
    pub(in crate::transport::kafka) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The cluster within this process, if it is one.
    pub(in crate::transport::kafka) fn embedded(&self) -> Option<&Embedded> {
        self.embedded.as_deref()
    }

    /// How connections are secured, for messages: never a secret.
    pub(in crate::transport::kafka) fn protocol(&self) -> String {
        let protocol = self.security_protocol();
        match self.mechanism() {
            Some(mechanism) if protocol.contains("sasl") => format!("{protocol} {mechanism}"),
            _ => protocol,
        }
    }

    /// What the events of a client with these settings are explained with.
    pub(in crate::transport::kafka) fn events(&self) -> Events {
        Events::new(&self.brokers, self.protocol())
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
    pub(in crate::transport::kafka) fn metadata_client(&self) -> ClientConfig {
        self.consumer(&[])
    }

    pub(in crate::transport::kafka) fn admin_client(&self) -> ClientConfig {
        self.config(&[])
    }

    pub(in crate::transport::kafka) fn producer(&self, duplicates: Duplicates) -> ClientConfig {
        let own = match duplicates {
            Duplicates::Never => &[],
            Duplicates::Harmless => defaults::UNORDERED_PRODUCER,
        };
        self.config(&[defaults::PRODUCER, self.profile.producer(), own])
    }

    pub(in crate::transport::kafka) fn listener(&self) -> ClientConfig {
        let mut config = self.any_listener();
        // A consumer can't be assigned anything without a group's name; nobody joins this one.
        config.set(
            "group.id",
            format!("kafka-rpc-listener-{:016x}", fastrand::u64(..)),
        );
        config
    }

    /// Without its own name.
    fn any_listener(&self) -> ClientConfig {
        self.consumer(&[defaults::LISTENER])
    }

    pub(in crate::transport::kafka) fn member(&self, options: &GroupOptions) -> ClientConfig {
        let mut config = self.any_member();
        config.set("group.id", &options.group);
        if let Some(instance) = &options.instance {
            config.set("group.instance.id", instance_id(instance, &options.topic));
        }
        config
    }

    /// Without what each server has of its own.
    fn any_member(&self) -> ClientConfig {
        match self.group_protocol {
            GroupProtocol::Classic => {
                let sessions = match self.embedded {
                    Some(_) => defaults::EMBEDDED_SESSIONS,
                    None => defaults::SESSIONS,
                };
                self.consumer(&[defaults::MEMBER, defaults::CLASSIC, sessions])
            }
            GroupProtocol::Consumer => {
                self.consumer(&[defaults::MEMBER, defaults::CONSUMER_PROTOCOL])
            }
        }
    }

    fn consumer(&self, own: &[Table]) -> ClientConfig {
        let embedded: Table = match self.embedded {
            Some(_) => defaults::EMBEDDED,
            None => &[],
        };
        self.config(&[&[defaults::CONSUMER], own, &[embedded]].concat())
    }

    fn config(&self, tables: &[Table]) -> ClientConfig {
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

    /// What the clients of each kind have in common.
    pub(in crate::transport::kafka) fn effective(&self) -> EffectiveSettings {
        EffectiveSettings::new([
            (Role::CommandProducer, self.producer(Duplicates::Never)),
            (Role::ReplyProducer, self.producer(Duplicates::Harmless)),
            (Role::Listener, self.any_listener()),
            (Role::Member, self.any_member()),
        ])
    }

    /// Finds what can be found wrong without connecting.
    pub(in crate::transport::kafka) fn check(&self) -> Result<(), TransportError> {
        let configuration = |message| {
            Err(TransportError::new(
                TransportErrorKind::Configuration,
                message,
            ))
        };
        if let Some(problem) = brokers::problem(&self.brokers) {
            return configuration(problem);
        }
        if self.group_protocol == GroupProtocol::Consumer {
            let set = |key: &&&str| self.values.contains_key(**key);
            if let Some(key) = defaults::CLASSIC_ONLY.iter().find(set) {
                return configuration(format!(
                    "the setting {key} doesn't exist with `GroupProtocol::Consumer`: the brokers                      decide; set `group.consumer.{}` there",
                    key.strip_prefix("group.").unwrap_or(key)
                ));
            }
            if self.embedded.is_some() {
                return configuration(
                    "the cluster within the process knows no `GroupProtocol::Consumer`".to_owned(),
                );
            }
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
        let mut member = self.any_member();
        member.set("group.id", "kafka-rpc");
        for config in [self.producer(Duplicates::Never), self.listener(), member] {
            config
                .create_native_config()
                .map_err(|error| errors::from_creation(&error))?;
        }
        Ok(())
    }
}
