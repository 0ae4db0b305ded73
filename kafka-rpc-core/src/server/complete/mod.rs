//! What ends a command, and how its bytes get to the log; and how far each partition is done.
//!
//! A [`Completion`] says what ends a command; a [`Complete`] brings it to the log, and tells the
//! command's owner when it is there ([`Settle`]). [`Outbox`](outbox::Outbox) is the plain way: each reply
//! by itself; the offset goes with a later commit of the group, which asks for it ([`Offsets`](offsets::Offsets)).
//!
//! Threads and locks: the outbox's own lock is a leaf. It is taken on any thread that ends a command,
//! and on the producer's, and no lock of a member may be held then, since a completion may settle its
//! command before it returns.

pub(crate) mod encode;
pub(crate) mod offsets;
pub(crate) mod origin;
pub(crate) mod outbox;
pub(crate) mod tracker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::offsets::RecordRef;
use self::origin::Address;
use self::outbox::Backlog;
use crate::transport::BoxFuture;
use crate::wire::CallId;

/// What ends a command.
pub(crate) enum Completion {
    /// What its handler gave goes to the caller. The command is settled once the reply is in the log,
    /// or can't get there in time.
    Reply(Reply),
    /// It isn't run, and the caller is told why, if it waits for a reply.
    Refused(Option<Reply>),
    /// Nobody is told anything. The command is settled as it is.
    Silent,
    /// It is left to the next owner of its partition: neither answered nor settled.
    Left,
}

/// An encoded reply, and where it goes.
pub(crate) struct Reply {
    pub(crate) call_id: CallId,
    pub(crate) address: Address,
    pub(crate) value: Vec<u8>,
    /// Nobody waits for it after this.
    pub(crate) give_up: Instant,
}

/// Brings what ends commands to the log.
pub(crate) trait Complete: Send + Sync {
    /// Ends a command. `owner` is told when it is settled, which may be before this returns, so no
    /// lock of the owner may be held.
    fn complete(&self, owner: Arc<dyn Settle>, record: RecordRef, completion: Completion);

    /// Holds replies back from now on, so that they go together, until `release`.
    fn hold(&self);

    /// Lets replies go that were held back.
    fn release(&self);

    /// Does what is due, and says when something is next.
    fn tick(&self, now: Instant) -> Option<Instant>;

    /// Done when nothing is on its way to the log, or after `timeout`.
    fn flush(&self, timeout: Duration) -> BoxFuture<()>;

    /// Forgets everything that isn't known to be in the log.
    fn close(&self);
}

/// The owner of commands, which is told what became of them.
pub(crate) trait Settle: Send + Sync {
    /// What ended these commands is in the log, or won't ever be.
    fn settle(self: Arc<Self>, records: &mut dyn Iterator<Item = RecordRef>);

    /// This command is left to the next owner of its partition.
    fn leave(self: Arc<Self>, record: RecordRef);

    /// Makes sure that [`Complete::tick`] is called by then.
    fn wake_by(&self, at: Instant);

    /// What counts the replies that aren't known to be in the log.
    fn backlog(&self) -> &Backlog;
}
