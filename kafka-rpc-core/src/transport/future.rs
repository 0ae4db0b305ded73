//! The futures that a transport gives.

use std::future::Future;
use std::pin::Pin;

/// A boxed future, since the transport is used as a trait object.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
