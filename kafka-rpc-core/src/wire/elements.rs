//! Reads an envelope's elements one after the other; one that is missing reads as nil.

use super::element::Element;
use super::fault::Fault;
use super::read::{Reader, Token};
use super::{CallId, PreflightError, ReplyAddress, preflight};

/// What is in a document that is one `bin`; `None` if it isn't.
pub(crate) fn bin(document: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(document);
    match reader.token() {
        Ok(Token::Bin(bytes)) if reader.remaining() == 0 => Some(bytes),
        _ => None,
    }
}

/// The elements that are not yet read.
pub(super) struct Elements<'a> {
    reader: Reader<'a>,
    count: u32,
    next: u32,
    /// Whether an element so far holds containers of its own.
    nested: bool,
}

impl<'a> Elements<'a> {
    pub(super) fn new(value: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(value);
        if let Some(count) = reader.short_array() {
            return Ok(Self {
                reader,
                count,
                next: 0,
                nested: false,
            });
        }
        match reader.token()? {
            Token::Array(count) => Ok(Self {
                reader,
                count,
                next: 0,
                nested: false,
            }),
            other => Err(Fault::invalid(format!(
                "an envelope is an array, found {}",
                other.name()
            ))),
        }
    }

    /// Reads the next element by `quick`, if it is there and that succeeds.
    #[inline(always)]
    fn quick<T>(&mut self, quick: impl FnOnce(&mut Reader<'a>) -> Option<T>) -> Option<T> {
        let mut reader = self.reader;
        if self.next >= self.count {
            return None;
        }
        let value = quick(&mut reader)?;
        self.reader = reader;
        self.next += 1;
        Some(value)
    }

    /// Reads the next element by `quick`, as nearly all that peers write can be, else by `read`,
    /// which knows every format and says what is wrong.
    #[inline(always)]
    fn either<T>(
        &mut self,
        name: &'static str,
        quick: impl FnOnce(&mut Reader<'a>) -> Option<T>,
        read: impl FnOnce(Element<'a>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match self.quick(quick) {
            Some(value) => Ok(value),
            None => self.slow(name, read),
        }
    }

    #[cold]
    #[inline(never)]
    fn slow<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Element<'a>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        read(self.next(name)?)
    }

    #[inline(always)]
    pub(super) fn u64(&mut self, name: &'static str) -> Result<u64, Fault> {
        self.either(name, Reader::uint, Element::u64)
    }

    #[inline(always)]
    pub(super) fn u32(&mut self, name: &'static str) -> Result<u32, Fault> {
        self.either(
            name,
            |reader| u32::try_from(reader.uint()?).ok(),
            Element::u32,
        )
    }

    #[inline(always)]
    pub(super) fn bin(&mut self, name: &'static str, max: usize) -> Result<&'a [u8], Fault> {
        let fits = |bytes: &&[u8]| bytes.len() <= max;
        self.either(
            name,
            |reader| reader.short_bin().filter(fits),
            |element| element.bin(max),
        )
    }

    #[inline(always)]
    pub(super) fn str(&mut self, name: &'static str, max: usize) -> Result<&'a str, Fault> {
        self.either(
            name,
            |reader| short_str(reader, max),
            |element| element.str(max),
        )
    }

    #[inline(always)]
    pub(super) fn call_id(&mut self, name: &'static str) -> Result<CallId, Fault> {
        self.either(
            name,
            |reader| CallId::from_slice(reader.short_bin()?),
            Element::call_id,
        )
    }

    /// A binary, or whatever else is there.
    #[inline(always)]
    pub(super) fn bin_or_other(
        &mut self,
        name: &'static str,
    ) -> Result<Result<&'a [u8], Element<'a>>, Fault> {
        match self.quick(Reader::short_bin) {
            Some(bytes) => Ok(Ok(bytes)),
            None => self.next(name).map(Err),
        }
    }

    /// A number that counts from 1, and is 1 if it is nil.
    #[inline(always)]
    pub(super) fn ordinal(&mut self, name: &'static str) -> Result<u32, Fault> {
        let first = |reader: &mut Reader<'a>| {
            let number = u32::try_from(reader.uint()?).ok()?;
            (number > 0).then_some(number)
        };
        self.either(name, first, |element| {
            Ok(element.optional(Element::ordinal)?.unwrap_or(1))
        })
    }

    #[inline(always)]
    pub(super) fn reply_address(&mut self, name: &'static str) -> Result<ReplyAddress<'a>, Fault> {
        let address = |reader: &mut Reader<'a>| {
            let 2 = reader.short_array()? else {
                return None;
            };
            ReplyAddress::of(reader.short_str()?, reader.uint()?)
        };
        self.either(name, address, Element::reply_address)
    }

    /// The first numbers of an array, as [`Element::numbers`] says.
    #[inline(always)]
    pub(super) fn numbers<const N: usize>(
        &mut self,
        name: &'static str,
    ) -> Result<[u64; N], Fault> {
        let few = |reader: &mut Reader<'a>| {
            let count = reader.short_array()? as usize;
            let mut numbers = [0; N];
            for number in numbers.get_mut(..count)? {
                *number = reader.uint()?;
            }
            Some(numbers)
        };
        self.either(name, few, Element::numbers)
    }

    /// Nil reads as `None`, anything else as `read` says.
    #[inline(always)]
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        // One that is missing is nil.
        if self.next >= self.count {
            self.next += 1;
            return Ok(None);
        }
        match self.quick(Reader::nil) {
            Some(()) => Ok(None),
            None => read(self, name).map(Some),
        }
    }

