//! The only unsafe code: four questions to librdkafka that its safe wrapper doesn't offer.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::{ptr, slice};

use rdkafka::ClientContext;
use rdkafka::bindings::{
    rd_kafka_handle_mock_cluster, rd_kafka_header_cnt, rd_kafka_header_get_all, rd_kafka_mem_free,
    rd_kafka_memberid, rd_kafka_message_headers, rd_kafka_message_status,
    rd_kafka_mock_group_initial_rebalance_delay_ms, rd_kafka_msg_status_t, rd_kafka_resp_err_t,
};
use rdkafka::client::Client;
use rdkafka::message::BorrowedMessage;

/// Whether a record whose delivery ended with an error is certainly not in the log.
pub(super) fn certainly_not_persisted(message: &BorrowedMessage<'_>) -> bool {
    // SAFETY: the pointer is that of a live message, which the borrow keeps alive, and the function
    // only reads a field of it.
    let status = unsafe { rd_kafka_message_status(message.ptr()) };
    status == rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED
}

/// Visits the headers that have a value. A header whose name isn't UTF-8 is skipped: the wrapper's
/// own iterator panics on it, and anyone who may write to the topic can send one.
pub(super) fn each_header(message: &BorrowedMessage<'_>, visit: &mut dyn FnMut(&str, &[u8])) {
    let mut headers = ptr::null_mut();
    // SAFETY: the message is alive (see above), and the headers that are written to `headers` stay
    // its property. The first call decodes them into the message: no other thread may do that at
    // the same time, and none does, because the message never leaves the thread that polled it.
    let found = unsafe { rd_kafka_message_headers(message.ptr(), &raw mut headers) };
    if found != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
        return;
    }
    // SAFETY: `headers` is valid as long as the message, by the call above.
    for index in 0..unsafe { rd_kafka_header_cnt(headers) } {
        let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
        // SAFETY: as above; the function writes to the three places only.
        let got = unsafe {
            rd_kafka_header_get_all(
                headers,
                index,
                &raw mut name,
                &raw mut value,
                &raw mut length,
            )
        };
        if got != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || value.is_null() {
            continue;
        }
        // SAFETY: librdkafka ends every header name with a zero byte.
        let Ok(name) = unsafe { CStr::from_ptr(name) }.to_str() else {
            continue;
        };
        // SAFETY: `value` isn't null and points to `length` bytes that live as long as the message.
        visit(name, unsafe { slice::from_raw_parts(value.cast(), length) });
    }
}

/// Whether a consumer is a member of its group: from its joining until it has told the group that
/// it leaves.
pub(super) fn is_member<C: ClientContext>(consumer: &Client<C>) -> bool {
    // SAFETY: the client is alive. The id, if there is one, is ours: a string that ends with a zero
    // byte, read before it is freed by the function that is meant for it.
    unsafe {
        let id = rd_kafka_memberid(consumer.native_ptr());
        if id.is_null() {
            return false;
        }
        let is_member = !CStr::from_ptr(id).is_empty();
        rd_kafka_mem_free(consumer.native_ptr(), id.cast());
        is_member
    }
}

/// Makes the mock cluster of `client`, if it has one, form groups at once instead of after three
/// seconds.
pub(super) fn form_groups_at_once<C: ClientContext>(client: &Client<C>) {
    // SAFETY: the client is alive; the mock cluster that it hands out is its own and lives as long
    // as it does; the setter takes the cluster's lock.
    unsafe {
        let cluster = rd_kafka_handle_mock_cluster(client.native_ptr());
        if !cluster.is_null() {
            rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
    }
}
