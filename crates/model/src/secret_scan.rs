//! Tells secrets that stand in a file from names, paths, references and placeholders that only look
//! like some. It says what gave a value away and never the value. The danger on one side is a secret
//! that goes unseen, on the other a report so full of false alarms that nobody reads it: a name that
//! speaks of a secret is not enough, and neither is a random-looking text under another name.

use crate::secrets::{SecretKind, SecretLiteral};
use cofferdam_syntax::Span;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What known kinds of keys begin with, the fewest characters after that, and what they are.
const PREFIXES: &[(&str, usize, SecretKind, &str)] = &[
    ("AKIA", 16, SecretKind::Token, "an AWS access key"),
    ("ASIA", 16, SecretKind::Token, "a temporary AWS access key"),
    ("ghp_", 30, SecretKind::Token, "a GitHub token"),
    ("gho_", 30, SecretKind::Token, "a GitHub token"),
    ("ghu_", 30, SecretKind::Token, "a GitHub token"),
    ("ghs_", 30, SecretKind::Token, "a GitHub token"),
    ("ghr_", 30, SecretKind::Token, "a GitHub token"),
    ("github_pat_", 30, SecretKind::Token, "a GitHub token"),
    ("glpat-", 16, SecretKind::Token, "a GitLab token"),
    ("xoxb-", 16, SecretKind::Token, "a Slack token"),
    ("xoxp-", 16, SecretKind::Token, "a Slack token"),
    ("xoxa-", 16, SecretKind::Token, "a Slack token"),
    ("xoxr-", 16, SecretKind::Token, "a Slack token"),
    ("xoxs-", 16, SecretKind::Token, "a Slack token"),
    ("xapp-", 16, SecretKind::Token, "a Slack token"),
    ("sk_live_", 16, SecretKind::Token, "a live Stripe key"),
    ("rk_live_", 16, SecretKind::Token, "a live Stripe key"),
    ("sk-ant-", 20, SecretKind::Token, "an Anthropic key"),
    ("sk-proj-", 20, SecretKind::Token, "an OpenAI key"),
    ("AIza", 35, SecretKind::Token, "a Google API key"),
    ("hvs.", 20, SecretKind::VaultToken, "a Vault token"),
    ("hvb.", 20, SecretKind::VaultToken, "a Vault token"),
    ("NRAK-", 20, SecretKind::Token, "a New Relic user key"),
    ("npm_", 30, SecretKind::Token, "an npm token"),
    ("pypi-", 40, SecretKind::Token, "a PyPI token"),
    ("dop_v1_", 40, SecretKind::Token, "a DigitalOcean token"),
    ("SG.", 40, SecretKind::Token, "a SendGrid key"),
    ("shpat_", 30, SecretKind::Token, "a Shopify token"),
];

/// Last words of names that speak of something about a secret, not of the secret.
const ABOUT: &[&str] = &[
    "file",
    "path",
    "dir",
    "name",
    "ttl",
    "timeout",
    "enabled",
    "length",
    "type",
    "header",
    "expiry",
    "expires",
    "expiration",
    "arn",
    "ref",
    "rotation",
    "endpoint",
    "host",
    "port",
    "user",
    "username",
    "count",
    "size",
    "limit",
    "max",
    "min",
    "policy",
    "algorithm",
    "issuer",
    "audience",
    "prefix",
    "id",
    "mount",
    "role",
    "interval",
    "seconds",
    "minutes",
    "days",
    "version",
    "class",
    "store",
    "backend",
    "format",
    "mode",
    "required",
    "region",
    "bucket",
    "email",
    "namespace",
    "env",
    "provider",
    "engine",
];

/// Words before `key` that make the key a secret; a routing or partition key is none.
const SECRET_KEYS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "license",
    "licence",
    "encryption",
    "signing",
    "master",
    "account",
    "auth",
    "ingest",
    "app",
    "application",
    "webhook",
    "insert",
    "session",
];

/// Texts that people put where a secret will be.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "placeholder",
    "replace",
    "your-",
    "your_",
    "todo",
    "fixme",
    "dummy",
    "redacted",
    "xxx",
    "***",
    "insert",
    "<",
    "tbd",
    "not-used",
    "notused",
    "unused",
    "from-vault",
    "injected",
];

