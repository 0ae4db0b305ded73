//! How many partitions a producer's topics have by now.
//!
//! The wrapper asks for one topic or for all of the cluster. This asks for those that the producer has
//! handles of, in one request, and the producer knows what the answer says before the caller does.

use std::ffi::CStr;
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{Producer as _, ProducerContext};
use rdkafka_sys::bindings::{
    rd_kafka_metadata, rd_kafka_metadata_destroy, rd_kafka_metadata_t, rd_kafka_resp_err_t,
};

use crate::transport::kafka::ffi::producer::Producer;

/// An answer of librdkafka's, which it is given back.
struct Metadata(NonNull<rd_kafka_metadata_t>);

impl Drop for Metadata {
    fn drop(&mut self) {
        // SAFETY: it is ours, and given back once. It refers to nothing of the client's.
        unsafe { rd_kafka_metadata_destroy(self.0.as_ptr()) };
    }
}

impl<C: ProducerContext<DeliveryOpaque = usize>> Producer<C> {
    /// The number of partitions of each of these topics; `None` of one that isn't there, or that can't
    /// be read. Blocks until a broker answers, for `wait` at most.
    ///
    /// # Errors
    /// No broker answers in time, or a name has a zero byte.
    pub(in crate::transport::kafka) fn partition_counts(
        &self,
        topics: &[String],
        wait: Duration,
    ) -> KafkaResult<Vec<Option<u32>>> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        // Not only to have them asked for: without any handle, librdkafka would let the brokers create
        // topics.
        for topic in topics {
            self.with_handle(topic, |_| ())?;
        }
        let wait = wait.as_millis().try_into().unwrap_or(i32::MAX);
        let mut found = ptr::null();
        // SAFETY: the client is alive. The answer, if there is one, is ours.
        let error = unsafe {
            let client = self.client().client().native_ptr();
            rd_kafka_metadata(client, 0, ptr::null_mut(), &raw mut found, wait)
        };
        let metadata = NonNull::new(found.cast_mut()).map(Metadata);
        if error != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::from(error)));
        }
        let Some(metadata) = metadata else {
            return Ok(vec![None; topics.len()]);
        };
        // SAFETY: the answer is alive until the end of this function, and so are the topics in it, of
        // which there are so many. Each has a name that ends with a zero byte.
        let count = |name: &String| unsafe {
            let all = metadata.0.as_ref();
            if all.topics.is_null() {
                return None;
            }
            let length = usize::try_from(all.topic_cnt).unwrap_or(0);
            let topic = slice::from_raw_parts(all.topics, length)
                .iter()
                .find(|topic| CStr::from_ptr(topic.topic).to_bytes() == name.as_bytes())?;
            let there = topic.err == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
            there.then_some(u32::try_from(topic.partition_cnt).ok()?)
        };
        Ok(topics.iter().map(count).collect())
    }
}
