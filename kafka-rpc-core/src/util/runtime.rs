//! Tells whether a thread is within a tokio runtime.

use tokio::runtime::Handle;

/// Whether this thread is within that runtime already, so that nobody needs to enter it: looking
/// costs less than entering.
pub(crate) fn is_within(runtime: &Handle) -> bool {
    Handle::try_current().is_ok_and(|current| current.id() == runtime.id())
}
