//! What a server keeps beside a committed offset: what is settled above it, and what runs where.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::limits::MAX_NOTE_CHARS;
use super::read::{Reader, Token};
use super::write;

/// What a note begins with, apart from what other programs keep beside an offset.
const PREFIX: &str = "kr1:";

/// A note that names more unsettled offsets is refused: no server reads so far ahead.
const MAX_UNSETTLED: usize = 1 << 20;

/// Names a server that runs calls, for as long as its process lives.
pub type Executor = [u8; 8];

/// Stands among the executors for [`Runs::Nowhere`].
const NOBODY: Executor = [0; 8];

/// What a server keeps beside the committed offset of a partition.
///
/// The committed offset is the first one that isn't settled. The note says which of those above it are
/// settled too, and which run, so that the partition's next owner repeats neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Who wrote it.
    pub executor: Executor,
    /// The first offset that its writer hasn't read.
    pub next: i64,
    /// The writer gave the partition up in order, and nothing at or above this offset was ever
    /// started. `None`: the writer goes on, and may have started whatever follows.
    pub fresh: Option<i64>,
    /// The offsets below `next` that aren't settled, in ascending order.
    pub unsettled: Vec<i64>,
    /// Those of them that were started, and where they run, in ascending order.
    pub running: Vec<(i64, Runs)>,
}

/// Where a call runs that was started and isn't settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// On this server, whether or not that still owns the partition.
    On(Executor),
    /// Nowhere that anybody knows of, though it may have been started.
    Nowhere,
}

impl Note {
    /// Encodes it as the metadata of the committed offset `base`; `None` if it would be longer than
    /// brokers take.
    #[must_use]
    pub fn encode(&self, base: i64) -> Option<String> {
        let mut out = Vec::new();
        write::array(&mut out, 8);
        write::uint(&mut out, 1_u8);
        write::bin(&mut out, &self.executor);
        write::uint(&mut out, self.next.abs_diff(base));
        let fresh = self.fresh.map(|fresh| fresh.abs_diff(base));
        write::optional(&mut out, fresh, write::uint);
        self.encode_unsettled(base, &mut out);
        self.encode_running(base, &mut out);
        let length = PREFIX.len() + out.len().div_ceil(3) * 4;
        if length > MAX_NOTE_CHARS {
            return None;
        }
        let mut metadata = PREFIX.to_owned();
        STANDARD_NO_PAD.encode_string(out, &mut metadata);
        Some(metadata)
    }

    /// As the lengths of alternating runs, or as one bit for each offset, whichever is shorter.
    fn encode_unsettled(&self, base: i64, out: &mut Vec<u8>) {
        let mut runs = Vec::new();
        let mut at = base;
        for run in self.unsettled.chunk_by(|one, next| one + 1 == *next) {
            if run[0] > at {
                // The first run is of offsets that aren't settled, and may be empty.
                if runs.is_empty() {
                    write::uint(&mut runs, 0_u8);
                }
                write::uint(&mut runs, run[0].abs_diff(at));
            }
            write::uint(&mut runs, run.len() as u64);
            at = run[0] + run.len() as i64;
        }
        let span = self
            .unsettled
            .last()
            .map_or(0, |last| last.abs_diff(base) + 1);
        let bytes = usize::try_from(span.div_ceil(8)).unwrap_or(usize::MAX);
        if bytes >= runs.len() {
            write::uint(out, 0_u8);
            return write::bin(out, &runs);
        }
        let mut bits = vec![0_u8; bytes];
        for offset in &self.unsettled {
            let bit = offset.abs_diff(base) as usize;
            bits[bit / 8] |= 1 << (bit % 8);
        }
        write::uint(out, 1_u8);
        write::bin(out, &bits);
    }

    /// The executors other than the writer, then pairs: the distance from the running offset before,
    /// and the executor's number, where 0 is the writer.
    fn encode_running(&self, base: i64, out: &mut Vec<u8>) {
        let (mut executors, mut pairs) = (Vec::<Executor>::new(), Vec::new());
        let mut at = base;
        for (offset, runs) in &self.running {
            let executor = match runs {
                Runs::On(executor) => *executor,
                Runs::Nowhere => NOBODY,
            };
            let number = if executor == self.executor {
                0
            } else {
                let known = executors.iter().position(|known| *known == executor);
                1 + known.unwrap_or_else(|| {
                    executors.push(executor);
                    executors.len() - 1
                })
            };
            write::uint(&mut pairs, offset.abs_diff(at));
            write::uint(&mut pairs, number as u64);
            at = *offset;
        }
        write::bin(out, executors.as_flattened());
        write::bin(out, &pairs);
    }

    /// Reads the metadata of the committed offset `base`; `None` if it is no note, whatever else it
    /// is.
    #[must_use]
    pub fn decode(base: i64, metadata: &[u8]) -> Option<Self> {
        let encoded = metadata.strip_prefix(PREFIX.as_bytes())?;
        if metadata.len() > MAX_NOTE_CHARS {
            return None;
        }
        let bytes = STANDARD_NO_PAD.decode(encoded).ok()?;
        let mut reader = Reader::new(&bytes);
        let (Token::Array(8..), Token::Uint(1)) = (token(&mut reader)?, token(&mut reader)?) else {
            return None;
        };
        let executor = bin(&mut reader)?.try_into().ok()?;
        let next = above(base, reader.uint()?)?;
        let fresh = match token(&mut reader)? {
            Token::Nil => None,
            Token::Uint(delta) => Some(above(base, delta)?),
            _ => return None,
        };
        let unsettled = match (reader.uint()?, bin(&mut reader)?) {
            (0, runs) => of_runs(base, runs)?,
            (1, bits) => of_bits(base, bits)?,
            _ => return None,
        };
        let running = of_pairs(base, executor, bin(&mut reader)?, bin(&mut reader)?)?;
        let is_sound = unsettled.last().is_none_or(|last| *last < next)
            && running
                .iter()
                .all(|(offset, _)| unsettled.binary_search(offset).is_ok());
        is_sound.then_some(Self {
            executor,
            next,
            fresh,
            unsettled,
            running,
        })
    }
}

