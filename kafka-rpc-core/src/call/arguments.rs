//! The caller's side of a method's arguments.

use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::payload::{Payload, ROOM};
use crate::wire::value::encode_into;

/// What a buffer holds at first: the room, the rest of the command, and small arguments. It is kept
/// until the call has ended.
const CAPACITY: usize = 184;

/// Of so many calls of one thread, one is timed.
const TIMED_OF: u32 = 64;

thread_local! {
    /// How many calls of this thread come before the next one that is timed.
    static UNTIMED: Cell<u32> = const { Cell::new(TIMED_OF - 1) };
}

/// Encoded arguments of one call; an encode failure is kept and ends the call at its first poll.
pub struct Arguments {
    /// The room, and then the arguments.
    buffer: Result<Vec<u8>, String>,
    named: bool,
    /// When it was begun, if the call is timed.
    begun: Option<Instant>,
}

/// How many arguments are sent of a method that doesn't send all of them.
#[must_use]
pub fn count<const N: usize>(sent: [bool; N]) -> u32 {
    sent.into_iter().map(u32::from).sum()
}

impl Arguments {
    /// Starts a map of `count` arguments by name.
    #[must_use]
    pub fn named(count: u32) -> Self {
        Self::begin(true, |buffer| {
            rmp::encode::write_map_len(buffer, count).map(|_| ())
        })
    }

    /// Starts a compact array of `count` arguments, in the order of the trait.
    #[must_use]
    pub fn positional(count: u32) -> Self {
        Self::begin(false, |buffer| {
            rmp::encode::write_array_len(buffer, count).map(|_| ())
        })
    }

    fn begin<E: fmt::Display>(
        named: bool,
        head: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Self {
        let begun = UNTIMED.with(|untimed| {
            let (timed, left) = match untimed.get() {
                0 => (true, TIMED_OF - 1),
                left => (false, left - 1),
            };
            untimed.set(left);
            timed.then(Instant::now)
        });
        let mut buffer = Vec::with_capacity(CAPACITY);
        buffer.resize(ROOM, 0);
        Self {
            buffer: match head(&mut buffer) {
                Ok(()) => Ok(buffer),
                Err(error) => Err(error.to_string()),
            },
            named,
            begun,
        }
    }

    /// Times the next call of this thread, since the one before it asks for its times.
    pub(crate) fn time_next() {
        UNTIMED.set(0);
    }

    /// The arguments with room before them, and how long they took, if the call is timed.
    pub(crate) fn finish(self) -> (Result<Payload, String>, Option<Duration>) {
        let payload = self.buffer.map(|buffer| {
            let end = buffer.len();
            Payload::within(buffer, ROOM..end)
        });
        (payload, self.begun.map(|begun| begun.elapsed()))
    }

    /// Appends one argument.
    pub fn add<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if let Some(buffer) = self.name(name) {
            let added = encode_into(buffer, value);
            self.added(name, added);
        }
    }

    fn name(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        let buffer = self.buffer.as_mut().ok()?;
        if self.named {
            // Writing to a vector fails only where a length doesn't fit, and no name is that long.
            rmp::encode::write_str(buffer, name).ok()?;
        }
        Some(buffer)
    }

    fn added(&mut self, name: &str, added: Result<(), rmp_serde::encode::Error>) {
        if let Err(error) = added {
            self.buffer = Err(format!("argument `{name}` can't be encoded: {error}"));
        }
    }

    /// The arguments by themselves.
    #[cfg(test)]
    pub(crate) fn bytes(self) -> Result<Vec<u8>, String> {
        self.buffer.map(|buffer| buffer[ROOM..].to_vec())
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads never reach a log.
        match &self.buffer {
            Ok(buffer) => write!(f, "Arguments({} bytes)", buffer.len() - ROOM),
            Err(error) => write!(f, "Arguments({error})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::ser::Error as _;
    use serde::{Serialize, Serializer};

    use super::*;

    struct Stubborn;

    impl Serialize for Stubborn {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("it won't"))
        }
    }

    #[test]
    fn named_arguments_are_a_map() {
        let mut arguments = Arguments::named(2);
        arguments.add("a", &1_u8);
        arguments.add("b", "x");
        assert_eq!(
            arguments.bytes(),
            Ok(vec![0x82, 0xa1, b'a', 1, 0xa1, b'b', 0xa1, b'x'])
        );
    }

    #[test]
    fn positional_arguments_are_an_array() {
        let mut arguments = Arguments::positional(2);
        arguments.add("a", &1_u8);
        arguments.add("b", "x");
        assert_eq!(arguments.bytes(), Ok(vec![0x92, 1, 0xa1, b'x']));
    }

    #[test]
    fn an_encode_failure_names_its_argument_and_stays() {
        let mut arguments = Arguments::named(2);
        arguments.add("first", &Stubborn);
        arguments.add("second", &1_u8);
        assert_eq!(
            arguments.bytes(),
            Err("argument `first` can't be encoded: it won't".to_owned())
        );
    }

    #[test]
    fn debug_shows_no_payload() {
        let mut arguments = Arguments::named(1);
        arguments.add("password", "hunter2");
        assert_eq!(format!("{arguments:?}"), "Arguments(18 bytes)");
    }
}
