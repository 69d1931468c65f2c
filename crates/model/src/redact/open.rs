//! Which values under the name of a secret may still be shown: references to it, switches, names.

use super::names::{Level, level};
use crate::secret_scan::{self, REFERENCES};

/// Whether a value under a name of this level may be shown: it refers to the secret, or it is a name, a
/// switch or a number.
pub(super) fn is_open(value: &str, level: Level) -> bool {
    let value = value.trim().trim_matches(['"', '\'', '`']).trim();
    let switch = [
        "true",
        "false",
        "null",
        "none",
        "nil",
        "~",
        "yes",
        "no",
        "on",
        "off",
        "undefined",
        "read",
        "write",
        "required",
        "optional",
        "auto",
        "enabled",
        "disabled",
    ];
    if value.is_empty()
        || switch.iter().any(|word| value.eq_ignore_ascii_case(word))
        || value.bytes().all(|b| b == b'*')
        || !value.bytes().any(|b| b.is_ascii_alphanumeric() || b >= 0x80) && value.len() < 4
        || is_reference(value)
    {
        return true;
    }
    let number = value.len() <= 6 && value.bytes().all(|b| b.is_ascii_digit());
    match level {
        Level::Password => false,
        Level::Token => number || level_of_name(value) || is_variable(value) || is_prose(value),
        Level::Named => number || is_name(value) || is_prose(value),
        Level::Key => !is_chance(value) || value.len() < 16,
        Level::Mixed => is_setting(value),
        Level::Data => value.len() <= 3,
    }
}

/// Schemes of a header before a token.
const SCHEMES: &[&str] = &["basic", "bearer", "token", "apikey", "key", "digest"];

/// Whether a text is a method, a name, an address or some settings, and not one text that nobody could guess.
fn is_setting(value: &str) -> bool {
    if let Some((scheme, token)) = value.split_once(' ') {
        let is_scheme = SCHEMES.iter().any(|name| scheme.eq_ignore_ascii_case(name));
        return !is_scheme || token.contains(' ') || token.len() < 6 || is_name(token);
    }
    let has = |test: fn(&u8) -> bool| value.bytes().any(|b| test(&b));
    let words = || {
        let mut parts = value.split(['-', '_', '.', '/']);
        let word = |part: &str| {
            let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
            let digits = part.len() - letters.len();
            letters.bytes().all(|b| b.is_ascii_lowercase()) && digits <= 2
                || letters.bytes().all(|b| b.is_ascii_uppercase()) && digits <= 3
        };
        value.contains(['-', '_', '.', '/']) && parts.all(word)
    };
    let port = || {
        let port = value.rsplit_once(':').map_or("", |(_, port)| port);
        !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit())
    };
    value.len() < 8
        || is_name(value)
        || !has(u8::is_ascii_alphabetic)
        || !has(|b| b.is_ascii_digit() || b"!@#$%^&*+=:/~".contains(b)) && value.len() <= 24
        || words()
        || port()
        // Settings with a password in them, and patterns.
        || value.contains('=') && value.contains([';', ',', '&'])
        || value.contains(['\\', '[', '(', '{', '|'])
}

/// Whether a text is the name of a variable: `AWS_ACCESS_KEY_ID`.
fn is_variable(value: &str) -> bool {
    value.contains('_')
        && value
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && secret_scan::names_something(value)
}

/// Whether a text is a sentence; a token never is.
fn is_prose(value: &str) -> bool {
    let word = |word: &str| {
        word.bytes()
            .all(|b| b.is_ascii_alphabetic() || b",.'()".contains(&b))
    };
    value.split_whitespace().count() >= 3 && value.split_whitespace().all(word)
}

/// Whether a text is itself the name of a secret: `token: api-token`.
fn level_of_name(value: &str) -> bool {
    is_name(value) && level(value).is_some()
}

/// Whether a text is a name: words of letters, with or without separators.
pub(super) fn is_name(value: &str) -> bool {
    let one_word = value.len() <= 24
        && value.bytes().all(|b| b.is_ascii_alphabetic())
        && value.bytes().skip(1).filter(u8::is_ascii_uppercase).count() <= 2
        || value.bytes().all(|b| b.is_ascii_uppercase());
    one_word || secret_scan::names_something(value)
}

/// Whether a text only refers to the secret: a variable, a template, a path, an entry of a store.
fn is_reference(value: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-[]:/ ".contains(&b))
    };
    let between = |start: &str, end: &str| value.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    if value.starts_with("{{") || value.starts_with("{%") || value.ends_with("}}") && value.contains("{{") {
        return true;
    }
    if let Some(rest) = value.strip_prefix('$') {
        // Defaults inside braces are examined separately.
        let braced = rest.starts_with(['{', '(']) && rest.ends_with(['}', ')']);
        let name = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && (rest.len() <= 2 || !looks_random(rest));
        return braced || name;
    }
    let marked = [
        ("<", ">"),
        ("{", "}"),
        ("@", "@"),
        ("%(", ")s"),
        ("__", "__"),
        ("[", "]"),
    ]
    .iter()
    .any(|(start, end)| between(start, end).is_some_and(|name| word(name) && !looks_random(name)));
    if marked || value == "%s" {
        return true;
    }
    if value.starts_with(['/', '.', '~']) {
        let path = value.starts_with('/') || ["./", "../", "~/"].iter().any(|start| value.starts_with(start));
        return path && value.trim_start_matches("~/").split('/').all(is_part_of_path);
    }
    if value.contains("://") {
        // A password inside an address is searched for separately.
        return true;
    }
    let stores = REFERENCES
        .iter()
        .filter(|start| start.len() > 3 && start.bytes().any(|b| b.is_ascii_alphanumeric()));
    stores.into_iter().any(|start| value.starts_with(start))
}

