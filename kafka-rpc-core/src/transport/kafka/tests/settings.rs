use crate::transport::kafka::tests::*;
use crate::transport::kafka::{Profile, Role};
use crate::transport::{GroupOptions, TransportErrorKind as Kind};

fn refused(kafka: &Kafka) -> TransportError {
    let error = kafka.open().err().expect("refused");
    assert_eq!(error.kind, Kind::Configuration);
    error
}

fn member(kafka: &Kafka) -> ClientConfig {
    let options = GroupOptions {
        group: "group".to_owned(),
        topic: "topic".to_owned(),
        instance: Some("one".to_owned()),
    };
    kafka.0.member(&options)
}

#[test]
fn what_the_promises_rest_on_is_refused_by_name() {
    for key in [
        "enable.idempotence",
        "acks",
        "request.required.acks",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "isolation.level",
        "group.id",
        "group.instance.id",
        "transactional.id",
        "partitioner",
        "bootstrap.servers",
    ] {
        let error = refused(&Kafka::new("localhost:1").set(key, "x"));
        assert!(error.message.contains(key), "{error}");
    }
}

#[test]
fn a_setting_without_meaning_is_named_without_its_value() {
    let error = refused(&Kafka::new("localhost:1").set("no.such.setting", "hunter2"));
    assert!(error.message.contains("no.such.setting") && !error.message.contains("hunter2"));
    let error = refused(&Kafka::new("localhost:1").set("socket.timeout.ms", "hunter2"));
    assert!(error.message.contains("socket.timeout.ms") && !error.message.contains("hunter2"));
    refused(&Kafka::new(" "));
}

#[test]
fn other_settings_override_the_defaults() {
    let kafka = Kafka::new("localhost:1")
        .set("linger.ms", "5")
        .client_id("me");
    kafka.open().expect("fine");
    assert_eq!(
        kafka.0.producer(Duplicates::Never).get("linger.ms"),
        Some("5")
    );
    assert_eq!(kafka.0.listener().get("client.id"), Some("me"));
    assert_eq!(kafka.0.listener().get("auto.offset.reset"), Some("error"));
}

#[test]
fn a_profile_changes_defaults_and_no_more() {
    let latency = Kafka::new("localhost:1");
    let throughput = latency.clone().profile(Profile::Throughput);
    for duplicates in [Duplicates::Never, Duplicates::Harmless] {
        let linger = |kafka: &Kafka| {
            let config = kafka.0.producer(duplicates);
            config.get("linger.ms").map(str::to_owned)
        };
        assert_eq!(linger(&latency).as_deref(), Some("0"));
        assert_eq!(linger(&throughput).as_deref(), Some("2"));
    }
    throughput.open().expect("every key and value is known");
}

#[test]
fn what_a_user_sets_wins_over_a_profile_in_either_order() {
    let kafka = Kafka::new("localhost:1");
    for kafka in [
        kafka
            .clone()
            .set("linger.ms", "7")
            .profile(Profile::Throughput),
        kafka.profile(Profile::Throughput).set("linger.ms", "7"),
    ] {
        assert_eq!(
            kafka.0.producer(Duplicates::Never).get("linger.ms"),
            Some("7")
        );
        refused(&kafka.set("acks", "1"));
    }
}

#[test]
fn the_effective_settings_are_those_that_clients_are_made_with() {
    let kafka = Kafka::new("localhost:1").set("linger.ms", "7");
    let settings = kafka.effective_settings().expect("fine");
    for (role, config) in [
        (Role::CommandProducer, kafka.0.producer(Duplicates::Never)),
        (Role::ReplyProducer, kafka.0.producer(Duplicates::Harmless)),
        (Role::Listener, kafka.0.listener()),
        (Role::Member, member(&kafka)),
    ] {
        for (key, value) in config.config_map() {
            // Each listener and each server has these of its own.
            let own = ["group.id", "group.instance.id"];
            if !own.contains(&key) {
                assert_eq!(settings.get(role, key), Some(value));
            }
        }
    }
    let shown = settings.to_string();
    assert_eq!(shown.lines().count(), settings.iter().count());
    for line in [
        "command-producer enable.idempotence=true",
        "reply-producer linger.ms=7",
        "listener auto.offset.reset=error",
        "member auto.offset.reset=earliest",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{shown}");
    }
}

#[test]
fn settings_that_cannot_connect_have_no_effect_to_show() {
    let error = Kafka::new("localhost:1")
        .set("acks", "1")
        .effective_settings()
        .expect_err("refused");
    assert_eq!(error.code(), crate::error::Code::InvalidArgument);
    assert!(error.to_string().contains("acks"), "{error}");
}

#[test]
fn secrets_are_not_shown() {
    let kafka = Kafka::new("localhost:1")
        .tls_ca_pem("hunter2")
        .tls_identity_pem("hunter2", "hunter2")
        .tls_key_password("hunter2")
        .sasl_scram_512("alice", "hunter2")
        .set("sasl.oauthbearer.client.secret", "hunter2")
        .set("sasl.oauthbearer.config", "hunter2");
    let effective = kafka.0.effective();
    for shown in [
        format!("{kafka:?}"),
        effective.to_string(),
        format!("{effective:?}"),
    ] {
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(
            shown.contains("alice") && shown.contains("SCRAM-SHA-512"),
            "{shown}"
        );
    }
    assert_eq!(
        effective.get(Role::Member, "sasl.password"),
        Some("***"),
        "it is shown that there is one"
    );
}

#[cfg(not(any(feature = "ssl", feature = "ssl-vendored", feature = "gssapi")))]
#[test]
fn tls_without_its_feature_says_which_one() {
    for kafka in [
        Kafka::new("localhost:1").tls(),
        Kafka::new("localhost:1").sasl_scram_256("alice", "hunter2"),
        Kafka::new("localhost:1").set("security.protocol", "SSL"),
    ] {
        let error = refused(&kafka);
        assert!(error.message.contains("`ssl`"), "{error}");
        assert!(!error.message.contains("hunter2"));
    }
}

#[test]
fn the_defaults_are_known_to_librdkafka() {
    let kafka = Kafka::new("localhost:1");
    for config in [
        kafka.0.producer(Duplicates::Never),
        kafka.0.listener(),
        kafka.0.metadata_client(),
        kafka.0.admin_client(),
        member(&kafka),
    ] {
        config
            .create_native_config()
            .expect("every key and value is known");
    }
}
