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
