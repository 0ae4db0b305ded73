//! Where the attributes of a method and of an argument go that aren't ours.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

use crate::errors::Errors;

/// The attributes of one method or argument, by the places that they go to.
#[derive(Default)]
pub(crate) struct Forwarded {
    /// On what the trait declares.
    pub(crate) declared: Vec<Attribute>,
    /// On what the client has.
    pub(crate) client: Vec<Attribute>,
    /// On everything that is generated for it: whether it exists.
    pub(crate) conditions: Vec<Attribute>,
    /// On generated code that names its types.
    pub(crate) allowed: Vec<Attribute>,
    pub(crate) deprecated: bool,
    /// Whether it is documented.
    pub(crate) documented: bool,
}

/// What an attribute stands on.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum On {
    /// A method without a body.
    Declaration,
    /// A method with a default body.
    Body,
    Argument,
}

/// Sorts attributes from which ours were taken.
pub(crate) fn sort(attributes: Vec<Attribute>, on: On, errors: &mut Errors) -> Forwarded {
    let mut sorted = Forwarded::default();
    for attribute in attributes {
        let meta = attribute.meta.clone();
        one(&attribute, &meta, &[], on, &mut sorted, errors);
    }
    sorted
}

/// Sorts what an attribute says under these conditions of `cfg_attr`s around it.
fn one(
    attribute: &Attribute,
    meta: &Meta,
    around: &[TokenStream],
    on: On,
    sorted: &mut Forwarded,
    errors: &mut Errors,
) {
    let with = |meta: TokenStream| {
        let meta = around
            .iter()
            .rev()
            .fold(meta, |meta, condition| quote!(cfg_attr(#condition, #meta)));
        let mut attribute = attribute.clone();
        if let Ok(meta) = syn::parse2(meta) {
            attribute.meta = meta;
        }
        attribute
    };
    let path = meta.path();
    let name = path.segments.last().map(|it| it.ident.to_string());
    let first = path.segments.first().map(|it| it.ident.to_string());
    match name.as_deref().unwrap_or_default() {
        "cfg_attr" => {
            let Some((condition, metas)) = conditional(meta) else {
                sorted.declared.push(attribute.clone());
                return;
            };
            let around: Vec<_> = around.iter().cloned().chain([condition]).collect();
            for meta in metas {
                one(attribute, &meta, &around, on, sorted, errors);
            }
        }
        "cfg" => sorted.conditions.push(with(quote!(#meta))),
        "rpc" | "serde" if !around.is_empty() => errors.at(
            meta,
            "this cannot be conditional, because the macro cannot see whether the condition \
             holds; write the method twice, each time under its own `#[cfg(...)]`",
        ),
        "serde" if on != On::Argument => errors.at(
            meta,
            "`#[serde(...)]` goes on an argument; what concerns the method goes into `#[rpc(...)]`",
        ),
        "doc" if on == On::Argument => {}
        "doc" => {
            sorted.documented |= around.is_empty() && matches!(meta, Meta::NameValue(_));
            sorted.declared.push(with(quote!(#meta)));
            sorted.client.push(with(quote!(#meta)));
        }
        "allow" => {
            sorted.declared.push(with(quote!(#meta)));
            sorted.client.push(with(quote!(#meta)));
            sorted.allowed.push(with(quote!(#meta)));
        }
        // What the trait's part is expected to do, the generated part may do or not.
        "expect" => {
            sorted.declared.push(with(quote!(#meta)));
            if let Meta::List(list) = meta {
                let lints = &list.tokens;
                sorted.client.push(with(quote!(allow(#lints))));
                sorted.allowed.push(with(quote!(allow(#lints))));
            }
        }
        "warn" | "deny" | "forbid" => sorted.declared.push(with(quote!(#meta))),
        _ if on == On::Argument => errors.at(
            attribute,
            "an argument takes documentation, `#[cfg(...)]`, lint levels, and of serde's \
             attributes `default`, `rename`, `with`, `serialize_with`, `deserialize_with` and \
             `skip_serializing_if`",
        ),
        "deprecated" => {
            sorted.deprecated = true;
            sorted.declared.push(with(quote!(#meta)));
            sorted.client.push(with(quote!(#meta)));
        }
        // A call says by itself that it must be used; a reason is worth repeating.
        "must_use" => {
            if matches!(meta, Meta::NameValue(_)) {
                sorted.declared.push(with(quote!(#meta)));
                sorted.client.push(with(quote!(#meta)));
            }
        }
        _ if ["rustfmt", "clippy", "diagnostic", "miri", "rust_analyzer"]
            .iter()
            .any(|tool| first.as_deref() == Some(tool)) =>
        {
            sorted.declared.push(with(quote!(#meta)));
        }
        // Whatever else wants a function with a body.
        _ if on == On::Body => sorted.declared.push(with(quote!(#meta))),
        _ => sorted.client.push(with(quote!(#meta))),
    }
}

/// The condition of a `cfg_attr`, and what holds under it.
fn conditional(meta: &Meta) -> Option<(TokenStream, Punctuated<Meta, Token![,]>)> {
    let Meta::List(list) = meta else {
        return None;
    };
    let mut rest = list.tokens.clone().into_iter();
    let condition = rest
        .by_ref()
        .take_while(|it| !matches!(it, TokenTree::Punct(comma) if comma.as_char() == ','))
        .collect();
    let metas = Punctuated::parse_terminated.parse2(rest.collect()).ok()?;
    Some((condition, metas))
}

/// The lint levels of the trait itself, for generated code that names the same types.
pub(crate) fn allowed(attributes: &[Attribute]) -> Vec<Attribute> {
    let lints = attributes.iter().filter(|attribute| {
        ["allow", "expect"]
            .iter()
            .any(|name| attribute.path().is_ident(name))
    });
    sort(lints.cloned().collect(), On::Body, &mut Errors::default()).allowed
}
