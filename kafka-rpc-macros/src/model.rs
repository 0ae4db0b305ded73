//! What a trait says about a service; knows nothing of the code that is written from it.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::{
    Attribute, Ident, ItemTrait, LitStr, Meta, Path, TraitItem, TraitItemFn, Type, TypeArray,
};

use crate::attribute::{METHOD, SERVICE, Settings};
use crate::errors::{Errors, written};
use crate::forward::{self, Forwarded, On};
use crate::types::Place;
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
    /// Whether arguments travel by position, and where it was written.
    pub(crate) compact: Option<Span>,
    pub(crate) crate_path: Option<Path>,
}

impl Service {
    pub(crate) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.items.iter().filter_map(|item| match item {
            Item::Method(method) => Some(method),
            Item::Broken(_) | Item::Foreign(_) => None,
        })
    }
}

pub(crate) enum Item {
    Method(Method),
    /// A method whose signature has a mistake; kept so that it can still be implemented and called.
    Broken(Method),
    /// Something else than a method.
    Foreign(TraitItem),
}

pub(crate) struct Method {
    /// The method as it stands in the trait, without our attributes.
    pub(crate) item: TraitItemFn,
    /// The name on the wire, and where it was written.
    pub(crate) name: LitStr,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) output: Output,
    pub(crate) timeout: Option<Duration>,
    pub(crate) key: Option<Ident>,
    pub(crate) idempotent: bool,
    pub(crate) forwarded: Forwarded,
}

pub(crate) struct Argument {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The name on the wire, and where it was written.
    pub(crate) name: LitStr,
    pub(crate) default: Option<Default>,
    /// Says of a value that it needn't be sent.
    pub(crate) skip: Option<Path>,
    pub(crate) encoding: Encoding,
    pub(crate) forwarded: Forwarded,
}

/// How a value is encoded.
pub(crate) enum Encoding {
    /// As its type says.
    Own,
    /// By functions, or as its type says where there is none.
    Functions {
        serialize: Option<Path>,
        deserialize: Option<Path>,
    },
    /// As an array that may be too long for serde.
    Array(TypeArray),
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
    for attribute in take_attributes(&mut item.attrs, "rpc") {
        errors.at(
            attribute,
            "`#[rpc(...)]` goes on a method; what concerns the whole service goes into \
             `#[kafka_rpc::service(...)]`",
        );
    }
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
        compact: settings.flag("compact"),
        crate_path: settings.path("crate", errors),
        items,
        item,
    }
}

fn read_item(item: TraitItem, errors: &mut Errors) -> Item {
    match item {
        TraitItem::Fn(method) => read_method(method, errors),
        mut other => {
            // Ours would be unknown to the compiler, which has been told enough.
            if let Some(attributes) = attributes(&mut other) {
                drop(take_attributes(attributes, "rpc"));
            }
            errors.at(
                &other,
                format!("a service has methods only, and no {}", kind(&other)),
            );
            Item::Foreign(other)
        }
    }
}

