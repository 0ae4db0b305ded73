//! Tokens to a trait, and nothing else than a trait; a broken one as far as it can be read.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::parse::discouraged::Speculative as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Error, ItemTrait, Result, Signature, TraitItem, TraitItemFn, Visibility};

use crate::errors::Errors;

/// Parses the item that the attribute stands on; `None` if it is no trait.
pub(crate) fn item(tokens: TokenStream, errors: &mut Errors) -> Option<ItemTrait> {
    if let Some(keyword) = foreign_keyword(tokens.clone()) {
        errors.at(keyword, "`#[kafka_rpc::service]` goes on a trait");
        return None;
    }
    let mut item = match syn::parse2::<ItemTrait>(tokens.clone()) {
        Ok(item) => item,
        Err(error) => recover(tokens, error, errors)?,
    };
    item.items = std::mem::take(&mut item.items)
        .into_iter()
        .map(|item| without_visibility(item, errors))
        .collect();
    Some(item)
}

/// The keyword of an item that is no trait.
fn foreign_keyword(tokens: TokenStream) -> Option<Ident> {
    let mut words = tokens.into_iter().filter_map(|token| match token {
        TokenTree::Ident(word) => Some(word),
        _ => None,
    });
    let keyword = words.find(|word| {
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
            "extern",
            "macro_rules",
        ]
        .iter()
        .any(|keyword| word == keyword)
    })?;
    if keyword == "trait" {
        return None;
    }
    // `const` and `extern` also stand before others.
    if keyword == "const" || keyword == "extern" {
        let next = words.find(|word| ["fn", "trait", "impl"].iter().any(|it| word == it));
        return match next {
            Some(next) if next == "trait" => None,
            Some(next) => Some(next),
            None => Some(keyword),
        };
    }
    Some(keyword)
}

/// Reads the head and each item by itself, so that one that is half typed costs no other.
fn recover(tokens: TokenStream, error: Error, errors: &mut Errors) -> Option<ItemTrait> {
    let mut head = TokenStream::new();
    let mut body = None;
    let mut name = None;
    let mut after_trait = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                body = Some(group.stream());
                break;
            }
            token => {
                if let TokenTree::Ident(word) = &token {
                    if after_trait && name.is_none() {
                        name = Some(word.clone());
                    }
                    after_trait |= word == "trait";
                }
                head.extend([token]);
            }
        }
    }
    let before = errors.count();
    let mut item = match syn::parse2::<ItemTrait>(quote!(#head {})) {
        Ok(item) => item,
        Err(error) => {
            errors.push(error);
            let name = name.and_then(|it| syn::parse2::<Ident>(it.to_token_stream()).ok())?;
            syn::parse_quote!(trait #name {})
        }
    };
    if let Some(body) = body {
        let parsed = (|input: ParseStream<'_>| Ok(items(input, errors))).parse2(body);
        item.items = errors.take(parsed).unwrap_or_default();
    }
    if errors.count() == before {
        errors.push(error);
    }
    Some(item)
}

fn items(input: ParseStream<'_>, errors: &mut Errors) -> Vec<TraitItem> {
    let mut items = Vec::new();
    while !input.is_empty() {
        let fork = input.fork();
        let error = match fork.parse() {
            Ok(item) => {
                input.advance_to(&fork);
                items.push(item);
                continue;
            }
            Err(error) => error,
        };
        let fork = input.fork();
        if let Ok(method) = endless(&fork) {
            input.advance_to(&fork);
            let end = method.sig.to_token_stream().into_iter().last();
            errors.at(end, "a service method ends with `;`");
            items.push(TraitItem::Fn(method));
        } else {
            errors.push(error);
            skip(input);
        }
    }
    items
}

/// A method without its `;`.
fn endless(input: ParseStream<'_>) -> Result<TraitItemFn> {
    Ok(TraitItemFn {
        attrs: input.call(Attribute::parse_outer)?,
        modifiers: syn::FnModifiers::default(),
        sig: input.parse::<Signature>()?,
        default: None,
        semi_token: Some(syn::Token![;](proc_macro2::Span::call_site())),
    })
}

/// Passes over an item that can't be read, up to where the next one seems to begin.
fn skip(input: ParseStream<'_>) {
    let mut named = false;
    while let Ok(token) = input.parse::<TokenTree>() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ';' => return,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
            TokenTree::Ident(word) => {
                named |= ["fn", "type", "const"].iter().any(|it| word == it);
            }
            _ => {}
        }
        let begins = input.peek(syn::Token![#])
            || input.peek(syn::Token![async])
            || input.peek(syn::Token![fn])
            || input.peek(syn::Token![type])
            || input.peek(syn::Token![const]);
        if named && begins {
            return;
        }
    }
}

/// What a method of a trait may not have and syn passes on as tokens: `pub`.
fn without_visibility(item: TraitItem, errors: &mut Errors) -> TraitItem {
    let TraitItem::Verbatim(tokens) = item else {
        return item;
    };
    let parsed = (|input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        let mut method: TraitItemFn = input.parse()?;
        method.attrs = attributes;
        Ok((vis, method))
    })
    .parse2(tokens.clone());
    match parsed {
        Ok((vis, method)) if !matches!(vis, Visibility::Inherited) => {
            errors.at(vis, "a method is as visible as its trait: remove this");
            TraitItem::Fn(method)
        }
        _ => TraitItem::Verbatim(tokens),
    }
}
