//! Settings of rules: each rule declares its own as data, so that what people write in `cofferdam.yaml` is checked where it
//! is read, and the rule gets a value of the right type.

use cofferdam_model::units;
use std::fmt;
use std::time::Duration;

/// A setting of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Its name below the rule's id (`snake_case`).
    pub name: &'static str,
    /// The value without it, which also says of which type it is.
    pub default: Value,
    /// What it decides, as a sentence.
    pub sentence: &'static str,
}

/// The value of a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A part of a whole, above 0 and below 1: `0.1` or `10%`.
    Share(f64),
    /// How many, from 0.
    Count(u32),
    /// A span of time; a bare number is seconds.
    Duration(Duration),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Share(share) => write!(f, "{share}"),
            Value::Count(count) => write!(f, "{count}"),
            Value::Duration(duration) => write!(f, "{}s", duration.as_secs_f64()),
        }
    }
}

impl Value {
    /// What may be written for a value of this type, in words.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Value::Share(_) => "a share above 0 and below 1 (`0.1` or `10%`)",
            Value::Count(_) => "a whole number from 0",
            Value::Duration(_) => "a duration (`30s`, `5m`; a bare number is seconds)",
        }
    }

    /// The value as a number: a share of 1, a count, seconds.
    #[must_use]
    pub fn number(self) -> f64 {
        match self {
            Value::Share(share) => share,
            Value::Count(count) => f64::from(count),
            Value::Duration(duration) => duration.as_secs_f64(),
        }
    }

    /// Reads a value of the same type.
    fn read(self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self {
            Value::Share(_) => {
                let (number, whole) = match text.strip_suffix('%') {
                    Some(percent) => (percent.trim_end(), 100.0),
                    None => (text, 1.0),
                };
                let share = number.parse::<f64>().ok()? / whole;
                (share > 0.0 && share < 1.0).then_some(Value::Share(share))
            }
            Value::Count(_) => text.parse().ok().map(Value::Count),
            Value::Duration(_) => units::seconds(text).map(Value::Duration),
        }
    }
}

impl Setting {
    /// Reads what people wrote.
    ///
    /// # Errors
    /// The text is no value of this type; the message names what may be written.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        let value = self.default.read(text);
        value.ok_or_else(|| format!("`{}` must be {}", self.name, self.default.expected()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_type_of_its_setting() {
        let (share, count) = (Value::Share(0.5), Value::Count(1));
        let duration = Value::Duration(Duration::ZERO);
        for (default, text, wanted) in [
            (share, "0.1", Some(Value::Share(0.1))),
            (share, "10 %", Some(Value::Share(0.1))),
            (share, "1", None),
            (share, "0", None),
            (share, "NaN", None),
            (share, "ten", None),
            (count, "3", Some(Value::Count(3))),
            (count, "-3", None),
            (count, "3.5", None),
            (duration, "90", Some(Value::Duration(Duration::from_secs(90)))),
            (duration, "5m", Some(Value::Duration(Duration::from_secs(300)))),
            (duration, "soon", None),
        ] {
            let limit = Setting {
                name: "limit",
                default,
                sentence: "A limit.",
            };
            assert_eq!(limit.read(text).ok(), wanted, "{text}");
            if let Some(wanted) = wanted {
                assert_eq!(limit.read(&wanted.to_string()), Ok(wanted), "as it is printed");
            }
        }
        assert_eq!((share.number(), count.number()), (0.5, 1.0));
    }
}
