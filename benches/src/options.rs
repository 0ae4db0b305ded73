//! What a user says on the command line: `--name value`, and `--quick`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::measure::Outcome;

/// Options that a benchmark takes one by one; what is left at the end is not understood.
#[derive(Debug)]
pub(crate) struct Options {
    named: Vec<(String, String)>,
    quick: bool,
    json: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let mut options = Self {
            named: Vec::new(),
            quick: false,
            json: None,
        };
        let mut words = words.iter();
        while let Some(&name) = words.next() {
            if name == "--quick" {
                options.quick = true;
                continue;
            }
            if !name.starts_with("--") {
                return Err(format!("`{name}` isn't understood").into());
            }
            let &value = words.next().ok_or(format!("{name} needs a value"))?;
            match name {
                "--json" => options.json = Some(value.into()),
                _ => options.named.push((name.to_owned(), value.to_owned())),
            }
        }
        Ok(options)
    }

    /// Takes what was given by this name, else the default: the second one with `--quick`.
    pub(crate) fn take<T>(&mut self, name: &str, usual: T, quick: T) -> Outcome<T>
    where
        T: FromStr<Err: fmt::Display>,
    {
        match self.value(name) {
            None if self.quick => Ok(quick),
            None => Ok(usual),
            Some(value) => parse(name, &value),
        }
    }

    /// The same for a list with commas; an empty one is refused.
    pub(crate) fn list<T>(&mut self, name: &str, usual: &[T], quick: &[T]) -> Outcome<Vec<T>>
    where
        T: FromStr<Err: fmt::Display> + Clone,
    {
        match self.value(name) {
            None if self.quick => Ok(quick.to_vec()),
            None => Ok(usual.to_vec()),
            Some(list) => list.split(',').map(|value| parse(name, value)).collect(),
        }
    }

    /// Refuses what nobody took; returns where the results are to be written.
    pub(crate) fn finish(self) -> Outcome<Option<PathBuf>> {
        match self.named.first() {
            Some((name, _)) => Err(format!("{name} isn't understood here").into()),
            None => Ok(self.json),
        }
    }

    fn value(&mut self, name: &str) -> Option<String> {
        let at = self.named.iter().position(|(known, _)| known == name)?;
        Some(self.named.remove(at).1)
    }
}

fn parse<T: FromStr<Err: fmt::Display>>(name: &str, value: &str) -> Outcome<T> {
    value
        .parse()
        .map_err(|error| format!("{name} {value}: {error}").into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_goes_before_either_default() {
        for words in [
            &["--rounds", "3"][..],
            &["--quick", "--rounds", "3"],
            &["--rounds", "3", "--quick"],
        ] {
            let mut options = Options::parse(words).unwrap();
            assert_eq!(options.take("--rounds", 15, 1).unwrap(), 3);
            assert_eq!(options.finish().unwrap(), None);
        }
        let mut usual = Options::parse(&[]).unwrap();
        assert_eq!(usual.list("--rates", &[1, 2], &[3]).unwrap(), [1, 2]);
        let mut quick = Options::parse(&["--quick"]).unwrap();
        assert_eq!(quick.list("--rates", &[1, 2], &[3]).unwrap(), [3]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(Options::parse(&["rounds"]).is_err());
        assert!(Options::parse(&["--rounds"]).is_err());
        let unknown = Options::parse(&["--runs", "3"]).unwrap();
        assert!(unknown.finish().is_err());
        let mut no_number = Options::parse(&["--rates", "1,,2"]).unwrap();
        assert!(no_number.list("--rates", &[1], &[1]).is_err());
    }
}
