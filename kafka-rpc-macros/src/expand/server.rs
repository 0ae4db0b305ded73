//! The server: decodes arguments, runs the user's method, encodes what it returned.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;

use super::{Plan, attributes, ends, local, member, result, wire};
use crate::model::{Method, Output};

/// The server's type.
pub(super) fn item(plan: &Plan<'_>) -> TokenStream {
    let Plan {
        private,
        server,
        service,
        allowed,
        ..
    } = plan;
    let vis = &service.item.vis;
    let kept = attributes(&service.item.attrs, &["deprecated"]);
    let doc = format!(
        " Serves an implementation of [`{}`]; given to a `Server`.",
        service.item.ident
    );
    quote! {
        #(#allowed)*
        #(#kept)*
        #[doc = #doc]
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
    let [bytes, index, running, f] = ["bytes", "index", "service", "f"].map(local);
    let arms = plan.numbered().map(|(number, it)| arm(plan, &number, it));
    quote! {
        impl<S> #server<S> {
            /// Serves this implementation.
            #vis fn new(#running: S) -> Self {
                Self { service: #private::Arc::new(#running) }
            }
        }

        #[automatically_derived]
        impl<S> ::core::fmt::Debug for #server<S> {
            fn fmt(&self, #f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #f.debug_struct(#name).finish_non_exhaustive()
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

fn arm(plan: &Plan<'_>, number: &Ident, method: &Method) -> TokenStream {
    let private = &plan.private;
    let item = &plan.service.item.ident;
    let ident = &method.item.sig.ident;
    let (conditions, allowed) = (&method.forwarded.conditions, &method.forwarded.allowed);
    let [index, running, answer] = ["index", "service", "answer"].map(local);
    let decoded = decoded(plan, method);
    let passed = method.arguments.iter().enumerate().map(|(number, it)| {
        let conditions = &it.forwarded.conditions;
        let argument = argument(number);
        quote!(#(#conditions)* #argument)
    });
    let encoded = match &method.output {
        Output::Plain(ty) => quote!(<#ty as #private::WireType>::answer(&#answer)),
        Output::Result(ty) => {
            let result = result(private, ty);
            let as_result = member(private, ty, "ResultType", "as_result");
            let (_, end) = ends(ty);
            let answered = quote_spanned!(end=> #as_result(&#answer));
            quote!((#result.answer)(#answered))
        }
        Output::Oneway => quote!(<() as #private::WireType>::answer(&#answer)),
    };
    quote! {
        #(#conditions)*
        #(#allowed)*
        #index if #index == __Method::#number as usize => {
            #decoded
            let #answer = <__S as #item>::#ident(&#running, #(#passed),*).await;
            #encoded
        }
    }
}

fn argument(number: usize) -> Ident {
    local(&format!("argument_{number}"))
}

/// Finds the arguments, and decodes each into a local of its own.
fn decoded(plan: &Plan<'_>, method: &Method) -> TokenStream {
    let private = &plan.private;
    let bytes = local("bytes");
    let arguments = || method.arguments.iter().enumerate();
    let names: Vec<_> = arguments()
        .map(|(_, it)| {
            let (conditions, name) = (&it.forwarded.conditions, &it.name);
            quote!(#(#conditions)* #name)
        })
        .collect();
    let certain = arguments().all(|(_, it)| it.forwarded.conditions.is_empty());
    if certain {
        let locals: Vec<_> = arguments().map(|(number, _)| argument(number)).collect();
        let decoded = arguments().zip(&locals).map(|((number, it), slot)| {
            let wire = wire::of(plan, method, number, it);
            wire::decode(plan, &wire, it, &quote!(#slot))
        });
        let decode = local("decode");
        let types = method.arguments.iter().map(|it| &it.ty);
        // Apart, since what stands in the future of all methods is checked at a cost that grows
        // faster than its length.
        return quote! {
            fn #decode(
                #bytes: &[u8],
            ) -> ::core::result::Result<(#(#types,)*), #private::Failure> {
                let [#(#locals),*] = #private::arguments(#bytes, [#(#names),*])?;
                ::core::result::Result::Ok((#(#decoded,)*))
            }
            let (#(#locals,)*) = #decode(&#bytes)?;
        };
    }
    let slots = local("slots");
    let decoded = arguments().map(|(number, it)| {
        let conditions = &it.forwarded.conditions;
        let local = argument(number);
        let wire = wire::of(plan, method, number, it);
        let slot = quote! {
            ::core::option::Option::flatten(::core::iter::Iterator::next(&mut #slots))
        };
        let decoded = wire::decode(plan, &wire, it, &slot);
        quote!(#(#conditions)* let #local = #decoded;)
    });
    quote! {
        let mut #slots = ::core::iter::IntoIterator::into_iter(
            #private::arguments(&#bytes, [#(#names),*])?
        );
        #(#decoded)*
    }
}
