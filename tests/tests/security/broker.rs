//! The same brokers as a plain client of librdkafka sees them.

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::*;

/// For what must fail: long enough for what would succeed.
const SHORT: Duration = Duration::from_secs(2);

fn login(bootstrap: &str, protocol: &str, password: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("security.protocol", protocol)
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", USER)
        .set("sasl.password", password);
    config
}

fn gets_in(config: &ClientConfig, patience: Duration) -> bool {
    let client: BaseConsumer = config.create().expect("a client");
    client.fetch_metadata(None, patience).is_ok()
}

#[test]
fn sasl_plain_admits_who_knows_the_password() {
    let Some(broker) = Broker::builder().sasl_plain(USER, PASSWORD).start_or_skip() else {
        return;
    };
    let address = broker.bootstrap();
    assert!(gets_in(&login(&address, "sasl_plaintext", PASSWORD), LONG));
    assert!(!gets_in(&login(&address, "sasl_plaintext", "guess"), SHORT));
    let mut anonymous = ClientConfig::new();
    anonymous.set("bootstrap.servers", &address);
    assert!(!gets_in(&anonymous, SHORT));
}

#[cfg(feature = "ssl")]
#[test]
fn sasl_over_tls_admits_who_trusts_the_authority() {
    let builder = Broker::builder().tls().sasl_plain(USER, PASSWORD);
    let Some(broker) = builder.start_or_skip() else {
        return;
    };
    let ca = broker.ca_file().expect("a broker with TLS has one");
    let trusting = |password| {
        let mut config = login(&broker.bootstrap(), "sasl_ssl", password);
        config.set("ssl.ca.location", ca.to_string_lossy());
        config
    };
    assert!(gets_in(&trusting(PASSWORD), LONG));
    assert!(!gets_in(&trusting("guess"), SHORT));
    assert!(!gets_in(
        &login(&broker.bootstrap(), "sasl_ssl", PASSWORD),
        SHORT
    ));
}

#[cfg(feature = "ssl")]
#[test]
fn tls_without_a_log_in_admits_who_trusts_the_authority() {
    let Some(broker) = Broker::builder().tls().start_or_skip() else {
        return;
    };
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", broker.bootstrap())
        .set("security.protocol", "ssl");
    assert!(!gets_in(&config, SHORT));
    let ca = broker.ca_file().expect("a broker with TLS has one");
    config.set("ssl.ca.location", ca.to_string_lossy());
    assert!(gets_in(&config, LONG));
}
