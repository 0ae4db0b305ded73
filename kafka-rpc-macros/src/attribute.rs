//! The settings of `#[service(...)]`, `#[rpc(...)]` and an argument's `#[serde(...)]`, read by
//! tables of what each may hold.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Ident, Lit, LitInt, LitStr, Path, Token};

use crate::errors::Errors;

/// What may stand after a key.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Nothing.
    Flag,
    /// `= "text"`.
    Text,
    /// `= 1`.
    Number,
    /// `= argument`.
    Word,
    /// Nothing, or `= "text"`.
    FlagOrText,
}

impl Kind {
    const fn example(self) -> &'static str {
        match self {
            Self::Flag => "",
            Self::Text | Self::FlagOrText => " = \"...\"",
            Self::Number => " = 1",
            Self::Word => " = argument",
        }
    }
}

/// Every key that an attribute knows.
pub(crate) type Table = &'static [(&'static str, Kind)];

pub(crate) const SERVICE: Table = &[
    ("name", Kind::Text),
    ("version", Kind::Number),
    ("commands", Kind::Text),
    ("results", Kind::Text),
    ("crate", Kind::Text),
];

pub(crate) const METHOD: Table = &[
    ("timeout", Kind::Text),
    ("key", Kind::Word),
    ("oneway", Kind::Flag),
    ("idempotent", Kind::Flag),
    ("name", Kind::Text),
    ("result", Kind::Flag),
    ("plain", Kind::Flag),
];

pub(crate) const ARGUMENT: Table = &[("default", Kind::FlagOrText), ("rename", Kind::Text)];

enum Value {
    Text(LitStr),
    Number(LitInt),
    Word(Ident),
    Other(TokenStream),
}

struct Setting {
    key: Ident,
    value: Option<Value>,
}

/// The settings that were understood.
#[derive(Default)]
pub(crate) struct Settings(Vec<Setting>);

impl Settings {
    /// Reads more settings, and notes what is wrong with them.
    pub(crate) fn read(&mut self, tokens: TokenStream, table: Table, errors: &mut Errors) {
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let setting = setting(input)?;
                if let Some(setting) = check(setting, table, &self.0, errors) {
                    self.0.push(setting);
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        let parsed = parser.parse2(tokens);
        errors.take(parsed);
    }

    fn get(&self, key: &str) -> Option<&Setting> {
        self.0.iter().find(|setting| setting.key == key)
    }

    /// The key's place, if it is set.
    pub(crate) fn flag(&self, key: &str) -> Option<Span> {
        self.get(key).map(|setting| setting.key.span())
    }

    pub(crate) fn text(&self, key: &str) -> Option<&LitStr> {
        match self.get(key)?.value.as_ref()? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self, key: &str) -> Option<&LitInt> {
        match self.get(key)?.value.as_ref()? {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn word(&self, key: &str) -> Option<&Ident> {
        match self.get(key)?.value.as_ref()? {
            Value::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The text as a path.
    pub(crate) fn path(&self, key: &str, errors: &mut Errors) -> Option<Path> {
        let text = self.text(key)?;
        let parsed = text.parse_with(Path::parse_mod_style);
        if parsed.is_err() {
            errors.at(text, format!("`{}` is no path", text.value()));
        }
        parsed.ok()
    }
}

fn setting(input: ParseStream<'_>) -> syn::Result<Setting> {
    let key = input.call(Ident::parse_any)?;
    let value = if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        Some(value(input)?)
    } else if input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in input);
        Some(Value::Other(content.parse()?))
    } else {
        None
    };
    Ok(Setting { key, value })
}

fn value(input: ParseStream<'_>) -> syn::Result<Value> {
    if input.peek(Ident::peek_any) && !input.peek(syn::LitBool) {
        return input.call(Ident::parse_any).map(Value::Word);
    }
    let negative = input.parse::<Option<Token![-]>>()?;
    Ok(match (negative, input.parse()?) {
        (None, Lit::Str(text)) => Value::Text(text),
        (None, Lit::Int(number)) => Value::Number(number),
        (sign, other) => {
            let mut tokens = sign.into_token_stream();
            other.to_tokens(&mut tokens);
            Value::Other(tokens)
        }
    })
}

/// The setting, if the table knows it, it is the first of its key, and its value is of the kind.
fn check(
    setting: Setting,
    table: Table,
    earlier: &[Setting],
    errors: &mut Errors,
) -> Option<Setting> {
    let name = setting.key.to_string();
    let Some((_, kind)) = table.iter().find(|(key, _)| *key == name) else {
        errors.at(&setting.key, unknown(&name, table));
        return None;
    };
    if earlier.iter().any(|other| other.key == name) {
        errors.at(&setting.key, format!("`{name}` is set twice"));
        return None;
    }
    match (kind, &setting.value) {
        (Kind::Flag | Kind::FlagOrText, None)
        | (Kind::Text | Kind::FlagOrText, Some(Value::Text(_)))
        | (Kind::Number, Some(Value::Number(_)))
        | (Kind::Word, Some(Value::Word(_))) => return Some(setting),
        (_, None) => errors.at(
            &setting.key,
            format!("`{name}` needs a value: `{name}{}`", kind.example()),
        ),
        (Kind::Flag, Some(value)) => {
            errors.at(
                value,
                format!("`{name}` takes no value: write just `{name}`"),
            );
        }
        (_, Some(value)) => errors.at(
            value,
            format!("wrong kind of value: write `{name}{}`", kind.example()),
        ),
    }
    None
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Text(text) => text.to_tokens(tokens),
            Self::Number(number) => number.to_tokens(tokens),
            Self::Word(word) => word.to_tokens(tokens),
            Self::Other(other) => other.to_tokens(tokens),
        }
    }
}

fn unknown(name: &str, table: Table) -> String {
    let keys: Vec<_> = table.iter().map(|(key, _)| format!("`{key}`")).collect();
    let expected = keys.join(", ");
    let nearest = table
        .iter()
        .map(|(key, _)| (distance(name, key), key))
        .min()
        .filter(|(distance, key)| *distance <= 1 + key.len() / 4);
    match nearest {
        Some((_, key)) => {
            format!("unknown key `{name}`, did you mean `{key}`? expected one of {expected}")
        }
        None => format!("unknown key `{name}`, expected one of {expected}"),
    }
}

/// How many letters have to be added, removed or replaced.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let above = *cell;
            left = (diagonal + usize::from(a != b))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_pointed_out() {
        assert!(unknown("timout", METHOD).contains("did you mean `timeout`?"));
        assert!(unknown("onewya", METHOD).contains("did you mean `oneway`?"));
        assert!(!unknown("retries", METHOD).contains("did you mean"));
    }

    #[test]
    fn distances_count_single_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
