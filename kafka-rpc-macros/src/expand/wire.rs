//! How an argument is encoded and decoded.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Expr;

use super::{Plan, at, ends, local, member};
use crate::model::{Argument, Default, Encoding, Method};

/// The type by which an argument travels, and what makes it of the argument, if they differ.
pub(super) struct Wire {
    pub(super) ty: TokenStream,
    pub(super) wrap: Option<TokenStream>,
}

/// How the argument with this number travels.
pub(super) fn of(plan: &Plan<'_>, method: &Method, number: usize, argument: &Argument) -> Wire {
    let private = &plan.private;
    match &argument.encoding {
        Encoding::Own => {
            let ty = &argument.ty;
            Wire {
                ty: quote!(#ty),
                wrap: None,
            }
        }
        Encoding::Array(array) => {
            let (elem, len) = (&array.elem, &array.len);
            // Where the user's type is, so that the compiler points there.
            let (start, end) = ends(array);
            let there = at(start, private);
            let bare = matches!(len, Expr::Lit(_))
                || matches!(len, Expr::Path(path) if path.path.get_ident().is_some());
            let len = if bare { quote!(#len) } else { quote!({ #len }) };
            let ty = quote_spanned!(start=> #there::Array<#elem, #len);
            Wire {
                ty: quote_spanned!(end=> #ty>),
                wrap: Some(quote!(#private::Array)),
            }
        }
        Encoding::Functions { .. } => {
            let position = plan.methods.iter().position(|it| std::ptr::eq(*it, method));
            let name = format_ident!("__Wire{}_{number}", position.unwrap_or_default());
            Wire {
                ty: quote!(#name),
                wrap: Some(quote!(#name)),
            }
        }
    }
}

/// Appends the argument to the others.
pub(super) fn encode(plan: &Plan<'_>, wire: &Wire, argument: &Argument) -> TokenStream {
    let private = &plan.private;
    let (ident, name) = (&argument.ident, &argument.name);
    let arguments = local("arguments");
    let ty = &wire.ty;
    let value = match &wire.wrap {
        Some(wrap) => quote!(#wrap(#ident)),
        None => quote!(#ident),
    };
    quote!(<#ty as #private::WireType>::encode(&#value, #name, &mut #arguments);)
}

/// Reads the argument from its slot.
pub(super) fn decode(
    plan: &Plan<'_>,
    wire: &Wire,
    argument: &Argument,
    slot: &TokenStream,
) -> TokenStream {
    let private = &plan.private;
    let (ty, name) = (&argument.ty, &argument.name);
    let wire_ty = &wire.ty;
    let wire_type = quote!(<#wire_ty as #private::WireType>);
    let unwrap = wire.wrap.as_ref().map(|_| quote!(.0));
    let default = match &argument.default {
        None => return quote!(#wire_type::decode(#slot, #name)? #unwrap),
        Some(Default::OfType) => member(private, ty, "Default", "default"),
        Some(Default::Function(path)) => quote!(#path),
    };
    let (_, end) = ends(ty);
    let default = quote_spanned!(end=> #default());
    let default = match &wire.wrap {
        Some(wrap) => quote!(|| #wrap(#default)),
        None => quote!(|| #default),
    };
    quote!(#wire_type::decode_or(#slot, #name, #default)? #unwrap)
}

/// The types of the arguments that functions encode.
pub(super) fn types(plan: &Plan<'_>) -> TokenStream {
    let mut types = TokenStream::new();
    for method in &plan.methods {
        for (number, argument) in method.arguments.iter().enumerate() {
            types.extend(function_type(plan, method, number, argument));
        }
    }
    types
}

fn function_type(
    plan: &Plan<'_>,
    method: &Method,
    number: usize,
    argument: &Argument,
) -> Option<TokenStream> {
    let Encoding::Functions {
        serialize,
        deserialize,
    } = &argument.encoding
    else {
        return None;
    };
    let private = &plan.private;
    let name = of(plan, method, number, argument).ty;
    let ty = &argument.ty;
    let conditions: Vec<_> = method
        .forwarded
        .conditions
        .iter()
        .chain(&argument.forwarded.conditions)
        .collect();
    let serialize = match serialize {
        Some(path) => quote!(#path),
        None => quote!(<#ty as #private::Serialize>::serialize),
    };
    let deserialize = match deserialize {
        Some(path) => quote!(#path),
        None => quote!(<#ty as #private::Deserialize>::deserialize),
    };
    let [serializer, deserializer] = ["serializer", "deserializer"].map(local);
    Some(quote! {
        #(#conditions)*
        struct #name(#ty);

        #(#conditions)*
        #[automatically_derived]
        impl #private::Serialize for #name {
            fn serialize<__S: #private::Serializer>(
                &self,
                #serializer: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                #serialize(&self.0, #serializer)
            }
        }

        #(#conditions)*
        #[automatically_derived]
        impl<'de> #private::Deserialize<'de> for #name {
            fn deserialize<__D: #private::Deserializer<'de>>(
                #deserializer: __D,
            ) -> ::core::result::Result<Self, __D::Error> {
                ::core::result::Result::Ok(Self(#deserialize(#deserializer)?))
            }
        }
    })
}
