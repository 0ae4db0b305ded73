//! The mistakes of one trait, collected so that one compile shows all of them.

use std::fmt::Display;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Error;

#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    /// Notes a mistake at these tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// The value, or its error noted.
    pub(crate) fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0
            .as_ref()
            .map_or(0, |errors| errors.into_iter().count())
    }

    /// One `compile_error!` for each.
    pub(crate) fn to_compile_errors(&self) -> TokenStream {
        self.0
            .as_ref()
            .map(Error::to_compile_error)
            .unwrap_or_default()
    }
}

/// ` (line 3)`, where the compiler tells.
pub(crate) fn line(span: Span) -> String {
    if proc_macro::is_available() {
        format!(" (line {})", span.unwrap().line())
    } else {
        String::new()
    }
}

/// Tokens as people write them.
pub(crate) fn written(tokens: impl ToTokens) -> String {
    let mut text = String::new();
    write(tokens.to_token_stream(), &mut text);
    text
}

fn write(tokens: TokenStream, text: &mut String) {
    let mut wordy = false;
    let mut joint = String::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                if wordy && open.starts_with(['[', '{']) {
                    text.push(' ');
                }
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
                wordy = true;
                joint.clear();
            }
            TokenTree::Punct(punct) => {
                joint.push(punct.as_char());
                if punct.spacing() == proc_macro2::Spacing::Joint && punct.as_char() != '\'' {
                    continue;
                }
                match joint.as_str() {
                    "," | ";" | ":" => text.push_str(&format!("{joint} ")),
                    "->" | "=" | "+" | "=>" => text.push_str(&format!(" {joint} ")),
                    _ => text.push_str(&joint),
                }
                joint.clear();
                wordy = false;
            }
            word => {
                if wordy {
                    text.push(' ');
                }
                text.push_str(&word.to_string());
                wordy = true;
            }
        }
    }
    text.push_str(&joint);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_written_as_people_do() {
        for source in [
            "Vec<u8>",
            "HashMap<String, Vec<Option<u8>>>",
            "(&self, a: u8, b: &'static [u8; 4])",
            "std::result::Result<(), E>",
            "-> u8",
            "dyn Fn(u8) -> u8 + Send",
        ] {
            let tokens: TokenStream = source.parse().expect("tokens");
            assert_eq!(written(tokens).trim(), source);
        }
    }
}
