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
