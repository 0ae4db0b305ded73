//! Hands one record to a client, by the cheapest way that can carry it.

use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ProducerContext};

use crate::transport::Record;
use crate::transport::kafka::ffi;

/// `opaque` comes back with the record's report.
///
/// # Errors
/// It isn't taken, and won't be reported.
pub(in crate::transport::kafka) fn send<C: ProducerContext<DeliveryOpaque = usize>>(
    client: &ffi::Producer<C>,
    record: &Record<'_>,
    opaque: usize,
) -> Result<(), KafkaError> {
    let partition = i32::try_from(record.partition).unwrap_or(i32::MAX);
    if record.headers.is_empty() {
        let (key, timestamp_ms) = (record.key, record.timestamp_ms);
        return client.produce(
            record.topic,
            partition,
            key,
            record.value,
            timestamp_ms,
            opaque,
        );
    }
    let mut message = BaseRecord::with_opaque_to(record.topic, opaque)
        .partition(partition)
        .payload(record.value)
        .timestamp(record.timestamp_ms)
        .headers(headers(record.headers));
    if let Some(key) = record.key {
        message = message.key(key);
    }
    client.client().send(message).map_err(|(error, _)| error)
}

fn headers(headers: &[(String, Vec<u8>)]) -> OwnedHeaders {
    headers.iter().fold(
        OwnedHeaders::new_with_capacity(headers.len()),
        |all, (key, value)| {
            all.insert(Header {
                key,
                value: Some(value),
            })
        },
    )
}
