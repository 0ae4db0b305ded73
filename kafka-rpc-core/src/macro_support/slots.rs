//! The server's side of a method's arguments: which bytes belong to which name.

use rmp::Marker;

use crate::call::Failure;
use crate::wire::preflight;

/// Finds each named argument in a document, which is a map by name or an array in the order of
/// `names`. Takes no heap.
///
/// An argument that the document lacks is `None`, and one that the method doesn't know is ignored,
/// so that caller and server may be of different versions.
///
/// # Errors
/// The document fails preflight, is neither map nor array, has a key that isn't a string, or has
/// one of the names twice.
pub fn arguments<'a, const N: usize>(
    bytes: &'a [u8],
    names: [&str; N],
) -> Result<[Option<&'a [u8]>; N], Failure> {
    let mut slots = [None; N];
    fill(bytes, &names, &mut slots).map_err(Failure::Arguments)?;
    Ok(slots)
}

fn fill<'a>(bytes: &'a [u8], names: &[&str], slots: &mut [Option<&'a [u8]>]) -> Result<(), String> {
    preflight(bytes).map_err(|error| format!("the arguments are malformed: {error}"))?;
    let malformed = || "the arguments are malformed".to_owned();
    let (marker, mut rest) = marker(bytes).ok_or_else(malformed)?;
    let (named, count) = match marker {
        Marker::FixMap(count) => (true, u32::from(count)),
        Marker::Map16 | Marker::Map32 => (true, length(marker, &mut rest).ok_or_else(malformed)?),
        Marker::FixArray(count) => (false, u32::from(count)),
        Marker::Array16 | Marker::Array32 => {
            (false, length(marker, &mut rest).ok_or_else(malformed)?)
        }
        _ => return Err("the arguments are neither a map by name nor an array".to_owned()),
    };
    let mut positions = slots.iter_mut();
    if !named {
        for _ in 0..count {
            let Some(slot) = positions.next() else { break };
            *slot = Some(value(&mut rest).ok_or_else(malformed)?);
        }
        return Ok(());
    }
    for _ in 0..count {
        let (name, after) = rmp::decode::read_str_from_slice(rest)
            .map_err(|_| "a name among the arguments is not a string".to_owned())?;
        rest = after;
        let found = value(&mut rest).ok_or_else(malformed)?;
        let known = names.iter().position(|known| *known == name);
        if let Some(slot) = known.and_then(|at| slots.get_mut(at))
            && slot.replace(found).is_some()
        {
            return Err(format!("argument `{name}` is there twice"));
        }
    }
    Ok(())
}

/// Cuts one value off the front.
fn value<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let after = skip(rest)?;
    let value = rest.get(..rest.len() - after.len())?;
    *rest = after;
    Some(value)
}

/// What follows the first value, found without recursion.
pub(super) fn skip(mut rest: &[u8]) -> Option<&[u8]> {
    let mut wanted = 1_u64;
    while wanted > 0 {
        let (head, after) = marker(rest)?;
        rest = after;
        let (bytes, children) = match head {
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
                (0, 0)
            }
            Marker::U8 | Marker::I8 => (1, 0),
            Marker::U16 | Marker::I16 => (2, 0),
            Marker::U32 | Marker::I32 | Marker::F32 => (4, 0),
            Marker::U64 | Marker::I64 | Marker::F64 => (8, 0),
            Marker::FixStr(len) => (usize::from(len), 0),
            Marker::FixArray(len) => (0, u64::from(len)),
            Marker::FixMap(len) => (0, 2 * u64::from(len)),
            Marker::FixExt1 => (2, 0),
            Marker::FixExt2 => (3, 0),
            Marker::FixExt4 => (5, 0),
            Marker::FixExt8 => (9, 0),
            Marker::FixExt16 => (17, 0),
            Marker::Str8 | Marker::Str16 | Marker::Str32 => (length(head, &mut rest)? as usize, 0),
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => (length(head, &mut rest)? as usize, 0),
            Marker::Ext8 | Marker::Ext16 | Marker::Ext32 => {
                ((length(head, &mut rest)? as usize).checked_add(1)?, 0)
            }
            Marker::Array16 | Marker::Array32 => (0, u64::from(length(head, &mut rest)?)),
            Marker::Map16 | Marker::Map32 => (0, 2 * u64::from(length(head, &mut rest)?)),
            Marker::Reserved => return None,
        };
        rest = rest.get(bytes..)?;
        wanted = (wanted - 1).checked_add(children)?;
    }
    Some(rest)
}

fn marker(bytes: &[u8]) -> Option<(Marker, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((Marker::from_u8(*first), rest))
}

