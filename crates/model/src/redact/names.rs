//! Which names suggest a secret, and which values under such a name may still be shown.
//!
//! [`crate::secret_scan`] decides what is reported as a secret, and must avoid false alarms. Here the danger
//! is the opposite: hiding a value without need costs a reader a look into the file, but a shown value cannot
//! be taken back. Therefore placeholders and weak passwords are hidden too.

use crate::secret_scan::{self, REFERENCES};
use crate::secrets::SecretKind;
use aho_corasick::AhoCorasick;
use std::ops::Range;
use std::sync::LazyLock;

/// How much a name reveals about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// A password: every text under it is one.
    Password,
    /// A token: every text except a number and the name of a token is one.
    Token,
    /// A key or a word as general as `secret`: it may also contain the name of a secret.
    Named,
    /// An unspecific key: only a random text is a secret.
    Key,
    /// A value in a Secret: most likely worth hiding, but it may also be a host or a user.
    Data,
}

/// Last words that describe the form of a secret under a name (`secret_string`, `password_base64`).
const FORMS: &[&str] = &[
    "string",
    "value",
    "data",
    "text",
    "plain",
    "plaintext",
    "content",
    "contents",
    "base64",
    "b64",
    "hash",
    "literal",
    "default",
    "json",
    "pem",
];

/// Words before `key` that make it a secret, in addition to those of [`secret_scan`].
const SECRET_KEYS: &[&str] = &["service", "integration"];

/// Words beside `key` that make it a name, a position in an order or something public.
const OPEN_KEYS: &[&str] = &[
    "public",
    "partition",
    "sort",
    "primary",
    "foreign",
    "topology",
    "hash",
    "label",
    "row",
    "object",
];

/// Words before `secret` that make it the secret itself.
const OWN_SECRETS: &[&str] = &[
    "client", "consumer", "cookie", "django", "hmac", "jwt", "nextauth", "oauth", "session", "signing",
];

/// Names of settings that contain a secret and have a special word for it.
const OWN_WORDS: &[&str] = &[
    "requirepass",
    "masterauth",
    "passwords",
    "passwds",
    "mnemonic",
    "passin",
    "passout",
];

/// Keys beside or below a secret's name that contain its value.
const VALUES: &[&str] = &[
    "value",
    "default",
    "defaultvalue",
    "literal",
    "plain",
    "plaintext",
    "stringvalue",
    "initial",
];

/// Keys that contain the name of the object beside them.
const NAMES: &[&str] = &[
    "name",
    "key",
    "variable",
    "var",
    "env",
    "envname",
    "parameter",
    "setting",
    "property",
    "field",
];

/// Where a stem must be in a text to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// Anywhere.
    Anywhere,
    /// At the end of a word.
    End,
    /// As a word, also of a name as in `githubPat`.
    Word,
}

/// Parts of names of secrets. A name without any of them has no level.
pub(super) const STEMS: &[(&str, Edge)] = &[
    ("pass", Edge::Anywhere),
    ("pwd", Edge::Anywhere),
    ("pswd", Edge::Anywhere),
    ("secret", Edge::Anywhere),
    ("token", Edge::Anywhere),
    ("key", Edge::Anywhere),
    ("cred", Edge::Anywhere),
    ("auth", Edge::Anywhere),
    ("bearer", Edge::Anywhere),
    ("senha", Edge::Anywhere),
    ("contrase", Edge::Anywhere),
    ("kennwort", Edge::Anywhere),
    ("wachtwoord", Edge::Anywhere),
    ("adgangskode", Edge::Anywhere),
    ("salasana", Edge::Anywhere),
    ("senord", Edge::Anywhere),
    ("heslo", Edge::Anywhere),
    ("jelsz", Edge::Anywhere),
    ("haslo", Edge::End),
    ("hasło", Edge::End),
    ("parola", Edge::End),
    ("sifre", Edge::End),
    ("şifre", Edge::End),
    ("clave", Edge::Word),
    ("пароль", Edge::Anywhere),
    ("密码", Edge::Anywhere),
    ("密碼", Edge::Anywhere),
    ("パスワード", Edge::Anywhere),
    ("비밀번호", Edge::Anywhere),
    ("mnemonic", Edge::End),
    ("pepper", Edge::End),
    ("salt", Edge::End),
    ("pw", Edge::End),
    ("jwt", Edge::Word),
    ("mdp", Edge::Word),
    ("pat", Edge::Word),
    ("hubpat", Edge::End),
    ("labpat", Edge::End),
    ("ghpat", Edge::End),
    ("sk", Edge::Word),
    ("cookie", Edge::Word),
    ("seed", Edge::Word),
    ("sig", Edge::Word),
    // The longest stem at a place counts; these are where the end of a short one begins another.
    ("skey", Edge::Anywhere),
    ("patoken", Edge::Anywhere),
    ("jwtoken", Edge::Anywhere),
    ("mdpass", Edge::Anywhere),
    ("signature", Edge::Word),
];

/// `None` only if the automaton were too large, which a handful of words is not; then every name is examined.
static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(STEMS.iter().map(|(stem, _)| stem))
        .ok()
});

