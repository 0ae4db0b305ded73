//! An encoded value within the bytes that carry it.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

/// What is left free before a value that is encoded here, for what comes before it in an envelope: as
/// much as a command takes with a service and a method of about 17 bytes each. Where it takes more, the
/// value is moved.
pub(super) const ROOM: usize = 64;

/// Encoded arguments, or an encoded answer, with what lies around them.
///
/// What is encoded on this machine has room before it, so that the envelope is written around it
/// without a copy. What came from a broker lies within its envelope, or within a block that several
/// commands share.
#[derive(Clone)]
pub(crate) struct Payload {
    bytes: Buffer,
    range: Range<usize>,
}

#[derive(Clone)]
enum Buffer {
    Owned(Vec<u8>),
    Shared(Bytes),
}

impl Payload {
    /// The part `range` of `bytes`.
    ///
    /// # Panics
    /// If `bytes` doesn't have that part.
    pub(crate) fn within(bytes: Vec<u8>, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= bytes.len(),
            "the payload lies within its bytes"
        );
        Self {
            bytes: Buffer::Owned(bytes),
            range,
        }
    }

    /// The value alone.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.around()[self.range.clone()]
    }

    /// All bytes that carry it.
    pub(crate) fn around(&self) -> &[u8] {
        match &self.bytes {
            Buffer::Owned(bytes) => bytes,
            Buffer::Shared(bytes) => bytes,
        }
    }

    /// The value alone, without a copy.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self.bytes {
            Buffer::Owned(bytes) => Bytes::from(bytes).slice(self.range),
            Buffer::Shared(bytes) => bytes.slice(self.range),
        }
    }

    /// The value alone, in memory of its own; copied only if others share it or something is before it.
    pub(crate) fn into_vec(self) -> Vec<u8> {
        let (mut bytes, room) = self.into_framed(0);
        bytes.drain(..room);
        bytes
    }

    /// The value at the end of a buffer, and how much room is before it. Copies only what others
    /// share, and then leaves `room`.
    pub(crate) fn into_framed(self, room: usize) -> (Vec<u8>, usize) {
        match self.bytes {
            Buffer::Owned(mut bytes) => {
                bytes.truncate(self.range.end);
                (bytes, self.range.start)
            }
            Buffer::Shared(bytes) => {
                let value = &bytes[self.range];
                let mut framed = Vec::with_capacity(room + value.len());
                framed.resize(room, 0);
                framed.extend_from_slice(value);
                (framed, room)
            }
        }
    }

    /// Has an envelope written around the value: it is what [`around`](Self::around) holds from the
    /// returned place on. Copies the value only if others share it.
    ///
    /// `write` is given a buffer that ends with the value, and where the value begins. It returns where
    /// the envelope begins in that buffer, and where the value begins now. The value stays as it is, so
    /// it can be enclosed again: the new envelope takes the place of the old one.
    pub(crate) fn enclose(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, usize) -> (usize, usize),
    ) -> usize {
        let length = self.range.len();
        let (mut bytes, room) = std::mem::take(self).into_framed(ROOM);
        let (envelope, value) = write(&mut bytes, room);
        *self = Self::within(bytes, value..value + length);
        envelope
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            range: 0..bytes.len(),
            bytes: Buffer::Owned(bytes),
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self {
            range: 0..bytes.len(),
            bytes: Buffer::Shared(bytes),
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads never reach a log.
        write!(f, "Payload({} bytes)", self.range.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_the_same_however_it_is_carried() {
        let around = b"..abc...".to_vec();
        let owned = Payload::within(around, 2..5);
        let shared = Payload::from(owned.clone().into_bytes());
        for payload in [owned, shared] {
            assert_eq!(payload.as_slice(), b"abc");
            let (framed, room) = payload.clone().into_framed(4);
            assert_eq!(&framed[room..], b"abc", "nothing follows it");
            assert_eq!(payload.clone().into_vec(), b"abc");
            assert_eq!(payload.into_bytes(), "abc");
        }
    }

    #[test]
    fn room_that_is_there_is_kept() {
        let (framed, room) = Payload::within(b"....abc".to_vec(), 4..7).into_framed(0);
        assert_eq!((framed.len(), room), (7, 4));
    }

    #[test]
    fn a_value_is_enclosed_again_and_again() {
        /// Before the value as many bytes as `head` has, wherever there is room for them.
        fn write<'a>(
            head: &'a [u8],
            tail: &'a [u8],
        ) -> impl FnOnce(&mut Vec<u8>, usize) -> (usize, usize) {
            move |buffer, room| {
                let value = buffer.split_off(room);
                let begin = room.saturating_sub(head.len());
                buffer.truncate(begin);
                buffer.extend_from_slice(head);
                let at = buffer.len();
                buffer.extend_from_slice(&value);
                buffer.extend_from_slice(tail);
                (begin, at)
            }
        }
        let shared = Payload::from(Bytes::from_static(b"abc"));
        for mut payload in [shared, Payload::within(b"..abc...".to_vec(), 2..5)] {
            for (head, tail) in [("<", ">"), ("<<<<", ">>>>>"), ("(", ")")] {
                let begin = payload.enclose(write(head.as_bytes(), tail.as_bytes()));
                let enclosed = &payload.around()[begin..];
                assert_eq!(enclosed, format!("{head}abc{tail}").as_bytes());
                assert_eq!(payload.as_slice(), b"abc");
            }
        }
    }

    #[test]
    fn a_debug_text_has_no_byte_of_it() {
        let text = format!("{:?}", Payload::from(b"secret".to_vec()));
        assert_eq!(text, "Payload(6 bytes)");
    }
}