/// Reads the length that follows such a marker.
fn length(marker: Marker, rest: &mut &[u8]) -> Option<u32> {
    let width = match marker {
        Marker::Str8 | Marker::Bin8 | Marker::Ext8 => 1,
        Marker::Str16 | Marker::Bin16 | Marker::Ext16 | Marker::Array16 | Marker::Map16 => 2,
        _ => 4,
    };
    let (digits, after) = rest.split_at_checked(width)?;
    *rest = after;
    Some(
        digits
            .iter()
            .fold(0, |length, digit| length << 8 | u32::from(*digit)),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::call::Arguments;
    use crate::macro_support::WireType;

    fn named(add: impl FnOnce(&mut Arguments), count: u32) -> Vec<u8> {
        let mut arguments = Arguments::named(count);
        add(&mut arguments);
        arguments.bytes().unwrap()
    }

    fn sample() -> Vec<u8> {
        named(
            |arguments| {
                arguments.add("a", &300_i64);
                arguments.add("b", &vec![vec![1_u8], vec![2, 3]]);
            },
            2,
        )
    }

    #[test]
    fn arguments_are_found_by_name_in_any_order() {
        let bytes = sample();
        let [b, a] = arguments(&bytes, ["b", "a"]).unwrap();
        assert_eq!(i64::decode(a, "a"), Ok(300));
        assert_eq!(
            Vec::<Vec<u8>>::decode(b, "b"),
            Ok(vec![vec![1], vec![2, 3]])
        );
    }

    #[test]
    fn an_argument_that_the_caller_does_not_know_is_missing_or_its_default() {
        let bytes = sample();
        let [a, c] = arguments(&bytes, ["a", "c"]).unwrap();
        assert_eq!(i64::decode(a, "a"), Ok(300));
        assert_eq!(
            u8::decode(c, "c"),
            Err(Failure::Arguments("missing argument `c`".to_owned()))
        );
        assert_eq!(u8::decode_or(c, "c", u8::default), Ok(0));
        assert_eq!(u8::decode_or(c, "c", || 9), Ok(9));
    }

    #[test]
    fn a_default_does_not_hide_a_wrong_type() {
        let bytes = sample();
        let [a] = arguments(&bytes, ["a"]).unwrap();
        assert!(String::decode_or(a, "a", String::default).is_err());
    }

    #[test]
    fn arguments_may_come_in_order_without_names() {
        let mut arguments = Arguments::positional(3);
        arguments.add("a", &1_u8);
        arguments.add("b", "two");
        arguments.add("gone", &3_u8);
        let bytes = arguments.bytes().unwrap();
        let [a, b] = super::arguments(&bytes, ["a", "b"]).unwrap();
        assert_eq!(u8::decode(a, "a"), Ok(1));
        assert_eq!(String::decode(b, "b"), Ok("two".to_owned()));
        let [.., added] = super::arguments(&bytes, ["a", "b", "gone", "added"]).unwrap();
        assert_eq!(added, None);
    }

    #[test]
    fn a_wrong_type_names_its_argument() {
        let bytes = sample();
        let [a] = arguments(&bytes, ["a"]).unwrap();
        let Err(Failure::Arguments(message)) = String::decode(a, "a") else {
            panic!("a number is no string");
        };
        assert!(message.starts_with("argument `a`: "), "{message}");
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused() {
        let bytes = named(
            |arguments| {
                arguments.add("a", &1_u8);
                arguments.add("a", &2_u8);
            },
            2,
        );
        assert_eq!(
            arguments(&bytes, ["a"]),
            Err(Failure::Arguments("argument `a` is there twice".to_owned()))
        );
        assert!(arguments(&bytes, ["other"]).is_ok());
    }

    #[test]
    fn trailing_bytes_and_foreign_documents_are_refused() {
        let mut trailing = sample();
        trailing.push(0xc0);
        let a_number = [1_u8];
        let numbers_as_names = [0x81_u8, 1, 1];
        for bytes in [&trailing[..], &a_number, &numbers_as_names, &[]] {
            assert!(
                matches!(arguments(bytes, ["a"]), Err(Failure::Arguments(_))),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn no_arguments_are_an_empty_document() {
        assert_eq!(arguments(&named(|_| {}, 0), []), Ok([]));
        assert_eq!(arguments(&[0x90], []), Ok([]));
    }

    #[test]
    fn every_kind_of_value_is_skipped_whole() {
        // Longer than 16 bits count, which takes Miri minutes.
        let many = if cfg!(miri) { 600 } else { 70_000 };
        let long = "x".repeat(many);
        let bytes = named(
            |arguments| {
                arguments.add(
                    "1",
                    &(1_u8, -1_i8, 300_u16, -300_i16, 70_000_u32, -70_000_i32),
                );
                arguments.add("2", &(u64::MAX, i64::MIN, 1.5_f32, 2.5_f64, true, ()));
                arguments.add("3", &("x", &long[..100], &long[..300], &*long));
                arguments.add("4", &(vec![1_u8; 3], vec![2_u8; 300], vec![3_u8; many]));
                arguments.add("5", &(vec![500_u16; 20], vec![500_u16; many]));
                arguments.add(
                    "6",
                    &(0..20)
                        .map(|n| (n, n))
                        .collect::<std::collections::BTreeMap<u32, u32>>(),
                );
                arguments.add("a", &7_u8);
            },
            7,
        );
        let [a] = arguments(&bytes, ["a"]).unwrap();
        assert_eq!(a, Some(&[7_u8][..]));
    }

    #[test]
    fn a_cut_document_is_refused_wherever_it_is_cut() {
        let bytes = sample();
        for end in 0..bytes.len() {
            assert!(arguments(&bytes[..end], ["a", "b"]).is_err(), "{end}");
        }
    }
}
