//! The caller's side of a method's arguments.

use std::fmt;

use serde::Serialize;

use super::value::encode_into;

/// Encoded arguments of one call; an encode failure is kept and ends the call at its first poll.
pub struct Arguments {
    pub(crate) bytes: Result<Vec<u8>, String>,
    named: bool,
}

impl Arguments {
    /// Starts a map of `count` arguments by name.
    #[must_use]
    pub fn named(count: u32) -> Self {
        let mut bytes = Vec::with_capacity(64);
        Self {
            bytes: rmp::encode::write_map_len(&mut bytes, count)
                .map(|_| bytes)
                .map_err(|error| error.to_string()),
            named: true,
        }
    }

    /// Starts a compact array of `count` arguments, in the order of the trait.
    #[must_use]
    pub fn positional(count: u32) -> Self {
        let mut bytes = Vec::with_capacity(64);
        Self {
            bytes: rmp::encode::write_array_len(&mut bytes, count)
                .map(|_| bytes)
                .map_err(|error| error.to_string()),
            named: false,
        }
    }

    /// Appends one argument.
    pub fn add<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if let Some(bytes) = self.begin(name) {
            let added = encode_into(bytes, value);
            self.end(name, added);
        }
    }

    fn begin(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        let bytes = self.bytes.as_mut().ok()?;
        if self.named {
            // Writing to a vector fails only where a length doesn't fit, and no name is that long.
            rmp::encode::write_str(bytes, name).ok()?;
        }
        Some(bytes)
    }

    fn end(&mut self, name: &str, added: Result<(), rmp_serde::encode::Error>) {
        if let Err(error) = added {
            self.bytes = Err(format!("argument `{name}` can't be encoded: {error}"));
        }
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads never reach a log.
        match &self.bytes {
            Ok(bytes) => write!(f, "Arguments({} bytes)", bytes.len()),
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
            arguments.bytes,
            Ok(vec![0x82, 0xa1, b'a', 1, 0xa1, b'b', 0xa1, b'x'])
        );
    }

    #[test]
    fn positional_arguments_are_an_array() {
        let mut arguments = Arguments::positional(2);
        arguments.add("a", &1_u8);
        arguments.add("b", "x");
        assert_eq!(arguments.bytes, Ok(vec![0x92, 1, 0xa1, b'x']));
    }

    #[test]
    fn an_encode_failure_names_its_argument_and_stays() {
        let mut arguments = Arguments::named(2);
        arguments.add("first", &Stubborn);
        arguments.add("second", &1_u8);
        assert_eq!(
            arguments.bytes,
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
