//! Whether a group has accepted a member: whoever joins waits for that, and hears why it hasn't.

use std::future::Future;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::sync::watch;

use crate::transport::{GroupOptions, TransportError, TransportErrorKind};
use crate::util::lock_order::GROUP_ACCEPTANCE;
use crate::util::sync::{Mutex, lock};

/// How long a group may leave a member without an answer.
const PATIENCE: Duration = Duration::from_millis(4_500);

/// The same while its coordinator says that the group rebalances. A broker waits for further members of
/// an empty group, three seconds by default after each, and for every member of another one.
const REBALANCE_PATIENCE: Duration = Duration::from_secs(30);

/// What came of joining; `None` before anything has.
type Outcome = Option<Result<(), TransportError>>;

/// Whether a group has accepted a member.
pub(super) struct Acceptance {
    outcome: watch::Sender<Outcome>,
    wait: Mutex<Wait, GROUP_ACCEPTANCE>,
}

struct Wait {
    since: Instant,
    until: Instant,
    /// What may be why it isn't accepted yet.
    cause: Option<TransportError>,
}

impl Default for Acceptance {
    fn default() -> Self {
        let since = Instant::now();
        Self {
            outcome: watch::Sender::new(None),
            wait: Mutex::new(Wait {
                since,
                until: since + PATIENCE,
                cause: None,
            }),
        }
    }
}

impl Acceptance {
    /// Whether nothing has come of it yet.
    pub(super) fn is_pending(&self) -> bool {
        self.outcome.borrow().is_none()
    }

    /// The group has accepted the member. What came of it before stays.
    pub(super) fn accept(&self) {
        self.end(Ok(()));
    }

    /// The group won't accept the member. What came of it before stays.
    pub(super) fn refuse(&self, error: TransportError) {
        self.end(Err(error));
    }

    fn end(&self, result: Result<(), TransportError>) {
        self.outcome.send_if_modified(|outcome| {
            let first = outcome.is_none();
            if first {
                *outcome = Some(result);
            }
            first
        });
    }

    /// Notes what may be why it isn't accepted yet.
    pub(super) fn note(&self, cause: TransportError) {
        lock(&self.wait).cause = Some(cause);
    }

    /// Whether the time is up, and what was noted last.
    pub(super) fn overdue(&self, now: Instant) -> Option<Option<TransportError>> {
        let wait = lock(&self.wait);
        (now >= wait.until).then(|| wait.cause.clone())
    }

    /// The group rebalances: gives it more time. Says whether there is more.
    pub(super) fn extend(&self, now: Instant) -> bool {
        let mut wait = lock(&self.wait);
        let last = wait.since + REBALANCE_PATIENCE;
        wait.until = last.min(now + Duration::from_secs(1));
        now < last
    }

    /// Waits for what comes of it.
    pub(super) fn wait(&self) -> impl Future<Output = Result<(), TransportError>> + Send + use<> {
        let mut outcome = self.outcome.subscribe();
        async move {
            match outcome.wait_for(Option::is_some).await {
                Ok(found) => found.clone().unwrap_or(Ok(())),
                // The sender is the member's, which whoever waits holds.
                Err(_) => Err(TransportError::new(
                    TransportErrorKind::Closed,
                    "the member has ended",
                )),
            }
        }
    }
}

/// Why a group won't ever accept such a member, if this code says so: what happened, and what to do.
pub(super) fn refusal(code: Code, options: &GroupOptions) -> Option<TransportError> {
    let GroupOptions { group, topic, .. } = options;
    let (kind, message) = match code {
        Code::GroupAuthorizationFailed => (
            TransportErrorKind::PermissionDenied,
            format!(
                "the brokers deny access to group `{group}`; grant the server's user READ on the group"
            ),
        ),
        Code::TopicAuthorizationFailed => (
            TransportErrorKind::PermissionDenied,
            format!(
                "the brokers deny access to topic `{topic}`; grant the server's user READ on the topic"
            ),
        ),
        Code::InconsistentGroupProtocol => (
            TransportErrorKind::Configuration,
            format!(
                "group `{group}` has members that share partitions in another way than this server; \
                 give the server a group of its own, or stop the others"
            ),
        ),
        Code::InvalidSessionTimeout => (
            TransportErrorKind::Configuration,
            format!(
                "the brokers don't accept the session timeout for group `{group}`; set \
                 `session.timeout.ms` to what their `group.min.session.timeout.ms` and \
                 `group.max.session.timeout.ms` allow"
            ),
        ),
        Code::InvalidGroupId => (
            TransportErrorKind::Configuration,
            format!("the brokers don't accept `{group}` as the name of a group"),
        ),
        Code::GroupMaxSizeReached => (
            TransportErrorKind::Configuration,
            format!(
                "group `{group}` has as many members as the brokers allow; raise their \
                 `group.max.size`, or start fewer servers"
            ),
        ),
        Code::UnsupportedVersion | Code::UnsupportedFeature | Code::UnsupportedAssignor => (
            TransportErrorKind::Configuration,
            format!(
                "the brokers don't support the protocol that this server joins group `{group}` by; \
                 use `GroupProtocol::Classic`"
            ),
        ),
        _ => return None,
    };
    Some(TransportError::new(kind, message))
}

