//! Tokens to a trait, and nothing else than a trait.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Error, ItemTrait, Result};

/// Parses the item that the attribute stands on.
pub(crate) fn item(tokens: TokenStream) -> Result<ItemTrait> {
    if let Some(keyword) = foreign_keyword(tokens.clone()) {
        return Err(Error::new(
            keyword.span(),
            "`#[kafka_rpc::service]` goes on a trait",
        ));
    }
    syn::parse2(tokens)
}

/// The keyword of an item that is no trait.
fn foreign_keyword(tokens: TokenStream) -> Option<proc_macro2::Ident> {
    tokens
        .into_iter()
        .filter_map(|token| match token {
            TokenTree::Ident(word) => Some(word),
            _ => None,
        })
        .find(|word| {
            [
                "trait",
                "struct",
                "enum",
                "union",
                "impl",
                "fn",
                "mod",
                "type",
                "const",
                "static",
                "use",
                "macro_rules",
            ]
            .iter()
            .any(|keyword| word == keyword)
        })
        .filter(|word| word != "trait")
}