impl Edge {
    /// Whether a stem at `at` in a text is where it must be.
    pub(super) fn holds(self, text: &[u8], at: Range<usize>) -> bool {
        let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphabetic);
        let end = || {
            !letter(text.get(at.end)) || {
                let next = &text[at.end..];
                text[at.end - 1].is_ascii_lowercase() && next.first().is_some_and(u8::is_ascii_uppercase)
            }
        };
        let before = at.start.checked_sub(1).and_then(|before| text.get(before));
        match self {
            Edge::Anywhere => true,
            Edge::End => end(),
            Edge::Word => {
                let camel = before.is_some_and(u8::is_ascii_lowercase) && text[at.start].is_ascii_uppercase();
                (camel || !letter(before)) && end()
            }
        }
    }
}

/// Whether a name is that of a secret itself and not of an object that holds one: `client_secret` and not
/// `tls_secret`. With `secretKey` an ExternalSecret names a key.
fn holds_itself(key: &str, last: &str, before: &[String]) -> bool {
    let of = before.last().map_or("", String::as_str);
    let secret = last.ends_with("secret")
        && (OWN_SECRETS.contains(&of)
            || OWN_SECRETS
                .iter()
                .any(|of| last.strip_suffix("secret") == Some(of)));
    key != "secretKey" && (secret || last.ends_with("key") || matches!(last, "salt" | "pepper" | "sk"))
}

impl Level {
    /// The level of a text that is known to be the value and not a name.
    pub(super) fn of_value(self) -> Level {
        if self == Level::Named { Level::Token } else { self }
    }
}

/// What a key reveals about its value; `None` if it does not suggest a secret.
pub(super) fn level(key: &str) -> Option<Level> {
    // Most keys contain no such word.
    if FINDER.as_ref().is_some_and(|finder| !finder.is_match(key)) {
        return None;
    }
    let words = secret_scan::words(key);
    let (last, before) = words.split_last()?;
    if words.iter().any(|word| word == "existing") {
        // `existingSecretKey` names one.
        return None;
    }
    if OWN_WORDS.contains(&last.as_str()) {
        return Some(Level::Password);
    }
    if let Some(kind) = secret_scan::suggested(key) {
        let token = words
            .iter()
            .any(|word| word.ends_with("token") || word.ends_with("pat"));
        return Some(match kind {
            SecretKind::Password => Level::Password,
            _ if token || holds_itself(key, last, before) => Level::Token,
            _ => Level::Named,
        });
    }
    // `tokens` are several of what `token` is; `secrets` are usually names of objects.
    if let Some(one) = last
        .strip_suffix('s')
        .filter(|one| *one != "secret" && *one != "pas")
    {
        return level(&[before, &[one.to_owned()]].concat().join("_"));
    }
    if !before.is_empty() && FORMS.contains(&last.as_str()) {
        return level(&before.join("_")).map(Level::of_value);
    }
    if last == "key"
        && before
            .last()
            .is_some_and(|word| SECRET_KEYS.contains(&word.as_str()))
    {
        return Some(Level::Token);
    }
    if last == "bearer" {
        return Some(Level::Token);
    }
    let random = ["key", "sk", "pw", "pat", "seed", "cookie", "signature", "sig"];
    let key = last == "jwt"
        || random.contains(&last.as_str())
            && !before.is_empty()
            && !words.iter().any(|word| OPEN_KEYS.contains(&word.as_str()));
    key.then_some(Level::Key)
}

/// Whether a key contains the value of the secret that is named beside or above it.
pub(super) fn holds_value(key: &str) -> bool {
    VALUES.iter().any(|value| key.eq_ignore_ascii_case(value))
}

/// Whether a key contains the name of the object beside it.
pub(super) fn holds_name(key: &str) -> bool {
    NAMES.iter().any(|name| key.eq_ignore_ascii_case(name))
}

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
        Level::Data => value.len() <= 3,
    }
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
        return path && value.split('/').all(is_part_of_path);
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
    fn names_of_secrets_have_a_level_and_names_about_secrets_have_none() {
        for key in [
            "password",
            "db.password",
            "POSTGRES_PASSWORD",
            "adminPassword",
            "pgpassword",
            "requirepass",
            "passwords",
        ] {
            assert_eq!(level(key), Some(Level::Password), "{key}");
        }
        for key in [
            "tokens",
            "API_TOKEN",
            "token_base64",
            "vaultToken",
            "GITHUB_PAT",
            "api_key",
            "secret_string",
            "clientSecret",
            "x-api-key",
            "private_key",
            "AccountKey",
            "SALT",
        ] {
            assert_eq!(level(key), Some(Level::Token), "{key}");
        }
        // Also the names of objects and of keys in them.
        for key in ["tls_secret", "secret", "credentials", "secretKey"] {
            assert_eq!(level(key), Some(Level::Named), "{key}");
        }
        assert_eq!(level("other_key"), Some(Level::Key));
        for key in [
            "secretName",
            "tokenTTL",
            "password_min_length",
            "secretKeyRef",
            "secrets",
            "publicKey",
            "imagePullSecrets",
            "partition_key",
            "automountServiceAccountToken_enabled",
            "DB_PASSWORD_FILE",
            "name",
            "value",
            "replicas",
            "sslmode",
            "",
        ] {
            assert_eq!(level(key), None, "{key}");
        }
    }

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
