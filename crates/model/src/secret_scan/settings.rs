//! Secrets inside the texts of a Kubernetes Secret.

use super::name_words::ABOUT;
use super::names::last_word;
use super::shapes::{by_shape, sql_password};
use super::stand_ins::{is_instruction, is_placeholder, is_reference};
use super::{classify, entropy, is_one_word, is_placeholder_or_reference, names_something};
use crate::secrets::SecretKind;

/// A secret in a text of a Kubernetes Secret under a key that does not suggest one: most of them are hosts,
/// users and settings. It is recognised by its format, its randomness, or a name inside the text.
pub fn in_secret(key: &str, text: &str) -> Option<(SecretKind, String)> {
    if let Some(found) = classify(key, text) {
        return Some(found);
    }
    let text = text.trim();
    if text.contains(['\n', ':', '=', '{', '\'']) {
        let docker = key.to_ascii_lowercase().contains("dockerc");
        return in_settings(text, docker);
    }
    let last = last_word(key);
    let length = text.chars().count();
    let bits = entropy(text);
    let digit = text.bytes().any(|b| b.is_ascii_digit());
    let letter = text.bytes().any(|b| b.is_ascii_alphabetic());
    let host = text.contains('.')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b));
    let uuid = text.len() == 36 && text.bytes().filter(|b| *b == b'-').count() == 4;
    let random = length >= 16 && bits >= 3.5 && digit && letter;
    let plain = ABOUT.contains(&last.as_str())
        || host
        || uuid
        || is_reference(text)
        || is_placeholder(text)
        || is_instruction(text)
        || !is_one_word(text)
        || names_something(text);
    (random && !plain).then(|| {
        (
            SecretKind::Other,
            "looks like a random key, in a Secret".to_owned(),
        )
    })
}

/// Lines of settings that are searched for a secret.
const MAX_LINES: usize = 5_000;

/// The first secret in a text of settings: lines of `name: value` or `name = value`, JSON, SQL.
fn in_settings(text: &str, docker: bool) -> Option<(SecretKind, String)> {
    for line in text.lines().take(MAX_LINES) {
        let line = line.trim();
        if line.starts_with(['#', ';']) || line.starts_with("//") || line.starts_with("--") {
            continue;
        }
        if let Some(found) = by_shape(line.trim_matches(['"', '\'', ','])) {
            return Some(found);
        }
        if sql_password(line).is_some_and(|p| !is_placeholder_or_reference(p)) {
            let evidence = "the password of a user in SQL".to_owned();
            return Some((SecretKind::Password, evidence));
        }
        // JSON may hold several pairs in a line.
        for part in line.split([',', '{', '}']) {
            let Some((name, value)) = part.split_once([':', '=']) else {
                continue;
            };
            let name = name.trim().trim_start_matches("- ").trim_matches(['"', '\'']);
            let value = value.trim().trim_matches(['"', '\'']);
            if name.contains(char::is_whitespace) || name.is_empty() {
                continue;
            }
            if docker && name == "auth" && value.len() > 4 && !is_placeholder_or_reference(value) {
                return Some((
                    SecretKind::Password,
                    "a login of a registry, in base64".to_owned(),
                ));
            }
            if let Some((kind, evidence)) = classify(name, value) {
                return Some((kind, evidence));
            }
        }
    }
    None
}
