//! Which types may stand in a service method, as far as their tokens tell.

use syn::{Error, GenericArgument, PathArguments, ReturnType, Type};

/// A mistake in an argument's or an answer's type that can be seen without resolving names.
pub(crate) fn mistake(ty: &Type, answer: bool) -> Option<Error> {
    let say = |message: &str| Some(Error::new_spanned(ty, message));
    let (what, verb) = if answer {
        ("answers", "return")
    } else {
        ("arguments", "use")
    };
    match ty {
        Type::Reference(reference) => {
            let hint = owned(&reference.elem)
                .map(|owned| format!("; {verb} `{owned}`"))
                .unwrap_or_default();
            Some(Error::new_spanned(
                reference,
                format!("{what} are owned, because they travel to another process{hint}"),
            ))
        }
        Type::ImplTrait(_) => say("`impl Trait` cannot cross the wire; name a concrete type"),
        Type::TraitObject(_) => say("`dyn Trait` cannot cross the wire; name a concrete type"),
        Type::Infer(_) => say("the type has to be named"),
        Type::Never(_) => say("`!` cannot cross the wire; a method has to be able to answer"),
        Type::FnPtr(_) => say("a function pointer cannot cross the wire"),
        Type::Ptr(_) => say("a raw pointer cannot cross the wire"),
        Type::Slice(_) => say("a slice has no size of its own; use a `Vec`"),
        Type::Array(array) => mistake(&array.elem, answer),
        Type::Paren(paren) => mistake(&paren.elem, answer),
        Type::Group(group) => mistake(&group.elem, answer),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(|elem| mistake(elem, answer)),
        Type::Path(path) => {
            if path.qself.is_none()
                && path
                    .path
                    .segments
                    .first()
                    .is_some_and(|s| s.ident == "Self")
            {
                return say("`Self` differs between client and server; name a concrete type");
            }
            path.path.segments.iter().find_map(|segment| {
                let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
                    return None;
                };
                arguments.args.iter().find_map(|argument| match argument {
                    GenericArgument::Type(ty) => mistake(ty, answer),
                    GenericArgument::Lifetime(lifetime) if lifetime.ident != "static" => {
                        Some(Error::new_spanned(
                            lifetime,
                            format!("{what} are owned and borrow nothing"),
                        ))
                    }
                    _ => None,
                })
            })
        }
        _ => None,
    }
}

/// The owned twin of a borrowed type.
fn owned(borrowed: &Type) -> Option<String> {
    match borrowed {
        Type::Path(path) if path.path.is_ident("str") => Some("String".to_owned()),
        Type::Slice(slice) => {
            let elem = &slice.elem;
            Some(format!("Vec<{}>", quote::quote!(#elem)))
        }
        Type::Path(path) => {
            let ident = &path.path.segments.last()?.ident;
            path.path.get_ident().map(|_| ident.to_string())
        }
        _ => None,
    }
}

/// Whether the last segment of the path is `Result`.
pub(crate) fn is_called_result(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "Result"),
        Type::Paren(paren) => is_called_result(&paren.elem),
        Type::Group(group) => is_called_result(&group.elem),
        _ => false,
    }
}

/// Whether a method with this output returns nothing.
pub(crate) fn is_unit(output: &ReturnType) -> bool {
    match output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => matches!(&**ty, Type::Tuple(tuple) if tuple.elems.is_empty()),
    }
}
