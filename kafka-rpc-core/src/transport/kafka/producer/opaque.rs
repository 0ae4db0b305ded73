//! What travels through librdkafka with a record and comes back with its report: the number of its
//! partition, whether its report is urgent, and its token, in one pointer.

use crate::transport::MAX_TOKEN;

const _: () = assert!(usize::BITS >= u64::BITS, "tokens need 64-bit pointers");

/// All three in one number.
pub(in crate::transport::kafka) fn pack(partition: u16, urgent: bool, token: u64) -> usize {
    debug_assert!(token <= MAX_TOKEN, "a token of so many bits");
    let urgent = usize::from(urgent) << 47;
    usize::from(partition) << 48 | urgent | (token & MAX_TOKEN) as usize
}

/// The inverse of [`pack`].
pub(in crate::transport::kafka) fn unpack(opaque: u64) -> (u16, bool, u64) {
    let partition = (opaque >> 48) as u16;
    (partition, opaque >> 47 & 1 == 1, opaque & MAX_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        for partition in [0, 1, u16::MAX] {
            for urgent in [false, true] {
                for token in [0, 1, MAX_TOKEN] {
                    let packed = pack(partition, urgent, token) as u64;
                    assert_eq!(unpack(packed), (partition, urgent, token));
                }
            }
        }
    }
}
