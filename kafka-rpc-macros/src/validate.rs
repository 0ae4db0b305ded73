//! Rules about a service as a whole.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::{Error, LitStr, TypeParamBound};

use crate::errors::Errors;
use crate::model::{Item, Method, Service};

/// Kafka's own limit.
const MAX_TOPIC_BYTES: usize = 249;
/// What a topic's name adds to a service's: `.commands`.
const SUFFIX_BYTES: usize = 9;
const MAX_METHOD_BYTES: usize = 1024;

/// Notes what is wrong. Methods that collide with an earlier one are taken out.
pub(crate) fn check(service: &mut Service, errors: &mut Errors) {
    shape(service, errors);
    topic(
        &service.name,
        MAX_TOPIC_BYTES - SUFFIX_BYTES,
        "a service's name",
        errors,
    );
    for text in [&service.commands, &service.results].into_iter().flatten() {
        topic(text, MAX_TOPIC_BYTES, "a topic's name", errors);
    }
    let topics =
        [&service.commands, &service.results].map(|topic| topic.as_ref().map(LitStr::value));
    if let ([Some(commands), Some(results)], Some(text)) = (topics, &service.results)
        && commands == results
    {
        errors.at(text, "commands and results need a topic each");
    }
    for method in service.methods() {
        let name = method.name.value();
        if name.is_empty() || name.len() > MAX_METHOD_BYTES || name.chars().any(char::is_control) {
            errors.at(
                &method.name,
                format!(
                    "a method's name has 1 to {MAX_METHOD_BYTES} bytes and no control characters"
                ),
            );
        }
    }
    collisions(service, errors);
}

fn shape(service: &Service, errors: &mut Errors) {
    let item = &service.item;
    if let Some(token) = item.unsafety {
        errors.at(token, "a service cannot be an `unsafe trait`");
    }
    if let Some(token) = item.modifiers.auto_token {
        errors.at(token, "a service cannot be an `auto trait`");
    }
    if !item.generics.params.is_empty() {
        errors.at(
            &item.generics,
            "a service cannot be generic, because its types travel; make the types concrete",
        );
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.at(
            clause,
            "a service cannot have a `where` clause; make the types concrete",
        );
    }
    for bound in &item.supertraits {
        if let TypeParamBound::Lifetime(lifetime) = bound
            && lifetime.ident != "static"
        {
            errors.at(lifetime, "a service borrows nothing");
        }
    }
    if service.items.is_empty() {
        errors.at(&item.ident, "a service has at least one method");
    }
}

fn topic(text: &LitStr, max: usize, what: &str, errors: &mut Errors) {
    let name = text.value();
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let message = if name.is_empty() || name == "." || name == ".." {
        format!("{what} cannot be \"{name}\"")
    } else if name.len() > max {
        format!("{what} has at most {max} bytes; this has {}", name.len())
    } else if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
        format!(
            "{what} consists of ASCII letters, digits, `.`, `_` and `-`, as Kafka demands; {bad:?} is none"
        )
    } else {
        return;
    };
    errors.at(text, message);
}

fn collisions(service: &mut Service, errors: &mut Errors) {
    let mut seen: Vec<(String, String, Span)> = Vec::new();
    let taken = std::mem::take(&mut service.items);
    for item in taken {
        let Item::Method(method) = &item else {
            service.items.push(item);
            continue;
        };
        let (ident, name) = (
            method.item.sig.ident.unraw().to_string(),
            method.name.value(),
        );
        if seen.iter().any(|(other, ..)| *other == ident) {
            // Kept out of the trait too, where the compiler would report it once more.
            errors.at(
                &method.item.sig.ident,
                format!("there are two methods `{ident}`"),
            );
            continue;
        }
        if let Some((other, _, span)) = seen.iter().find(|(_, other, _)| *other == name) {
            same_name(method, other, *span, errors);
        }
        seen.push((ident, name, method.name.span()));
        service.items.push(item);
    }
}

fn same_name(method: &Method, other: &str, span: Span, errors: &mut Errors) {
    let name = method.name.value();
    errors.at(
        &method.name,
        format!("`{other}` is called \"{name}\" on the wire already"),
    );
    errors.push(Error::new(span, format!("\"{name}\" is first used here")));
}
