//! How a request reaches its method: what the generated server implements.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use super::{Answer, Failure};
use crate::Descriptor;

/// A service that a server can run; implemented by the generated `{Trait}Server`.
pub trait Service: Send + Sync + 'static {
    /// The service's names and methods.
    fn descriptor(&self) -> &'static Descriptor;

    /// Runs the method with this index on encoded arguments.
    ///
    /// Arguments are decoded within the future, so that a decode failure and a panic in a
    /// `Deserialize` implementation are handled where the method's own are.
    fn dispatch(&self, method: usize, arguments: Bytes) -> Dispatch;
}

/// So services of several types can be kept and served alike.
impl<S: Service + ?Sized> Service for Box<S> {
    fn descriptor(&self) -> &'static Descriptor {
        (**self).descriptor()
    }

    fn dispatch(&self, method: usize, arguments: Bytes) -> Dispatch {
        (**self).dispatch(method, arguments)
    }
}

/// So one service can be served by several servers.
impl<S: Service + ?Sized> Service for Arc<S> {
    fn descriptor(&self) -> &'static Descriptor {
        (**self).descriptor()
    }

    fn dispatch(&self, method: usize, arguments: Bytes) -> Dispatch {
        (**self).dispatch(method, arguments)
    }
}

/// A method at work.
pub type Dispatch = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;
