//! A method's signature: its receiver, its arguments, and what a service method can't have.

use syn::ext::IdentExt as _;
use syn::{
    Error, FnArg, Ident, LitStr, Pat, PatType, Receiver, ReceiverKind, ReturnType, Safety,
    Signature, Token, TraitItemFn,
};

use crate::attribute::{ARGUMENT, Settings};
use crate::errors::{Errors, written};
use crate::forward::{self, On};
use crate::model::{Argument, Default, Encoding, listed, take_attributes};
use crate::types::{self, Place};

/// Reads a method's arguments, takes our attributes off them, and notes what is wrong.
pub(crate) fn read(item: &mut TraitItemFn, errors: &mut Errors) -> Vec<Argument> {
    modifiers(&item.sig, errors);
    generics(&mut item.sig, errors);
    let has_body = item.default.is_some();
    let mut arguments: Vec<Argument> = Vec::new();
    let mut has_receiver = false;
    for input in &mut item.sig.inputs {
        match input {
            FnArg::Receiver(it) => {
                has_receiver = true;
                receiver(it, errors);
            }
            FnArg::Typed(typed) => {
                let Some(argument) = argument(typed, has_body, errors) else {
                    continue;
                };
                if let Some(twin) = twin(&arguments, &argument) {
                    errors.at(&argument.ident, twin);
                }
                arguments.push(argument);
            }
        }
    }
    if !has_receiver {
        errors.push(Error::new(
            item.sig.paren_token.span.join(),
            "a service method takes `&self` first",
        ));
    }
    arguments
}

/// Says that a method isn't `async`, which changes nothing else about it.
pub(crate) fn asynchronous(signature: &Signature, errors: &mut Errors) {
    if signature.asyncness.is_some() {
        return;
    }
    let mut fixed = signature.clone();
    fixed.asyncness = Some(Token![async](signature.fn_token.span));
    fixed.constness = None;
    fixed.abi = None;
    fixed.safety = Safety::Default;
    for input in &mut fixed.inputs {
        match input {
            FnArg::Receiver(receiver) => *receiver = syn::parse_quote!(&self),
            FnArg::Typed(typed) => typed.attrs.clear(),
        }
    }
    if let ReturnType::Type(_, ty) = &mut fixed.output
        && let Some(output) = types::future_output(ty).cloned()
    {
        **ty = output;
    }
    errors.at(
        signature.fn_token,
        format!("service methods are `async fn`: write `{}`", written(fixed)),
    );
}

fn modifiers(signature: &Signature, errors: &mut Errors) {
    if let Some(constness) = signature.constness {
        errors.at(constness, "a service method cannot be `const`");
    }
    match signature.safety {
        Safety::Unsafe(token) => errors.at(token, "a service method cannot be `unsafe`"),
        Safety::Safe(token) => errors.at(token, "a service method cannot be `safe`"),
        Safety::Default => {}
    }
    if let Some(abi) = &signature.abi {
        errors.at(abi, "a service method cannot have a foreign ABI");
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(
            variadic,
            "a service method has a fixed number of arguments; use a `Vec`",
        );
    }
}

fn generics(signature: &mut Signature, errors: &mut Errors) {
    if !signature.generics.params.is_empty() {
        errors.at(
            &signature.generics,
            "a service method cannot be generic, because one server runs it for every caller; \
             make the types concrete",
        );
    }
    if let Some(clause) = signature.generics.where_clause.take() {
        errors.at(clause, "a service method cannot have a `where` clause");
    }
}

/// In syn 3 the `mut` of `&mut self` is in the kind, and not in `mutability`.
fn receiver(receiver: &Receiver, errors: &mut Errors) {
    let plain = receiver.mutability.is_none()
        && receiver.attrs.is_empty()
        && matches!(receiver.kind, ReceiverKind::Reference(_, None, None));
    if !plain {
        errors.at(
            receiver,
            "use `&self`: one instance serves many calls at once",
        );
    }
}

