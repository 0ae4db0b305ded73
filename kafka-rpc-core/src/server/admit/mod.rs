//! Is a command to be run? Pure state and pure judgements, behind the member's lock.

pub(crate) mod age;
pub(crate) mod arrival;
pub(crate) mod block_pool;
pub(crate) mod clock_answers;
pub(crate) mod judge;
pub(crate) mod pending_lookup;
pub(crate) mod refuse;
pub(crate) mod reply_address;
pub(crate) mod server_clock;
