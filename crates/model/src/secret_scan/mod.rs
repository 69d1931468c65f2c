//! Distinguishes secrets in files from names, paths, references and placeholders that only look like secrets.
//! It reports the reason and never the value. One danger is a secret that is missed, the other a report with
//! so many false alarms that nobody reads it. Therefore a name that suggests a secret is not enough, and
//! neither is a random-looking text under another name.

mod addresses;
mod commands;
mod name_words;
mod names;
mod programs;
mod settings;
mod shapes;
mod stand_ins;

use crate::secrets::{SecretKind, SecretLiteral};
use cofferdam_syntax::Span;
use names::{is_key, last_word, named};
use shapes::by_shape;
use stand_ins::{is_instruction, is_name_of_secret, is_placeholder, is_reference};
use std::hash::{DefaultHasher, Hash, Hasher};

pub(crate) use commands::PARAMETER;
pub use commands::{Argument, Command, in_command};
pub use names::{kind_of_name, kind_of_reference, may_be_secret};
pub(crate) use names::{suggested, words};
pub use settings::in_secret;
pub(crate) use shapes::{decoded, is_token, prefixes, webhook_key};
pub(crate) use stand_ins::{REFERENCES, names_something};
pub use stand_ins::{is_placeholder_or_reference, is_to_be_replaced, names_itself};

/// Passwords that every attacker tries first.
const FIRST_GUESSES: &[&str] = &[
    "changeme",
    "change-me",
    "change_me",
    "password",
    "passw0rd",
    "admin",
    "secret",
    "postgres",
    "mysql",
    "redis",
    "minioadmin",
    "rabbitmq",
    "local",
    "localdev",
    "devpassword",
    "password123",
    "secret123",
    "root",
    "test",
    "guest",
    "default",
    "123456",
    "12345678",
    "letmein",
    "qwerty",
];

/// Whether the literal `value` under `name` is a secret: what it opens, and the reason.
pub fn classify(name: &str, value: &str) -> Option<(SecretKind, String)> {
    let value = value.trim();
    if is_reference(value) {
        return None;
    }
    if let Some(found) = by_shape(value) {
        // The id of an access key is its name, and opens nothing without the key.
        let only_id = found.0 == SecretKind::Token && value.starts_with(['A']) && last_word(name) == "id";
        return (!only_id).then_some(found);
    }
    let (kind, plain) = match named(name) {
        Some(found) => found,
        None if is_key(name) && is_key_material(value) => (SecretKind::Token, false),
        None => return None,
    };
    if is_placeholder(value) || !is_one_word(value) || is_instruction(value) {
        return None;
    }
    let length = value.chars().count();
    if plain {
        let evidence = if is_first_guess(value) {
            "one of the first passwords that attackers try".to_owned()
        } else if length < 4 || names_something(value) || is_name_of_secret(value) {
            return None;
        } else {
            // The length of a secret is never told: it helps whoever guesses.
            String::new()
        };
        return Some((kind, evidence));
    }
    let least = if kind == SecretKind::Password { 8 } else { 12 };
    let random = is_random(value, least) && !is_name_of_secret(value);
    random.then(|| (kind, "looks like a random key".to_owned()))
}

/// Whether a password, alone or inside an address, is one that every attacker tries first. In a file that
/// only sets up a developer's own machine, such a password protects nothing and is not a secret.
pub fn is_first_guess(value: &str) -> bool {
    let value = value.trim();
    let password = addresses::password(value).unwrap_or(value);
    FIRST_GUESSES.iter().any(|g| password.eq_ignore_ascii_case(g))
}

/// The secret found by [`classify`] in the value at `span`.
pub fn literal(name: &str, value: &str, span: Span, (kind, evidence): (SecretKind, String)) -> SecretLiteral {
    SecretLiteral {
        name: name.to_owned(),
        span,
        kind,
        evidence,
        fingerprint: fingerprint(value),
        // A request to write the secret here, where nobody did.
        doubtful: is_to_be_replaced(value),
    }
}

/// Whether a word is that of a user under the name of the public half of a pair of keys: `accesskey: minio`.
pub fn is_user_of_store(name: &str, value: &str) -> bool {
    names::is_access_key(name) && !is_random(value.trim(), 16)
}

/// A word under a name that suggests a secret and is too plain for [`classify`]: what it may open, and the
/// reason. It may be a secret that is easy to guess, or not a secret.
pub fn by_name_alone(name: &str, value: &str) -> Option<(SecretKind, String)> {
    let value = value.trim();
    let kind = kind_of_name(name)?;
    let number = value.bytes().all(|b| b.is_ascii_digit());
    let length = value.chars().count();
    if length < 3
        || number
        || is_reference(value)
        || is_placeholder(value)
        || is_instruction(value)
        || is_name_of_secret(value)
        || is_user_of_store(name, value)
        || !is_one_word(value)
        || names_something(value)
    {
        return None;
    }
    Some((kind, "only the name suggests a secret".to_owned()))
}

/// A number that is the same for equal values and reveals nothing else about them in a report.
pub fn fingerprint(value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    ("cofferdam secret", value.trim()).hash(&mut hasher);
    hasher.finish()
}

/// Whether a text is as long and as mixed as machine-made keys, and not a UUID, which is usually a name.
fn is_key_material(value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.bytes().any(|b| test(&b));
    let hex = value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    value.len() >= 24
        && !hex
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && entropy(value) >= 3.5
        && is_one_word(value)
        && !names_something(value)
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'))
}

/// Whether a text of at least `least` characters is random: its characters differ and are mixed, and it is not
/// made of words.
fn is_random(value: &str, least: usize) -> bool {
    let bits = if least < 12 { 2.5 } else { 3.0 };
    value.chars().count() >= least
        && is_mixed(value)
        && entropy(value) >= bits
        && !names_something(value)
        && !stand_ins::is_camel_case(value)
}

/// Whether letters of both cases, or letters and digits, are mixed.
fn is_mixed(value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.bytes().any(|b| test(&b));
    has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit)
        || has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
}

fn is_one_word(value: &str) -> bool {
    !value.is_empty() && !value.contains(char::is_whitespace) && !value.contains("://")
}

/// Shannon's entropy of the characters in bits each: Σ −p·log2 p over the share p of each character.
pub fn entropy(value: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for c in value.chars() {
        *counts.entry(c).or_insert(0u32) += 1;
    }
    let total = f64::from(counts.values().sum::<u32>());
    let bits: f64 = counts
        .values()
        .map(|n| {
            let share = f64::from(*n) / total;
            -share * share.log2()
        })
        .sum();
    bits.max(0.0)
}

#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod tests;
