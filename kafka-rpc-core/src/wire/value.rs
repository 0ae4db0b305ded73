//! One value to MessagePack and back.

use std::any::Any;

use rmp_serde::config::BytesMode;
use rmp_serde::{Deserializer, Serializer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{bin, preflight};

/// As deep as preflight lets documents nest.
const MAX_DEPTH: usize = 64;

/// Appends `value`: structs as maps by field name, byte vectors as `bin`.
///
/// Fixed-length arrays and tuples of bytes stay arrays. The serializer's mode that covers them too
/// chooses by the values of the bytes, so one type would have two forms on the wire.
pub(crate) fn encode_into<T: Serialize + ?Sized>(
    bytes: &mut Vec<u8>,
    value: &T,
) -> Result<(), rmp_serde::encode::Error> {
    value.serialize(
        &mut Serializer::new(bytes)
            .with_struct_map()
            .with_bytes(BytesMode::ForceIterables),
    )
}

/// A byte vector in the form that serde takes whole: it visits others byte by byte, at about 10
/// instructions each to encode and 17 to decode.
pub(crate) struct Whole<'a>(&'a [u8]);

impl<'a> Whole<'a> {
    /// The bytes of `value`, if it is a byte vector.
    ///
    /// An empty one is left to the serializer, which sees no byte in it and writes an array: so it
    /// has one form wherever it stands.
    #[inline]
    pub(crate) fn of<T: 'static>(value: &'a T) -> Option<Self> {
        let bytes = (value as &dyn Any).downcast_ref::<Vec<u8>>()?;
        (!bytes.is_empty()).then_some(Self(bytes))
    }
}

impl Serialize for Whole<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// The value, if it is a byte vector and the document a `bin`.
#[inline]
fn decode_whole<T: 'static>(bytes: &[u8]) -> Option<T> {
    let mut value = None::<T>;
    let slot = (&mut value as &mut dyn Any).downcast_mut::<Option<Vec<u8>>>()?;
    *slot = bin(bytes).map(<[u8]>::to_vec);
    value
}

/// Decodes a slice that is known to be exactly one value.
pub(crate) fn decode<T: DeserializeOwned + 'static>(
    bytes: &[u8],
) -> Result<T, rmp_serde::decode::Error> {
    if let Some(value) = decode_whole(bytes) {
        return Ok(value);
    }
    let mut deserializer = Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(MAX_DEPTH);
    T::deserialize(&mut deserializer)
}

/// Decodes a document of one value: an answer, or a method's own error.
///
/// # Errors
/// The bytes are not exactly one value, nest too deeply, or are no `T`.
pub fn decode_value<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T, String> {
    preflight(bytes).map_err(|error| error.to_string())?;
    decode(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, VecDeque};
    use std::fmt::Debug;

    use serde::{Deserialize, Serialize};

    use super::*;

    fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_into(&mut bytes, value).unwrap();
        bytes
    }

    #[track_caller]
    fn returns<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: T) {
        assert_eq!(decode_value::<T>(&encoded(&value)), Ok(value));
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Blob {
        data: Vec<u8>,
        more: Option<Vec<Vec<u8>>>,
    }

    #[test]
    fn byte_vectors_travel_as_bin() {
        assert_eq!(encoded(&vec![1_u8, 2, 200]), [0xc4, 3, 1, 2, 200]);
        assert_eq!(encoded(&&[7_u8][..]), [0xc4, 1, 7]);
    }

    #[test]
    fn a_byte_vector_taken_whole_is_as_one_taken_by_bytes() {
        // Miri takes minutes for the last two.
        let lengths = [1, 255, 256, 65_535, 65_536];
        for length in lengths.into_iter().take(if cfg!(miri) { 3 } else { 5 }) {
            let bytes = vec![200_u8; length];
            let mut whole = Vec::new();
            encode_into(&mut whole, &Whole::of(&bytes).unwrap()).unwrap();
            assert!(whole == encoded(&bytes), "{length}");
            assert!(decode_value(&whole) == Ok(bytes), "{length}");
        }
        // Other writers may send an array, as they do of other integers.
        assert_eq!(decode_value(&[0x92, 1, 0xcc, 200]), Ok(vec![1_u8, 200]));
        assert!(Whole::of(&vec![1_i8]).is_none());
        assert!(Whole::of(&Vec::<u8>::new()).is_none());
    }

    #[test]
    fn an_array_of_bytes_has_one_form_whatever_its_values() {
        assert_eq!(encoded(&[1_u8, 2]), [0x92, 1, 2]);
        assert_eq!(encoded(&[200_u8, 2]), [0x92, 0xcc, 200, 2]);
    }

    #[test]
    fn containers_of_bytes_come_back() {
        returns(vec![1_u8, 2, 255]);
        returns(Vec::<u8>::new());
        returns(vec![vec![1_u8], vec![], vec![2, 3]]);
        returns([0_u8, 128, 255]);
        returns((200_u8, 3_u8));
        returns(VecDeque::from([1_u8, 2]));
        returns(BTreeSet::from([1_u8, 200]));
        returns(BTreeMap::from([(String::from("k"), vec![9_u8])]));
        returns(vec![Some(1_u8), None]);
        returns(vec![true, false]);
        returns(vec![-1_i8, 1]);
        returns(Blob {
            data: vec![1],
            more: Some(vec![vec![2], vec![]]),
        });
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Tagged {
        Blob { data: Vec<u8> },
        Pair { data: (u8, u8) },
    }

    #[test]
    fn a_pair_of_bytes_in_a_tagged_enum_comes_back() {
        returns(Tagged::Pair { data: (200, 1) });
    }

    // Serde buffers such an enum before it knows the variant, and then gives a `Vec<u8>` no bytes.
    // The attribute's documentation says so; where this fails, it needs to say so no longer.
    #[test]
    fn a_byte_vector_in_a_tagged_enum_is_refused() {
        let blob = encoded(&Tagged::Blob { data: vec![1] });
        assert!(decode_value::<Tagged>(&blob).is_err());
    }

    #[test]
    fn a_unit_answer_is_an_explicit_value() {
        assert_eq!(encoded(&()), [0xc0]);
        returns(());
    }

    #[test]
    fn structs_are_maps_by_name() {
        #[derive(Serialize)]
        struct One {
            a: u8,
        }
        assert_eq!(encoded(&One { a: 5 }), [0x81, 0xa1, b'a', 5]);
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encoded(&1_u8);
        bytes.push(0);
        assert!(decode_value::<u8>(&bytes).is_err());
    }

    #[test]
    fn surplus_elements_are_refused() {
        assert!(decode_value::<(u8, u8)>(&encoded(&(1_u8, 2_u8, 3_u8))).is_err());
    }
}
