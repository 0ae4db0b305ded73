//! `expand` as a plain function on token streams.

use proc_macro2::TokenStream;

use super::expand;

/// The expansion of source text; it always parses.
#[track_caller]
fn expanded(source: &str) -> String {
    let item: TokenStream = source.parse().expect("the test's source is tokens");
    let output = expand(TokenStream::new(), item);
    syn::parse2::<syn::File>(output.clone()).expect("the output parses");
    output.to_string()
}

fn mistakes(source: &str) -> usize {
    expanded(source).matches("compile_error").count()
}

#[test]
fn all_mistakes_of_a_trait_are_reported_together() {
    let source = "trait T {
        fn a(&self);
        async fn b(&mut self);
        async fn c(&self, (x, y): (u8, u8));
    }";
    assert_eq!(mistakes(source), 3);
}

#[test]
fn a_broken_trait_still_has_its_client_and_server() {
    let output = expanded("trait T { async fn good(&self); async fn bad(&mut self); }");
    assert!(output.contains("struct TClient"));
    assert!(output.contains("struct TServer"));
    assert!(output.contains("fn good (& self ,) -> "));
    assert!(output.contains("fn bad (& mut self)"));
}

#[test]
fn every_wrong_receiver_is_told_from_a_shared_reference() {
    for receiver in [
        "self",
        "mut self",
        "&mut self",
        "&'a self",
        "self: Box<Self>",
        "self: Rc<Self>",
        "self: Arc<Self>",
        "self: Pin<&mut Self>",
    ] {
        let source = format!("trait T {{ async fn m({receiver}); }}");
        assert_eq!(mistakes(&source), 1, "{receiver}");
    }
    assert_eq!(mistakes("trait T { async fn m(&self); }"), 0);
}

#[test]
fn expansion_is_deterministic() {
    let source =
        "trait T { #[rpc(timeout = \"1s\", key = a)] async fn m(&self, a: String) -> u8; }";
    assert_eq!(expanded(source), expanded(source));
}

#[test]
fn methods_may_have_any_name() {
    for name in [
        "new", "clone", "call", "binding", "drop", "fmt", "r#type", "dispatch",
    ] {
        assert_eq!(
            mistakes(&format!("trait T {{ async fn {name}(&self); }}")),
            0
        );
    }
}

#[test]
fn half_typed_source_keeps_what_can_be_read() {
    for (source, kept) in [
        ("trait T { async fn he async fn good(&self); }", "fn good"),
        (
            "trait T { async fn good(&self) async fn other(&self); }",
            "fn good",
        ),
        ("trait T { async fn good(&self); async fn he }", "fn good"),
        (
            "trait T { async fn he( ; async fn good(&self); }",
            "fn good",
        ),
        (
            "trait T { #[rpc(timeout = )] async fn good(&self); }",
            "fn good",
        ),
        (
            "trait T { #[rpc async fn he(&self); async fn good(&self); }",
            "struct TClient",
        ),
        (
            "trait T: { async fn good(&self, a: ); async fn other(&self); }",
            "fn other",
        ),
        (
            "pub trait T where { async fn good(&self) -> ; }",
            "struct TClient",
        ),
        ("trait T {", "struct TClient"),
        ("trait T", "struct TClient"),
    ] {
        let Ok(item) = source.parse::<TokenStream>() else {
            continue;
        };
        let output = expand(TokenStream::new(), item);
        assert!(syn::parse2::<syn::File>(output.clone()).is_ok(), "{source}");
        let output = output.to_string();
        assert!(output.contains(kept), "{source}\n{output}");
        assert!(output.contains("compile_error"), "{source}");
    }
}

#[test]
fn nothing_that_is_written_can_panic() {
    let output = expanded(
        "trait T: Send {
            #[rpc(timeout = \"1s\", key = a)]
            async fn m(&self, a: String, #[serde(default, with = \"x\")] b: u8) -> Result<u8, E>;
            async fn n(&self, #[cfg(a)] a: [u8; 64], #[serde(default, skip_serializing_if = \"f\")] b: u8);
            #[rpc(oneway)]
            async fn o(&self) {}
            #[rpc(result)]
            async fn p(&self) -> Outcome;
        }",
    );
    for word in [
        "unwrap",
        "expect",
        "panic",
        "unreachable",
        "todo",
        "unsafe",
        "loop",
    ] {
        assert!(!output.contains(word), "{word}");
    }
}

#[test]
fn a_lint_is_allowed_only_where_the_trait_gives_a_reason() {
    assert!(!expanded("trait T { async fn m(&self); }").contains("allow"));
    let deprecated = expanded("trait T { #[deprecated] async fn m(&self); }");
    assert!(deprecated.contains("allow (deprecated)"));
    let many = expanded("trait T { async fn m(&self, a: A, b: B, c: C, d: D, e: E, f: F, g: G); }");
    assert!(many.contains("too_many_arguments"));
}

#[test]
fn attributes_go_where_the_documentation_says() {
    let output = expanded(
        "trait T {
            #[inline] #[tracing::instrument] #[rustfmt::skip] async fn declared(&self);
            #[cold] async fn provided(&self) {}
        }",
    );
    let (declared, rest) = output.split_once("struct TClient").expect("a client");
    assert!(declared.contains("# [rustfmt :: skip]") && declared.contains("# [cold]"));
    assert!(!declared.contains("inline") && !declared.contains("instrument"));
    assert!(rest.contains("# [inline]") && rest.contains("# [tracing :: instrument]"));
    assert!(!rest.contains("rustfmt") && !rest.contains("cold"));
}

#[test]
fn compact_arguments_have_no_names() {
    let item = || {
        quote::quote!(
            trait T {
                async fn m(&self, a: u8);
            }
        )
    };
    let named = expand(TokenStream::new(), item()).to_string();
    let compact = expand(quote::quote!(compact), item()).to_string();
    assert!(named.contains("Arguments :: named") && !named.contains("positional"));
    assert!(compact.contains("Arguments :: positional") && !compact.contains("named"));
}
