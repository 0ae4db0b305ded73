//! Writes the code: the trait with `Send` futures, its client, and its server.

mod client;
mod server;
#[cfg(test)]
mod tests;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, Ident, ReturnType, Signature, Token, TraitItem};

use crate::errors::Errors;
use crate::model::{Item, Method, Service};
use crate::{crate_path, model, parse, validate};

/// Expands `#[service(attribute)] item`.
///
/// Whatever is wrong, the trait, its client and its server are still written as far as they were
/// understood, so that code which uses them shows no errors of its own.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let parsed = match parse::item(item.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            let error = error.to_compile_error();
            return quote!(#error #item);
        }
    };
    let mut service = model::read(attribute, parsed, &mut errors);
    validate::check(&mut service, &mut errors);
    let plan = Plan::new(&service);
    let item = item_trait(&service);
    let client = client::item(&plan);
    let server = server::item(&plan);
    let client_impls = client::impls(&plan);
    let server_impls = server::impls(&plan);
    let table = table(&plan);
    let errors = errors.to_compile_errors();
    quote! {
        #errors
        #item
        #client
        #server
        #[allow(
            deprecated,
            non_camel_case_types,
            unused,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            clippy::nursery
        )]
        const _: () = {
            #table
            #client_impls
            #server_impls
        };
    }
}

/// What client and server are both written from.
struct Plan<'a> {
    service: &'a Service,
    /// `kafka_rpc::__private...`, by the name that the user's crate has for it.
    private: TokenStream,
    client: Ident,
    server: Ident,
    /// None where the trait itself can't be a service's.
    methods: Vec<&'a Method>,
    /// Whether the server can ask for an implementation of the trait.
    sound: bool,
}

impl<'a> Plan<'a> {
    fn new(service: &'a Service) -> Self {
        let path = crate_path::find(service.crate_path.as_ref());
        let version = format_ident!(
            "v{}",
            env!("CARGO_PKG_VERSION").replace(['.', '-', '+'], "_")
        );
        let sound =
            service.item.generics.params.is_empty() && service.item.generics.where_clause.is_none();
        let ident = &service.item.ident;
        Self {
            private: quote!(#path::__private::#version),
            client: format_ident!("{ident}Client"),
            server: format_ident!("{ident}Server"),
            methods: service.methods().filter(|_| sound).collect(),
            sound,
            service,
        }
    }
}

/// A name for a local that no name of the user's can meet.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The attributes with one of these names.
fn attributes<'a>(
    attributes: &'a [Attribute],
    names: &'a [&str],
) -> impl Iterator<Item = &'a Attribute> {
    attributes
        .iter()
        .filter(|attribute| names.iter().any(|name| attribute.path().is_ident(name)))
}

/// The conditions under which a method exists.
fn conditions(method: &Method) -> impl Iterator<Item = &Attribute> {
    attributes(&method.item.attrs, &["cfg"])
}

/// The table of methods, and their indices in it, which follow the conditions.
fn table(plan: &Plan<'_>) -> TokenStream {
    let private = &plan.private;
    let service = plan.service;
    let mut indices = TokenStream::new();
    let mut rows = TokenStream::new();
    for method in &plan.methods {
        let (ident, name) = (&method.item.sig.ident, &method.name);
        let conditions: Vec<_> = conditions(method).collect();
        let mut row = quote!(#private::Method::new(#name));
        if let Some(timeout) = method.timeout {
            let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            row.extend(quote!(.timeout(::core::time::Duration::from_millis(#millis))));
        }
        if matches!(method.output, model::Output::Oneway) {
            row.extend(quote!(.oneway()));
        }
        if method.idempotent {
            row.extend(quote!(.idempotent()));
        }
        indices.extend(quote!(#(#conditions)* #ident,));
        rows.extend(quote!(#(#conditions)* #row,));
    }
    let (name, version) = (&service.name, service.version);
    let [commands, results] = [&service.commands, &service.results].map(|topic| match topic {
        Some(topic) => quote!(::core::option::Option::Some(#topic)),
        None => quote!(::core::option::Option::None),
    });
    quote! {
        enum __Method { #indices }
        const __METHODS: &[#private::Method] = &[#rows];
        const __DESCRIPTOR: &#private::Descriptor =
            &#private::Descriptor::new(#name, #version, #commands, #results, __METHODS);
    }
}

fn item_trait(service: &Service) -> TokenStream {
    let mut item = service.item.clone();
    item.items = service
        .items
        .iter()
        .map(|item| match item {
            Item::Method(method) => {
                let mut item = method.item.clone();
                promise_send(&mut item.sig);
                TraitItem::Fn(item)
            }
            Item::Invalid(item) => tame(item.clone()),
        })
        .collect();
    item.unsafety = None;
    item.modifiers.auto_token = None;
    quote!(#[allow(dead_code, async_fn_in_trait)] #item)
}

/// An item with a mistake, without what the compiler would reject once more.
fn tame(mut item: TraitItem) -> TraitItem {
    if let TraitItem::Fn(method) = &mut item {
        method.sig.constness = None;
        method.sig.variadic = None;
        for input in &mut method.sig.inputs {
            if let syn::FnArg::Typed(typed) = input {
                typed.attrs.clear();
            }
        }
    }
    item
}

/// `async fn` promises nothing about its future; this promises `Send`, and is still implemented by
/// a plain `async fn`.
fn promise_send(signature: &mut Signature) {
    signature.asyncness = None;
    let (arrow, output) = match &signature.output {
        ReturnType::Default => (Token![->](signature.ident.span()), quote!(())),
        ReturnType::Type(arrow, ty) => (*arrow, quote!(#ty)),
    };
    let promised = quote_spanned! {output.span()=>
        impl ::core::future::Future<Output = #output> + ::core::marker::Send
    };
    signature.output = ReturnType::Type(arrow, Box::new(syn::Type::Verbatim(promised)));
}
