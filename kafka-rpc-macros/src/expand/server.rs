//! The server: decodes arguments, runs the user's method, encodes what it returned.

use proc_macro2::TokenStream;
use quote::quote;

use super::{Plan, attributes, conditions, local};
use crate::model::{Argument, Default, Method, Output};

/// The server's type.
pub(super) fn item(plan: &Plan<'_>) -> TokenStream {
    let Plan {
        private,
        server,
        service,
        ..
    } = plan;
    let vis = &service.item.vis;
    let conditions = attributes(&service.item.attrs, &["cfg"]);
    let doc = format!(
        "Serves an implementation of [`{}`]; given to a `Server`.",
        service.item.ident
    );
    quote! {
        #(#conditions)*
        #[doc = #doc]
        #[allow(dead_code)]
        #vis struct #server<S> {
            service: #private::Arc<S>,
        }
    }
}

pub(super) fn impls(plan: &Plan<'_>) -> TokenStream {
    let Plan {
        private,
        client,
        server,
        service,
        ..
    } = plan;
    let vis = &service.item.vis;
    let name = server.to_string();
    let bound = plan.sound.then(|| {
        let ident = &service.item.ident;
        quote!(#ident +)
    });
    let [bytes, index, running] = ["bytes", "index", "service"].map(local);
    let arms = plan.methods.iter().map(|it| arm(plan, it));
    quote! {
        impl<S> #server<S> {
            /// Serves this implementation.
            #vis fn new(service: S) -> Self {
                Self { service: #private::Arc::new(service) }
            }
        }

        #[automatically_derived]
        impl<S> ::core::fmt::Debug for #server<S> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#name).finish_non_exhaustive()
            }
        }

        // The parameter's name keeps clear of the user's types, which the arms name.
        #[automatically_derived]
        impl<__S: #bound ::core::marker::Send + ::core::marker::Sync + 'static> #private::Service
            for #server<__S>
        {
            fn descriptor(&self) -> &'static #private::Descriptor {
                __DESCRIPTOR
            }

            fn dispatch(&self, #index: usize, #bytes: #private::Bytes) -> #private::Dispatch {
                let #running = ::core::clone::Clone::clone(&self.service);
                #private::Box::pin(async move {
                    match #index {
                        #(#arms)*
                        _ => ::core::result::Result::Err(#private::Failure::Unimplemented),
                    }
                })
            }
        }

        #[automatically_derived]
        impl<__S: #bound ::core::marker::Send + ::core::marker::Sync + 'static>
            #private::ServiceServer for #server<__S>
        {
            type Client = #client;
        }
    }
}

fn arm(plan: &Plan<'_>, method: &Method) -> TokenStream {
    let private = &plan.private;
    let item = &plan.service.item.ident;
    let ident = &method.item.sig.ident;
    let conditions = conditions(method);
    let [bytes, index, running, answer] = ["bytes", "index", "service", "answer"].map(local);
    let names = method.arguments.iter().map(|it| &it.name);
    let locals: Vec<_> = (0..method.arguments.len())
        .map(|number| local(&format!("argument_{number}")))
        .collect();
    let decoded = method
        .arguments
        .iter()
        .zip(&locals)
        .map(|(it, slot)| decode(private, it, &quote!(#slot)));
    let encoded = match &method.output {
        Output::Plain(ty) => quote!(<#ty as #private::WireType>::answer(&#answer)),
        Output::Result(ty) => quote!(<#ty as #private::ResultType>::answer(&#answer)),
        Output::Oneway => quote!(<() as #private::WireType>::answer(&#answer)),
    };
    quote! {
        #(#conditions)*
        #index if #index == __Method::#ident as usize => {
            let [#(#locals),*] = #private::arguments(&#bytes, [#(#names),*])?;
            #(let #locals = #decoded?;)*
            let #answer = <__S as #item>::#ident(&#running, #(#locals),*).await;
            #encoded
        }
    }
}

fn decode(private: &TokenStream, argument: &Argument, slot: &TokenStream) -> TokenStream {
    let (ty, name) = (&argument.ty, &argument.name);
    let wire = quote!(<#ty as #private::WireType>);
    match &argument.default {
        None => quote!(#wire::decode(#slot, #name)),
        Some(Default::OfType) => quote! {
            #wire::decode_or(#slot, #name, <#ty as ::core::default::Default>::default)
        },
        Some(Default::Function(path)) => quote!(#wire::decode_or(#slot, #name, #path)),
    }
}
