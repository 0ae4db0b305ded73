//! What generated code calls: everything that doesn't depend on the types of one method.
//!
//! It is reached through `kafka_rpc::__private` and is no public API: macro and run time are
//! released together and pin each other's exact version.

/// Encoded arguments of one call; an encode failure is kept and ends the call at its first poll.
#[derive(Debug)]
pub struct Arguments {
    pub(crate) bytes: Result<Vec<u8>, String>,
}

/// An encoded answer of a method: its value, or its own error.
#[derive(Debug)]
pub enum Answer {
    /// The method's value.
    Value(Vec<u8>),
    /// The method's own error.
    App(Vec<u8>),
}

/// Why a method gave no answer.
#[derive(Debug)]
pub enum Failure {
    /// The arguments can't be decoded; the method did not start. Names the argument.
    Arguments(String),
    /// The method ran, and its answer can't be encoded.
    Answer(String),
    /// The index is no method's.
    Unimplemented,
}
