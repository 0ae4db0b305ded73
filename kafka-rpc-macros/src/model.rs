//! What a trait says about a service; knows nothing of the code that is written from it.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::{Attribute, Ident, ItemTrait, LitStr, Meta, Path, TraitItem, TraitItemFn, Type};

use crate::attribute::{METHOD, SERVICE, Settings};
use crate::errors::Errors;
use crate::{duration, signature, types};

/// A service, as far as it was understood.
pub(crate) struct Service {
    /// The trait without our attributes; its items are in `items`.
    pub(crate) item: ItemTrait,
    pub(crate) items: Vec<Item>,
    /// The name on the wire, and where it was written.
    pub(crate) name: LitStr,
    pub(crate) version: u32,
    pub(crate) commands: Option<LitStr>,
    pub(crate) results: Option<LitStr>,
    pub(crate) crate_path: Option<Path>,
}

impl Service {
    pub(crate) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.items.iter().filter_map(|item| match item {
            Item::Method(method) => Some(method),
            Item::Invalid(_) => None,
        })
    }
}

pub(crate) enum Item {
    Method(Method),
    /// Something with a mistake; kept so that the trait can still be written.
    Invalid(TraitItem),
}

pub(crate) struct Method {
    /// The method as written, without our attributes.
    pub(crate) item: TraitItemFn,
    /// The name on the wire, and where it was written.
    pub(crate) name: LitStr,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) output: Output,
    pub(crate) timeout: Option<Duration>,
    pub(crate) key: Option<Ident>,
    pub(crate) idempotent: bool,
}

pub(crate) struct Argument {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The name on the wire, and where it was written.
    pub(crate) name: LitStr,
    pub(crate) default: Option<Default>,
}

/// What a missing argument is.
pub(crate) enum Default {
    /// The type's own default.
    OfType,
    /// What this function returns.
    Function(Path),
}

pub(crate) enum Output {
    /// A value.
    Plain(Type),
    /// A value or the method's own error.
    Result(Type),
    /// The caller doesn't wait.
    Oneway,
}

/// Reads the trait and its attribute.
pub(crate) fn read(attribute: TokenStream, mut item: ItemTrait, errors: &mut Errors) -> Service {
    let mut settings = Settings::default();
    settings.read(attribute, SERVICE, errors);
    let version = settings.number("version").and_then(|number| {
        let version = number.base10_parse().ok();
        if version.is_none() {
            errors.at(number, "a version is a whole number below 2^32");
        }
        version
    });
    let items = std::mem::take(&mut item.items)
        .into_iter()
        .map(|item| read_item(item, errors))
        .collect();
    Service {
        name: name_or_ident(&settings, &item.ident),
        version: version.unwrap_or_default(),
        commands: settings.text("commands").cloned(),
        results: settings.text("results").cloned(),
        crate_path: settings.path("crate", errors),
        items,
        item,
    }
}

fn read_item(item: TraitItem, errors: &mut Errors) -> Item {
    let TraitItem::Fn(method) = item else {
        errors.at(
            &item,
            format!("a service has methods only, and no {}", kind(&item)),
        );
        return Item::Invalid(item);
    };
    let before = errors.count();
    let method = read_method(method, errors);
    if errors.count() == before {
        Item::Method(method)
    } else {
        Item::Invalid(TraitItem::Fn(method.item))
    }
}

fn kind(item: &TraitItem) -> &'static str {
    match item {
        TraitItem::Const(_) => "associated constants",
        TraitItem::Type(_) => "associated types",
        TraitItem::Macro(_) => "macros: it cannot see what they would make",
        _ => "items of this kind",
    }
}

fn read_method(mut item: TraitItemFn, errors: &mut Errors) -> Method {
    let mut settings = Settings::default();
    for attribute in take_attributes(&mut item.attrs, "rpc") {
        if let Some(tokens) = listed(&attribute, errors) {
            settings.read(tokens, METHOD, errors);
        }
    }
    let arguments = signature::read(&mut item, errors);
    let timeout = settings.text("timeout").and_then(|text| {
        let parsed = duration::parse(&text.value());
        parsed.map_err(|message| errors.at(text, message)).ok()
    });
    let key = settings.word("key").cloned();
    if let Some(key) = &key
        && !arguments.iter().any(|argument| argument.ident == *key)
    {
        errors.at(key, format!("the method has no argument `{key}`"));
    }
    let output = read_output(&item, &settings, errors);
    Method {
        name: name_or_ident(&settings, &item.sig.ident),
        output,
        timeout,
        key,
        idempotent: settings.flag("idempotent").is_some(),
        arguments,
        item,
    }
}

fn read_output(item: &TraitItemFn, settings: &Settings, errors: &mut Errors) -> Output {
    let (result, plain) = (settings.flag("result"), settings.flag("plain"));
    if let (Some(_), Some(plain)) = (result, plain) {
        errors.push(syn::Error::new(
            plain,
            "`result` and `plain` contradict each other",
        ));
    }
    let output = &item.sig.output;
    if let Some(oneway) = settings.flag("oneway") {
        if !types::is_unit(output) {
            errors.at(
                output,
                "a one-way method returns nothing, because nobody waits for its answer",
            );
        }
        if result.or(plain).is_some() {
            errors.push(syn::Error::new(
                oneway,
                "a one-way method has no answer for `result` or `plain` to describe",
            ));
        }
        return Output::Oneway;
    }
    let ty = match output {
        syn::ReturnType::Default => syn::parse_quote!(()),
        syn::ReturnType::Type(_, ty) => (**ty).clone(),
    };
    if let Some(mistake) = types::mistake(&ty, true) {
        errors.push(mistake);
    }
    if result.is_some() || (types::is_called_result(&ty) && plain.is_none()) {
        Output::Result(ty)
    } else {
        Output::Plain(ty)
    }
}

/// The `name` that is set, or else the identifier verbatim, without `r#`.
fn name_or_ident(settings: &Settings, ident: &Ident) -> LitStr {
    settings
        .text("name")
        .cloned()
        .unwrap_or_else(|| LitStr::new(&ident.unraw().to_string(), ident.span()))
}

/// Takes out the attributes with this name.
pub(crate) fn take_attributes(attributes: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    let (ours, theirs) = std::mem::take(attributes)
        .into_iter()
        .partition(|attribute| attribute.path().is_ident(name));
    *attributes = theirs;
    ours
}

/// The tokens in an attribute's parentheses.
pub(crate) fn listed(attribute: &Attribute, errors: &mut Errors) -> Option<TokenStream> {
    match &attribute.meta {
        Meta::List(list) => Some(list.tokens.clone()),
        other => {
            let name = other.path().to_token_stream();
            errors.push(syn::Error::new(
                other
                    .path()
                    .get_ident()
                    .map_or_else(Span::call_site, Ident::span),
                format!("write `#[{name}(...)]`"),
            ));
            None
        }
    }
}
