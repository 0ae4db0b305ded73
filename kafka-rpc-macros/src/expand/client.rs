//! The client: a method for each of the trait's, which encodes and makes a call.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::Type;

use super::{Plan, attributes, local};
use crate::model::{Method, Output};

/// Attributes of a method that mean the same on the client's.
const KEPT: &[&str] = &["cfg", "deprecated", "doc"];

/// The client's type, which has no items of its own but the service's methods.
pub(super) fn item(plan: &Plan<'_>) -> TokenStream {
    let Plan {
        private,
        client,
        service,
        ..
    } = plan;
    let vis = &service.item.vis;
    let conditions = attributes(&service.item.attrs, &["cfg"]);
    let doc = format!(
        "The client of [`{}`]; made by `Client::attach`.",
        service.item.ident
    );
    quote! {
        #(#conditions)*
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(dead_code)]
        #vis struct #client {
            binding: #private::Binding,
        }
    }
}

pub(super) fn impls(plan: &Plan<'_>) -> TokenStream {
    let Plan {
        private, client, ..
    } = plan;
    let methods = plan.methods.iter().map(|it| method(plan, it));
    quote! {
        #[automatically_derived]
        impl #private::ServiceClient for #client {
            const DESCRIPTOR: &'static #private::Descriptor = __DESCRIPTOR;

            fn from_binding(binding: #private::Binding) -> Self {
                Self { binding }
            }

            fn binding(&self) -> &#private::Binding {
                &self.binding
            }
        }

        impl #client {
            #(#methods)*
        }
    }
}

fn method(plan: &Plan<'_>, method: &Method) -> TokenStream {
    let private = &plan.private;
    let vis = &plan.service.item.vis;
    let ident = &method.item.sig.ident;
    let kept = attributes(&method.item.attrs, KEPT);
    let undocumented = attributes(&method.item.attrs, &["doc"]).next().is_none();
    let doc = undocumented.then(|| {
        let doc = format!("Calls `{}`.", method.name.value());
        quote!(#[doc = #doc])
    });

    let (names, types): (Vec<_>, Vec<_>) = method
        .arguments
        .iter()
        .map(|it| (&it.ident, &it.ty))
        .unzip();
    let wire_names = method.arguments.iter().map(|it| &it.name);
    let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
    let arguments = local("arguments");
    let key = match key(plan, method) {
        Some(key) => quote!(::core::option::Option::Some(#key)),
        None => quote!(::core::option::Option::None),
    };
    let passed = quote! {
        &self.binding, const { &__METHODS[__Method::#ident as usize] }, #arguments, #key
    };
    let (returned, call) = match &method.output {
        Output::Plain(ty) => (
            quote!(#private::Call<#ty, #private::RpcError>),
            quote!(<#ty as #private::WireType>::call(#passed)),
        ),
        Output::Result(ty) => result(private, ty, passed),
        Output::Oneway => (
            quote!(#private::Call<(), #private::RpcError>),
            quote!(#private::Binding::call_oneway(#passed)),
        ),
    };
    quote! {
        #doc
        #(#kept)*
        #vis fn #ident(&self, #(#names: #types),*) -> #returned {
            let mut #arguments = #private::Arguments::named(#count);
            #(<#types as #private::WireType>::encode(&#names, #wire_names, &mut #arguments);)*
            #call
        }
    }
}

/// The type and the making of a call of a method with an error of its own.
///
/// Both begin and end where the user's type does: there, and not at the attribute, the compiler
/// then says that a type of this name is not the standard library's, and says it once.
fn result(private: &TokenStream, ty: &Type, passed: TokenStream) -> (TokenStream, TokenStream) {
    let mut spans = ty.to_token_stream().into_iter().map(|token| token.span());
    let start = spans.next().unwrap_or_else(Span::call_site);
    let end = spans.last().unwrap_or(start);
    let private: TokenStream = private
        .clone()
        .into_iter()
        .map(|mut token| {
            token.set_span(start);
            token
        })
        .collect();
    let mut passed = Group::new(Delimiter::Parenthesis, passed);
    passed.set_span(end);
    let close = quote_spanned!(end=> >);
    let projected = quote_spanned!(start=> <#ty as #private::ResultType);
    let ok = quote_spanned!(end=> #projected #close::Ok);
    let error = quote_spanned!(end=> #projected #close::Err);
    let call = quote_spanned!(start=> #private::Call<#ok, #private::CallError<#error #close);
    (
        quote!(#call #close),
        quote_spanned!(start=> <#ty as #private::ResultType>::call #passed),
    )
}

fn key(plan: &Plan<'_>, method: &Method) -> Option<TokenStream> {
    let private = &plan.private;
    let key = method.key.as_ref()?;
    let argument = method.arguments.iter().find(|it| it.ident == *key)?;
    let (ident, ty) = (&argument.ident, &argument.ty);
    Some(quote!(<#ty as #private::RoutingKey>::routing_key(&#ident)))
}
