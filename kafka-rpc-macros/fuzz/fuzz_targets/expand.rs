//! `expand` on text of any kind: it never panics, what it writes parses, and it writes it again.
//!
//! A macro's crate exports nothing but macros, so its modules are taken in here.

#![no_main]

extern crate proc_macro;

#[path = "../../src/attribute.rs"]
mod attribute;
#[path = "../../src/crate_path.rs"]
mod crate_path;
#[path = "../../src/duration.rs"]
mod duration;
#[path = "../../src/errors.rs"]
mod errors;
#[path = "../../src/expand/mod.rs"]
mod expand;
#[path = "../../src/forward.rs"]
mod forward;
#[path = "../../src/model.rs"]
mod model;
#[path = "../../src/parse.rs"]
mod parse;
#[path = "../../src/signature.rs"]
mod signature;
#[path = "../../src/types.rs"]
mod types;
#[path = "../../src/validate.rs"]
mod validate;

use libfuzzer_sys::fuzz_target;

// The first line is the attribute's tokens, the rest is the item.
fuzz_target!(|text: &str| {
    let (attribute, item) = text.split_once('\n').unwrap_or(("", text));
    let (Ok(attribute), Ok(item)) = (attribute.parse(), item.parse()) else {
        return;
    };
    let (attribute, item): (proc_macro2::TokenStream, proc_macro2::TokenStream) = (attribute, item);
    let output = expand::expand(attribute.clone(), item.clone());
    let again = expand::expand(attribute, item);
    assert_eq!(output.to_string(), again.to_string());
    syn::parse2::<syn::File>(output).expect("what it writes parses");
});
