//! The name of one call: its client instance, and the instance's counter.

use std::fmt;

/// Names one call, in the envelope and as the record key of its reply.
///
/// The first 8 bytes are drawn at random by each client instance, the last 8 count its calls, big
/// end first. A listener tells a foreign reply by the first half alone. All attempts of one call
/// share its id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId([u8; 16]);

impl CallId {
    /// The call of this client instance with this number.
    #[must_use]
    pub const fn new(instance: [u8; 8], sequence: u64) -> Self {
        let instance = u64::from_be_bytes(instance) as u128;
        Self((instance << 64 | sequence as u128).to_be_bytes())
    }

    /// The id in these bytes; `None` unless they are 16.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The client instance that makes the call.
    #[must_use]
    pub const fn instance(&self) -> [u8; 8] {
        ((u128::from_be_bytes(self.0) >> 64) as u64).to_be_bytes()
    }

    /// The call's number within its client instance.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        u128::from_be_bytes(self.0) as u64
    }

    /// The bytes on the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_instance_and_then_the_counter_big_end_first() {
        let id = CallId::new([0xff, 0, 1, 2, 3, 4, 5, 6], 0x0102);
        assert_eq!(
            id.as_bytes(),
            &[0xff, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 1, 2]
        );
        assert_eq!(id.instance(), [0xff, 0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(id.sequence(), 0x0102);
        assert_eq!(CallId::from_slice(id.as_bytes()), Some(id));
        assert_eq!(CallId::new([0; 8], u64::MAX).instance(), [0; 8]);
    }

    #[test]
    fn shows_leading_zeros() {
        let id = CallId::new([0; 8], 0xab);
        assert_eq!(id.to_string(), "000000000000000000000000000000ab");
        assert_eq!(format!("{id:?}"), id.to_string());
    }

    #[test]
    fn is_16_bytes_or_none() {
        assert_eq!(CallId::from_slice(&[0; 15]), None);
        assert_eq!(CallId::from_slice(&[0; 17]), None);
    }
}
