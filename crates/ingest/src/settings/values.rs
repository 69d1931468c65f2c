//! The texts of settings as values: names, numbers, and what clients take for true and false.

/// A name: text without blanks and without template placeholders.
pub(super) fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let plain =
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || matches!(c, '$' | '{' | '<'));
    plain.then(|| text.to_owned())
}

/// A number, also with `_` between its digits.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.trim().replace('_', "").parse().ok()
}

/// `true` or `false`, or a word that clients take for it.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}
