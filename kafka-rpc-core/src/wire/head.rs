//! An envelope's head: its version, its kind, and the call that it is about.

use super::{CallId, write};

pub(super) const VERSION: u8 = 1;
pub(super) const COMMAND: u64 = 1;
pub(super) const REPLY: u64 = 2;
pub(super) const CANCEL: u64 = 3;
pub(super) const HAND_OVER: u64 = 4;

/// Writes an envelope's head and the elements that all kinds share.
pub(super) fn begin(out: &mut Vec<u8>, count: u8, kind: u64, call_id: CallId) {
    write::array(out, count);
    write::uint(out, VERSION);
    write::uint(out, kind);
    write::uint(out, 0_u8);
    write::bin(out, call_id.as_bytes());
}
