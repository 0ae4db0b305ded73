//! A method's signature: its receiver, its arguments, and what a service method can't have.

use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::{
    Error, FnArg, Ident, LitStr, Pat, PatType, Receiver, ReceiverKind, Safety, Signature,
    TraitItemFn,
};

use crate::attribute::{ARGUMENT, Settings};
use crate::errors::Errors;
use crate::model::{Argument, Default, listed, take_attributes};
use crate::types;

/// Reads a method's arguments, takes our attributes off them, and notes what is wrong.
pub(crate) fn read(item: &mut TraitItemFn, errors: &mut Errors) -> Vec<Argument> {
    modifiers(&item.sig, errors);
    generics(&item.sig, errors);
    if let Some(body) = &item.default {
        errors.at(
            body,
            "a service method has no default body; implementations provide it",
        );
    }
    let mut arguments: Vec<Argument> = Vec::new();
    let mut inputs = Punctuated::new();
    let mut has_receiver = false;
    for input in std::mem::take(&mut item.sig.inputs) {
        match input {
            FnArg::Receiver(it) => {
                has_receiver = true;
                receiver(&it, errors);
                inputs.push(FnArg::Receiver(it));
            }
            FnArg::Typed(mut typed) => {
                if let Some(argument) = argument(&mut typed, errors) {
                    if let Some(twin) = twin(&arguments, &argument) {
                        errors.at(&argument.ident, twin);
                    }
                    arguments.push(argument);
                }
                inputs.push(FnArg::Typed(typed));
            }
        }
    }
    item.sig.inputs = inputs;
    if !has_receiver {
        errors.push(Error::new(
            item.sig.paren_token.span.join(),
            "a service method takes `&self` first",
        ));
    }
    arguments
}

fn modifiers(signature: &Signature, errors: &mut Errors) {
    if signature.asyncness.is_none() {
        let name = &signature.ident;
        errors.at(
            signature.fn_token,
            format!("service methods are `async fn`: write `async fn {name}`"),
        );
    }
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
        errors.at(variadic, "a service method cannot be variadic");
    }
}

fn generics(signature: &Signature, errors: &mut Errors) {
    if !signature.generics.params.is_empty() {
        errors.at(
            &signature.generics,
            "a service method cannot be generic, because one server runs it for every caller; \
             make the types concrete",
        );
    }
    if let Some(clause) = &signature.generics.where_clause {
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

fn argument(typed: &mut PatType, errors: &mut Errors) -> Option<Argument> {
    let mut settings = Settings::default();
    for attribute in take_attributes(&mut typed.attrs, "serde") {
        if let Some(tokens) = listed(&attribute, errors) {
            settings.read(tokens, ARGUMENT, errors);
        }
    }
    // Documentation of an argument has no place in a function, and would warn.
    drop(take_attributes(&mut typed.attrs, "doc"));
    for attribute in &typed.attrs {
        errors.at(
            attribute,
            "an argument takes `#[serde(default)]`, `#[serde(rename = \"...\")]` and \
             documentation, and no other attribute",
        );
    }
    if let Some(mistake) = types::mistake(&typed.ty, false) {
        errors.push(mistake);
    }
    let ident = plain_name(typed, errors)?;
    let default = settings.flag("default").map(|_| {
        settings
            .path("default", errors)
            .map_or(Default::OfType, Default::Function)
    });
    let name = settings
        .text("rename")
        .cloned()
        .unwrap_or_else(|| LitStr::new(&ident.unraw().to_string(), ident.span()));
    Some(Argument {
        ident,
        ty: (*typed.ty).clone(),
        name,
        default,
    })
}

/// The argument's name; leaves a pattern that a trait may have.
fn plain_name(typed: &mut PatType, errors: &mut Errors) -> Option<Ident> {
    let ident = match &mut *typed.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => {
            pat.mutability = None;
            return Some(pat.ident.clone());
        }
        Pat::Wild(wild) => {
            errors.at(wild, "an argument needs a name, because it travels by name");
            None
        }
        Pat::Ident(pat) => {
            errors.at(&*pat, "use a plain name");
            Some(pat.ident.clone())
        }
        other => {
            errors.at(other, "use a plain name");
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
fn twin(earlier: &[Argument], argument: &Argument) -> Option<String> {
    let same = |other: &&Argument| other.ident == argument.ident;
    if earlier.iter().any(|other| same(&other)) {
        return Some(format!("there are two arguments `{}`", argument.ident));
    }
    let name = argument.name.value();
    earlier
        .iter()
        .find(|other| other.name.value() == name)
        .map(|other| format!("`{}` is called `{name}` on the wire already", other.ident))
}
