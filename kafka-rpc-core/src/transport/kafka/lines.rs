//! What a line of librdkafka's own log is about, so that a broker's absence is one cause for all clients
//! and connections that notice it.

use crate::throttle::Pattern;

/// The cause of a line: what happened, without where and for how long.
///
/// A line begins with the thread's name and the broker's, or several, each followed by a colon, and
/// often ends with a duration in brackets.
pub(super) fn cause(line: &str) -> String {
    let mut rest = line;
    while let Some((head, tail)) = rest.split_once(": ")
        && !head.contains(' ')
    {
        rest = tail;
    }
    let (rest, _) = rest.split_once(" (after ").unwrap_or((rest, ""));
    // What is quoted is a name, of a group or a topic.
    let rest: String = rest.split('"').step_by(2).collect();
    // One broker has several addresses.
    match rest.split_once(" failed: ") {
        Some((connect, reason)) if connect.starts_with("Connect to ") => {
            format!("Connect failed: {}", Pattern(reason))
        }
        _ => Pattern(&rest).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_refuses_connections_is_one_cause() {
        let lines = [
            "[thrd:127.0.0.1:9092/bootstrap]: 127.0.0.1:9092/bootstrap: Connect to \
             ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
            "[thrd:localhost:9092/1]: localhost:9092/1: Connect to ipv6#[::1]:9092 failed: \
             Connection refused (after 12ms in state CONNECT, 30 identical error(s) suppressed)",
            "[thrd:GroupCoordinator]: GroupCoordinator: 127.0.0.1:9092: Connect to \
             ipv4#127.0.0.1:9092 failed: Connection refused (after 1ms in state CONNECT)",
        ];
        for line in lines {
            assert_eq!(cause(line), "Connect failed: Connection refused", "{line}");
        }
    }

    #[test]
    fn other_things_are_other_causes() {
        let lost =
            "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Disconnected (after 3ms in state UP)";
        assert_eq!(cause(lost), "Disconnected");
        let name = "[thrd:a:1/bootstrap]: a:1/bootstrap: Failed to resolve 'a:1': not known";
        assert_eq!(cause(name), "Failed to resolve 'a:#': not known");
        let group = "[thrd:main]: Group \"a\": unexpected instruction";
        assert_eq!(cause(group), "Group : unexpected instruction");
        let plain = "Configuration property x is a producer property";
        assert_eq!(cause(plain), plain);
    }
}
