//! What a service is called, what methods it has, and which topics it needs.

pub(crate) mod checks;
mod descriptor;
pub(crate) mod topics;

pub use descriptor::{Descriptor, Method};
pub use topics::TopicSettings;
