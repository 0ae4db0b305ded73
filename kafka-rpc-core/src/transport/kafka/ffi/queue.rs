//! A client's queues, and whom they tell that something has come.

use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::bindings::{
    rd_kafka_queue_cb_event_enable, rd_kafka_queue_destroy, rd_kafka_queue_forward,
    rd_kafka_queue_get_consumer, rd_kafka_queue_get_main, rd_kafka_queue_get_partition,
    rd_kafka_queue_length, rd_kafka_queue_new, rd_kafka_queue_t, rd_kafka_queue_yield, rd_kafka_t,
};
use rdkafka::client::Client;

/// One of a client's queues. To be dropped before the client.
#[derive(Debug)]
pub(in crate::transport::kafka) struct Queue(*mut rd_kafka_queue_t);

// SAFETY: librdkafka's queues may be used, and given back, by any thread.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// That which a producer is polled for.
    pub(super) fn main<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the client is alive.
        Self(unsafe { rd_kafka_queue_get_main(client.native_ptr()) })
    }

    /// That which a consumer is polled for.
    pub(super) fn consumer<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the client is alive, and every consumer has a queue.
        Self(unsafe { rd_kafka_queue_get_consumer(client.native_ptr()) })
    }

    /// A new one.
    pub(super) fn new<C: ClientContext>(client: &Client<C>) -> Self {
        // SAFETY: the client is alive.
        Self(unsafe { rd_kafka_queue_new(client.native_ptr()) })
    }

    pub(super) const fn ptr(&self) -> *mut rd_kafka_queue_t {
        self.0
    }

    /// Has the records of a partition come here, until what was assigned of it is stopped. To be called
    /// before the consumer is polled after the assignment: what was read before that would come as
    /// events.
    pub(in crate::transport::kafka) fn adopt<C: ClientContext>(
        &self,
        client: &Client<C>,
        topic: &str,
        partition: i32,
    ) {
        // Names with a zero byte were refused when the topic was checked.
        let Ok(topic) = CString::new(topic) else {
            return;
        };
        // SAFETY: client, name and queue are alive. The partition's queue is made if there is none,
        // and given back when it is dropped.
        unsafe {
            let queue =
                rd_kafka_queue_get_partition(client.native_ptr(), topic.as_ptr(), partition);
            if !queue.is_null() {
                rd_kafka_queue_forward(queue, self.0);
                rd_kafka_queue_destroy(queue);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        // SAFETY: the queue is ours.
        unsafe { rd_kafka_queue_length(self.0) == 0 }
    }

    /// Ends the waiting of whoever waits for something to come, or of the next one to.
    pub(super) fn end_waiting(&self) {
        // SAFETY: the queue is ours.
        unsafe { rd_kafka_queue_yield(self.0) };
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours, is given back once, and its client is alive.
        unsafe { rd_kafka_queue_destroy(self.0) };
    }
}

/// Is told that something came into a queue that was empty, by one of librdkafka's threads, which
/// holds the queue's lock: it must only wake others.
pub(in crate::transport::kafka) trait Alerted: Send + Sync {
    fn alert(&self);
}

/// Has someone alerted when something comes into a queue. To be dropped before the client.
pub(in crate::transport::kafka) struct Alert {
    queue: Arc<Queue>,
    /// What the queue's callback is given; boxed, so that it stays where it is.
    _target: Box<Arc<dyn Alerted>>,
}

impl Alert {
    pub(super) fn on(queue: Arc<Queue>, target: Arc<dyn Alerted>) -> Self {
        let target = Box::new(target);
        // SAFETY: the queue is ours. The callback is given a pointer that is valid until `drop` has
        // taken the callback away.
        unsafe {
            rd_kafka_queue_cb_event_enable(
                queue.0,
                Some(alert),
                ptr::from_ref(&*target).cast_mut().cast(),
            );
        }
        Self {
            queue,
            _target: target,
        }
    }
}

impl Drop for Alert {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and its client is alive. The callback runs under the queue's
        // lock, which taking it away takes too: it runs no more after that.
        unsafe { rd_kafka_queue_cb_event_enable(self.queue.0, None, ptr::null_mut()) };
    }
}

/// Called by librdkafka's threads when something comes into a queue that was empty.
unsafe extern "C" fn alert(_: *mut rd_kafka_t, target: *mut c_void) {
    // SAFETY: it is what `Alert::on` gave, and is alive as long as this may be called.
    unsafe { &*target.cast::<Arc<dyn Alerted>>() }.alert();
}
