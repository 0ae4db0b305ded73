//! librdkafka's error codes as the kinds of failure that callers tell apart.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::transport::{TransportError, TransportErrorKind};

/// The kind of failure that a code stands for.
pub(super) const fn kind(code: RDKafkaErrorCode) -> TransportErrorKind {
    use RDKafkaErrorCode as Code;
    use TransportErrorKind as Kind;
    match code {
        Code::UnknownTopicOrPartition
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicId
        | Code::InvalidTopic => Kind::UnknownTopic,
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => Kind::PermissionDenied,
        // A failed TLS handshake is one side's refusal of the other's certificate.
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::SSL => Kind::Unauthenticated,
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => Kind::TooLarge,
        Code::QueueFull => Kind::QueueFull,
        Code::PurgeQueue | Code::PurgeInflight | Code::BrokerDestroy => Kind::Closed,
        Code::InvalidArgument | Code::InvalidConfig | Code::PolicyViolation => Kind::Configuration,
        Code::MessageTimedOut
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::TimedOutQueue
        | Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::BrokerNotAvailable
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::NotEnoughReplicas
        | Code::NotEnoughReplicasAfterAppend
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress
        | Code::NotCoordinator
        | Code::WaitingForCoordinator
        | Code::NetworkException
        | Code::Resolve => Kind::Unavailable,
        _ => Kind::Other,
    }
}

/// An error with the kind of its code; `doing` says what failed.
pub(super) fn from_code(doing: &str, code: RDKafkaErrorCode) -> TransportError {
    TransportError::new(kind(code), format!("{doing}: {code}"))
}

/// The error of an operation on a running client; `doing` says what failed.
pub(super) fn from_kafka(doing: &str, error: &KafkaError) -> TransportError {
    match error.rdkafka_error_code() {
        Some(code) => from_code(doing, code),
        None => TransportError::new(TransportErrorKind::Other, format!("{doing}: {error}")),
    }
}

/// The error of making a client: its settings have no meaning, together or each by itself.
pub(super) fn from_creation(error: &KafkaError) -> TransportError {
    let message = match error {
        // The description may quote the value, which may be a secret.
        KafkaError::ClientConfig(_, _, key, _) => {
            format!("librdkafka doesn't accept the setting {key}, or not with this value")
        }
        KafkaError::ClientCreation(reason) => {
            format!("librdkafka doesn't accept the settings: {reason}")
        }
        other => format!("librdkafka doesn't accept the settings: {other}"),
    };
    TransportError::new(TransportErrorKind::Configuration, message)
}
