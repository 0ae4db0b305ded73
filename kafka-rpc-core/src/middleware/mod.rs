//! What calls go through between the caller and the wire: services that stand on each other.
//!
//! A [`Service`] takes a request to its end. A [`Layer`] makes a service of another one that it stands
//! on, as in tower: it may change the request, answer it, refuse it, or send it more than
//! once. Layers know requests and responses and nothing else, neither method types nor transports.
//!
//! A client without layers pays one look at an atomic for this, and no allocation.

pub(crate) mod fault;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::RpcError;
use crate::call::{Request, Response};
pub(crate) use crate::transport::BoxFuture;
use crate::util::sync::{RwLock, read, write};

/// Takes a request to its end.
pub(crate) trait Service: Send + Sync {
    /// Begins the call. A layer may do its part at once or at the first poll; nothing is sent before
    /// that. Dropping the future gives the call up.
    ///
    /// A request may be sent again once an attempt of it has ended or was dropped, with the number of
    /// the [attempt](Request::attempt) set by whoever sends it. Two attempts of one call at a time
    /// would share an entry of the registry.
    fn call(&self, request: Request) -> BoxFuture<Result<Response, RpcError>>;
}

/// Makes a service of another one that it stands on.
pub(crate) trait Layer {
    /// Stands on `inner`.
    fn layer(&self, inner: Arc<dyn Service>) -> Arc<dyn Service>;
}

/// The layers of one client.
pub(crate) struct Stack {
    /// Sends requests; what the innermost layer stands on.
    innermost: Arc<dyn Service>,
    /// The outermost layer. Empty as long as there is none, which is all that a call without layers
    /// looks at.
    outermost: OnceLock<RwLock<Arc<dyn Service>>>,
}

impl Stack {
    /// No layer at all.
    pub(crate) const fn new(innermost: Arc<dyn Service>) -> Self {
        Self {
            innermost,
            outermost: OnceLock::new(),
        }
    }

    /// Puts a layer on top of the others. Calls that were polled before don't go through it.
    pub(crate) fn push(&self, layer: &dyn Layer) {
        let outermost = self
            .outermost
            .get_or_init(|| RwLock::new(Arc::clone(&self.innermost)));
        let mut outermost = write(outermost);
        *outermost = layer.layer(Arc::clone(&outermost));
    }

    /// Where calls begin; `None` if there is no layer.
    #[inline]
    pub(crate) fn outermost(&self) -> Option<Arc<dyn Service>> {
        let outermost = self.outermost.get()?;
        Some(Arc::clone(&read(outermost)))
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("layered", &self.outermost.get().is_some())
            .finish_non_exhaustive()
    }
}
