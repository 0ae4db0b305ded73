//! From a request to the bytes of a command, and the partition that they go to.

use std::time::{Duration, Instant};

use crate::RpcError;
use crate::call::{ExplicitPartition, IdempotencyKey, Request};
use crate::client::connection::Attached;
use crate::client::outbound::draft::invalid;
use crate::wire::{self, Command, ReplyAddress, Sent, limits};

/// Always the client's choice, so that a cancel reaches the server that has the command. What the caller
/// or the key decides can't move to another partition; any other call goes to one that answers.
///
/// # Errors
/// `InvalidArgument`, if the caller names a partition that isn't there.
pub(super) fn partition(
    attached: &Attached,
    request: &Request,
    now: Instant,
) -> Result<u32, RpcError> {
    let partitions = &attached.partitions;
    let count = partitions.count();
    if let Some(&ExplicitPartition(partition)) = request.extensions.get() {
        if partition < count {
            return Ok(partition);
        }
        let what = format!(
            "is addressed to partition {partition}, and topic `{}` has {count}",
            attached.commands
        );
        return Err(invalid(attached, request.method, &what));
    }
    Ok(match request.key.as_deref().or(idempotency_key(request)) {
        Some(key) => wire::partition_for(key, count),
        // Without an answer it would find nothing out.
        None => partitions.choose(now, !request.method.oneway),
    })
}

/// Encodes the command of this attempt around the arguments, and checks its sizes. The command is
/// what is [around](crate::call::Payload::around) the arguments from the returned place on.
///
/// The arguments stay in the request, which can be encoded again for another attempt.
///
/// # Errors
/// `InvalidArgument`, if something is too large or has a name that can't be sent.
pub(super) fn command(
    attached: &Attached,
    request: &mut Request,
    now: Instant,
    sent: Option<Sent>,
) -> Result<usize, RpcError> {
    let replies = &attached.replies;
    let budget = request.deadline.saturating_duration_since(now);
    let idempotency_key = request
        .extensions
        .get()
        .map(|IdempotencyKey(key)| key.as_ref());
    let command = Command {
        call_id: request.id,
        service: request.service.name,
        service_version: request.service.version,
        method: request.method.name,
        arguments: &[],
        reply_to: (!request.method.oneway).then_some(ReplyAddress {
            topic: &replies.topic,
            partition: replies.partition,
        }),
        budget_ms: budget_ms(budget),
        key: request.key.as_deref(),
        idempotency_key,
        attempt: request.attempt,
        fingerprint: Some(attached.fingerprint),
        sent,
    };
    let begin = request
        .arguments
        .enclose(|buffer, room| command.enclose(buffer, room));
    check_sizes(request, begin).map_err(|what| invalid(attached, request.method, &what))?;
    Ok(begin)
}

