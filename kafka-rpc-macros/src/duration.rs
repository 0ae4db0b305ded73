//! Durations as people write them: `250ms`, `5s`, `2m`, `1h`.

use std::time::Duration;

/// A server reads a longer budget as this.
const MAX: Duration = Duration::from_secs(3600);

/// Reads a timeout; the error says how to write one.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let millis_per_unit = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ if text.starts_with('-') => return Err("a timeout cannot be negative".to_owned()),
        "" => {
            return Err(format!(
                "`{text}` has no unit: write for instance \"{text}ms\""
            ));
        }
        _ => {
            return Err(format!(
                "`{text}` is no duration: write a whole number and a unit, `ms`, `s`, `m` or `h`, for instance \"250ms\""
            ));
        }
    };
    if number.is_empty() {
        return Err(format!("`{text}` has no number before its unit"));
    }
    let duration = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(millis_per_unit))
        .map(Duration::from_millis)
        .filter(|duration| *duration <= MAX)
        .ok_or("the longest timeout is one hour")?;
    if duration.is_zero() {
        return Err("a timeout cannot be zero: no call could meet it".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_with_a_unit() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("5 s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3600)));
    }

    #[test]
    fn everything_else_is_refused_in_its_own_words() {
        for (text, part) in [
            ("", "no unit"),
            ("5", "\"5ms\""),
            ("ms", "no number"),
            ("0s", "zero"),
            ("-1s", "negative"),
            ("2h", "one hour"),
            ("99999999999999999999s", "one hour"),
            ("18446744073709551615h", "one hour"),
            ("1.5s", "no duration"),
            ("5 parsecs", "no duration"),
            ("١s", "no duration"),
        ] {
            let message = parse(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
