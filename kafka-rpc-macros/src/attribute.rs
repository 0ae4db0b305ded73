//! The settings of `#[service(...)]`, `#[rpc(...)]` and an argument's `#[serde(...)]`, read by
//! tables of what each may hold.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::{Ident, LitInt, LitStr, Path};

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

/// Every key that an attribute knows, with what may follow it, and an example of that.
pub(crate) type Table = &'static [(&'static str, Kind, &'static str)];

pub(crate) const SERVICE: Table = &[
    ("name", Kind::Text, "\"billing\""),
    ("version", Kind::Number, "1"),
    ("commands", Kind::Text, "\"billing.in\""),
    ("results", Kind::Text, "\"billing.out\""),
    ("compact", Kind::Flag, ""),
    ("crate", Kind::Text, "\"path::to::kafka_rpc\""),
];

pub(crate) const METHOD: Table = &[
    ("timeout", Kind::Text, "\"250ms\""),
    ("key", Kind::Word, "argument"),
    ("oneway", Kind::Flag, ""),
    ("idempotent", Kind::Flag, ""),
    ("name", Kind::Text, "\"add\""),
    ("result", Kind::Flag, ""),
    ("plain", Kind::Flag, ""),
];

pub(crate) const ARGUMENT: Table = &[
    ("default", Kind::FlagOrText, "\"function\""),
    ("rename", Kind::Text, "\"type\""),
    ("with", Kind::Text, "\"module\""),
    ("serialize_with", Kind::Text, "\"function\""),
    ("deserialize_with", Kind::Text, "\"function\""),
    ("skip_serializing_if", Kind::Text, "\"function\""),
];

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
        let mut one = TokenStream::new();
        for token in tokens {
            if matches!(&token, TokenTree::Punct(comma) if comma.as_char() == ',') {
                if one.is_empty() {
                    errors.at(&token, "there is no setting before this comma");
                }
                self.add(std::mem::take(&mut one), table, errors);
            } else {
                one.extend([token]);
            }
        }
        self.add(one, table, errors);
    }

    fn add(&mut self, tokens: TokenStream, table: Table, errors: &mut Errors) {
        if tokens.is_empty() {
            return;
        }
        let setting = setting(tokens, table, errors);
        let setting = setting.and_then(|it| check(it, table, &self.0, errors));
        self.0.extend(setting);
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

/// One setting, without its comma.
fn setting(tokens: TokenStream, table: Table, errors: &mut Errors) -> Option<Setting> {
    let mut rest = tokens.clone().into_iter();
    let key = match rest.next() {
        Some(TokenTree::Ident(key)) => key,
        _ => {
            errors.at(
                tokens,
                format!("a setting begins with its key: {}", keys(table)),
            );
            return None;
        }
    };
    let key = key.unraw();
    let value = match rest.next() {
        None => None,
        Some(TokenTree::Punct(equals)) if equals.as_char() == '=' => {
            let tokens: Vec<_> = rest.collect();
            if let [
                TokenTree::Literal(_) | TokenTree::Ident(_),
                TokenTree::Ident(next),
                ..,
            ] = tokens.as_slice()
            {
                errors.at(next, format!("there is a comma missing before `{next}`"));
                return None;
            }
            (!tokens.is_empty()).then(|| value(tokens.into_iter().collect()))
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
            Some(Value::Other(group.into_token_stream()))
        }
        Some(other) => {
            errors.at(
                other,
                format!("there is a comma or a `=` missing after `{key}`"),
            );
            return None;
        }
    };
    Some(Setting { key, value })
}

fn value(tokens: TokenStream) -> Value {
    if let Ok(text) = syn::parse2(tokens.clone()) {
        return Value::Text(text);
    }
    if let Ok(number) = syn::parse2::<LitInt>(tokens.clone())
        && number.suffix().is_empty()
    {
        return Value::Number(number);
    }
    if let Ok(word) = syn::parse::Parser::parse2(Ident::parse_any, tokens.clone())
        && word != "true"
        && word != "false"
    {
        return Value::Word(word);
    }
    Value::Other(tokens)
}

/// The setting, if the table knows it, it is the first of its key, and its value is of the kind.
fn check(
    setting: Setting,
    table: Table,
    earlier: &[Setting],
    errors: &mut Errors,
) -> Option<Setting> {
    let name = setting.key.to_string();
    let Some((_, kind, example)) = table.iter().find(|(key, ..)| *key == name) else {
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
            format!("`{name}` needs a value: `{name} = {example}`"),
        ),
        (Kind::Flag, Some(value)) => {
            errors.at(
                value,
                format!("`{name}` takes no value: write just `{name}`"),
            );
        }
        (_, Some(value)) => errors.at(
            value,
            format!("wrong kind of value: write for instance `{name} = {example}`"),
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

fn keys(table: Table) -> String {
    let keys: Vec<_> = table.iter().map(|(key, ..)| format!("`{key}`")).collect();
    keys.join(", ")
}

fn unknown(name: &str, table: Table) -> String {
    let expected = keys(table);
    let nearest = table
        .iter()
        .map(|(key, ..)| (distance(name, key), key))
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
