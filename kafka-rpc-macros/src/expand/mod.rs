//! Writes the code: the trait with `Send` futures, its client, and its server.

mod broken;
mod client;
#[cfg(test)]
mod robustness;
mod server;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod tests;
mod wire;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Expr, Ident, ReturnType, Signature, Stmt, Token, TraitItem, Type, TypeParamBound,
};

use crate::errors::Errors;
use crate::model::{Item, Method, Service};
use crate::{crate_path, forward, model, parse, types, validate};

/// Expands `#[service(attribute)] item`.
///
/// Whatever is wrong, the trait, its client and its server are still written as far as they were
/// understood, so that code which uses them shows no errors of its own.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(parsed) = parse::item(item.clone(), &mut errors) else {
        let errors = errors.to_compile_errors();
        let output = quote!(#errors #item);
        // Half an item would only bring errors of its own.
        let whole = syn::parse2::<syn::File>(output.clone()).is_ok();
        return if whole { output } else { errors };
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
    let encodings = wire::types(&plan);
    let errors = errors.to_compile_errors();
    let Plan {
        client: client_name,
        server: server_name,
        allowed,
        ..
    } = &plan;
    quote! {
        #errors
        #item
        #client
        #server
        #(#allowed)*
        const _: () = {
            #table
            #encodings
            #client_impls
            #server_impls

            // A half that isn't used, and so the trait, is no dead code.
            const _: ::core::option::Option<(#client_name, #server_name<()>)> =
                ::core::option::Option::None;
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
    /// Lints that generated code would meet only because of what the trait says.
    allowed: Vec<Attribute>,
}

impl<'a> Plan<'a> {
    fn new(service: &'a Service) -> Self {
        let path = crate_path::find(service.crate_path.as_ref());
        let version = format_ident!(
            "v{}",
            env!("CARGO_PKG_VERSION").replace(['.', '-', '+'], "_")
        );
        let sound = service.item.generics.params.is_empty();
        let ident = &service.item.ident;
        let mut allowed = forward::allowed(&service.item.attrs);
        let deprecated = attributes(&service.item.attrs, &["deprecated"]).next();
        if deprecated.is_some() || service.methods().any(|it| it.forwarded.deprecated) {
            allowed.push(syn::parse_quote!(#[allow(deprecated)]));
        }
        Self {
            private: quote!(#path::__private::#version),
            client: quiet(&format_ident!("{ident}Client")),
            server: quiet(&format_ident!("{ident}Server")),
            methods: service.methods().filter(|_| sound).collect(),
            sound,
            service,
            allowed,
        }
    }

    /// The methods, with the names of their indices.
    fn numbered(&self) -> impl Iterator<Item = (Ident, &'a Method)> {
        let methods = self.methods.iter().enumerate();
        methods.map(|(number, method)| (format_ident!("M{number}"), *method))
    }
}

/// A name for a local that no name of the user's can meet.
fn local(name: &str) -> Ident {
    Ident::new(&format!("__{name}"), Span::mixed_site())
}

/// The user's name for something that is generated: errors point at it, but lints, which are for
/// what the user wrote, keep away.
fn quiet(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(Span::call_site().located_at(ident.span()));
    ident
}

/// The trait's method is the user's, and the client's has as many arguments.
fn many_arguments(method: &Method) -> Option<TokenStream> {
    const MOST_FOR_CLIPPY: usize = 7;
    let many = method.item.sig.inputs.len() > MOST_FOR_CLIPPY;
    many.then(|| quote!(#[allow(clippy::too_many_arguments)]))
}

/// A member that a trait of ours gives this type.
///
/// All of it begins and ends where the user's type does: there, and not at the attribute, the
/// compiler then says what the type lacks, and says it once for all that is asked of the type.
fn member(private: &TokenStream, ty: &impl ToTokens, of: &str, name: &str) -> TokenStream {
    let (start, end) = ends(ty);
    let private = at(start, private);
    let of = Ident::new(of, start);
    let name = Ident::new(name, end);
    let asked = quote_spanned!(start=> <#ty as #private::#of);
    quote_spanned!(end=> #asked>::#name)
}

/// Where tokens begin and end.
fn ends(tokens: &impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.to_token_stream().into_iter().map(|it| it.span());
    let start = spans.next().unwrap_or_else(Span::call_site);
    (start, spans.last().unwrap_or(start))
}

/// The tokens with this span.
fn at(span: Span, tokens: &TokenStream) -> TokenStream {
    let spanned = tokens.clone().into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    spanned.collect()
}

/// What a method does that returns this `Result`: of the types as they are written, or else as they
/// are asked of the `Result`.
fn result(private: &TokenStream, ty: &Type) -> TokenStream {
    let (ok, error) = match types::result_parts(ty) {
        Some((ok, error)) => (ok.to_token_stream(), error.to_token_stream()),
        None => (
            member(private, ty, "ResultType", "Ok"),
            member(private, ty, "ResultType", "Err"),
        ),
    };
    let or = member(private, &ok, "WireType", "or");
    let (_, end) = ends(&error);
    let asked = quote_spanned!(end=> #or::<#error);
    quote_spanned!(end=> #asked>())
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

/// The table of methods, and their indices in it, which follow the conditions.
fn table(plan: &Plan<'_>) -> TokenStream {
    let private = &plan.private;
    let service = plan.service;
    let mut indices = TokenStream::new();
    let mut rows = TokenStream::new();
    for (index, method) in plan.numbered() {
        let name = &method.name;
        let conditions = &method.forwarded.conditions;
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
        indices.extend(quote!(#(#conditions)* #index,));
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
            Item::Method(method) => declaration(method),
            Item::Broken(method) => broken::declaration(service, method),
            Item::Foreign(item) => item.clone(),
        })
        .collect();
    item.modifiers.auto_token = None;
    item.generics.where_clause = None;
    item.supertraits = item
        .supertraits
        .into_iter()
        .filter(|bound| {
            !matches!(bound, TypeParamBound::Lifetime(it) if !types::needs_no_declaration(it))
        })
        .collect();
    item.into_token_stream()
}

fn declaration(method: &Method) -> TraitItem {
    let mut item = method.item.clone();
    promise(&mut item.sig, &quote!(+ ::core::marker::Send));
    if let Some(body) = &mut item.default {
        // A future that borrows `self` can be sent if `self` can be shared.
        let clause = item.sig.generics.make_where_clause();
        clause
            .predicates
            .push(syn::parse_quote!(Self: ::core::marker::Sync));
        let future = quote_spanned!(body.brace_token.span.join()=> async move #body);
        body.stmts = vec![Stmt::Expr(Expr::Verbatim(future), None)];
    }
    if let Some(allow) = many_arguments(method) {
        item.attrs.push(syn::parse_quote!(#allow));
    }
    TraitItem::Fn(item)
}

/// `async fn` promises nothing about its future; this promises `Send`, and is still implemented by
/// a plain `async fn`.
fn promise(signature: &mut Signature, bounds: &TokenStream) {
    signature.asyncness = None;
    let (arrow, output) = match &signature.output {
        ReturnType::Default => {
            let span = signature.ident.span();
            (Token![->](span), quote_spanned!(span=> ()))
        }
        ReturnType::Type(arrow, ty) => (*arrow, quote!(#ty)),
    };
    let bounds = at(output.span(), bounds);
    let promised = quote_spanned! {output.span()=>
        impl ::core::future::Future<Output = #output> #bounds
    };
    signature.output = ReturnType::Type(arrow, Box::new(Type::Verbatim(promised)));
}