/// Why a member with a static name isn't accepted while another one has it.
pub(super) fn taken(options: &GroupOptions) -> TransportError {
    let GroupOptions {
        group, instance, ..
    } = options;
    TransportError::new(
        TransportErrorKind::Configuration,
        format!(
            "another member of group `{group}` has the static name `{}`; give each server a name of \
             its own, or wait until the other one has left or its session has ended",
            instance.as_deref().unwrap_or_default()
        ),
    )
}

/// How a group is, as its coordinator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupState {
    /// Members are joining, or haven't yet answered a rebalance.
    Rebalances,
    /// It has members, which follow the classic protocol.
    Classic,
    /// Neither, or the broker doesn't tell.
    Other,
}

/// Asks how a group is, and waits so long for the answer.
pub(super) fn group_state<C: ClientContext>(
    client: &Client<C>,
    group: &str,
    timeout: Duration,
) -> GroupState {
    let found = client.fetch_group_list(Some(group), timeout);
    let state = found.map(|found| found.groups().first().map(|one| one.state().to_owned()));
    match state.ok().flatten().as_deref() {
        Some("PreparingRebalance" | "CompletingRebalance") => GroupState::Rebalances,
        // To this question a group of KIP-848 is dead.
        Some("Stable") => GroupState::Classic,
        _ => GroupState::Other,
    }
}

/// Why a member that follows KIP-848 isn't accepted by a group whose members don't.
pub(super) fn not_converted(options: &GroupOptions) -> TransportError {
    let group = &options.group;
    TransportError::new(
        TransportErrorKind::Configuration,
        format!(
            "group `{group}` has members that follow the classic protocol, and the brokers don't \
             convert it to KIP-848; stop all of its servers before the first one of \
             `GroupProtocol::Consumer` starts"
        ),
    )
}

/// Why nothing has come of joining in time.
pub(super) fn unanswered(
    options: &GroupOptions,
    cause: Option<TransportError>,
    rebalances: bool,
) -> TransportError {
    let group = &options.group;
    let cause = cause.map_or_else(String::new, |cause| format!(" ({cause})"));
    let message = if rebalances {
        format!(
            "group `{group}` has been rebalancing for {REBALANCE_PATIENCE:?}{cause}; look for a member \
             that doesn't answer, and stop it"
        )
    } else {
        format!(
            "the coordinator of group `{group}` doesn't answer{cause}; check that all brokers can be \
             reached at their advertised addresses, and that topic `__consumer_offsets` can be created"
        )
    };
    TransportError::new(TransportErrorKind::Unavailable, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::park::block_on;

    fn options() -> GroupOptions {
        GroupOptions {
            group: "orders".to_owned(),
            topic: "orders.commands".to_owned(),
            instance: Some("pod-0".to_owned()),
        }
    }

    #[test]
    fn what_came_of_it_first_stays() {
        let acceptance = Acceptance::default();
        assert!(acceptance.is_pending());
        acceptance.accept();
        acceptance.refuse(taken(&options()));
        assert!(!acceptance.is_pending());
        assert_eq!(block_on(acceptance.wait()), Ok(()));
    }

    #[test]
    fn a_refusal_names_the_group_and_what_to_do() {
        for code in [
            Code::GroupAuthorizationFailed,
            Code::InconsistentGroupProtocol,
            Code::InvalidSessionTimeout,
            Code::GroupMaxSizeReached,
            Code::UnsupportedVersion,
        ] {
            let error = refusal(code, &options()).expect("it is final");
            assert!(error.message.contains("`orders`"), "{error}");
            assert!(error.message.contains("; "), "what to do: {error}");
        }
        assert_eq!(refusal(Code::RebalanceInProgress, &options()), None);
        assert!(taken(&options()).message.contains("`pod-0`"));
    }

    #[test]
    fn a_rebalance_gives_more_time_but_not_for_ever() {
        let acceptance = Acceptance::default();
        let start = Instant::now();
        assert!(acceptance.overdue(start).is_none());
        acceptance.note(taken(&options()));
        let late = start + PATIENCE + Duration::from_millis(1);
        assert_eq!(acceptance.overdue(late), Some(Some(taken(&options()))));
        assert!(acceptance.extend(late));
        assert!(acceptance.overdue(late).is_none());
        assert!(!acceptance.extend(start + 2 * REBALANCE_PATIENCE));
    }
}
