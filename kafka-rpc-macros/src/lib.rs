//! The `#[service]` attribute: a trait in, a typed client and a server dispatcher out.
