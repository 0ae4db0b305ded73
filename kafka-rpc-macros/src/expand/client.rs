//! The client: a method for each of the trait's, which encodes and makes a call.

use proc_macro2::TokenStream;
use quote::quote;

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
        Output::Result(ty) => (
            quote! {
                #private::Call<
                    <#ty as #private::ResultType>::Ok,
                    #private::CallError<<#ty as #private::ResultType>::Err>
                >
            },
            quote!(<#ty as #private::ResultType>::call(#passed)),
        ),
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

fn key(plan: &Plan<'_>, method: &Method) -> Option<TokenStream> {
    let private = &plan.private;
    let key = method.key.as_ref()?;
    let argument = method.arguments.iter().find(|it| it.ident == *key)?;
    let (ident, ty) = (&argument.ident, &argument.ty);
    Some(quote!(<#ty as #private::RoutingKey>::routing_key(&#ident)))
}
