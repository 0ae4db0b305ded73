//! Looks at what is given as brokers before anything connects to it.

/// What is wrong with a list of brokers, if anything is: `host`, or `host:port`, with commas between.
pub(in crate::transport::kafka) fn problem(brokers: &str) -> Option<String> {
    if brokers.trim().is_empty() {
        return Some("no brokers are given to connect to; give `host:port`".to_owned());
    }
    brokers.split(',').find_map(|broker| {
        let broker = broker.trim();
        let why = of_one(broker)?;
        Some(format!(
            "`{broker}` names no broker: {why}; give `host:port`"
        ))
    })
}

fn of_one(broker: &str) -> Option<&'static str> {
    let address = match broker.split_once("://") {
        None => broker,
        // Librdkafka takes the names of its protocols there, and lets `security.protocol` decide.
        Some((scheme, address)) => match scheme.to_ascii_uppercase().as_str() {
            "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL" => address,
            _ => return Some("it is a URL"),
        },
    };
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            None => return Some("a bracket is missing"),
            Some((host, "")) => (host, None),
            Some((host, rest)) => match rest.strip_prefix(':') {
                None => return Some("something follows its host"),
                Some(port) => (host, Some(port)),
            },
        },
        None => match address.split_once(':') {
            None => (address, None),
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            Some(_) => return Some("an IPv6 address needs brackets"),
        },
    };
    if host.is_empty() {
        return Some("it has no host");
    }
    if host.contains(|c: char| c.is_whitespace() || "/@?#".contains(c)) {
        return Some("its host has characters that no host has");
    }
    let port = port?;
    match port.parse::<u16>() {
        Ok(1..) if !port.starts_with('+') => None,
        _ => Some("its port isn't a number from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_and_without_ports_are_brokers() {
        for brokers in [
            "localhost",
            "localhost:9092",
            "a:1, b:65535 ,c",
            "[::1]:9092",
            "[fe80::1]",
            "10.0.0.1:9092",
            "SSL://broker:9093",
            "a_b.example-1.com:9092",
        ] {
            assert_eq!(problem(brokers), None, "{brokers}");
        }
    }

    #[test]
    fn what_names_no_broker_is_told_with_its_reason() {
        for (brokers, why) in [
            ("", "no brokers"),
            (" ", "no brokers"),
            ("http://localhost:9092", "URL"),
            ("kafka://localhost", "URL"),
            ("a:1,localhost:99999", "`localhost:99999`"),
            ("localhost:0", "65535"),
            ("localhost:", "65535"),
            ("localhost:+1", "65535"),
            (":9092", "no host"),
            ("a:1,,b:1", "no host"),
            ("::1:9092", "brackets"),
            ("[::1:9092", "bracket"),
            ("[::1]9092", "follows"),
            ("user@host:9092", "characters"),
        ] {
            let problem = problem(brokers).unwrap_or_else(|| panic!("{brokers} is taken"));
            assert!(problem.contains(why), "{brokers}: {problem}");
        }
    }
}
