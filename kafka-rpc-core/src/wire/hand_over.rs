//! What a server tells the next owner of a partition about calls that it still runs there.

use super::elements::Elements;
use super::fault::Fault;
use super::head::{HAND_OVER, begin};
use super::note::Executor;
use super::{CallId, write};

/// The offset of a command, as it is written.
const OFFSET_BYTES: usize = 8;

/// Tells the owner of a partition how the calls fare that a former owner runs, by the offsets of their
/// commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HandOver<'a> {
    /// Who runs them.
    pub executor: Executor,
    /// Counts such records of the executor.
    pub number: u64,
    settled: &'a [u8],
    running: &'a [u8],
}

impl<'a> HandOver<'a> {
    pub(super) fn read(elements: &mut Elements<'a>) -> Result<Self, Fault> {
        let id = elements.call_id("call id")?;
        Ok(Self {
            executor: id.instance(),
            number: id.sequence(),
            settled: offsets(elements, "settled")?,
            running: offsets(elements, "running")?,
        })
    }

    /// The calls that are settled: what ended them is in the log.
    pub fn settled(&self) -> impl Iterator<Item = i64> + use<'a> {
        each(self.settled)
    }

    /// The calls that still run.
    pub fn running(&self) -> impl Iterator<Item = i64> + use<'a> {
        each(self.running)
    }

    /// Appends such a record's value to `out`.
    pub fn encode(id: CallId, settled: &[i64], running: &[i64], out: &mut Vec<u8>) {
        begin(out, 6, HAND_OVER, id);
        for offsets in [settled, running] {
            write::bin_head(out, offsets.len() * OFFSET_BYTES);
            out.extend(offsets.iter().flat_map(|offset| offset.to_be_bytes()));
        }
    }
}

fn offsets<'a>(elements: &mut Elements<'a>, name: &'static str) -> Result<&'a [u8], Fault> {
    let bytes = elements.bin(name, usize::MAX)?;
    if bytes.len() % OFFSET_BYTES == 0 {
        return Ok(bytes);
    }
    Err(Fault::invalid(format!(
        "the offsets that are {name} have {} bytes, not a multiple of {OFFSET_BYTES}",
        bytes.len()
    )))
}

fn each(offsets: &[u8]) -> impl Iterator<Item = i64> + use<'_> {
    let (whole, _) = offsets.as_chunks::<OFFSET_BYTES>();
    whole.iter().map(|offset| i64::from_be_bytes(*offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{self, Envelope};

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut value = Vec::new();
        HandOver::encode(
            CallId::new(*b"executor", 3),
            &[5, 1 << 40],
            &[7],
            &mut value,
        );
        let Ok(Envelope::HandOver(read)) = wire::decode(&value) else {
            panic!("{value:?}");
        };
        assert_eq!((read.executor, read.number), (*b"executor", 3));
        assert_eq!(read.settled().collect::<Vec<_>>(), [5, 1 << 40]);
        assert_eq!(read.running().collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn half_an_offset_is_refused() {
        let mut value = Vec::new();
        begin(&mut value, 6, HAND_OVER, CallId::new([1; 8], 1));
        write::bin(&mut value, &[0; 12]);
        write::bin(&mut value, &[]);
        assert!(wire::decode(&value).is_err());
    }
}
