//! The client: a method for each of the trait's, which encodes and makes a call.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, Type};

use super::{Plan, at, attributes, broken, ends, local, many_arguments, quiet, result, wire};
use crate::model::{Argument, Item, Method, Output};
use crate::types;

/// The client's type, which has no items of its own but the service's methods.
pub(super) fn item(plan: &Plan<'_>) -> TokenStream {
    let Plan {
        private,
        client,
        service,
        allowed,
        ..
    } = plan;
    let vis = &service.item.vis;
    let kept = attributes(&service.item.attrs, &["deprecated"]);
    let doc = format!(
        " The client of [`{}`]; made by `Client::attach`.",
        service.item.ident
    );
    quote! {
        #(#allowed)*
        #(#kept)*
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #vis struct #client {
            binding: #private::Binding,
        }
    }
}

pub(super) fn impls(plan: &Plan<'_>) -> TokenStream {
    let Plan {
        private, client, ..
    } = plan;
    let sound = plan.numbered().map(|(index, it)| method(plan, &index, it));
    let inert = plan.service.items.iter().filter_map(|item| match item {
        Item::Method(method) if !plan.sound => Some(broken::method(plan, method)),
        Item::Broken(method) => Some(broken::method(plan, method)),
        _ => None,
    });
    let binding = local("binding");
    quote! {
        #[automatically_derived]
        impl #private::ServiceClient for #client {
            const DESCRIPTOR: &'static #private::Descriptor = __DESCRIPTOR;

            fn from_binding(#binding: #private::Binding) -> Self {
                Self { binding: #binding }
            }

            fn binding(&self) -> &#private::Binding {
                &self.binding
            }
        }

        impl #client {
            #(#sound)*
            #(#inert)*
        }
    }
}

/// The attributes of the client's method.
pub(super) fn kept(method: &Method) -> TokenStream {
    let conditions = &method.forwarded.conditions;
    let client = &method.forwarded.client;
    let doc = (!method.forwarded.documented).then(|| {
        let doc = format!(" Calls `{}`.", method.name.value());
        quote!(#[doc = #doc])
    });
    let many = many_arguments(method);
    quote!(#doc #(#conditions)* #(#client)* #many)
}

fn method(plan: &Plan<'_>, index: &Ident, method: &Method) -> TokenStream {
    let private = &plan.private;
    let vis = &plan.service.item.vis;
    let ident = quiet(&method.item.sig.ident);
    let kept = kept(method);
    let parameters = method.arguments.iter().map(|it| {
        let (conditions, client) = (&it.forwarded.conditions, &it.forwarded.client);
        let (name, ty) = (&it.ident, &it.ty);
        quote!(#(#conditions)* #(#client)* #name: #ty)
    });
    let arguments = local("arguments");
    let form = match plan.service.compact {
        Some(_) => quote!(positional),
        None => quote!(named),
    };
    let (sent, count) = count(private, &method.arguments);
    let encoded = method
        .arguments
        .iter()
        .enumerate()
        .map(|(number, it)| encoded(plan, method, number, it));
    let (key, key_passed) = match key(plan, method) {
        Some(key) => {
            let local = local("key");
            (
                Some(quote!(let #local = #key;)),
                quote!(::core::option::Option::Some(#local)),
            )
        }
        None => (None, quote!(::core::option::Option::None)),
    };
    let passed = quote! {
        &self.binding, const { __DESCRIPTOR.method(__Method::#index as usize) }, #arguments, #key_passed
    };
    let (returned, call) = call(plan, &method.output, &passed);
    quote! {
        #kept
        #vis fn #ident(&self, #(#parameters),*) -> #returned {
            #key
            #(#sent)*
            let mut #arguments = #private::Arguments::#form(#count);
            #(#encoded)*
            #call
        }
    }
}

/// Whether an argument is sent, if that isn't certain.
fn sent(number: usize) -> Ident {
    local(&format!("sent_{number}"))
}

/// How many arguments are sent, and what has to be known before.
fn count(private: &TokenStream, arguments: &[Argument]) -> (Vec<TokenStream>, TokenStream) {
    let uncertain = |it: &Argument| it.skip.is_some() || !it.forwarded.conditions.is_empty();
    if !arguments.iter().any(uncertain) {
        let count = u32::try_from(arguments.len()).unwrap_or(u32::MAX);
        return (Vec::new(), quote!(#count));
    }
    let mut decided = Vec::new();
    let mut each = TokenStream::new();
    for (number, argument) in arguments.iter().enumerate() {
        let (conditions, ident) = (&argument.forwarded.conditions, &argument.ident);
        let is_sent = match &argument.skip {
            Some(skip) => {
                let sent = sent(number);
                decided.push(quote!(#(#conditions)* let #sent = !#skip(&#ident);));
                quote!(#sent)
            }
            None => quote!(true),
        };
        each.extend(quote!(#(#conditions)* #is_sent,));
    }
    (decided, quote!(#private::count([#each])))
}

fn encoded(plan: &Plan<'_>, method: &Method, number: usize, argument: &Argument) -> TokenStream {
    let wire = wire::of(plan, method, number, argument);
    let conditions = &argument.forwarded.conditions;
    let encode = wire::encode(plan, &wire, argument);
    if argument.skip.is_some() {
        let sent = sent(number);
        quote!(#(#conditions)* { if #sent { #encode } })
    } else {
        quote!(#(#conditions)* #encode)
    }
}

/// The type and the making of a call of a method with this output.
pub(super) fn call(
    plan: &Plan<'_>,
    output: &Output,
    passed: &TokenStream,
) -> (TokenStream, TokenStream) {
    let private = &plan.private;
    match output {
        Output::Plain(ty) => (
            quote!(#private::Call<#ty, #private::RpcError>),
            quote!(<#ty as #private::WireType>::call(#passed)),
        ),
        Output::Result(ty) => {
            let result = result(private, ty);
            (result_call(private, ty), quote!((#result.call)(#passed)))
        }
        Output::Oneway => (
            quote!(#private::Call<(), #private::RpcError>),
            quote!(#private::Binding::call_oneway(#passed)),
        ),
    }
}

fn result_call(private: &TokenStream, ty: &Type) -> TokenStream {
    if let Some((ok, error)) = types::result_parts(ty) {
        return quote!(#private::Call<#ok, #private::CallError<#error>>);
    }
    let (start, end) = ends(ty);
    let private = at(start, private);
    let call = quote_spanned!(start=> #private::ResultCall<#ty);
    quote_spanned!(end=> #call>)
}

fn key(plan: &Plan<'_>, method: &Method) -> Option<TokenStream> {
    let private = &plan.private;
    let key = method.key.as_ref()?;
    let argument = method.arguments.iter().find(|it| it.ident == *key)?;
    let (ident, ty) = (&argument.ident, &argument.ty);
    Some(quote!(<#ty as #private::RoutingKey>::routing_key(&#ident)))
}
