//! The bytes of a routing key.

use bytes::Bytes;

/// A type that `#[rpc(key = argument)]` accepts.
///
/// The bytes are the same for every type that says the same: strings are UTF-8, integers are
/// eight bytes big-endian in two's complement, bytes are themselves. So a producer of another
/// language reaches the same partition.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a routing key",
    label = "a key is a string, an integer of at most 64 bits, or bytes",
    note = "add an argument of such a type for the key, or set it per call with `Call::key`"
)]
pub trait RoutingKey {
    /// The key's bytes.
    fn routing_key(&self) -> Vec<u8>;
}

impl<T: RoutingKey + ?Sized> RoutingKey for &T {
    fn routing_key(&self) -> Vec<u8> {
        T::routing_key(self)
    }
}

macro_rules! integers {
    ($($wide:ident: $($narrow:ident)*;)*) => {$($(
        impl RoutingKey for $narrow {
            fn routing_key(&self) -> Vec<u8> {
                (*self as $wide).to_be_bytes().to_vec()
            }
        }
    )*)*};
}

integers! {
    i64: i8 i16 i32 i64 isize;
    u64: u8 u16 u32 u64 usize;
}

macro_rules! bytes {
    ($($type:ty)*) => {$(
        impl RoutingKey for $type {
            fn routing_key(&self) -> Vec<u8> {
                AsRef::<[u8]>::as_ref(self).to_vec()
            }
        }
    )*};
}

bytes! { str String [u8] Vec<u8> Bytes }

impl<const N: usize> RoutingKey for [u8; N] {
    fn routing_key(&self) -> Vec<u8> {
        self.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_eight_bytes_whatever_their_width() {
        assert_eq!(1_u8.routing_key(), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(1_i64.routing_key(), 1_u16.routing_key());
        assert_eq!((-1_i8).routing_key(), [0xff; 8]);
        assert_eq!((-2_i32).routing_key(), (-2_isize).routing_key());
        assert_eq!(u64::MAX.routing_key(), [0xff; 8]);
    }

    #[test]
    fn strings_and_bytes_are_themselves() {
        assert_eq!("é".routing_key(), [0xc3, 0xa9]);
        assert_eq!(String::from("a").routing_key(), b"a");
        assert_eq!(<&Vec<u8>>::routing_key(&&vec![1_u8, 2]), [1, 2]);
        assert_eq!([3_u8; 2].routing_key(), [3, 3]);
        assert_eq!(Bytes::from_static(b"x").routing_key(), b"x");
    }
}
