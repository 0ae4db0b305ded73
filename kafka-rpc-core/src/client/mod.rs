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
//! Beside them, `connection` is the data that all of these stand on. `handle`, `builder` and `attach`
//! make it, and `binding` makes calls for generated code.

mod attach;
mod binding;
mod builder;
mod call;
mod connection;
mod handle;
mod inbound;
mod options;
mod outbound;
mod pending;
mod service;
mod stats;

pub use binding::Binding;
pub use builder::ClientBuilder;
pub use call::Call;
pub use call::metadata::{Reply, Times};
pub use call::with_metadata::MetadataCall;
pub use handle::Client;
pub use service::{ServiceClient, ServiceServer};
pub use stats::{ClientStats, StageTotals};
