//! The `#[service]` attribute of kafka-rpc: a trait in, a typed client and a server dispatcher out.
//!
//! Users name it as `kafka_rpc::service`. It works in stages, a file each: `parse` reads tokens,
//! `model` says what they mean, `validate` compares methods with each other, and `expand` writes the
//! code. Mistakes are collected on the way, so that one compile shows all of them.

mod attribute;
mod crate_path;
mod duration;
mod errors;
mod expand;
mod forward;
mod model;
mod parse;
mod signature;
mod types;
mod validate;

use proc_macro::TokenStream;

#[doc = include_str!("../docs/service.md")]
#[proc_macro_attribute]
pub fn service(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(attribute.into(), item.into()).into()
}

/// Settings of one method, within a trait that [`macro@service`] stands on; its page lists them.
///
/// ```
/// #[kafka_rpc::service]
/// pub trait Clock {
///     #[rpc(timeout = "250ms")]
///     async fn now(&self) -> u64;
/// }
/// ```
///
/// Within such a trait it needs no import, and anywhere else it is an error:
///
/// ```compile_fail
/// #[kafka_rpc::rpc(timeout = "250ms")]
/// async fn now() -> u64 {
///     0
/// }
/// ```
#[proc_macro_attribute]
pub fn rpc(_: TokenStream, item: TokenStream) -> TokenStream {
    let error = syn::Error::new(
        proc_macro2::Span::call_site(),
        "`#[rpc(...)]` goes on a method of a trait that `#[kafka_rpc::service]` stands on",
    );
    let mut tokens = TokenStream::from(error.into_compile_error());
    tokens.extend(item);
    tokens
}
