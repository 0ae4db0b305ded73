//! Which types may stand in a service method, as far as their tokens tell.

use syn::{
    Expr, ExprLit, GenericArgument, Lifetime, Lit, Path, PathArguments, ReturnType, Type, TypeArray,
};

use crate::errors::{Errors, written};

/// What a type stands for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    Argument,
    Answer,
}

/// Notes what in a type is a mistake, as can be seen without resolving names.
pub(crate) fn check(ty: &Type, place: Place, errors: &mut Errors) {
    let (what, verb) = match place {
        Place::Argument => ("arguments", "use"),
        Place::Answer => ("answers", "return"),
    };
    let mut say = |message: &str| errors.at(ty, message);
    match ty {
        Type::Reference(reference) => {
            let hint = owned(&reference.elem)
                .map(|owned| format!("; {verb} `{owned}`"))
                .unwrap_or_default();
            say(&format!(
                "{what} are owned, because they travel to another process{hint}"
            ));
        }
        Type::ImplTrait(_) => say("`impl Trait` cannot cross the wire; name a concrete type"),
        Type::TraitObject(_) => say("`dyn Trait` cannot cross the wire; name a concrete type"),
        Type::Infer(_) => say("the type has to be named"),
        Type::Never(_) => say("`!` cannot cross the wire; a method has to be able to answer"),
        Type::FnPtr(_) => say("a function pointer cannot cross the wire"),
        Type::Ptr(_) => say("a raw pointer cannot cross the wire"),
        Type::Slice(slice) => say(&format!(
            "a slice has no size of its own; {verb} `Vec<{}>`",
            written(&slice.elem)
        )),
        Type::Array(array) => check(&array.elem, place, errors),
        Type::Paren(paren) => check(&paren.elem, place, errors),
        Type::Group(group) => check(&group.elem, place, errors),
        Type::Tuple(tuple) => {
            for elem in &tuple.elems {
                check(elem, place, errors);
            }
        }
        Type::Path(path) => {
            if path.path.is_ident("str") {
                say(&format!("`str` has no size of its own; {verb} `String`"));
                return;
            }
            let first = path.path.segments.first();
            if path.qself.is_none() && first.is_some_and(|it| it.ident == "Self") {
                say("`Self` differs between client and server; name a concrete type");
                return;
            }
            if let Some(qself) = &path.qself {
                check(&qself.ty, place, errors);
            }
            self::path(ty, &path.path, place, errors);
        }
        _ => {}
    }
}

fn path(ty: &Type, path: &Path, place: Place, errors: &mut Errors) {
    let what = match place {
        Place::Argument => "arguments",
        Place::Answer => "answers",
    };
    for segment in &path.segments {
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
            continue;
        };
        // Its lifetime may be left out.
        if segment.ident == "Cow"
            && !matches!(arguments.args.first(), Some(GenericArgument::Lifetime(it)) if it.ident == "static")
        {
            let owned = arguments.args.iter().find_map(|it| match it {
                GenericArgument::Type(ty) => owned(ty),
                _ => None,
            });
            let hint = owned.map(|it| format!("; use `{it}`")).unwrap_or_default();
            errors.at(ty, format!("{what} are owned and borrow nothing{hint}"));
            continue;
        }
        for argument in &arguments.args {
            match argument {
                GenericArgument::Type(ty) => inner(ty, place, errors),
                GenericArgument::AssocType(assoc) => inner(&assoc.ty, place, errors),
                GenericArgument::Lifetime(lifetime) if lifetime.ident != "static" => {
                    errors.at(lifetime, format!("{what} are owned and borrow nothing"));
                }
                _ => {}
            }
        }
    }
}

/// A type within another one, which may well have no size: `Box<str>`.
fn inner(ty: &Type, place: Place, errors: &mut Errors) {
    match ty {
        Type::Slice(slice) => check(&slice.elem, place, errors),
        Type::Path(path) if path.path.is_ident("str") => {}
        ty => check(ty, place, errors),
    }
}

/// The owned twin of a borrowed type.
fn owned(borrowed: &Type) -> Option<String> {
    match borrowed {
        Type::Path(path) if path.path.is_ident("str") => Some("String".to_owned()),
        Type::Path(path) if path.path.is_ident("Path") => Some("PathBuf".to_owned()),
        Type::Path(path) if path.path.is_ident("OsStr") => Some("OsString".to_owned()),
        Type::Path(path) if path.path.is_ident("Self") => None,
        Type::Slice(slice) => Some(format!("Vec<{}>", written(&slice.elem))),
        Type::Path(_) | Type::Array(_) | Type::Tuple(_) => Some(written(borrowed)),
        Type::Paren(paren) => owned(&paren.elem),
        Type::Group(group) => owned(&group.elem),
        Type::Reference(reference) => owned(&reference.elem),
        _ => None,
    }
}

/// The type without the groups that come from macros, and without parentheses.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(paren) => bare(&paren.elem),
        Type::Group(group) => bare(&group.elem),
        ty => ty,
    }
}

/// Whether the last segment of the path is `Result`.
pub(crate) fn is_called_result(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path)
        if path.path.segments.last().is_some_and(|segment| segment.ident == "Result"))
}

