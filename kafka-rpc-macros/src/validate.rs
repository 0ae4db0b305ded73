//! Rules about a service as a whole.

use std::collections::HashMap;

use syn::ext::IdentExt as _;
use syn::{Error, LitStr, TypeParamBound};

use crate::errors::{Errors, line};
use crate::model::{Item, Method, Service};

/// Kafka's own limit.
const MAX_TOPIC_BYTES: usize = 249;
/// What a topic's name adds to a service's: `.commands`.
const SUFFIX_BYTES: usize = 9;
const MAX_METHOD_BYTES: usize = 1024;

/// Notes what is wrong. Methods that collide with an earlier one are taken out.
pub(crate) fn check(service: &mut Service, errors: &mut Errors) {
    shape(service, errors);
    let named = service.item.ident.unraw() != service.name.value();
    let what = if named {
        "a service's name"
    } else {
        "the name of a service, which is its trait's if `name = \"...\"` sets no other,"
    };
    topic(&service.name, MAX_TOPIC_BYTES - SUFFIX_BYTES, what, errors);
    for text in [&service.commands, &service.results].into_iter().flatten() {
        topic(text, MAX_TOPIC_BYTES, "a topic's name", errors);
        if text.value().starts_with("__") {
            errors.at(text, "topics that begin with `__` are Kafka's own");
        }
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
        // A question mark begins what is asked of a server itself.
        let reserved = name.starts_with('?') || name.chars().any(char::is_control);
        if name.is_empty() || name.len() > MAX_METHOD_BYTES || reserved {
            errors.at(
                &method.name,
                format!(
                    "a method's name has 1 to {MAX_METHOD_BYTES} bytes, no control characters, and no \
                     `?` at its beginning"
                ),
            );
        }
    }
    if service.compact.is_some() {
        positions(service, errors);
    }
    collisions(service, errors);
}

/// Arguments that travel by position all have to be there.
fn positions(service: &Service, errors: &mut Errors) {
    for argument in service.methods().flat_map(|it| &it.arguments) {
        let why = if argument.skip.is_some() {
            "be left out by `skip_serializing_if`"
        } else if !argument.forwarded.conditions.is_empty() {
            "exist only under a condition"
        } else {
            continue;
        };
        errors.at(
            &argument.ident,
            format!("`compact` sends arguments by position, so none may {why}"),
        );
    }
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
            "a service cannot have a `where` clause; bounds of `Self` go after the name: \
             `trait Name: Bound`",
        );
    }
    for bound in &item.supertraits {
        if let TypeParamBound::Lifetime(lifetime) = bound
            && lifetime.ident != "static"
        {
            errors.at(lifetime, "a service borrows nothing");
        }
    }
    if service.items.is_empty() && errors.count() == 0 {
        errors.at(
            &item.ident,
            "a service has at least one method: write for instance `async fn ping(&self);`",
        );
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

/// Methods under conditions are taken for alternatives; if two exist, the compiler objects.
fn collisions(service: &mut Service, errors: &mut Errors) {
    // Where the methods of an identifier, and of a name, are among those that are kept.
    let mut idents = HashMap::<_, Vec<usize>>::new();
    let mut names = HashMap::<_, Vec<usize>>::new();
    let taken = std::mem::take(&mut service.items);
    for item in taken {
        let (Item::Method(method) | Item::Broken(method)) = &item else {
            service.items.push(item);
            continue;
        };
        let with_ident = idents.entry(method.item.sig.ident.unraw()).or_default();
        if let Some(first) = contender(method, with_ident, &service.items) {
            // Kept out of the trait too, where the compiler would report it once more.
            let ident = method.item.sig.ident.unraw();
            let line = line(first.item.sig.ident.span());
            errors.at(
                &method.item.sig.ident,
                format!(
                    "there are two methods `{ident}`: rename or remove this one, or the first{line}"
                ),
            );
            continue;
        }
        let with_name = names.entry(method.name.value()).or_default();
        if let Some(first) = contender(method, with_name, &service.items) {
            same_name(method, first, errors);
        }
        with_ident.push(service.items.len());
        with_name.push(service.items.len());
        service.items.push(item);
    }
}

/// The first of the methods in these places that may exist beside this one.
fn contender<'a>(method: &Method, places: &[usize], items: &'a [Item]) -> Option<&'a Method> {
    let conditional = |method: &Method| !method.forwarded.conditions.is_empty();
    places.iter().find_map(|place| match items.get(*place)? {
        Item::Method(other) | Item::Broken(other) => {
            (!(conditional(other) && conditional(method))).then_some(other)
        }
        Item::Foreign(_) => None,
    })
}

fn same_name(method: &Method, first: &Method, errors: &mut Errors) {
    let name = method.name.value();
    let other = first.item.sig.ident.unraw();
    errors.at(
        &method.name,
        format!("`{other}` is called \"{name}\" on the wire already"),
    );
    errors.push(Error::new(
        first.name.span(),
        format!("\"{name}\" is first used here"),
    ));
}
