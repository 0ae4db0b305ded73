//! Looks at topics' settings, and at what may be done with them: what breaks what calls rely on is an
//! error, what weakens it a warning.

use std::time::Duration;

use tracing::{info, warn};

use crate::transport::{Permission, TopicFacts, Transport};
use crate::{Code, Descriptor, Outcome, RpcError};

/// How long the look at all topics of a start may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The timeout of calls where neither client nor method says another.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest record that the protocol allows.
const LARGEST_RECORD: u64 = 1_000_000;

/// A topic that a server uses, and what for.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    pub(crate) topic: String,
    pub(crate) carries: Carries,
    /// The longest timeout of the service's methods.
    pub(crate) longest: Duration,
}

/// What a topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    Commands,
    /// Replies of these servers; `needed` if any method has one.
    Replies {
        needed: bool,
    },
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What breaks a promise.
    errors: Vec<(Code, String)>,
    /// What weakens one.
    warnings: Vec<String>,
    /// Topics whose settings may not be read.
    unreadable: Vec<String>,
}

/// The topics of a service, as its servers use them.
pub(crate) fn of_service(descriptor: &Descriptor, commands: &str, results: &str) -> [Used; 2] {
    let methods = descriptor.methods.iter();
    let longest = methods
        .map(|method| method.timeout.unwrap_or(USUAL_TIMEOUT))
        .max()
        .unwrap_or(USUAL_TIMEOUT);
    let needed = descriptor.methods.iter().any(|method| !method.oneway);
    let used = |topic: &str, carries| Used {
        topic: topic.to_owned(),
        carries,
        longest,
    };
    [
        used(commands, Carries::Commands),
        used(results, Carries::Replies { needed }),
    ]
}

/// Looks at these topics, and logs what weakens a promise. Returns what is known of each, in the same
/// order.
///
/// # Errors
/// Something breaks a promise; always with the outcome `NotRun`.
pub(crate) async fn check(
    transport: &dyn Transport,
    used: &[Used],
) -> Result<Vec<TopicFacts>, RpcError> {
    let topics: Vec<String> = used.iter().map(|used| used.topic.clone()).collect();
    let facts = match transport.facts(topics.clone(), PATIENCE).await {
        Ok(facts) => facts,
        Err(error) => {
            info!(
                target: "kafka_rpc::topics", ?topics, %error,
                "the topics' settings can't be checked",
            );
            return Ok(topics.into_iter().map(TopicFacts::unknown).collect());
        }
    };
    let mut findings = Findings::default();
    for (used, facts) in used.iter().zip(&facts) {
        findings.judge(used, facts);
    }
    for warning in &findings.warnings {
        warn!(target: "kafka_rpc::topics", "{warning}");
    }
    if !findings.unreadable.is_empty() {
        info!(
            target: "kafka_rpc::topics", topics = ?findings.unreadable,
            "the topics' settings aren't checked, since they may not be read; grant DESCRIBE_CONFIGS \
             on these topics",
        );
    }
    match findings.errors.into_iter().next() {
        None => Ok(facts),
        Some((code, message)) => Err(RpcError::new(code, Outcome::NotRun, message)),
    }
}

impl Findings {
    fn judge(&mut self, used: &Used, facts: &TopicFacts) {
        let Used { topic, .. } = used;
        if facts.settings.is_none() {
            self.unreadable.push(topic.clone());
        }
        self.judge_access(used, facts);
        if facts
            .setting("cleanup.policy")
            .is_some_and(|policy| policy.contains("compact"))
        {
            self.errors.push((
                Code::InvalidArgument,
                format!(
                    "topic `{topic}` has `cleanup.policy={}`, which deletes records that somebody \
                     waits for; set it to `delete`",
                    facts.setting("cleanup.policy").unwrap_or_default()
                ),
            ));
        }
        if used.carries == Carries::Commands
            && facts.setting("message.timestamp.type") == Some("LogAppendTime")
        {
            self.warnings.push(format!(
                "topic `{topic}` has `message.timestamp.type=LogAppendTime`: time that a command spends \
                 on its way to the log may not count against its deadline; set it to `CreateTime`"
            ));
        }
        let number = |name| facts.setting(name)?.parse::<i64>().ok();
        // Below zero, records are kept for ever.
        if let Some(kept) = number("retention.ms").and_then(|kept| u64::try_from(kept).ok())
            && u128::from(kept) < used.longest.as_millis()
        {
            self.warnings.push(format!(
                "topic `{topic}` has `retention.ms={kept}`, less than the longest timeout of its calls, \
                 {:?}: records may be deleted while somebody waits for them",
                used.longest
            ));
        }
        if let Some(largest) = number("max.message.bytes")
            && u64::try_from(largest).unwrap_or(0) < LARGEST_RECORD
        {
            self.warnings.push(format!(
                "topic `{topic}` has `max.message.bytes={largest}`: larger {} fail; set it to \
                 {LARGEST_RECORD} or more",
                match used.carries {
                    Carries::Commands => "calls",
                    Carries::Replies { .. } => "replies",
                }
            ));
        }
    }