/// Beginnings of texts that say where a secret is.
pub(crate) const REFERENCES: &[&str] = &[
    "/",
    "./",
    "../",
    "~/",
    "vault:",
    "arn:",
    "op://",
    "sm://",
    "ssm://",
    "ref+",
    "ENC[",
    "projects/",
    "secret://",
    "file:",
    "awssecret",
    "@Microsoft.KeyVault",
    "!",
    "%(",
    "secretsmanager:",
    "gcp:",
    "azurekeyvault",
    "akv:",
    "doppler:",
];

/// Passwords that whoever tries any tries first.
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

/// Whether the literal `value` under `name` is a secret: what it opens, and what gave it away.
pub fn classify(name: &str, value: &str) -> Option<(SecretKind, String)> {
    let value = value.trim();
    if is_reference(value) {
        return None;
    }
    if let Some(found) = by_shape(value) {
        return Some(found);
    }
    let kind = kind_of_name(name)?;
    if is_placeholder(value) || !is_one_word(value) {
        return None;
    }
    let length = value.chars().count();
    if kind == SecretKind::Password {
        let guess = is_first_guess(value);
        let evidence = if guess {
            format!("one of the first passwords that anybody tries, under `{name}`")
        } else if length < 4 || names_something(value) {
            return None;
        } else {
            format!("{length} characters in clear under `{name}`")
        };
        return Some((kind, evidence));
    }
    let bits = entropy(value);
    let mixed = value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic());
    let both_cases =
        value.bytes().any(|b| b.is_ascii_uppercase()) && value.bytes().any(|b| b.is_ascii_lowercase());
    let random = length >= 12 && bits >= 3.0 && (mixed || both_cases) && !names_something(value);
    random.then(|| {
        (
            kind,
            format!("{length} characters of {bits:.1} bits each under `{name}`"),
        )
    })
}

/// What a variable opens that refers to a Secret, from its name and the key's; `None` for an address, a
/// user or the like, which is kept in a Secret and is none.
pub fn kind_of_reference(variable: &str, key: &str) -> Option<SecretKind> {
    if let Some(kind) = kind_of_name(variable) {
        return Some(kind);
    }
    let words = words(variable);
    let last = words.last().map_or("", String::as_str);
    if matches!(last, "url" | "uri" | "dsn" | "connection" | "string") {
        return Some(SecretKind::Password);
    }
    if ABOUT.contains(&last)
        || matches!(
            last,
            "database" | "db" | "dbname" | "hostname" | "address" | "servers"
        )
    {
        return None;
    }
    Some(kind_of_name(key).unwrap_or(SecretKind::Other))
}

/// Whether a text says where a secret is, or stands where one will be.
pub fn is_placeholder_or_reference(value: &str) -> bool {
    let value = value.trim();
    is_reference(value) || is_placeholder(value)
}

/// Whether a password, alone or inside an address, is one that everybody tries first. In a file that
/// only sets up one's own machine, such a one protects nothing and is no secret.
pub fn is_first_guess(value: &str) -> bool {
    let value = value.trim();
    let password = url_password(value)
        .or_else(|| dsn_password(value))
        .unwrap_or(value);
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
        doubtful: false,
    }
}

/// A word under a name that speaks of a secret and is too plain for [`classify`]: what it may open, and
/// what gave it away. It may be a secret that is easy to guess, or no secret.
pub fn by_name_alone(name: &str, value: &str) -> Option<(SecretKind, String)> {
    let value = value.trim();
    let words = words(name);
    let about = words.last().is_none_or(|last| ABOUT.contains(&last.as_str()));
    let speaks = |word: &str| matches!(word, "secret" | "secrets" | "password");
    let inside = !about
        && words.iter().any(|w| speaks(w))
        && !words.iter().any(|w| matches!(w.as_str(), "public" | "pull"));
    let kind = kind_of_name(name).or(inside.then_some(SecretKind::Other))?;
    let number = value.bytes().all(|b| b.is_ascii_digit());
    let length = value.chars().count();
    if length < 3
        || number
        || is_reference(value)
        || is_placeholder(value)
        || !is_one_word(value)
        || names_something(value)
    {
        return None;
    }
    Some((
        kind,
        format!("{length} characters; only the name speaks of a secret"),
    ))
}

/// A number that is the same for equal values and tells nothing else about them in a report.
pub fn fingerprint(value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    ("cofferdam secret", value.trim()).hash(&mut hasher);
    hasher.finish()
}

