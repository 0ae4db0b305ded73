//! No name of an argument collides with what is generated.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    missing_debug_implementations,
    single_use_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::nursery
)]

/// A service.
#[kafka_rpc::service]
pub trait Names {
    /// A method with many.
    async fn many(
        &self,
        ctx: u8,
        context: u8,
        request: u8,
        response: u8,
        params: u8,
        args: u8,
        arguments: u8,
        argument_0: u8,
        result: u8,
        reply: u8,
        answer: u8,
        self_: u8,
        client: u8,
        inner: u8,
        service: u8,
        state: u8,
        index: u8,
        bytes: u8,
        binding: u8,
        key: u8,
        e: u8,
        span: u8,
        timeout: u8,
        topic: u8,
    );
}
