//! What the macro tells the run time of a service: its names and its methods.

use std::time::Duration;

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
    /// If `index` is out of range.
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