/// What a secret of this name opens; `None` for a name that speaks of no secret.
pub fn kind_of_name(name: &str) -> Option<SecretKind> {
    let words = words(name);
    let last = words.last()?.as_str();
    let has = |word: &str| words.iter().any(|w| w == word);
    if ABOUT.contains(&last) || has("public") || has("pull") {
        return None;
    }
    let folded: String = words.concat();
    let ends = |tails: &[&str]| tails.iter().any(|tail| folded.ends_with(tail));
    if ends(&["password", "passwd", "passphrase", "pwd", "passwort"])
        || matches!(last, "pass" | "credentials")
    {
        return Some(SecretKind::Password);
    }
    if ends(&["token"]) {
        return Some(if has("vault") {
            SecretKind::VaultToken
        } else {
            SecretKind::Token
        });
    }
    if ends(&["privatekey"]) {
        return Some(SecretKind::PrivateKey);
    }
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    let glued = folded
        .strip_suffix("key")
        .is_some_and(|rest| SECRET_KEYS.iter().any(|word| rest.ends_with(word)));
    if last == "key" && SECRET_KEYS.contains(&before) || last != "key" && glued {
        return Some(SecretKind::Token);
    }
    if ends(&["secret"]) {
        return Some(SecretKind::Other);
    }
    None
}

/// The words of a name in lower case: `dbPassword`, `DB_PASSWORD` and `db-password` are the same.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        let new_word = c.is_uppercase() && before.is_lowercase();
        if (!c.is_alphanumeric() || new_word) && words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|w| !w.is_empty());
    words
}

/// Secrets that show by themselves, under any name.
fn by_shape(value: &str) -> Option<(SecretKind, String)> {
    if value.starts_with("-----BEGIN") && value.lines().next().is_some_and(|l| l.contains("PRIVATE KEY")) {
        return Some((SecretKind::PrivateKey, "the header of a private key".to_owned()));
    }
    let is_key = |rest: &str| {
        rest.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    for (prefix, least, kind, what) in PREFIXES {
        if let Some(rest) = value.strip_prefix(prefix)
            && rest.len() >= *least
            && is_key(rest)
            && !is_placeholder(value)
        {
            return Some((*kind, format!("the prefix of {what}")));
        }
    }
    let parts: Vec<&str> = value.split('.').collect();
    if parts.len() == 3
        && value.starts_with("eyJ")
        && parts[1].starts_with("eyJ")
        && parts.iter().all(|p| p.len() > 8 && is_key(p))
    {
        return Some((
            SecretKind::Token,
            "the shape of a signed web token (JWT)".to_owned(),
        ));
    }
    let password = url_password(value).or_else(|| dsn_password(value))?;
    let real = !password.is_empty() && !is_reference(password) && !is_placeholder(password);
    (real && !password.contains(['{', '$', '%'])).then(|| {
        let what = if value.contains("://") {
            "a URL"
        } else {
            "connection settings"
        };
        (SecretKind::Password, format!("a password inside {what}"))
    })
}

/// `password` of `scheme://user:password@host`.
fn url_password(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once("://")?;
    if scheme.is_empty()
        || !scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-' | b':'))
    {
        return None;
    }
    let authority = rest.split(['/', '?', '#', ' ', '\n']).next()?;
    let (login, _) = authority.rsplit_once('@')?;
    Some(login.split_once(':')?.1)
}

/// `password` of `host=… password=…` and of `Server=…;Password=…`.
fn dsn_password(value: &str) -> Option<&str> {
    let mut parts = value.split([' ', ';']).filter_map(|part| part.split_once('='));
    let is_dsn =
        value.to_ascii_lowercase().contains("host=") || value.to_ascii_lowercase().contains("server=");
    let (_, password) = parts.find(|(key, _)| {
        ["password", "pwd"]
            .iter()
            .any(|k| key.trim().eq_ignore_ascii_case(k))
    })?;
    is_dsn.then_some(password.trim())
}

/// Whether a text says where the secret is, or is to be filled in when it runs.
fn is_reference(value: &str) -> bool {
    value.is_empty()
        || value.starts_with('$')
        || value.contains("{{")
        || REFERENCES.iter().any(|start| value.starts_with(start))
}

fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let one_letter = lower.chars().all(|c| lower.starts_with(c));
    one_letter
        || value.contains("${")
        || value.contains("$(")
        || PLACEHOLDERS.iter().any(|p| lower.contains(p))
        || matches!(
            lower.as_str(),
            "none" | "null" | "nil" | "n/a" | "true" | "false" | "yes" | "no" | "on" | "off"
        )
}