fn token<'a>(reader: &mut Reader<'a>) -> Option<Token<'a>> {
    reader.token().ok()
}

fn bin<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    match reader.token() {
        Ok(Token::Bin(bytes)) => Some(bytes),
        _ => None,
    }
}

fn above(base: i64, delta: u64) -> Option<i64> {
    base.checked_add_unsigned(delta)
}

fn of_runs(base: i64, runs: &[u8]) -> Option<Vec<i64>> {
    let mut reader = Reader::new(runs);
    let (mut unsettled, mut at, mut is_settled) = (Vec::new(), base, false);
    while reader.remaining() > 0 {
        let end = above(at, reader.uint()?)?;
        if !is_settled {
            if end.abs_diff(at) > (MAX_UNSETTLED - unsettled.len()) as u64 {
                return None;
            }
            unsettled.extend(at..end);
        }
        at = end;
        is_settled = !is_settled;
    }
    Some(unsettled)
}

fn of_bits(base: i64, bits: &[u8]) -> Option<Vec<i64>> {
    let is_set = |bit: &usize| bits[bit / 8] & 1 << (bit % 8) != 0;
    let set = (0..bits.len() * 8).filter(is_set);
    set.map(|bit| above(base, bit as u64)).collect()
}

fn of_pairs(
    base: i64,
    writer: Executor,
    executors: &[u8],
    pairs: &[u8],
) -> Option<Vec<(i64, Runs)>> {
    let (executors, []) = executors.as_chunks::<8>() else {
        return None;
    };
    let mut reader = Reader::new(pairs);
    let (mut running, mut at) = (Vec::new(), base);
    while reader.remaining() > 0 {
        at = above(at, reader.uint()?)?;
        let executor = match usize::try_from(reader.uint()?).ok()? {
            0 => writer,
            number => *executors.get(number - 1)?,
        };
        let runs = if executor == NOBODY {
            Runs::Nowhere
        } else {
            Runs::On(executor)
        };
        running.push((at, runs));
    }
    Some(running)
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    const A: Executor = *b"server a";
    const B: Executor = *b"server b";

    fn note(unsettled: &[i64], running: &[(i64, Runs)]) -> Note {
        Note {
            executor: A,
            next: 2_000_000,
            fresh: None,
            unsettled: unsettled.to_vec(),
            running: running.to_vec(),
        }
    }

    #[test]
    fn one_long_call_makes_no_long_note() {
        let note = note(&[7], &[(7, Runs::On(A))]);
        let metadata = note.encode(7).unwrap();
        assert!(metadata.len() < 50, "{metadata}");
        assert_eq!(Note::decode(7, metadata.as_bytes()), Some(note));
    }

    #[test]
    fn scattered_offsets_take_a_bit_each() {
        let every_other: Vec<i64> = (0..20_000).step_by(2).collect();
        let note = note(&every_other, &[]);
        let metadata = note.encode(0).unwrap();
        assert!(metadata.len() < 20_000 / 6 + 100, "{}", metadata.len());
        assert_eq!(Note::decode(0, metadata.as_bytes()), Some(note));
    }

    #[test]
    fn what_brokers_would_refuse_is_not_encoded() {
        let every_other: Vec<i64> = (0..50_000).step_by(2).collect();
        assert_eq!(note(&every_other, &[]).encode(0), None);
    }

    #[test]
    fn a_note_that_claims_too_much_is_no_note() {
        let mut runs = Vec::new();
        write::uint(&mut runs, u64::MAX / 2);
        assert_eq!(of_runs(0, &runs), None);
        for metadata in ["", "kr1:", "kr1:!", "kr1:AAAA", "kr2:AAAA", "offset 7"] {
            assert_eq!(Note::decode(7, metadata.as_bytes()), None);
        }
        assert_eq!(Note::decode(7, &[0xff, 0xfe]), None);
    }

    fn runs() -> impl Strategy<Value = Option<Runs>> {
        prop_oneof![
            Just(None),
            Just(Some(Runs::On(A))),
            Just(Some(Runs::On(B))),
            Just(Some(Runs::Nowhere)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            base in 0_i64..1 << 40,
            offsets in btree_map(0_i64..500, runs(), 0..200),
            more in 0_i64..100,
            fresh in proptest::option::of(0_i64..1_000),
        ) {
            let last = offsets.keys().next_back().map_or(0, |last| last + 1);
            let note = Note {
                executor: A,
                next: base + last + more,
                fresh: fresh.map(|fresh| base + fresh),
                unsettled: offsets.keys().map(|offset| base + offset).collect(),
                running: offsets
                    .iter()
                    .filter_map(|(offset, runs)| Some((base + offset, (*runs)?)))
                    .collect(),
            };
            let metadata = note.encode(base).unwrap();
            prop_assert_eq!(Note::decode(base, metadata.as_bytes()), Some(note));
        }

        #[test]
        fn whatever_is_read_it_does_not_panic(base in any::<i64>(), bytes in any::<Vec<u8>>()) {
            let mut metadata = PREFIX.to_owned();
            STANDARD_NO_PAD.encode_string(&bytes, &mut metadata);
            drop(Note::decode(base, metadata.as_bytes()));
            drop(Note::decode(base, &bytes));
        }
    }
}
