//! What the macro writes for a few traits, so that a reviewer sees what a change of it does.
//!
//! `snapshots/` holds each trait, and beside it what becomes of it. `KAFKA_RPC_BLESS=1` writes the
//! latter anew.

use std::path::{Path, PathBuf};

use quote::ToTokens as _;
use syn::{Item, Meta};

use super::expand;

const TRAITS: [&str; 4] = ["bank", "calculator", "mistaken", "shop"];

/// What code that a person reviews does without.
const UNWANTED: [&str; 6] = [
    "unwrap",
    "expect(",
    "panic",
    "unreachable",
    "todo!",
    "unsafe",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/expand/snapshots")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The expansion of the trait in the file of this name, as rustfmt would write it.
fn expanded(name: &str) -> String {
    let source = read(&folder().join(format!("{name}.rs")));
    let file: syn::File = syn::parse_str(&source).expect("a snapshot's trait parses");
    let Some(Item::Trait(mut item)) = file.items.into_iter().next() else {
        panic!("{name}.rs holds no trait");
    };
    let at = item
        .attrs
        .iter()
        .position(|attribute| attribute.path().segments.len() == 2)
        .expect("it has our attribute");
    let attribute = match item.attrs.remove(at).meta {
        Meta::List(list) => list.tokens,
        _ => proc_macro2::TokenStream::new(),
    };
    let output = expand(attribute, item.into_token_stream());
    prettyplease::unparse(&syn::parse2(output).expect("the expansion parses"))
}

#[test]
fn the_macro_writes_what_is_committed() {
    let bless = std::env::var("KAFKA_RPC_BLESS").is_ok_and(|bless| bless == "1");
    for name in TRAITS {
        let path = folder().join(format!("{name}.expanded.rs"));
        let expanded = expanded(name);
        if bless {
            std::fs::write(&path, expanded).expect("the snapshot can be written");
            continue;
        }
        assert!(
            expanded == read(&path),
            "{name} expands to other code than committed:\n{expanded}\nIf that is meant, \
             KAFKA_RPC_BLESS=1 cargo test -p kafka-rpc-macros snapshots writes it anew."
        );
    }
}

#[test]
fn what_the_macro_writes_cannot_panic() {
    for name in TRAITS {
        let expanded = expanded(name);
        for word in UNWANTED {
            assert!(!expanded.contains(word), "{name}: {word}");
        }
        let indexed = expanded.match_indices('[').find(|(at, _)| {
            let before = expanded.get(..*at).unwrap_or_default();
            before.ends_with(|c: char| c.is_alphanumeric() || "_)]?".contains(c))
        });
        assert!(indexed.is_none(), "{name} indexes:\n{expanded}");
    }
}
