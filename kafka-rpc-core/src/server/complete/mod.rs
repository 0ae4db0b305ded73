//! What ends a command, and where its bytes go.

pub(super) mod encode;
pub(super) mod offsets;
pub(super) mod outbox;
pub(super) mod tracker;
