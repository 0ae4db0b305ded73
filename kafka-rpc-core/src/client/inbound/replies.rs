//! Matches replies, and what became of commands, to the calls that wait for them.

use std::sync::Arc;

use crate::client::pending::Registry;
use crate::transport::{Clock, Delivery, DeliverySink, Incoming, ListenerSink, TransportError};
use crate::util::throttle;
use crate::wire::CallId;

/// The sink of one listener. The key alone tells whose reply a record is, so that another client's
/// is dropped without a look at its value.
pub(in crate::client) struct Replies {
    pub(in crate::client) registry: Arc<Registry>,
    pub(in crate::client) clock: Arc<dyn Clock>,
    pub(in crate::client) instance: [u8; 8],
    pub(in crate::client) number: u32,
    pub(in crate::client) topic: String,
    pub(in crate::client) partition: u32,
}

impl ListenerSink for Replies {
    fn record(&self, record: Incoming<'_>) {
        match record.key.and_then(CallId::from_slice) {
            Some(id) if id.instance() == self.instance => {
                self.registry
                    .reply(id.sequence(), record.value.unwrap_or_default(), || {
                        self.clock.now()
                    })
            }
            _ => self.registry.foreign(),
        }
    }

    fn gap(&self, lost: Option<u64>) {
        let place = format_args!("gap in {}/{}", self.topic, self.partition);
        if let Some(suppressed) = throttle::pass(place) {
            tracing::warn!(
                target: "kafka_rpc::client",
                topic = self.topic,
                partition = self.partition,
                lost,
                suppressed,
                "the results topic lost records; the calls that waited for it end as disconnected"
            );
        }
        self.registry.gap(self.number);
    }

    fn trouble(&self, error: TransportError) {
        if let Some(suppressed) = error.pass_throttle("listener", &self.topic) {
            tracing::warn!(
                target: "kafka_rpc::client",
                topic = self.topic,
                partition = self.partition,
                %error,
                suppressed,
                "the listener has trouble and goes on"
            );
        }
    }
}

/// The sink of the producer, whose tokens are the calls' numbers.
pub(in crate::client) struct Reports {
    pub(in crate::client) registry: Arc<Registry>,
    pub(in crate::client) clock: Arc<dyn Clock>,
}

impl DeliverySink for Reports {
    fn delivered(&self, token: u64, delivery: Delivery) {
        self.registry
            .delivered(token, delivery, || self.clock.now());
    }
}
