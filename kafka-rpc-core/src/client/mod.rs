//! Holds a call from its making to its end.
//!
//! The rooms, in the order of a call:
//!
//! 1. `call`: what a generated method returns. A draft can be configured until its first poll. That
//!    makes one [`Request`](crate::call::Request) of it, which goes through the client's layers, if it
//!    has any, and is sent.
//! 2. `outbound`: the request gets its deadline and what it inherits, is encoded as a command around
//!    its arguments, registered, batched with others and produced.
//! 3. `pending`: the registry. A reply, the time, a cancellation, a lost reply path and the closing of
//!    the client all end a call there, and nowhere else.
//! 4. `inbound`: a listener's reply is matched to its entry by the call id alone. The caller wakes and
//!    decodes it to one [`Response`](crate::call::Response), and that to the method's own types.
//!
//! `clocks` holds what replies tell of the servers' clocks. Commands are stamped by it, so that a server
//! knows how old they are. `partitions` knows how many partitions each commands topic has and which of
//! them answer: `outbound` chooses by it, and tells it what was sent and what came of it.
//!
//! Beside them, `connection` is the data that all of these stand on. `handle`, `builder` and `attach`
//! make it, and `binding` makes calls for generated code.
//!
//! # Threads and locks
//!
//! The client starts no thread. These run its code:
//!
//! - **Whoever polls a call**, a task or a thread in `.wait()`: encodes, registers, produces, and at
//!   the end decodes. Layers run there, too. Dropping a call removes its entry and produces the cancel.
//! - **The listener**, a thread or task of the transport for each results topic: calls `Replies`, which
//!   ends calls in the registry.
//! - **The producer's thread**, or whoever produces: calls `Reports` with what became of commands. That
//!   may be within `produce`, so nothing is locked while a command is produced.
//! - **The alarm**, a thread or task of the transport: ticks the registry, which ends what is due.
//! - **The watch**, a thread or task of the transport: tells how many partitions the commands topics have.
//! - **The batcher's task**, one for a client, on the runtime of the caller that first needed it: only
//!   tells the producer to release what it holds back.
//!
//! These are its locks. A thread holds two of them only where that is said:
//!
//! 1. `Connection::starting`, an asynchronous lock, held over the start of a listener: so it comes
//!    before all others, and none of them is held over an `await`.
//! 2. `Connection::reply_partitions`, held for a look-up, an insertion, or the emptying by `close`. That
//!    drops listeners under it, so it comes before every lock of the transport.
//! 3. What is known of the clocks of a topic's servers, for a look or an update; nothing under it.
//! 4. One shard of the registry, never two. Wakers are called and dropped after it is let go: the last
//!    waker of a task may drop the task, and with it other calls of this client.
//! 5. `Connection::kept`, with the layers' lock taken under it where a value comes with a layer. Calls
//!    take the layers' lock alone, to read, and let it go before they enter a layer.
//!
//! Atomics decide the rest: `close` marks the registry before it empties anything, and whoever adds
//! something looks at the mark again under the lock that `close` takes next.

mod attach;
mod binding;
mod builder;
mod call;
mod clocks;
mod connection;
mod handle;
mod health;
mod inbound;
mod metadata;
mod options;
mod outbound;
mod partitions;
mod pending;
mod service;
mod stats;
mod timing;

pub use binding::Binding;
pub use builder::ClientBuilder;
pub use call::Call;
pub use call::with_metadata::MetadataCall;
pub use handle::Client;
pub use health::ClientHealth;
pub use metadata::{Reply, Times};
pub use service::{ServiceClient, ServiceServer};
pub use stats::{ClientStats, StageTotals};
