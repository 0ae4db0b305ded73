//! What a generated client is to the run time.

use crate::call::Service;
use crate::client::binding::Binding;
use crate::service::Descriptor;

/// A [`Service`] with a client; implemented by the generated `{Trait}Server`.
pub trait ServiceServer: Service {
    /// The generated client of the same trait.
    type Client: ServiceClient;
}

/// A client of a service; implemented by the generated `{Trait}Client`.
pub trait ServiceClient: Sized {
    /// The service's names and methods.
    const DESCRIPTOR: &'static Descriptor;

    /// Makes the client of what [`Client::attach`](crate::Client::attach) has bound.
    fn from_binding(binding: Binding) -> Self;

    /// What the client is bound to.
    fn binding(&self) -> &Binding;
}
