//! A call that was answered: only here its response becomes what its method returned.

use std::time::Instant;

use crate::call::Response;
use crate::client::connection::Attached;
use crate::client::inbound::decode::{Decode, bad};
use crate::client::metadata::Reply;
use crate::client::timing::{Moments, Timing};
use crate::wire::CallId;
use crate::{Method, Outcome, RpcError};

/// A response, and what is known of the call that it answers.
pub(super) struct Answered<'a> {
    pub(super) response: Response,
    pub(super) attached: &'a Attached,
    pub(super) method: &'static Method,
    pub(super) id: CallId,
    /// When the call was polled first.
    pub(super) started: Instant,
    /// Only of a call that is timed and has no layers: they hand it on with the response.
    pub(super) timing: Option<&'a Timing>,
}

impl Answered<'_> {
    /// What the method returned.
    pub(super) fn value<T, E: From<RpcError>>(self, decode: Decode<T, E>) -> Result<T, E> {
        if self.timing().is_some() {
            return self.reply(decode).map(|reply| reply.value);
        }
        self.read(decode)?
    }

    /// The same together with how it came about.
    pub(super) fn reply<T, E: From<RpcError>>(self, decode: Decode<T, E>) -> Result<Reply<T>, E> {
        let began = Instant::now();
        let value = self.read(decode)?;
        let decoded = began.elapsed();
        // None if its times were asked for too late.
        let untimed = Timing::default();
        let timed = self.timing();
        let timing = timed.unwrap_or(&untimed);
        let connection = &self.attached.connection;
        let moments = timing.moments.unwrap_or_else(|| {
            let found = connection.clock.now();
            Moments {
                started: self.started,
                acknowledged: self.method.oneway.then_some(found),
                arrived: found,
                found,
            }
        });
        let served = self.response.served.as_ref();
        let mut times = timing.times(moments, served.map(|served| served.times));
        if served.is_some() {
            times.decode = timing.reply + decoded;
            if timed.is_some() {
                connection.registry.timed(self.id.sequence(), &times);
            }
        }
        Ok(Reply {
            value: value?,
            call_id: self.id,
            server: self.response.server().to_owned(),
            attempt: served.map_or(1, |served| served.attempt),
            times,
        })
    }

    fn timing(&self) -> Option<&Timing> {
        self.timing.or_else(|| self.response.extensions.get())
    }

    /// What the method returned, its own error included. One that can't be read was returned all the
    /// same.
    fn read<T, E>(&self, decode: Decode<T, E>) -> Result<Result<T, E>, RpcError> {
        decode(&self.response)
            .map_err(|reason| bad(self.attached, self.method, Outcome::Ran, &reason))
    }
}
