//! Takes a command to its reply.

mod clock_offsets;
mod commit;
mod dedupe;
mod schedule;

pub use schedule::Ordering;