    /// Passes over an element that has no meaning yet, whatever it is.
    #[inline(always)]
    pub(super) fn skip(&mut self, name: &'static str) -> Result<(), Fault> {
        match self.quick(Reader::nil) {
            Some(()) => Ok(()),
            None => self.next(name).map(drop),
        }
    }

    /// Reads the next element, whatever it is.
    pub(super) fn next(&mut self, name: &'static str) -> Result<Element<'a>, Fault> {
        let index = self.next;
        self.next += 1;
        let token = if index < self.count {
            self.reader.token()?
        } else {
            Token::Nil
        };
        let element = Element::new(index, name, token, self.reader);
        if token.children().is_some() {
            self.nested |= self.reader.skip_children(token)?;
        }
        Ok(element)
    }

    /// Reads the rest, and checks what [`preflight`] checks: all else has been seen on the way.
    ///
    /// `value` is the whole envelope. It takes a pass of its own only if an element nests deeper
    /// than any that this version writes.
    pub(super) fn finish(mut self, value: &[u8]) -> Result<(), Fault> {
        while self.next < self.count {
            self.next("unknown")?;
        }
        if self.nested {
            preflight(value)?;
        }
        match self.reader.remaining() {
            0 => Ok(()),
            _ => Err(PreflightError::Trailing.into()),
        }
    }
}

/// A string of no more than so many bytes; nothing if there is none, or it isn't UTF-8.
#[inline(always)]
fn short_str<'a>(reader: &mut Reader<'a>, max: usize) -> Option<&'a str> {
    let bytes = reader.short_str()?;
    (bytes.len() <= max).then(|| std::str::from_utf8(bytes).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::wire::write;

    /// What a read gives: its value or why there is none, and how much is left.
    fn outcome<'a, T>(
        value: &'a [u8],
        read: impl FnOnce(&mut Elements<'a>) -> Result<T, Fault>,
    ) -> (Result<T, String>, usize) {
        let Ok(mut elements) = Elements::new(value) else {
            panic!("it is an array");
        };
        let read = read(&mut elements).map_err(|fault| format!("{fault:?}"));
        (read, elements.reader.remaining())
    }

    /// One element of a kind that envelopes have, or any bytes.
    fn element() -> impl Strategy<Value = Vec<u8>> {
        let written = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            out
        };
        prop_oneof![
            vec(any::<u8>(), 0..24),
            any::<u64>().prop_map(move |number| written(&|out| write::uint(out, number))),
            (0..300_u64).prop_map(move |number| written(&|out| write::uint(out, number))),
            vec(any::<u8>(), 0..300).prop_map(move |bytes| written(&|out| write::bin(out, &bytes))),
            "[a-zß]{0,40}".prop_map(move |text| written(&|out| write::str(out, &text))),
            ("[a-z]{0,4}", any::<u32>(), 0..4_u8).prop_map(move |(topic, partition, count)| {
                written(&|out| {
                    write::array(out, count);
                    write::str(out, &topic);
                    write::uint(out, partition);
                    write::uint(out, 7_u8);
                })
            }),
            vec(any::<u64>(), 0..6).prop_map(move |numbers| {
                written(&|out| {
                    write::array(out, numbers.len() as u8);
                    for number in &numbers {
                        write::uint(out, *number);
                    }
                })
            }),
            Just(vec![0xc0]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 20 } else { 2_000 }))]
        #[test]
        fn a_quick_read_gives_what_the_slow_one_does(element in element(), empty in any::<bool>()) {
            let mut value = vec![if empty { 0x90 } else { 0x91 }];
            value.extend(element);
            macro_rules! same {
                ($quick:expr, $slow:expr) => {
                    let quick = outcome(&value, |elements| $quick(elements, "name"));
                    let slow = outcome(&value, |elements| elements.next("name").and_then($slow));
                    prop_assert_eq!(quick, slow);
                };
            }
            same!(Elements::u64, Element::u64);
            same!(Elements::u32, Element::u32);
            same!(Elements::call_id, Element::call_id);
            same!(Elements::reply_address, Element::reply_address);
            same!(Elements::numbers::<3>, Element::numbers::<3>);
            same!(Elements::numbers::<4>, Element::numbers::<4>);
            same!(Elements::skip, |_| Ok(()));
            same!(
                |elements: &mut Elements<'_>, name| elements.ordinal(name),
                |element: Element<'_>| Ok(element.optional(Element::ordinal)?.unwrap_or(1))
            );
            let quick = outcome(&value, |elements| elements.str("name", 30).map(str::to_owned));
            let slow = outcome(&value, |elements| {
                elements.next("name")?.str(30).map(str::to_owned)
            });
            prop_assert_eq!(quick, slow);
            let quick = outcome(&value, |elements| {
                elements.optional("name", |elements, name| elements.bin(name, 200))
            });
            let slow = outcome(&value, |elements| {
                elements.next("name")?.optional(|element| element.bin(200))
            });
            prop_assert_eq!(quick, slow);
        }
    }
}
