//! What travels from client to server: a command, and a cancel.

use std::fmt;

use super::elements::Elements;
use super::fault::Fault;
use super::head::{CANCEL, COMMAND, begin};
use super::limits::{MAX_KEY_BYTES, MAX_METHOD_BYTES};
use super::{CallId, ReplyAddress, write};

/// Asks for a method to be run.
#[derive(Clone, PartialEq, Eq)]
pub struct Command<'a> {
    /// The call that this is an attempt of.
    pub call_id: CallId,
    /// The service's name.
    pub service: &'a str,
    /// The service's version; 0 where none is declared.
    pub service_version: u32,
    /// The method's name.
    pub method: &'a str,
    /// The arguments: a MessagePack document of their own, which has not been looked at.
    pub arguments: &'a [u8],
    /// Where the answer is awaited; `None` for a one-way call.
    pub reply_to: Option<ReplyAddress<'a>>,
    /// How long the caller waits, in milliseconds from the record's timestamp.
    pub budget_ms: u32,
    /// The routing key; calls with one key are in one partition.
    pub key: Option<&'a [u8]>,
    /// The key under which the caller wants repetitions suppressed.
    pub idempotency_key: Option<&'a [u8]>,
    /// Which attempt of the call this is, from 1.
    pub attempt: u32,
    /// The fingerprint of the caller's method table, for diagnosis.
    pub fingerprint: Option<u64>,
    /// When it was sent, if the caller knows the clock of the server that it expects.
    pub sent: Option<Sent>,
}

/// When a command was sent, by one server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The clock's time, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// By how much that may be wrong either way, in milliseconds.
    pub error_ms: u64,
    /// Whose clock it is: [`StageTimes::clock`](super::StageTimes::clock) of that server's replies.
    pub clock: u64,
}

/// Says that nobody waits for a call any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel<'a> {
    /// The call.
    pub call_id: CallId,
    /// The service's name.
    pub service: &'a str,
}

impl<'a> Command<'a> {
    pub(super) fn read(elements: &mut Elements<'a>) -> Result<Self, Fault> {
        Ok(Self {
            call_id: elements.call_id("call id")?,
            service: elements.str("service", MAX_METHOD_BYTES)?,
            service_version: elements.u32("service version")?,
            method: elements.str("method", MAX_METHOD_BYTES)?,
            arguments: elements.bin("arguments", usize::MAX)?,
            reply_to: elements.optional("reply address", Elements::reply_address)?,
            budget_ms: elements.u32("budget")?,
            key: elements.optional("key", |elements, name| elements.bin(name, MAX_KEY_BYTES))?,
            idempotency_key: elements.optional("idempotency key", |elements, name| {
                elements.bin(name, MAX_KEY_BYTES)
            })?,
            attempt: elements.ordinal("attempt")?,
            fingerprint: elements.optional("fingerprint", Elements::u64)?,
            sent: {
                elements.skip("sequence")?;
                elements.skip("last flag")?;
                let sent = elements.optional("sent", Elements::numbers)?;
                sent.map(|[at_ms, error_ms, clock]| Sent {
                    at_ms,
                    error_ms,
                    clock,
                })
            },
        })
    }

    /// Appends the record value to `out`. Sizes are not checked here.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(128 + self.service.len() + self.method.len() + self.arguments.len());
        self.head(self.arguments.len(), out);
        out.extend_from_slice(self.arguments);
        self.tail(out);
    }

    /// Encodes around arguments that are in `buffer` already, from `room` on, instead of
    /// `self.arguments`. What comes before them goes into the room, or pushes them away if it
    /// doesn't fit. Returns where the record value begins, which ends with the buffer, and where the
    /// arguments begin now.
    pub(crate) fn enclose(&self, buffer: &mut Vec<u8>, room: usize) -> (usize, usize) {
        let end = buffer.len();
        // Written behind the arguments first, where there is space for the tail in any case.
        self.head(end - room, buffer);
        let head = buffer.len() - end;
        let begin = room.checked_sub(head);
        if let Some(begin) = begin {
            buffer.copy_within(end.., begin);
            buffer.truncate(end);
        } else {
            buffer[room..].rotate_right(head);
        }
        self.tail(buffer);
        match begin {
            Some(begin) => (begin, room),
            None => (room, room + head),
        }
    }

    /// What comes before the arguments' bytes.
    fn head(&self, arguments: usize, out: &mut Vec<u8>) {
        // Two reserved elements come before the last one.
        let count = if self.sent.is_some() { 17 } else { 14 };
        begin(out, count, COMMAND, self.call_id);
        write::str(out, self.service);
        write::uint(out, self.service_version);
        write::str(out, self.method);
        write::bin_head(out, arguments);
    }

    /// What comes after them.
    fn tail(&self, out: &mut Vec<u8>) {
        write::optional(out, self.reply_to, |out, address| {
            write::array(out, 2);
            write::str(out, address.topic);
            write::uint(out, address.partition);
        });
        write::uint(out, self.budget_ms);
        write::optional(out, self.key, write::bin);
        write::optional(out, self.idempotency_key, write::bin);
        write::uint(out, self.attempt);
        write::optional(out, self.fingerprint, write::uint);
        if let Some(sent) = self.sent {
            write::nil(out);
            write::nil(out);
            write::array(out, 3);
            write::uint(out, sent.at_ms);
            write::uint(out, sent.error_ms);
            write::uint(out, sent.clock);
        }
    }
}

impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither arguments nor keys reach a log.
        f.debug_struct("Command")
            .field("call_id", &self.call_id)
            .field("service", &self.service)
            .field("service_version", &self.service_version)
            .field("method", &self.method)
            .field("reply_to", &self.reply_to)
            .field("budget_ms", &self.budget_ms)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl<'a> Cancel<'a> {
    pub(super) fn read(elements: &mut Elements<'a>) -> Result<Self, Fault> {
        Ok(Self {
            call_id: elements.call_id("call id")?,
            service: elements.str("service", MAX_METHOD_BYTES)?,
        })
    }

    /// Appends the record value to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        begin(out, 5, CANCEL, self.call_id);
        write::str(out, self.service);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_command_is_the_same_around_its_arguments_as_with_them(
            arguments in vec(any::<u8>(), 0..400),
            names in ("[a-z]{0,80}", "[a-z]{0,80}"),
            room in 0..200_usize,
            oneway in any::<bool>(),
            sent in proptest::option::of(any::<u64>()),
        ) {
            let command = |arguments| Command {
                call_id: CallId::new([7; 8], 9),
                service: &names.0,
                service_version: 3,
                method: &names.1,
                arguments,
                reply_to: (!oneway).then_some(ReplyAddress { topic: "r", partition: 2 }),
                budget_ms: 10_000,
                key: Some(b"key"),
                idempotency_key: None,
                attempt: 1,
                fingerprint: Some(u64::MAX),
                sent: sent.map(|at_ms| Sent { at_ms, error_ms: 3, clock: 4 }),
            };
            let mut whole = Vec::new();
            command(&arguments).encode(&mut whole);
            let mut buffer = vec![0xff; room];
            buffer.extend(&arguments);
            let (begin, at) = command(&[]).enclose(&mut buffer, room);
            prop_assert_eq!(&buffer[begin..], &whole);
            prop_assert!(begin <= room);
            prop_assert_eq!(&buffer[at..at + arguments.len()], &arguments);
        }
    }
}
