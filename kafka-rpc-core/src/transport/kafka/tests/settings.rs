use super::*;
use crate::transport::TransportErrorKind as Kind;

fn refused(kafka: &Kafka) -> TransportError {
    let error = kafka.open().err().expect("refused");
    assert_eq!(error.kind, Kind::Configuration);
    error
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
    assert_eq!(kafka.0.producer().get("linger.ms"), Some("5"));
    assert_eq!(kafka.0.listener().get("client.id"), Some("me"));
    assert_eq!(kafka.0.listener().get("auto.offset.reset"), Some("error"));
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
    let shown = format!("{kafka:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        shown.contains("alice") && shown.contains("SCRAM-SHA-512"),
        "{shown}"
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
    let member = kafka
        .0
        .member(&crate::transport::GroupOptions {
            group: "group".to_owned(),
            topic: "topic".to_owned(),
            instance: Some("one".to_owned()),
            revoke_patience: Duration::from_secs(600),
        })
        .expect("patience is no matter");
    assert_eq!(member.get("max.poll.interval.ms"), Some("660000"));
    for config in [
        kafka.0.producer(),
        kafka.0.listener(),
        kafka.0.metadata_client(),
        kafka.0.admin_client(),
        member,
    ] {
        config
            .create_native_config()
            .expect("every key and value is known");
    }
}