/// Rounded up: the caller's own deadline is the exact one.
fn budget_ms(budget: Duration) -> u32 {
    u32::try_from(budget.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

fn idempotency_key(request: &Request) -> Option<&[u8]> {
    let IdempotencyKey(key) = request.extensions.get()?;
    Some(key)
}

/// Says what is too large.
fn check_sizes(request: &Request, begin: usize) -> Result<(), String> {
    let headers = &request.headers;
    let metadata: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if headers.len() > limits::MAX_METADATA_ENTRIES || metadata > limits::MAX_METADATA_BYTES {
        return Err(format!(
            "has {} headers of {metadata} bytes, and the limits are {} and {}",
            headers.len(),
            limits::MAX_METADATA_ENTRIES,
            limits::MAX_METADATA_BYTES
        ));
    }
    // Kafka's library hands a name over up to its first NUL, as the name of another header.
    if headers.iter().any(|(name, _)| name.contains('\0')) {
        return Err("has a header with a NUL in its name".to_owned());
    }
    for key in [request.key.as_deref(), idempotency_key(request)] {
        let length = key.map_or(0, <[u8]>::len);
        if length > limits::MAX_KEY_BYTES {
            return Err(format!(
                "has a routing or idempotency key of {length} bytes, and the limit is {}",
                limits::MAX_KEY_BYTES
            ));
        }
    }
    let envelope = request.arguments.around().len() - begin;
    if envelope > limits::MAX_ENVELOPE_BYTES {
        return Err(format!(
            "takes {envelope} bytes, and the limit is {}; pass a reference to large data",
            limits::MAX_ENVELOPE_BYTES
        ));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::call::{Arguments, Extensions, Payload};
    use crate::client::attach;
    use crate::client::options::Options;
    use crate::transport::memory::MemoryBroker;
    use crate::transport::sealed::Open;
    use crate::wire::{CallId, Envelope};
    use crate::{Descriptor, Method};

    static DESK: Descriptor = Descriptor::new("Desk", 7, None, None, &[Method::new("echo")]);

    async fn attached() -> Attached {
        let broker = MemoryBroker::new();
        broker.create_topic("Desk.commands", 3).unwrap();
        broker.create_topic("Desk.results", 1).unwrap();
        let transport = broker.open().unwrap();
        let connection = attach::connect(transport, Options::default()).await;
        attach::attach(connection.unwrap(), &DESK).await.unwrap()
    }

    fn request(arguments: Payload) -> Request {
        Request {
            id: CallId::new([3; 8], 4),
            service: &DESK,
            method: DESK.method(0),
            arguments,
            key: Some(Bytes::from_static(b"key")),
            headers: Vec::new(),
            deadline: Instant::now() + Duration::from_secs(1),
            attempt: 1,
            extensions: Extensions::default(),
        }
    }

    fn arguments() -> Arguments {
        let mut arguments = Arguments::named(1);
        arguments.add("n", &5_u8);
        arguments
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_encoded_again_for_its_next_attempt() {
        let attached = attached().await;
        let plain = arguments().bytes().unwrap();
        let owned = arguments().finish().0.unwrap();
        let shared = Payload::from(Bytes::from(plain.clone()));
        for (arguments, is_copied) in [(owned, false), (shared, true)] {
            let before = arguments.as_slice().as_ptr();
            let mut request = request(arguments);
            let sent = Sent {
                at_ms: 5,
                error_ms: 6,
                clock: 7,
            };
            for (attempt, left_ms, sent) in [(1, 700, None), (2, 200, Some(sent)), (3, 90, None)] {
                request.attempt = attempt;
                let now = request.deadline - Duration::from_millis(left_ms);
                let begin = command(&attached, &mut request, now, sent).unwrap();
                let expected = Command {
                    call_id: request.id,
                    service: "Desk",
                    service_version: 7,
                    method: "echo",
                    arguments: &plain,
                    reply_to: Some(ReplyAddress {
                        topic: "Desk.results",
                        partition: 0,
                    }),
                    budget_ms: u32::try_from(left_ms).unwrap(),
                    key: Some(b"key"),
                    idempotency_key: None,
                    attempt,
                    fingerprint: Some(attached.fingerprint),
                    sent,
                };
                let decoded = wire::decode(&request.arguments.around()[begin..]);
                assert_eq!(decoded.unwrap(), Envelope::Command(expected));
                assert_eq!(request.arguments.as_slice(), plain);
                let stays = request.arguments.as_slice().as_ptr() == before;
                assert_eq!(stays, !is_copied, "attempt {attempt}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_caller_names_decides_the_partition() {
        let attached = attached().await;
        let mut request = request(arguments().finish().0.unwrap());
        let now = Instant::now();
        let by_key = wire::partition_for(b"key", 3);
        assert_eq!(partition(&attached, &request, now).unwrap(), by_key);
        let other = Bytes::from_static(b"idempotency");
        request.extensions.insert(IdempotencyKey(other.clone()));
        assert_eq!(partition(&attached, &request, now).unwrap(), by_key);
        request.key = None;
        let by_other = wire::partition_for(&other, 3);
        assert_eq!(partition(&attached, &request, now).unwrap(), by_other);
        for named in 0..3 {
            request.extensions.insert(ExplicitPartition(named));
            assert_eq!(partition(&attached, &request, now).unwrap(), named);
        }
        request.extensions.insert(ExplicitPartition(3));
        partition(&attached, &request, now).unwrap_err();
    }
}
