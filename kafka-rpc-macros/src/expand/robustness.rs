//! Whatever stands in a trait, `expand` never panics, what it writes parses, and it writes the same
//! each time.

use std::str::FromStr as _;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::expand;

const ATTRIBUTE: &str = r#"name = "shop", version = 2, commands = "in", results = "out""#;

const TRAIT: &str = r#"
    /// Sells.
    #[cfg(all())]
    pub(crate) trait Shop: Send + Sync + 'static {
        /// Orders.
        #[deprecated = "no"]
        #[rpc(timeout = "250ms", key = article, idempotent, name = "order.v2")]
        async fn order(&self, article: u64, #[serde(default)] gift: bool) -> Result<u64, Error>;
        #[rpc(oneway)]
        async fn r#note(&self, mut text: Vec<(String, [u8; 4])>);
        #[rpc(result)]
        async fn ask(&self, #[serde(rename = "type", default = "a::b")] kind: &'a dyn Any) -> A<u8>;
        #[rpc(plain)]
        async fn count(&self, f: impl Fn(u8) -> u8, (x, y): (u8, u8)) -> some::Result { 1 }
        const fn wrong<T: Clone>(self: Box<Self>, _: *const T, ...) where T: Copy;
        type Item<'a>: Iterator where Self: 'a;
        const LIMIT: usize = 5;
        generate! { one, two }
    }
"#;

/// What soup is made of, besides its groups.
const WORDS: &[&str] = &[
    "trait", "pub", "unsafe", "auto", "async", "fn", "const", "extern", "type", "where", "impl",
    "dyn", "for", "mut", "ref", "self", "Self", "crate", "super", "struct", "Result", "String",
    "u8", "T", "_", "r#type", "'a", "'static", ":", "::", ";", ",", "->", "=>", "=", "&", "&&",
    "<", ">", ">>", "*", "!", "?", "+", "-", ".", "..", "...", "@", "|", "#", "$", "1", "-1",
    "1.5", "\"1s\"", "\"\"", "b\"x\"", "'c'", "rpc", "serde", "cfg", "name", "timeout", "key",
    "oneway", "default",
];

/// Text that is made of tokens; groups are closed.
fn soup() -> impl Strategy<Value = String> {
    let word = select(WORDS).prop_map(str::to_owned);
    let tree = word.prop_recursive(4, 64, 8, |inner| {
        let brackets = select(&["()", "[]", "{}"][..]);
        (brackets, several(inner)).prop_map(|(pair, inner)| {
            let (open, close) = pair.split_at(1);
            format!("{open}{inner}{close}")
        })
    });
    several(tree)
}

fn several(part: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    vec(part, 0..12).prop_map(|parts| parts.join(" "))
}

/// Some text's beginning, with its open groups closed, as an editor sees it while it is typed.
fn typed_so_far(text: &str, characters: usize) -> String {
    let mut begun: String = text.chars().take(characters).collect();
    let mut open = Vec::new();
    for character in begun.chars() {
        match character {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' => drop(open.pop()),
            _ => {}
        }
    }
    begun.extend(open.into_iter().rev());
    begun
}

/// What happens to a token tree.
#[derive(Clone, Debug)]
enum Change {
    Remove,
    Repeat,
    Replace(String),
    Insert(String),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Remove),
        Just(Change::Repeat),
        soup().prop_map(Change::Replace),
        soup().prop_map(Change::Insert),
    ]
}

/// How many token trees there are, within groups too.
fn trees(tokens: TokenStream) -> usize {
    tokens.into_iter().fold(0, |count, tree| match tree {
        TokenTree::Group(group) => count + 1 + trees(group.stream()),
        _ => count + 1,
    })
}

