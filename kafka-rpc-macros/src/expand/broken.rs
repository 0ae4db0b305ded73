//! What stands for a method whose signature has a mistake: it can be implemented and called, so
//! that only the mistake is reported, and does nothing.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{FnArg, ReceiverKind, ReturnType, Safety, Signature, TraitItem, Type};

use super::{Plan, client, promise, quiet};
use crate::model::{Item, Method, Output, Service};
use crate::types::{self, Place};

/// The method in the trait, without what the compiler would reject once more.
pub(super) fn declaration(service: &Service, method: &Method) -> TraitItem {
    let mut item = method.item.clone();
    let has_body = item.default.is_some();
    let signature = &mut item.sig;
    signature.constness = None;
    signature.variadic = None;
    if matches!(signature.safety, Safety::Safe(_)) {
        signature.safety = Safety::Default;
    }
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                receiver.attrs.clear();
                receiver.mutability = None;
                if let ReceiverKind::Typed(_, ty) = &receiver.kind
                    && !names_self(ty)
                {
                    receiver.kind = ReceiverKind::Value;
                }
            }
            FnArg::Typed(typed) => {
                typed.attrs.clear();
                if has_body {
                    *typed.pat = syn::parse_quote!(_);
                }
                if !is_legal(service, &typed.ty, Place::Argument) {
                    typed.ty = syn::parse_quote!(());
                }
            }
        }
    }
    if let ReturnType::Type(_, ty) = &signature.output
        && types::future_output(ty).is_none()
        && !is_legal(service, ty, Place::Answer)
    {
        signature.output = ReturnType::Default;
    }
    if signature.asyncness.is_some() {
        promise(signature, &TokenStream::new());
        item.default = item
            .default
            .map(|_| syn::parse_quote!({ async move { loop {} } }));
    } else {
        item.default = item.default.map(|_| syn::parse_quote!({ loop {} }));
    }
    let clause = item.sig.generics.make_where_clause();
    clause
        .predicates
        .push(syn::parse_quote!(Self: ::core::marker::Sized));
    let tokens = declared_only(item.to_token_stream(), service, &method.item.sig);
    syn::parse2(tokens).unwrap_or_else(|_| TraitItem::Fn(item))
}

/// The method of the client.
pub(super) fn method(plan: &Plan<'_>, method: &Method) -> TokenStream {
    let vis = &plan.service.item.vis;
    let signature = &method.item.sig;
    let ident = quiet(&signature.ident);
    let kept = client::kept(method);
    let parameters = plan.service.item.generics.params.iter();
    let parameters = parameters.chain(&signature.generics.params);
    let types = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) if is_concrete(&typed.ty) => Some(typed.ty.to_token_stream()),
        FnArg::Typed(_) => Some(quote!(impl ::core::marker::Sized)),
        FnArg::Receiver(_) => None,
    });
    let unit = Output::Plain(syn::parse_quote!(()));
    let output = match &method.output {
        Output::Plain(ty) | Output::Result(ty) if !is_concrete(ty) => &unit,
        output => output,
    };
    let (returned, _) = client::call(plan, output, &TokenStream::new());
    let tokens = quote! {
        #kept
        #vis fn #ident<#(#parameters),*>(&self, #(_: #types),*) -> #returned {
            loop {}
        }
    };
    declared_only(tokens, plan.service, signature)
}

/// Whether the compiler takes the type in the trait.
fn is_legal(service: &Service, ty: &Type, place: Place) -> bool {
    let declared = || {
        service.items.iter().filter_map(|item| match item {
            Item::Foreign(TraitItem::Type(ty)) => Some(ty.ident.to_string()),
            _ => None,
        })
    };
    // `Self::Kind` and `<Self as Trait>::Kind`.
    let unknown = |after: &str| {
        let (_, rest) = after.split_once("::")?;
        let name = rest.trim_start().split([' ', '>', ',', ')']).next()?;
        (!declared().any(|it| it == name)).then_some(())
    };
    let text = ty.to_token_stream().to_string();
    let projects = text.contains("< Self as")
        || text
            .match_indices("Self ::")
            .any(|(place, _)| unknown(text.get(place..).unwrap_or_default()).is_some());
    !projects && types::is_legal(ty, place)
}

/// Whether a function with a body takes it.
fn is_concrete(ty: &Type) -> bool {
    types::is_legal(ty, Place::Answer) && !matches!(ty, Type::Never(_)) && !names_self(ty)
}

fn names_self(ty: &Type) -> bool {
    fn any(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(word) => word == "Self",
            TokenTree::Group(group) => any(group.stream()),
            _ => false,
        })
    }
    any(ty.to_token_stream())
}

/// Puts `'_` for lifetimes that nothing declares.
fn declared_only(tokens: TokenStream, service: &Service, signature: &Signature) -> TokenStream {
    let mut declared: Vec<String> = vec!["static".to_owned(), "_".to_owned()];
    let generics = [&service.item.generics, &signature.generics];
    let generics = generics.into_iter().flat_map(|it| it.lifetimes());
    declared.extend(generics.map(|it| it.lifetime.ident.to_string()));
    // `for<'a> fn(&'a u8)` declares its own.
    if signature.to_token_stream().to_string().contains("for <") {
        return tokens;
    }
    replace(tokens, &declared)
}

fn replace(tokens: TokenStream, declared: &[String]) -> TokenStream {
    let mut quoted = false;
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(word) if quoted && !declared.contains(&word.to_string()) => {
                quoted = false;
                TokenTree::Ident(proc_macro2::Ident::new("_", word.span()))
            }
            TokenTree::Group(group) => {
                quoted = false;
                let mut copy =
                    proc_macro2::Group::new(group.delimiter(), replace(group.stream(), declared));
                copy.set_span(group.span());
                TokenTree::Group(copy)
            }
            token => {
                quoted = matches!(&token, TokenTree::Punct(it) if it.as_char() == '\'');
                token
            }
        })
        .collect()
}