    fn judge_access(&mut self, used: &Used, facts: &TopicFacts) {
        let denied = |message| (Code::PermissionDenied, message);
        let topic = &used.topic;
        match used.carries {
            Carries::Replies { needed: true } if facts.write == Permission::Denied => {
                self.errors.push(denied(format!(
                    "the brokers deny writing to topic `{topic}`, so that no reply could be sent; grant \
                     the server's user WRITE on it"
                )));
            }
            Carries::Commands if facts.read == Permission::Denied => {
                self.errors.push(denied(format!(
                    "the brokers deny reading topic `{topic}`; grant the server's user READ on it"
                )));
            }
            Carries::Commands | Carries::Replies { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(carries: Carries, settings: &[(&str, &str)], write: Permission) -> Findings {
        let used = Used {
            topic: "orders".to_owned(),
            carries,
            longest: Duration::from_secs(10),
        };
        let settings = settings.iter();
        let settings = settings.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let facts = TopicFacts {
            settings: Some(settings.collect()),
            write,
            ..TopicFacts::unknown("orders")
        };
        let mut findings = Findings::default();
        findings.judge(&used, &facts);
        findings
    }

    const REPLIES: Carries = Carries::Replies { needed: true };

    #[test]
    fn a_topic_as_it_is_created_is_fine() {
        let settings = [
            ("cleanup.policy", "delete"),
            ("message.timestamp.type", "CreateTime"),
            ("retention.ms", "3600000"),
            ("max.message.bytes", "1048588"),
        ];
        for carries in [Carries::Commands, REPLIES] {
            let findings = judged(carries, &settings, Permission::Allowed);
            assert!(findings.errors.is_empty() && findings.warnings.is_empty());
        }
        let findings = judged(REPLIES, &[("retention.ms", "-1")], Permission::Unknown);
        assert!(findings.errors.is_empty() && findings.warnings.is_empty());
    }

    #[test]
    fn a_compacted_topic_is_an_error() {
        for policy in ["compact", "compact,delete", "delete,compact"] {
            for carries in [Carries::Commands, REPLIES] {
                let findings = judged(carries, &[("cleanup.policy", policy)], Permission::Unknown);
                let (code, message) = &findings.errors[0];
                assert_eq!(*code, Code::InvalidArgument);
                assert!(
                    message.contains("`orders`") && message.contains(policy),
                    "{message}"
                );
            }
        }
    }

    #[test]
    fn replies_that_may_not_be_written_are_an_error() {
        let denied = |carries| judged(carries, &[], Permission::Denied);
        let (code, message) = &denied(REPLIES).errors[0];
        assert_eq!(*code, Code::PermissionDenied);
        assert!(message.contains("WRITE"), "{message}");
        assert!(denied(Carries::Replies { needed: false }).errors.is_empty());
        assert!(denied(Carries::Commands).errors.is_empty());
    }

    #[test]
    fn what_weakens_a_promise_is_a_warning() {
        for (key, value) in [
            ("message.timestamp.type", "LogAppendTime"),
            ("retention.ms", "9999"),
            ("max.message.bytes", "65536"),
        ] {
            let findings = judged(Carries::Commands, &[(key, value)], Permission::Unknown);
            assert!(findings.errors.is_empty());
            assert!(
                findings.warnings[0].contains(value),
                "{:?}",
                findings.warnings
            );
        }
        let append_time = [("message.timestamp.type", "LogAppendTime")];
        let findings = judged(REPLIES, &append_time, Permission::Unknown);
        assert!(findings.warnings.is_empty(), "nobody reads a reply's age");
    }

    #[test]
    fn what_may_not_be_read_is_unknown() {
        let used = Used {
            topic: "orders".to_owned(),
            carries: REPLIES,
            longest: Duration::from_secs(10),
        };
        let mut findings = Findings::default();
        findings.judge(&used, &TopicFacts::unknown("orders"));
        assert_eq!(findings.unreadable, ["orders"]);
        assert!(findings.errors.is_empty() && findings.warnings.is_empty());
    }
}