/// Changes the token tree that `left` others come before.
fn changed(tokens: TokenStream, left: &mut Option<usize>, change: &Change) -> TokenStream {
    let mut output = TokenStream::new();
    for tree in tokens {
        let here = *left == Some(0);
        *left = left.and_then(|left| left.checked_sub(1));
        if here {
            let text = match change {
                Change::Remove => continue,
                Change::Repeat => tree.to_string(),
                Change::Insert(text) => text.clone(),
                Change::Replace(text) => {
                    output.extend(TokenStream::from_str(text).unwrap_or_default());
                    continue;
                }
            };
            output.extend(TokenStream::from_str(&text).unwrap_or_default());
        }
        output.extend([match tree {
            TokenTree::Group(group) if group.delimiter() != Delimiter::None => {
                let inner = changed(group.stream(), left, change);
                TokenTree::Group(Group::new(group.delimiter(), inner))
            }
            other => other,
        }]);
    }
    output
}

/// Text that isn't even tokens never reaches a macro.
fn check(attribute: &str, item: &str) {
    let (Ok(attribute), Ok(item)) = (attribute.parse(), item.parse()) else {
        return;
    };
    holds(attribute, item);
}

fn holds(attribute: TokenStream, item: TokenStream) {
    let output = expand(attribute.clone(), item.clone());
    let again = expand(attribute.clone(), item.clone());
    assert_eq!(output.to_string(), again.to_string());
    if let Err(error) = syn::parse2::<syn::File>(output.clone()) {
        panic!("{error}: #[service({attribute})] {item}\nexpands to\n{output}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn tokens_of_any_kind(attribute in soup(), item in soup()) {
        check(&attribute, &item);
    }

    #[test]
    fn any_body(attribute in soup(), body in soup()) {
        check(&attribute, &format!("trait Shop {{ {body} }}"));
    }

    #[test]
    fn any_signature(rpc in soup(), arguments in soup(), output in soup()) {
        let item = format!(
            "trait Shop {{ #[rpc({rpc})] async fn order(&self, {arguments}) {output}; }}"
        );
        check(ATTRIBUTE, &item);
    }

    #[test]
    fn a_trait_with_a_few_changes(changes in vec((any::<Index>(), change()), 1..6)) {
        let mut item: TokenStream = TRAIT.parse().expect("it is tokens");
        for (at, change) in changes {
            let trees = trees(item.clone()).max(1);
            item = changed(item, &mut Some(at.index(trees)), &change);
        }
        holds(ATTRIBUTE.parse().expect("it is tokens"), item);
    }
}

#[test]
fn a_trait_at_each_moment_of_its_typing() {
    for characters in 0..=TRAIT.chars().count() {
        check(ATTRIBUTE, &typed_so_far(TRAIT, characters));
    }
    for characters in 0..=ATTRIBUTE.len() {
        check(&typed_so_far(ATTRIBUTE, characters), TRAIT);
    }
}

#[test]
fn inputs_that_were_once_too_much() {
    for item in ["trait", "//! inner", "#![a] struct S;"] {
        check("", item);
    }
}

/// How often a method is written down grows with the number of methods, and with nothing else.
#[test]
fn expansion_is_linear() {
    let length = |methods: usize| {
        let methods: String = (1_000..1_000 + methods)
            .map(|n| format!("async fn method_{n}(&self, a: u32, b: String) -> Vec<u64>;"))
            .collect();
        let item = format!("trait Shop {{ {methods} }}").parse();
        let output = expand(TokenStream::new(), item.expect("it is tokens"));
        trees(output)
    };
    let (one, two, many) = (length(1), length(2), length(101));
    assert_eq!(many - one, (two - one) * 100);
}

/// It takes the macro's modules in one by one, and nothing else builds it.
#[test]
fn the_fuzz_target_has_every_module() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let modules = |path: &str| -> Vec<String> {
        let text = std::fs::read_to_string(format!("{folder}/{path}")).unwrap_or_default();
        let modules = text.lines().filter(|line| line.starts_with("mod "));
        modules.map(str::to_owned).collect()
    };
    assert_eq!(
        modules("src/lib.rs"),
        modules("fuzz/fuzz_targets/expand.rs")
    );
}
