//! What is known of topics: their settings, and what may be done with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::error::KafkaResult;

use crate::transport::kafka::client::blocking::{self, Reply};
use crate::transport::kafka::client::errors;
use crate::transport::kafka::client::events::Events;
use crate::transport::kafka::config::clients::Settings;
use crate::transport::kafka::ffi;
use crate::transport::{BoxFuture, Permission, TopicFacts, TransportError};
use crate::util::park::block_on;

pub(in crate::transport::kafka) fn facts(
    settings: &Arc<Settings>,
    topics: Vec<String>,
    patience: Duration,
) -> BoxFuture<Result<Vec<TopicFacts>, TransportError>> {
    let settings = Arc::clone(settings);
    blocking::start("kafka-rpc-admin", move |reply: Reply<_>| {
        let mut facts: Vec<TopicFacts> = topics.iter().map(TopicFacts::unknown).collect();
        // It has none of this.
        if settings.embedded().is_some() {
            for one in &mut facts {
                one.settings = Some(Vec::new());
            }
            return drop(reply.send(Ok(facts)));
        }
        let until = Instant::now() + patience;
        let left = || until.saturating_duration_since(Instant::now());
        let admin: KafkaResult<AdminClient<Events>> = settings
            .admin_client()
            .create_with_context(settings.events());
        let admin = match admin {
            Ok(admin) => admin,
            Err(error) => return drop(reply.send(Err(errors::from_creation(&error)))),
        };
        let are_permissions_known = permissions(&admin, &mut facts, left() / 2);
        let found = settings_of(&admin, &mut facts, left());
        let found = found.or_else(|error| {
            tracing::debug!(target: "kafka_rpc::librdkafka", %error, "can't ask for settings");
            if are_permissions_known {
                Ok(())
            } else {
                Err(error)
            }
        });
        // Before the client is torn down, which takes its time.
        drop(reply.send(found.map(|()| facts)));
    })
}

/// Notes what may be done with each topic, as far as the broker tells.
/// Says whether it does.
fn permissions(admin: &AdminClient<Events>, facts: &mut [TopicFacts], timeout: Duration) -> bool {
    let names: Vec<&str> = facts.iter().map(|one| one.topic.as_str()).collect();
    let known = match ffi::operations(admin.inner(), &names, timeout) {
        Ok(known) => known,
        // As good as unknown: brokers of before 2.3 don't tell either.
        Err(error) => {
            tracing::debug!(target: "kafka_rpc::librdkafka", %error, "can't ask what is allowed");
            return false;
        }
    };
    for one in facts {
        let found = known.iter().find(|known| known.topic == one.topic);
        if let Some((read, write)) = found.and_then(|known| known.may) {
            one.read = Permission::from(read);
            one.write = Permission::from(write);
        }
    }
    true
}

/// Notes the settings of each topic that may be read.
fn settings_of(
    admin: &AdminClient<Events>,
    facts: &mut [TopicFacts],
    timeout: Duration,
) -> Result<(), TransportError> {
    let found = {
        let asked: Vec<_> = facts
            .iter()
            .map(|one| ResourceSpecifier::Topic(&one.topic))
            .collect();
        let options = AdminOptions::new().request_timeout(Some(timeout));
        block_on(admin.describe_configs(&asked, &options))
            .map_err(|error| errors::from_kafka("the topics' settings can't be read", &error))?
    };
    for resource in found.into_iter().flatten() {
        let OwnedResourceSpecifier::Topic(name) = &resource.specifier else {
            continue;
        };
        // A topic that doesn't exist has none.
        if resource.entries.is_empty() {
            continue;
        }
        for one in facts.iter_mut().filter(|one| one.topic == *name) {
            let entries = resource.entries.iter();
            let known =
                entries.filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)));
            one.settings = Some(known.collect());
        }
    }
    Ok(())
}
