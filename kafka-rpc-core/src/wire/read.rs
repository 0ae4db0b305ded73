//! Reads MessagePack one token at a time, within bounds, without recursion or allocation.

use crate::wire::PreflightError;

/// One value without children, or the head of one with children.
#[derive(Clone, Copy)]
pub(super) enum Token<'a> {
    Nil,
    /// An integer in any of the formats that is not negative.
    Uint(u64),
    Str(&'a [u8]),
    Bin(&'a [u8]),
    Array(u32),
    /// A map with so many pairs.
    Map(u32),
    /// A value that no envelope has a use for, by the name of its format.
    Other(&'static str),
}

impl Token<'_> {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Uint(_) => "an unsigned integer",
            Self::Str(_) => "str",
            Self::Bin(_) => "bin",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Other(name) => name,
        }
    }

    /// How many values follow that belong to this one.
    pub(super) fn children(&self) -> Option<u64> {
        match *self {
            Self::Array(count) => Some(u64::from(count)),
            Self::Map(count) => Some(u64::from(count) * 2),
            _ => None,
        }
    }
}

/// The bytes that are not yet read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn remaining(&self) -> usize {
        self.0.len()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PreflightError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(PreflightError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PreflightError> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or(PreflightError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, PreflightError> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, PreflightError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, PreflightError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, PreflightError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads a nil, or nothing.
    #[inline(always)]
    pub(super) fn nil(&mut self) -> Option<()> {
        let ([0xc0], rest) = self.0.split_first_chunk()? else {
            return None;
        };
        self.0 = rest;
        Some(())
    }

    /// Reads an integer in one of the formats for those that aren't negative, or nothing.
    #[inline(always)]
    pub(super) fn uint(&mut self) -> Option<u64> {
        let (&first, rest) = self.0.split_first()?;
        let (value, rest) = match first {
            0x00..=0x7f => (u64::from(first), rest),
            0xcc => number::<1>(rest)?,
            0xcd => number::<2>(rest)?,
            0xce => number::<4>(rest)?,
            0xcf => number::<8>(rest)?,
            _ => return None,
        };
        self.0 = rest;
        Some(value)
    }

    /// Reads a string of less than 256 bytes, or nothing.
    #[inline(always)]
    pub(super) fn short_str(&mut self) -> Option<&'a [u8]> {
        let (&first, rest) = self.0.split_first()?;
        let (length, rest) = match first {
            0xa0..=0xbf => (u64::from(first & 0x1f), rest),
            0xd9 => number::<1>(rest)?,
            _ => return None,
        };
        self.bytes(length, rest)
    }

    /// Reads a binary of less than 65,536 bytes, or nothing.
    #[inline(always)]
    pub(super) fn short_bin(&mut self) -> Option<&'a [u8]> {
        let (&first, rest) = self.0.split_first()?;
        let (length, rest) = match first {
            0xc4 => number::<1>(rest)?,
            0xc5 => number::<2>(rest)?,
            _ => return None,
        };
        self.bytes(length, rest)
    }

    /// Reads the head of an array of less than 65,536 values, or nothing.
    #[inline(always)]
    pub(super) fn short_array(&mut self) -> Option<u32> {
        let (&first, rest) = self.0.split_first()?;
        let (length, rest) = match first {
            0x90..=0x9f => (u64::from(first & 0x0f), rest),
            0xdc => number::<2>(rest)?,
            _ => return None,
        };
        self.0 = rest;
        u32::try_from(length).ok()
    }

    #[inline(always)]
    fn bytes(&mut self, length: u64, from: &'a [u8]) -> Option<&'a [u8]> {
        let (taken, rest) = from.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn other(&mut self, length: usize, name: &'static str) -> Result<Token<'a>, PreflightError> {
        self.take(length).map(|_| Token::Other(name))
    }

    /// An ext value: one byte of type, then the data.
    fn ext(&mut self, length: usize) -> Result<Token<'a>, PreflightError> {
        self.u8()?;
        self.other(length, "ext")
    }

    /// Reads the next token; a string or binary is read whole.
    #[inline]
    pub(super) fn token(&mut self) -> Result<Token<'a>, PreflightError> {
        let first = self.u8()?;
        match first {
            // Nearly all numbers of an envelope.
            0x00..=0x7f => Ok(Token::Uint(u64::from(first))),
            0xc0 => Ok(Token::Nil),
            _ => self.longer(first),
        }
    }

    /// Reads on after the first byte.
    fn longer(&mut self, first: u8) -> Result<Token<'a>, PreflightError> {
        Ok(match first {
            0x00..=0x7f => Token::Uint(u64::from(first)),
            0x80..=0x8f => Token::Map(u32::from(first & 0x0f)),
            0x90..=0x9f => Token::Array(u32::from(first & 0x0f)),
            0xa0..=0xbf => Token::Str(self.take(usize::from(first & 0x1f))?),
            0xc0 => Token::Nil,
            0xc1 => return Err(PreflightError::Reserved),
            0xc2 | 0xc3 => Token::Other("a boolean"),
            0xc4 => {
                let length = self.u8()?;
                Token::Bin(self.take(usize::from(length))?)
            }
            0xc5 => {
                let length = self.u16()?;
                Token::Bin(self.take(usize::from(length))?)
            }
            0xc6 => {
                let length = self.u32()?;
                Token::Bin(self.take(length as usize)?)
            }
            0xc7 => {
                let length = self.u8()?;
                self.ext(usize::from(length))?
            }
            0xc8 => {
                let length = self.u16()?;
                self.ext(usize::from(length))?
            }
            0xc9 => {
                let length = self.u32()?;
                self.ext(length as usize)?
            }
            0xca => self.other(4, "a float")?,
            0xcb => self.other(8, "a float")?,
            0xcc => Token::Uint(u64::from(self.u8()?)),
            0xcd => Token::Uint(u64::from(self.u16()?)),
            0xce => Token::Uint(u64::from(self.u32()?)),
            0xcf => Token::Uint(self.u64()?),
            0xd0 => signed(i64::from(self.u8()?.cast_signed())),
            0xd1 => signed(i64::from(self.u16()?.cast_signed())),
            0xd2 => signed(i64::from(self.u32()?.cast_signed())),
            0xd3 => signed(self.u64()?.cast_signed()),
            0xd4..=0xd8 => self.ext(1 << (first - 0xd4))?,
            0xd9 => {
                let length = self.u8()?;
                Token::Str(self.take(usize::from(length))?)
            }
            0xda => {
                let length = self.u16()?;
                Token::Str(self.take(usize::from(length))?)
            }
            0xdb => {
                let length = self.u32()?;
                Token::Str(self.take(length as usize)?)
            }
            0xdc => Token::Array(u32::from(self.u16()?)),
            0xdd => Token::Array(self.u32()?),
            0xde => Token::Map(u32::from(self.u16()?)),
            0xdf => Token::Map(self.u32()?),
            0xe0..=0xff => Token::Other(NEGATIVE),
        })
    }

    /// Reads the children of `token`, and theirs, to the end; says whether they have any.
    pub(super) fn skip_children(&mut self, token: Token<'_>) -> Result<bool, PreflightError> {
        let mut left = token.children().unwrap_or(0);
        let mut nested = false;
        while left > 0 {
            let children = self.token()?.children();
            nested |= children.is_some();
            // What can't be in the buffer ends the loop by running out of bytes.
            left = (left - 1).saturating_add(children.unwrap_or(0));
        }
        Ok(nested)
    }
}

/// A number of so many bytes, and what follows it.
#[inline(always)]
fn number<const N: usize>(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<N>()?;
    let mut whole = [0; 8];
    whole[8 - N..].copy_from_slice(number);
    Some((u64::from_be_bytes(whole), rest))
}

const NEGATIVE: &str = "a negative integer";

fn signed(value: i64) -> Token<'static> {
    u64::try_from(value).map_or(Token::Other(NEGATIVE), Token::Uint)
}