fn is_one_word(value: &str) -> bool {
    !value.is_empty() && !value.contains(char::is_whitespace) && !value.contains("://")
}

/// Whether a text reads as the name of something (`orders-db-credentials`, `app.db.password`, `os.environ`):
/// words of letters with separators between them, as secrets of chance are not.
pub(crate) fn names_something(value: &str) -> bool {
    value.contains(['-', '_', '.', '/'])
        && value.split(['-', '_', '.', '/']).all(|part| {
            let letters = part.bytes().all(|b| b.is_ascii_lowercase());
            let number = part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
            let shout = part.bytes().all(|b| b.is_ascii_uppercase());
            letters || number || shout
        })
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(name: &str, value: &str) -> Option<SecretKind> {
        classify(name, value).map(|(kind, _)| kind)
    }

    #[test]
    fn known_shapes_are_secrets_under_any_name() {
        let table = [
            ("AKIAIOSFODNN7EXAMPLF", SecretKind::Token),
            ("ghp_0123456789abcdefghijABCDEFGHIJ456789", SecretKind::Token),
            ("xoxb-123456789012-abcdefABCDEF", SecretKind::Token),
            ("hvs.CAESIJ0123456789abcdefghijkl", SecretKind::VaultToken),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", SecretKind::PrivateKey),
            ("postgresql://app:h7Gk2pQ9@db:5432/app", SecretKind::Password),
            ("jdbc:postgresql://app:h7Gk2pQ9@db/app", SecretKind::Password),
            ("redis://:h7Gk2pQ9@cache:6379/0", SecretKind::Password),
            ("host=db user=app password=h7Gk2pQ9", SecretKind::Password),
            (
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
                SecretKind::Token,
            ),
        ];
        for (value, wanted) in table {
            // The end of the first one avoids the word that marks an example.
            assert_eq!(
                kind("SETTING", &value.replace("EXAMPLF", "QWERTYU")),
                Some(wanted),
                "{value}"
            );
        }
    }

    #[test]
    fn the_name_makes_a_literal_a_secret() {
        let table = [
            ("DB_PASSWORD", "h7Gk2pQ9", SecretKind::Password),
            ("dbPassword", "hunter2", SecretKind::Password),
            ("VAULT_TOKEN", "a1b2c3d4e5f6g7h8", SecretKind::VaultToken),
            ("API_TOKEN", "a1b2c3d4e5f6g7h8", SecretKind::Token),
            (
                "NEW_RELIC_LICENSE_KEY",
                "eu01xx66c637a29c3982469a3fe8d1982d002c4a".trim_start_matches("eu01xx"),
                SecretKind::Token,
            ),
            ("JWT_SECRET", "kZ8pQ2vL9xT4mN7w", SecretKind::Other),
            ("POSTGRES_PASSWORD", "changeme", SecretKind::Password),
        ];
        for (name, value, wanted) in table {
            assert_eq!(kind(name, value), Some(wanted), "{name}");
        }
    }

    #[test]
    fn placeholders_references_and_names_are_no_secrets() {
        for (name, value) in [
            ("DB_PASSWORD", ""),
            ("DB_PASSWORD", "${DB_PASSWORD}"),
            ("DB_PASSWORD", "$(DB_PASSWORD)"),
            ("DB_PASSWORD", "<password>"),
            ("DB_PASSWORD", "xxxxxxxx"),
            ("DB_PASSWORD", "********"),
            ("DB_PASSWORD", "{{ .Values.password }}"),
            ("DB_PASSWORD", "example-password"),
            ("DB_PASSWORD", "your-password-here"),
            ("DB_PASSWORD", "/run/secrets/db"),
            ("DB_PASSWORD", "vault:secret/data/db#password"),
            ("DB_PASSWORD_FILE", "h7Gk2pQ9"),
            ("PASSWORD_MIN_LENGTH", "12"),
            ("DB_PASSWORD", "orders-db-credentials"),
            ("TOKEN_TTL", "3600"),
            ("MAX_TOKENS", "4096"),
            ("USE_TOKEN", "true"),
            ("AUTH_TOKEN", "true"),
            ("PARTITION_KEY", "a1b2c3d4e5f6g7h8"),
            ("PUBLIC_KEY", "a1b2c3d4e5f6g7h8"),
            ("TLS_SECRET", "web-tls-2024"),
            ("IMAGE_PULL_SECRET", "regcred"),
            ("DATABASE_URL", "postgresql://db:5432/app"),
            ("DATABASE_URL", "postgresql://app:${PASSWORD}@db:5432/app"),
            ("DATABASE_URL", "postgresql://app:$(PASSWORD)@db:5432/app"),
            ("DATABASE_URL", "postgresql://app:<password>@db:5432/app"),
            ("CERT", "-----BEGIN CERTIFICATE-----\nMIIE"),
            ("SECRET_ARN", "arn:aws:secretsmanager:us-east-1:1:secret:db"),
            ("BUILD_ID", "a1b2c3d4e5f6g7h8i9j0"),
            ("TOKEN_URL", "https://login.example.net/token"),
            ("JWT_TOKEN_HEADER", "X-Auth-Token-1"),
        ] {
            assert_eq!(kind(name, value), None, "{name}={value}");
        }
    }

    #[test]
    fn a_plain_word_under_such_a_name_is_told_apart() {
        let found = |name: &str, value: &str| by_name_alone(name, value).is_some();
        assert!(
            found("CLIENT_SECRET", "s3cr3tvalue")
                && found("MY_SECRET", "foo")
                && found("SECRET_VALUE", "foo")
        );
        assert!(found("API_TOKEN", "abcdef"));
        for (name, value) in [
            ("SECRET_NAME", "client"),
            ("TLS_SECRET", "web-tls"),
            ("IMAGE_PULL_SECRET", "regcred"),
            ("REFRESH_TOKEN", "3600"),
            ("USE_SECRET", "true"),
            ("MY_SECRET", "$(OTHER)"),
            ("MY_SECRET", "/run/secrets/x"),
            ("MY_SECRET", "your-secret"),
            ("LEVEL", "info"),
            ("SORT_KEY", "created"),
        ] {
            assert!(!found(name, value), "{name}={value}");
        }
    }

    #[test]
    fn the_evidence_never_holds_the_value() {
        for value in ["h7Gk2pQ9vvLq42", "postgresql://app:h7Gk2pQ9vvLq42@db/app"] {
            let (_, evidence) = classify("DB_PASSWORD", value).unwrap();
            assert!(!evidence.contains("h7Gk2pQ9vvLq42"), "{evidence}");
        }
    }

    #[test]
    fn a_reference_tells_passwords_from_addresses() {
        assert_eq!(
            kind_of_reference("VAULT_TOKEN", "token"),
            Some(SecretKind::VaultToken)
        );
        assert_eq!(
            kind_of_reference("DATABASE_URL", "url"),
            Some(SecretKind::Password)
        );
        assert_eq!(kind_of_reference("DATABASE_HOST", "host"), None);
        assert_eq!(kind_of_reference("DB_USER", "user"), None);
        assert_eq!(kind_of_reference("STRIPE", "api-key"), Some(SecretKind::Token));
        assert_eq!(kind_of_reference("SENTRY", "value"), Some(SecretKind::Other));
    }

    #[test]
    fn first_guesses_are_known_alone_and_in_addresses() {
        for value in ["postgres", "ChangeMe", "postgresql://app:postgres@db/app"] {
            assert!(is_first_guess(value), "{value}");
        }
        assert!(!is_first_guess("postgresql://postgres:h7Gk2pQ9@db/app"));
    }

    #[test]
    fn equal_values_have_equal_fingerprints() {
        assert_eq!(fingerprint("a"), fingerprint("a\n"));
        assert_ne!(fingerprint("a"), fingerprint("b"));
    }

    #[test]
    fn entropy_is_shannons() {
        // Two equally frequent characters: −2 × ½·log2 ½ = 1 bit; four: 2 bits; one: 0 bits.
        assert!((entropy("abab") - 1.0).abs() < 1e-12);
        assert!((entropy("abcd") - 2.0).abs() < 1e-12);
        assert!(entropy("aaaa").abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn no_text_panics(name in "\\PC{0,16}", value in "\\PC{0,40}") {
            let _ = (classify(&name, &value), kind_of_reference(&name, &value), fingerprint(&value));
        }
    }
}