/// The value and the error of a `Result`, where both are written out.
pub(crate) fn result_parts(ty: &Type) -> Option<(&Type, &Type)> {
    let Type::Path(path) = bare(ty) else {
        return None;
    };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    let mut arguments = arguments.args.iter();
    match (arguments.next(), arguments.next(), arguments.next()) {
        (Some(GenericArgument::Type(ok)), Some(GenericArgument::Type(err)), None)
            if last.ident == "Result" =>
        {
            Some((ok, err))
        }
        _ => None,
    }
}

/// The output of a type that is `impl Future<Output = ...>`, or a boxed one.
pub(crate) fn future_output(ty: &Type) -> Option<&Type> {
    let bounds = match bare(ty) {
        Type::ImplTrait(it) => &it.bounds,
        Type::TraitObject(it) => &it.bounds,
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            return match arguments.args.first() {
                Some(GenericArgument::Type(ty)) if last.ident == "Pin" || last.ident == "Box" => {
                    future_output(ty)
                }
                _ => None,
            };
        }
        _ => return None,
    };
    bounds.iter().find_map(|bound| {
        let syn::TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let PathArguments::AngleBracketed(arguments) = &bound.path.segments.last()?.arguments
        else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(&assoc.ty),
            _ => None,
        })
    })
}

/// Whether a method with this output returns nothing.
pub(crate) fn is_unit(output: &ReturnType) -> bool {
    match output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => {
            matches!(bare(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
        }
    }
}

/// An array that may be longer than those that serde knows.
pub(crate) fn long_array(ty: &Type) -> Option<&TypeArray> {
    const LONGEST_OF_SERDE: u64 = 32;
    let Type::Array(array) = bare(ty) else {
        return None;
    };
    let known = match &array.len {
        Expr::Lit(ExprLit {
            lit: Lit::Int(len), ..
        }) => len.base10_parse::<u64>().ok(),
        _ => None,
    };
    known
        .is_none_or(|len| len > LONGEST_OF_SERDE)
        .then_some(array)
}

/// Whether the compiler takes the type in a trait's signature.
pub(crate) fn is_legal(ty: &Type, place: Place) -> bool {
    match ty {
        Type::Infer(_) | Type::Never(_) => false,
        Type::Slice(_) | Type::TraitObject(_) | Type::ImplTrait(_) => place == Place::Argument,
        Type::Path(path) if path.path.is_ident("str") => place == Place::Argument,
        Type::Array(array) => is_legal(&array.elem, place),
        Type::Reference(reference) => !matches!(*reference.elem, Type::Infer(_)),
        Type::Paren(paren) => is_legal(&paren.elem, place),
        Type::Group(group) => is_legal(&group.elem, place),
        Type::Tuple(tuple) => tuple.elems.iter().all(|it| is_legal(it, place)),
        Type::Path(path) => path.path.segments.iter().all(|segment| {
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
                return true;
            };
            arguments.args.iter().all(|argument| match argument {
                GenericArgument::Type(Type::Infer(_) | Type::Never(_) | Type::ImplTrait(_)) => {
                    false
                }
                GenericArgument::Type(Type::Slice(_) | Type::TraitObject(_)) => true,
                GenericArgument::Type(Type::Path(path)) if path.path.is_ident("str") => true,
                GenericArgument::Type(ty) => is_legal(ty, place),
                _ => true,
            })
        }),
        _ => true,
    }
}

/// Whether a lifetime is one that needs no declaration.
pub(crate) fn needs_no_declaration(lifetime: &Lifetime) -> bool {
    lifetime.ident == "static" || lifetime.ident == "_"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(ty: &str, place: Place) -> usize {
        let mut errors = Errors::default();
        check(&syn::parse_str(ty).expect(ty), place, &mut errors);
        errors.count()
    }

    #[test]
    fn every_mistake_in_a_type_is_found() {
        for (ty, count) in [
            ("u8", 0),
            ("Box<str>", 0),
            ("Arc<[u8]>", 0),
            ("Cow<'static, str>", 0),
            ("HashMap<String, Vec<Option<(u8, [u16; 4])>>>", 0),
            ("ty!()", 0),
            ("&str", 1),
            ("(&str, &[u8])", 2),
            ("Cow<str>", 1),
            ("Cow<'_, str>", 1),
            ("Vec<Self>", 1),
            ("<Self as Other>::Kind", 1),
            ("Box<dyn Any>", 1),
            ("HashMap<&str, *const u8>", 2),
            ("str", 1),
            ("[u8]", 1),
        ] {
            assert_eq!(mistakes(ty, Place::Argument), count, "{ty}");
            assert_eq!(mistakes(ty, Place::Answer), count, "{ty}");
        }
    }

    #[test]
    fn only_arrays_that_serde_may_not_know_are_long() {
        for (ty, long) in [
            ("[u8; 32]", false),
            ("[u8; 33]", true),
            ("([u8; 4096])", true),
            ("[u8; LEN]", true),
            ("Vec<u8>", false),
        ] {
            let ty = syn::parse_str(ty).expect(ty);
            assert_eq!(long_array(&ty).is_some(), long);
        }
    }
}
