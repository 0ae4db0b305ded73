//! What both sides of a call share: the request, the response, and what a handler can know of them.
//!
//! A [`Request`] is one call on its way to its method, a [`Response`] its answer on the way back, on
//! the client and on the server alike. Middleware sees these two and nothing else.

mod arguments;
mod context;
mod extensions;
mod interrupt;
mod payload;
mod request;
mod response;
mod service;

pub use arguments::{Arguments, count};
pub use context::Context;
pub(crate) use context::inherited;
pub(crate) use extensions::Extensions;
pub(crate) use interrupt::Reason;
pub(crate) use payload::Payload;
pub(crate) use request::{ExplicitPartition, IdempotencyKey, Request};
pub use response::{Answer, Failure};
pub(crate) use response::{Response, Served};
pub use service::{Dispatch, Service};
