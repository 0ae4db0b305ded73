//! One member of a consumer group: the state machine that takes records to their ends.
//!
//! Records, assignments and revocations come in by `sink`. Each is a transition of the member's
//! [`State`](state::State) (`records`, `handlers`, `rebalance`, `timers`), which touches nothing outside: what it
//! leads to is noted as [`Actions`](actions::Actions), and the [`Member`](member::Member) carries these out once
//! the state is unlocked.
//!
//! # Threads and locks
//!
//! Transitions run on the transport's polling thread (records, rebalances), on the threads of the
//! handlers' runtime (ends of handlers), on the producer's thread, or that of whoever produces (settled replies), and on the
//! alarm's. All of them lock the member's state, so it is held for moments only: no user code, no
//! transport but [`Membership::progressed`](crate::transport::Membership::progressed), and no log line under it.
//!
//! Lock order: `paused`, then `state`, then the transport's own. `paused` makes sure that a pause
//! and a resume of two threads can't overtake each other.

mod actions;
mod cancels;
mod elsewhere;
pub(super) mod env;
pub(super) mod flow;
mod handlers;
mod lookup;
pub(super) mod member;
mod rebalance;
mod records;
mod refusals;
mod report;
mod reports;
pub(super) mod sink;
mod state;
mod timers;
mod untimely;
pub(super) mod watch;