fn is_part_of_path(part: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-@*$={}()".contains(&b);
    part.bytes().all(plain) && !looks_random(part)
}

/// Whether a text looks random: letters and digits mixed, or many changes of case.
pub(super) fn looks_random(text: &str) -> bool {
    let has = |test: fn(&u8) -> bool| text.bytes().any(|b| test(&b));
    let digits = has(u8::is_ascii_digit);
    let letters = has(u8::is_ascii_alphabetic);
    let both = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let mixed =
        digits && letters || both || text.bytes().any(|b| b"!@#$%^&*+=".contains(&b)) && (letters || digits);
    text.len() >= 8 && mixed && secret_scan::entropy(text) >= 2.7 && !secret_scan::names_something(text)
}

/// Whether a text must be random: in some part of it letters, capitals, digits and symbols alternate all the
/// time. Names with numbers in them (`eu-west1-db2`, `legacyExporterRef`) do not.
pub(super) fn is_chance(text: &str) -> bool {
    let class = |b: u8| match b {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let mixed = |part: &str| {
        let changes = part.as_bytes().windows(2).filter(|pair| {
            let word = pair[0].is_ascii_uppercase() && pair[1].is_ascii_lowercase();
            class(pair[0]) != class(pair[1]) && !word
        });
        let runs = 1 + changes.count();
        part.len() >= 8 && runs >= 5 && part.len() < 3 * runs
    };
    !text.contains(char::is_whitespace) && text.split(['-', '_', '.', '/', ':']).any(mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_names_are_shown_and_random_text_is_not() {
        for value in [
            "",
            "${DB_PASSWORD}",
            "$(DB_PASSWORD)",
            "$DB_PASSWORD",
            "{{ .Values.x }}",
            "<password>",
            "/run/secrets/db-password",
            "vault:secret/data/db#password",
            "arn:aws:secretsmanager:x",
            "true",
            "***",
            "~",
            "%(password)s",
            "{password}",
        ] {
            assert!(is_open(value, Level::Password), "{value}");
        }
        for value in [
            "hunter2",
            "correct-horse-battery",
            "changeme",
            "/9j4AAQSkZJRgABAQAAAQ",
            "$%kd82Jsn",
            "12345678",
            "$2b$10$abc",
            "!Pass123",
        ] {
            assert!(!is_open(value, Level::Password), "{value}");
        }
        for value in ["orders-db", "DB_PASSWORD", "password", "3600"] {
            assert!(is_open(value, Level::Named), "{value}");
        }
        assert!(is_open("AWS_ACCESS_KEY_ID", Level::Token));
        for value in [
            "basic",
            "scram-sha-256",
            "AWS4-HMAC-SHA256",
            "oauth2-proxy",
            "login2.example.net",
            "db.internal:5432",
            "host=db;port=5432",
            "true",
            "RequireAndVerify",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@example.net",
            "10.0.0.1",
            "^/api/v[0-9]+",
        ] {
            assert!(is_open(value, Level::Mixed), "{value}");
        }
        for value in [
            "Kittywake77x",
            "bluemonkey1",
            "neo4j/Kittywake77x",
            "bob:Kittywake",
            "Basic Kittywake77x",
        ] {
            assert!(!is_open(value, Level::Mixed), "{value}");
        }
        assert!(is_open("api-token", Level::Token) && !is_open("correct-horse", Level::Token));
        for value in ["a1b2c3d4e5f6a7b8", "hunter2", "xKqLmPzRtWvBnYcDfGhJ"] {
            assert!(
                !is_open(value, Level::Named) && !is_open(value, Level::Token),
                "{value}"
            );
        }
    }

    #[test]
    fn random_text_is_distinguished_from_names() {
        for text in [
            "4XjbnhsRw0a8zKowEF6i9ABb",
            "4ae7fa55f11bae778f5d607ab1f29ab6d0a19b4b",
            "/0ZsI+fSABN1T8GncGFl4Wb5pJxyv1Mu",
            "8sVhe7!uM7vN",
        ] {
            assert!(is_chance(text), "{text}");
        }
        for text in [
            "osc-cl1-dev",
            "k8s-eu1-db2-s3-x1",
            "legacyElasticsearchExporterPasswordRef",
            "N8N_ENCRYPTION",
            "base64Encoded1",
            "correct-horse-battery",
            "group_wait: 30s",
            "hunter2",
        ] {
            assert!(!is_chance(text), "{text}");
        }
    }
}
