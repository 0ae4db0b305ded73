//! One linear scan over a document before anything else reads it.

use std::fmt;

use crate::wire::limits::MAX_DEPTH;
use crate::wire::read::Reader;

/// Why a document is refused before it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreflightError {
    /// There is no byte at all.
    Empty,
    /// A length or count goes beyond the end.
    Truncated,
    /// Containers nest deeper than [`MAX_DEPTH`].
    TooDeep,
    /// The byte 0xc1, which MessagePack never uses, stands where a value begins.
    Reserved,
    /// Bytes follow the first value.
    Trailing,
}

impl fmt::Display for PreflightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the document is empty"),
            Self::Truncated => f.write_str("a length goes beyond the document's end"),
            Self::TooDeep => write!(f, "containers nest deeper than {MAX_DEPTH}"),
            Self::Reserved => f.write_str("the reserved byte 0xc1 begins a value"),
            Self::Trailing => f.write_str("bytes follow the document's one value"),
        }
    }
}

impl std::error::Error for PreflightError {}

/// Checks that `bytes` are exactly one MessagePack value which is safe to decode.
///
/// It takes one pass and no heap. What passes can't overflow a decoder's stack, and every count is
/// kept by values that are there, so a decoder that trusts it reserves memory in proportion to the
/// document.
///
/// # Errors
/// The document is empty, lies about a length, nests deeper than [`MAX_DEPTH`], uses the reserved
/// byte, or goes on after its value.
pub fn preflight(bytes: &[u8]) -> Result<(), PreflightError> {
    if bytes.is_empty() {
        return Err(PreflightError::Empty);
    }
    let mut reader = Reader::new(bytes);
    // Most hold no containers within: they need no table.
    let mut left = reader.token()?.children().unwrap_or(0);
    while left > 0 {
        if reader.token()?.children().is_some() {
            return nested(bytes);
        }
        left -= 1;
    }
    end(reader)
}

fn nested(bytes: &[u8]) -> Result<(), PreflightError> {
    let mut reader = Reader::new(bytes);
    // How many values each open container still wants.
    let mut open = [0_u64; MAX_DEPTH];
    let mut depth = 0;
    loop {
        if let Some(children) = reader.token()?.children() {
            *open.get_mut(depth).ok_or(PreflightError::TooDeep)? = children;
            depth += 1;
        }
        while depth > 0 && open[depth - 1] == 0 {
            depth -= 1;
        }
        if depth == 0 {
            break;
        }
        open[depth - 1] -= 1;
    }
    end(reader)
}

fn end(reader: Reader<'_>) -> Result<(), PreflightError> {
    match reader.remaining() {
        0 => Ok(()),
        _ => Err(PreflightError::Trailing),
    }
}