fn argument(typed: &mut PatType, has_body: bool, errors: &mut Errors) -> Option<Argument> {
    let mut settings = Settings::default();
    for attribute in take_attributes(&mut typed.attrs, "serde") {
        if let Some(tokens) = listed(&attribute, errors) {
            settings.read(tokens, ARGUMENT, errors);
        }
    }
    let forwarded = forward::sort(std::mem::take(&mut typed.attrs), On::Argument, errors);
    typed.attrs.clone_from(&forwarded.conditions);
    typed.attrs.extend(forwarded.declared.iter().cloned());
    types::check(&typed.ty, Place::Argument, errors);
    let ident = plain_name(typed, has_body, errors)?;
    let function = |key, errors: &mut Errors| settings.path(key, errors);
    let default = settings
        .flag("default")
        .map(|_| function("default", errors).map_or(Default::OfType, Default::Function));
    let skip = function("skip_serializing_if", errors);
    if let (Some(_), Some(key), None) = (&skip, settings.flag("skip_serializing_if"), &default) {
        errors.push(Error::new(
            key,
            "`skip_serializing_if` needs `default` beside it: it says what a server takes for an \
             argument that isn't sent",
        ));
    }
    let name = settings
        .text("rename")
        .cloned()
        .unwrap_or_else(|| LitStr::new(&ident.unraw().to_string(), ident.span()));
    Some(Argument {
        ident,
        ty: (*typed.ty).clone(),
        name,
        default,
        skip,
        encoding: encoding(typed, &settings, errors),
        forwarded,
    })
}

fn encoding(typed: &PatType, settings: &Settings, errors: &mut Errors) -> Encoding {
    let module = settings.path("with", errors);
    let mut function = |key, name: &str| {
        let own = settings.path(key, errors);
        own.or_else(|| {
            let mut path = module.clone()?;
            let span = path.segments.last().map(|it| it.ident.span())?;
            path.segments.push(Ident::new(name, span).into());
            Some(path)
        })
    };
    let serialize = function("serialize_with", "serialize");
    let deserialize = function("deserialize_with", "deserialize");
    if serialize.is_some() || deserialize.is_some() {
        return Encoding::Functions {
            serialize,
            deserialize,
        };
    }
    types::long_array(&typed.ty).map_or(Encoding::Own, |array| Encoding::Array(array.clone()))
}

/// The argument's name; leaves a pattern that a trait may have.
fn plain_name(typed: &mut PatType, has_body: bool, errors: &mut Errors) -> Option<Ident> {
    const PLAIN: &str = "use a plain name, because an argument travels by its name";
    let ident = match &mut *typed.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => {
            if !has_body {
                pat.mutability = None;
            }
            return Some(pat.ident.clone());
        }
        Pat::Wild(wild) => {
            errors.at(wild, "an argument needs a name, because it travels by name");
            None
        }
        Pat::Ident(pat) => {
            errors.at(&*pat, PLAIN);
            Some(pat.ident.clone())
        }
        other => {
            errors.at(other, PLAIN);
            None
        }
    };
    *typed.pat = match ident {
        Some(ident) => syn::parse_quote!(#ident),
        None => syn::parse_quote!(_),
    };
    None
}

/// Says with which earlier argument this one collides.
///
/// Two that exist under conditions are taken for alternatives; if both exist, the compiler objects.
fn twin(earlier: &[Argument], argument: &Argument) -> Option<String> {
    let ident = argument.ident.unraw();
    let name = argument.name.value();
    let conditional = |it: &Argument| !it.forwarded.conditions.is_empty();
    let earlier = earlier
        .iter()
        .filter(|other| !(conditional(other) && conditional(argument)));
    if earlier.clone().any(|other| other.ident.unraw() == ident) {
        return Some(format!("there are two arguments `{ident}`: rename one"));
    }
    earlier
        .clone()
        .find(|other| other.name.value() == name)
        .map(|other| format!("`{}` is called `{name}` on the wire already", other.ident))
}
