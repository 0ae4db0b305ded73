//! What the macro tells the run time of a service: its names, its methods, and how to run one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::client::Binding;
use crate::macro_support::{Answer, Failure};

/// The names and methods of a service, as its trait declares them.
#[derive(Debug)]
#[non_exhaustive]
pub struct Descriptor {
    /// The service's name on the wire.
    pub name: &'static str,
    /// The service's version; a server refuses commands of another one. 0 where none is declared.
    pub version: u32,
    /// The commands topic, where it is not `{name}.commands`.
    pub commands: Option<&'static str>,
    /// The results topic, where it is not `{name}.results`.
    pub results: Option<&'static str>,
    /// The methods, in the order of the trait; a method's index is its number in `dispatch`.
    pub methods: &'static [Method],
}

impl Descriptor {
    /// Describes a service; called by generated code.
    #[must_use]
    pub const fn new(
        name: &'static str,
        version: u32,
        commands: Option<&'static str>,
        results: Option<&'static str>,
        methods: &'static [Method],
    ) -> Self {
        Self {
            name,
            version,
            commands,
            results,
            methods,
        }
    }

    /// The method with this index; called by generated code, in constants only.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub const fn method(&self, index: usize) -> &'static Method {
        &self.methods[index]
    }

    /// The topic that carries the service's commands.
    #[must_use]
    pub fn commands_topic(&self) -> String {
        self.commands
            .map_or_else(|| format!("{}.commands", self.name), str::to_owned)
    }

    /// The topic that carries the service's replies.
    #[must_use]
    pub fn results_topic(&self) -> String {
        self.results
            .map_or_else(|| format!("{}.results", self.name), str::to_owned)
    }
}

/// One method of a service.
#[derive(Debug)]
#[non_exhaustive]
pub struct Method {
    /// The method's name on the wire.
    pub name: &'static str,
    /// Whether the caller waits for no reply.
    pub oneway: bool,
    /// Whether the author declares that running it twice does no harm. It has no effect yet.
    pub idempotent: bool,
    /// The method's own default timeout.
    pub timeout: Option<Duration>,
}

impl Method {
    /// A method with this name on the wire; called by generated code.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            oneway: false,
            idempotent: false,
            timeout: None,
        }
    }

    /// Declares that the caller waits for no reply.
    #[must_use]
    pub const fn oneway(mut self) -> Self {
        self.oneway = true;
        self
    }

    /// Declares that running it twice does no harm.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Sets the method's own default timeout.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

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
