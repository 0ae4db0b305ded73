//! Holds a call from its making to its end.
//!
//! A [`Call`] encodes its arguments when it is made. Its first poll puts an entry into the
//! `registry`, and `send` hands the command to the transport. The `listener` matches the reply to
//! the entry and wakes the caller, which decodes it. A reply, a deadline, a cancellation, a lost
//! reply path and the closing of the client all end a call in the registry, and only there.

mod binding;
mod builder;
pub(crate) mod call;
mod connection;
mod inbound;
mod outbound;
mod pending;
mod service;
mod stats;

pub use binding::Binding;
pub use builder::ClientBuilder;
pub use call::Call;
pub use call::metadata::{MetadataCall, Reply, Times};
pub use connection::Client;
pub use service::{ServiceClient, ServiceServer};
pub use stats::{ClientStats, StageTotals};
