//! Arrays of any length, as arguments.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeTuple as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An array that travels as serde's own do, which have at most 32 values.
pub struct Array<T, const N: usize>(pub [T; N]);

impl<T: Serialize, const N: usize> Serialize for Array<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(N)?;
        for value in &self.0 {
            tuple.serialize_element(value)?;
        }
        tuple.end()
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Array<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(N, Values(PhantomData))
    }
}

struct Values<T, const N: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Values<T, N> {
    type Value = Array<T, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of length {N}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::with_capacity(N.min(seq.size_hint().unwrap_or(0)));
        while values.len() < N
            && let Some(value) = seq.next_element()?
        {
            values.push(value);
        }
        let values = values.try_into();
        values
            .map(Array)
            .map_err(|values: Vec<T>| A::Error::invalid_length(values.len(), &self))
    }
}

impl<T, const N: usize> fmt::Debug for Array<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads never reach a log.
        write!(f, "Array({N} values)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Arguments;
    use crate::macro_support::{WireType, arguments};

    #[test]
    fn a_long_array_comes_back() {
        let mut sent = Arguments::named(1);
        sent.add("a", &Array([7_u16; 4096]));
        let bytes = sent.bytes().expect("encoded");
        let [a] = arguments(&bytes, ["a"]).expect("a map");
        let came = Array::<u16, 4096>::decode(a, "a").expect("decoded");
        assert_eq!(came.0, [7; 4096]);
        assert!(Array::<u16, 4095>::decode(a, "a").is_err());
        assert!(Array::<u16, 4097>::decode(a, "a").is_err());
    }

    #[test]
    fn it_travels_as_one_of_serde_does() {
        let mut ours = Arguments::named(1);
        ours.add("a", &Array([1_u8, 2, 3]));
        let mut theirs = Arguments::named(1);
        theirs.add("a", &[1_u8, 2, 3]);
        assert_eq!(ours.bytes(), theirs.bytes());
    }
}
