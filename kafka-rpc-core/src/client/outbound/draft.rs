//! A call that isn't sent yet, and can still be configured.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::Method;
use crate::call::{Arguments, Extensions, Payload};
use crate::client::connection::Attached;
use crate::client::timing::Timing;

/// What a generated method and the caller have said of a call before its first poll, which makes a
/// [`Request`](crate::call::Request) of it.
pub(in crate::client) struct Draft {
    pub(in crate::client) attached: Arc<Attached>,
    pub(in crate::client) method: &'static Method,
    /// Or why they can't be encoded.
    pub(in crate::client) arguments: Result<Payload, String>,
    pub(in crate::client) timeout: Option<Duration>,
    pub(in crate::client) key: Option<Bytes>,
    pub(in crate::client) headers: Vec<(String, Vec<u8>)>,
    pub(in crate::client) extensions: Extensions,
    /// Only of a call that is timed.
    pub(in crate::client) timing: Option<Box<Timing>>,
}

impl Draft {
    pub(in crate::client) fn new(
        attached: Arc<Attached>,
        method: &'static Method,
        arguments: Arguments,
        key: Option<Vec<u8>>,
    ) -> Self {
        let (arguments, encoding) = arguments.finish();
        Self {
            attached,
            method,
            arguments,
            timeout: None,
            key: key.map(Bytes::from),
            headers: Vec::new(),
            extensions: Extensions::default(),
            timing: encoding.map(|arguments| {
                Box::new(Timing {
                    arguments,
                    ..Timing::default()
                })
            }),
        }
    }

    /// Has all stages timed, up to the acknowledgement.
    pub(in crate::client) fn time(&mut self) {
        self.timing.get_or_insert_default().asked = true;
        Arguments::time_next();
    }
}
