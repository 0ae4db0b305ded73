//! Wire version 1 as pure functions on bytes; `PROTOCOL.md` is its contract with other languages.
//!
//! A record's value is one [`Envelope`], a positional MessagePack array that holds a command, a
//! reply or a cancel. [`decode`] borrows from the record, allocates nothing for a well-formed one,
//! and never goes beyond what [`preflight`] has found to be sound. Arguments and payloads are
//! opaque here: they are documents of their own, and take their own preflight before serde.

mod call_id;
mod command;
mod element;
mod elements;
mod envelope;
mod fault;
mod fingerprint;
mod hand_over;
mod head;
pub mod limits;
mod malformed;
mod note;
mod partition;
mod preflight;
mod read;
mod reply;
mod reply_address;
pub(crate) mod value;
mod write;

pub use call_id::CallId;
pub use command::{Cancel, Command, Sent};
pub(crate) use elements::bin;
pub use envelope::{Envelope, decode};
pub use fingerprint::fingerprint;
pub use hand_over::HandOver;
pub use malformed::Malformed;
pub use note::{Executor, Note, Runs};
pub use partition::{murmur2, partition_for};
pub use preflight::{PreflightError, preflight};
pub use reply::{Reply, ReplyBody, StageTimes};
pub use reply_address::ReplyAddress;
pub use value::decode_value;
