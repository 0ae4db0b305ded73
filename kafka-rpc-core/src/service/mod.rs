//! What a service is called, what methods it has, and which topics it needs.

pub(crate) mod descriptor;
pub(crate) mod topics;

pub use descriptor::{Descriptor, Dispatch, Method, Service, ServiceClient, ServiceServer};
pub use topics::TopicSettings;