fn attributes(item: &mut TraitItem) -> Option<&mut Vec<Attribute>> {
    match item {
        TraitItem::Const(item) => Some(&mut item.attrs),
        TraitItem::Type(item) => Some(&mut item.attrs),
        TraitItem::Macro(item) => Some(&mut item.attrs),
        _ => None,
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

fn read_method(mut item: TraitItemFn, errors: &mut Errors) -> Item {
    let mut settings = Settings::default();
    for attribute in take_attributes(&mut item.attrs, "rpc") {
        if let Some(tokens) = listed(&attribute, errors) {
            settings.read(tokens, METHOD, errors);
        }
    }
    let on = if item.default.is_some() {
        On::Body
    } else {
        On::Declaration
    };
    let forwarded = forward::sort(std::mem::take(&mut item.attrs), on, errors);
    item.attrs.clone_from(&forwarded.conditions);
    item.attrs.extend(forwarded.declared.iter().cloned());
    let before = errors.count();
    signature::asynchronous(&item.sig, errors);
    let arguments = signature::read(&mut item, errors);
    let mut output = read_output(&item, &settings, errors);
    let broken = errors.count() > before;
    if let (Some(_), Some(plain)) = (settings.flag("result"), settings.flag("plain")) {
        errors.push(syn::Error::new(
            plain,
            "`result` and `plain` contradict each other",
        ));
    }
    if settings.flag("oneway").is_some() {
        output = oneway(&item, &settings, output, errors);
    }
    let timeout = settings.text("timeout").and_then(|text| {
        let parsed = duration::parse(&text.value());
        parsed.map_err(|message| errors.at(text, message)).ok()
    });
    let method = Method {
        name: name_or_ident(&settings, &item.sig.ident),
        key: key(&settings, &arguments, broken, errors),
        output,
        timeout,
        idempotent: settings.flag("idempotent").is_some(),
        arguments,
        forwarded,
        item,
    };
    if broken {
        Item::Broken(method)
    } else {
        Item::Method(method)
    }
}

fn key(
    settings: &Settings,
    arguments: &[Argument],
    broken: bool,
    errors: &mut Errors,
) -> Option<Ident> {
    let key = settings.word("key")?;
    let argument = arguments.iter().find(|it| it.ident.unraw() == key.unraw());
    match argument {
        Some(argument) if argument.forwarded.conditions.is_empty() => {
            return Some(argument.ident.clone());
        }
        Some(_) => errors.at(
            key,
            "the key cannot be an argument that exists only under a condition",
        ),
        // It may be the one that has the mistake.
        None if broken => {}
        None => {
            let names: Vec<_> = arguments
                .iter()
                .map(|it| format!("`{}`", it.ident))
                .collect();
            let known = if names.is_empty() {
                "it has none".to_owned()
            } else {
                format!("it has {}", names.join(", "))
            };
            errors.at(key, format!("the method has no argument `{key}`; {known}"));
        }
    }
    None
}

fn read_output(item: &TraitItemFn, settings: &Settings, errors: &mut Errors) -> Output {
    let ty = match &item.sig.output {
        syn::ReturnType::Default => syn::parse_quote!(()),
        syn::ReturnType::Type(_, ty) => (**ty).clone(),
    };
    // One that is written out as a future lacks only `async`, which was said.
    if item.sig.asyncness.is_some() || types::future_output(&ty).is_none() {
        types::check(&ty, Place::Answer, errors);
    }
    let plain = settings.flag("plain").is_some();
    if settings.flag("result").is_some() || (types::is_called_result(&ty) && !plain) {
        Output::Result(ty)
    } else {
        Output::Plain(ty)
    }
}

/// What a one-way method returns; notes what contradicts that.
fn oneway(item: &TraitItemFn, settings: &Settings, output: Output, errors: &mut Errors) -> Output {
    for key in ["result", "plain"] {
        if let Some(span) = settings.flag(key) {
            errors.push(syn::Error::new(
                span,
                format!("a one-way method has no answer for `{key}` to describe"),
            ));
        }
    }
    match &item.sig.output {
        syn::ReturnType::Type(_, ty) if !types::is_unit(&item.sig.output) => {
            errors.at(
                ty,
                format!(
                    "a one-way method returns nothing, because nobody waits for its answer: \
                     remove `-> {}`, or `oneway`",
                    written(ty)
                ),
            );
            output
        }
        _ => Output::Oneway,
    }
}

/// The `name` that is set, or else the identifier verbatim, without `r#`.
fn name_or_ident(settings: &Settings, ident: &Ident) -> LitStr {
    settings
        .text("name")
        .cloned()
        .unwrap_or_else(|| LitStr::new(&ident.unraw().to_string(), ident.span()))
}

/// Takes out the attributes with this name, by itself or at the end of a path.
pub(crate) fn take_attributes(attributes: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    let (ours, theirs) = std::mem::take(attributes)
        .into_iter()
        .partition(|attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|segment| segment.ident == name)
        });
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
