//! A client's queues, and whom they wake when something comes in.

use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka_sys::bindings::{
    rd_kafka_queue_cb_event_enable, rd_kafka_queue_destroy, rd_kafka_queue_forward,
    rd_kafka_queue_get_consumer, rd_kafka_queue_get_main, rd_kafka_queue_get_partition,
    rd_kafka_queue_length, rd_kafka_queue_new, rd_kafka_queue_t, rd_kafka_t,
};

/// One of a client's queues.
///
/// Its client is alive: whoever makes a queue promises to drop it first. Only this folder makes any,
/// and their owners keep that order in their `Drop`.
#[derive(Debug)]
pub(super) struct Queue {
    queue: NonNull<rd_kafka_queue_t>,
    client: NonNull<rd_kafka_t>,
}

// SAFETY: librdkafka's queues may be used, and given back, by any thread.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// The queue that a producer is polled for.
    ///
    /// # Safety
    /// It is dropped before the client.
    pub(super) unsafe fn main<C: ClientContext>(client: &Client<C>) -> Option<Self> {
        // SAFETY: the borrow keeps the client alive.
        Self::of(client, unsafe {
            rd_kafka_queue_get_main(client.native_ptr())
        })
    }

    /// The queue that a consumer is polled for; a consumer without a group has none.
    ///
    /// # Safety
    /// It is dropped before the client.
    pub(super) unsafe fn consumer<C: ClientContext>(client: &Client<C>) -> Option<Self> {
        // SAFETY: the borrow keeps the client alive.
        Self::of(client, unsafe {
            rd_kafka_queue_get_consumer(client.native_ptr())
        })
    }

    /// A new queue, into which nothing comes until others are forwarded to it.
    ///
    /// # Safety
    /// It is dropped before the client.
    pub(super) unsafe fn new<C: ClientContext>(client: &Client<C>) -> Option<Self> {
        // SAFETY: the borrow keeps the client alive.
        Self::of(client, unsafe { rd_kafka_queue_new(client.native_ptr()) })
    }

    fn of<C: ClientContext>(client: &Client<C>, queue: *mut rd_kafka_queue_t) -> Option<Self> {
        Some(Self {
            queue: NonNull::new(queue)?,
            client: NonNull::new(client.native_ptr())?,
        })
    }

    pub(super) const fn ptr(&self) -> *mut rd_kafka_queue_t {
        self.queue.as_ptr()
    }

    /// The client that it is of.
    pub(super) const fn client(&self) -> *mut rd_kafka_t {
        self.client.as_ptr()
    }

    pub(super) fn is_empty(&self) -> bool {
        // SAFETY: the queue is ours, and its client is alive.
        unsafe { rd_kafka_queue_length(self.ptr()) == 0 }
    }

    /// Sends the records of a partition here, until librdkafka stops fetching what was assigned of it.
    /// To be called before the consumer is polled after the assignment: what was fetched before that
    /// comes as events.
    pub(super) fn forward_partition(&self, topic: &str, partition: i32) {
        // Names with a zero byte were refused when the topic was checked.
        let Ok(topic) = CString::new(topic) else {
            return;
        };
        // SAFETY: name and queue are alive, and so is the queue's client. The partition's queue is
        // ours to give back; the partition itself keeps it, and with it the forwarding.
        unsafe {
            let queue =
                rd_kafka_queue_get_partition(self.client.as_ptr(), topic.as_ptr(), partition);
            if !queue.is_null() {
                rd_kafka_queue_forward(queue, self.ptr());
                rd_kafka_queue_destroy(queue);
            }
        }
    }

    /// Alerts `target` whenever something comes into this queue while it is empty.
    ///
    /// # Safety
    /// `target` lives until the client has been destroyed: only then is it certain that none of its
    /// threads is about to call.
    pub(super) unsafe fn set_callback(&self, target: &Arc<Target>) {
        let target = Arc::as_ptr(target).cast_mut().cast::<c_void>();
        // SAFETY: the queue is ours. The pointer is valid for as long as `alert` may be called with
        // it, as the caller promises, and of the type that `alert` takes it for.
        unsafe { rd_kafka_queue_cb_event_enable(self.ptr(), Some(alert), target) };
    }

    /// Alerts nobody any more.
    pub(super) fn clear_callback(&self) {
        // SAFETY: the queue is ours, and its client is alive.
        unsafe { rd_kafka_queue_cb_event_enable(self.ptr(), None, ptr::null_mut()) };
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours, is given back once, and its client is alive.
        unsafe { rd_kafka_queue_destroy(self.ptr()) };
    }
}

/// Is told that something came into a queue that was empty.
///
/// One of librdkafka's threads calls, and holds the queue's lock. Its header forbids to call
/// librdkafka from there, and to work for long: an implementation only notes it and wakes others.
pub(in crate::transport::kafka) trait Alerted: Send + Sync {
    fn alert(&self);
}

/// What a queue's callback is given: a place that doesn't move.
pub(super) struct Target(pub(super) Arc<dyn Alerted>);

/// Called by librdkafka's threads when something comes into a queue that was empty. A panic in it
/// ends the process, since it may not unwind into C.
unsafe extern "C" fn alert(_: *mut rd_kafka_t, target: *mut c_void) {
    // SAFETY: it is what `set_callback` got, whose caller promised that it is alive.
    unsafe { &*target.cast::<Target>() }.0.alert();
}
