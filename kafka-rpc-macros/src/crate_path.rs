//! The path by which generated code reaches kafka-rpc.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Ident, Path};

/// As `crate = "..."` says, or by the name that the user's `Cargo.toml` gives the dependency.
pub(crate) fn find(given: Option<&Path>) -> TokenStream {
    if let Some(path) = given {
        return path.to_token_stream();
    }
    match crate_name("kafka-rpc") {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::call_site());
            quote!(::#name)
        }
        // Its own tests and doctests name it from outside. Where it isn't found at all, the plain
        // name makes the compiler say so.
        Ok(FoundCrate::Itself) | Err(_) => quote!(::kafka_rpc),
    }
}
