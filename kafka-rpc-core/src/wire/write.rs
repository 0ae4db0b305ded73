//! Writes MessagePack, each value in its shortest format.
//!
//! Lengths beyond 4 GiB can't be written; [`limits`](crate::wire::limits) keeps every field far below.

/// An array's head; the caller then writes so many values.
#[inline]
pub(super) fn array(out: &mut Vec<u8>, count: u8) {
    match count {
        0..16 => out.push(0x90 | count),
        16.. => out.extend_from_slice(&[0xdc, 0, count]),
    }
}

pub(super) fn nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

#[inline]
pub(super) fn uint(out: &mut Vec<u8>, value: impl Into<u64>) {
    match value.into() {
        // The mask keeps all bits of a number below 128.
        small @ 0..=0x7f => out.push((small & 0x7f) as u8),
        large => large_uint(out, large),
    }
}

fn large_uint(out: &mut Vec<u8>, value: u64) {
    let bytes = value.to_be_bytes();
    match value {
        0..=0xff => out.extend_from_slice(&[0xcc, bytes[7]]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&bytes);
        }
    }
}

pub(super) fn str(out: &mut Vec<u8>, value: &str) {
    match value.len() {
        // The mask keeps all bits of a number below 32.
        length @ 0..32 => out.push(0xa0 | (length & 0x1f) as u8),
        length => length_head(out, 0xd9, length),
    }
    out.extend_from_slice(value.as_bytes());
}

pub(super) fn bin(out: &mut Vec<u8>, value: &[u8]) {
    bin_head(out, value.len());
    out.extend_from_slice(value);
}

/// A binary's head; the caller then appends so many bytes.
pub(super) fn bin_head(out: &mut Vec<u8>, length: usize) {
    length_head(out, 0xc4, length);
}

pub(super) fn optional<T>(
    out: &mut Vec<u8>,
    value: Option<T>,
    write: impl FnOnce(&mut Vec<u8>, T),
) {
    match value {
        Some(value) => write(out, value),
        None => nil(out),
    }
}

/// A head whose 8-, 16- and 32-bit formats follow each other from `first`.
fn length_head(out: &mut Vec<u8>, first: u8, length: usize) {
    let length = u32::try_from(length).expect("a field is no longer than 4 GiB");
    let bytes = length.to_be_bytes();
    match length {
        0..=0xff => out.extend_from_slice(&[first, bytes[3]]),
        0x100..=0xffff => out.extend_from_slice(&[first + 1, bytes[2], bytes[3]]),
        _ => {
            out.push(first + 2);
            out.extend_from_slice(&bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_takes_the_shortest_head_that_holds_its_length() {
        for (length, head) in [
            (0, vec![0xc4, 0]),
            (0xff, vec![0xc4, 0xff]),
            (0x100, vec![0xc5, 1, 0]),
            (0xffff, vec![0xc5, 0xff, 0xff]),
            (0x1_0000, vec![0xc6, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            bin(&mut out, &vec![7; length]);
            assert_eq!(out[..head.len()], head);
            assert_eq!(out.len(), head.len() + length);
        }
    }

    #[test]
    fn an_array_takes_the_shortest_head_that_holds_its_length() {
        for (count, head) in [
            (0, vec![0x90]),
            (15, vec![0x9f]),
            (16, vec![0xdc, 0, 16]),
            (255, vec![0xdc, 0, 255]),
        ] {
            let mut out = Vec::new();
            array(&mut out, count);
            assert_eq!(out, head);
        }
    }

    #[test]
    fn a_number_takes_the_shortest_format() {
        for (value, length) in [
            (0, 1),
            (0x7f, 1),
            (0x80, 2),
            (0xff, 2),
            (0x100, 3),
            (0xffff, 3),
            (0x1_0000, 5),
            (0xffff_ffff, 5),
            (0x1_0000_0000, 9),
            (u64::MAX, 9),
        ] {
            let mut out = Vec::new();
            uint(&mut out, value);
            assert_eq!(out.len(), length, "{value}");
        }
    }
}
