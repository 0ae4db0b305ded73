//! Reads one element of an envelope in any format that MessagePack has for it, and says what is wrong.

use crate::wire::fault::Fault;
use crate::wire::limits::MAX_TOPIC_BYTES;
use crate::wire::read::{Reader, Token};
use crate::wire::{CallId, ReplyAddress};

/// One element, to be read as the type that its place demands.
pub(super) struct Element<'a> {
    index: u32,
    name: &'static str,
    token: Token<'a>,
    children: Reader<'a>,
}

impl<'a> Element<'a> {
    /// What `token` begins, and its children follow.
    pub(super) const fn new(
        index: u32,
        name: &'static str,
        token: Token<'a>,
        children: Reader<'a>,
    ) -> Self {
        Self {
            index,
            name,
            token,
            children,
        }
    }

    #[cold]
    fn unlike(&self, expected: impl std::fmt::Display) -> Fault {
        Fault::invalid(format!(
            "element {} ({}): expected {expected}, found {}",
            self.index,
            self.name,
            self.token.name()
        ))
    }

    #[cold]
    fn wrong(&self, what: impl std::fmt::Display) -> Fault {
        Fault::invalid(format!("element {} ({}) {what}", self.index, self.name))
    }

    /// Nil reads as `None`, anything else as `read` says.
    #[inline(always)]
    pub(super) fn optional<T>(
        self,
        read: impl FnOnce(Self) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        match self.token {
            Token::Nil => Ok(None),
            _ => read(self).map(Some),
        }
    }

    #[inline(always)]
    pub(super) fn u64(self) -> Result<u64, Fault> {
        match self.token {
            Token::Uint(value) => Ok(value),
            _ => Err(self.unlike("an unsigned integer")),
        }
    }

    #[inline(always)]
    pub(super) fn u32(self) -> Result<u32, Fault> {
        match self.token {
            Token::Uint(value) => {
                u32::try_from(value).map_err(|_| self.wrong("is larger than 32 bits"))
            }
            _ => Err(self.unlike("an unsigned integer")),
        }
    }

    /// A number that counts from 1.
    #[inline(always)]
    pub(super) fn ordinal(self) -> Result<u32, Fault> {
        match self.token {
            Token::Uint(0) => Err(self.wrong("counts from 1, found 0")),
            _ => self.u32(),
        }
    }

    #[inline(always)]
    pub(super) fn bin(self, max: usize) -> Result<&'a [u8], Fault> {
        match self.token {
            Token::Bin(bytes) if bytes.len() <= max => Ok(bytes),
            Token::Bin(_) => Err(self.wrong(format_args!("is longer than {max} bytes"))),
            _ => Err(self.unlike("bin")),
        }
    }

    #[inline(always)]
    pub(super) fn str(self, max: usize) -> Result<&'a str, Fault> {
        match self.token {
            Token::Str(bytes) if bytes.len() <= max => {
                std::str::from_utf8(bytes).map_err(|_| self.wrong("is not UTF-8"))
            }
            Token::Str(_) => Err(self.wrong(format_args!("is longer than {max} bytes"))),
            _ => Err(self.unlike("str")),
        }
    }

    #[inline(always)]
    pub(super) fn call_id(self) -> Result<CallId, Fault> {
        match self.token {
            Token::Bin(bytes) => {
                CallId::from_slice(bytes).ok_or_else(|| self.wrong("is not 16 bytes long"))
            }
            _ => Err(self.unlike("bin")),
        }
    }

    pub(super) fn reply_address(self) -> Result<ReplyAddress<'a>, Fault> {
        ReplyAddress::read(self.token, self.children)
            .ok_or_else(|| self.wrong("is neither nil nor a topic's name and a partition"))
    }

    /// The first `N` numbers of an array, however many there are; 0 for those that are missing.
    pub(super) fn numbers<const N: usize>(self) -> Result<[u64; N], Fault> {
        let Token::Array(count) = self.token else {
            return Err(self.unlike("an array of unsigned integers"));
        };
        let mut children = self.children;
        let mut numbers = [0; N];
        for number in numbers.iter_mut().take(count as usize) {
            match children.token()? {
                Token::Uint(value) => *number = value,
                _ => return Err(self.wrong("holds something that is no unsigned integer")),
            }
        }
        Ok(numbers)
    }
}

impl<'a> ReplyAddress<'a> {
    /// The address that `token` begins, if it is one.
    pub(super) fn read(token: Token<'a>, mut children: Reader<'a>) -> Option<Self> {
        // Later versions may say more about an address after its first two elements.
        let Token::Array(2..) = token else {
            return None;
        };
        let (Token::Str(topic), Token::Uint(partition)) =
            (children.token().ok()?, children.token().ok()?)
        else {
            return None;
        };
        Self::of(topic, partition)
    }

    /// The address of these parts, if they can be one's.
    pub(super) fn of(topic: &'a [u8], partition: u64) -> Option<Self> {
        if topic.is_empty() || topic.len() > MAX_TOPIC_BYTES {
            return None;
        }
        Some(Self {
            topic: std::str::from_utf8(topic).ok()?,
            // Kafka numbers partitions with 31 bits.
            partition: i32::try_from(partition).ok()?.cast_unsigned(),
        })
    }
}
