//! Distinguishes secrets in files from names, paths, references and placeholders that only look like secrets.
//! It reports the reason and never the value. One danger is a secret that is missed, the other a report with
//! so many false alarms that nobody reads it. Therefore a name that suggests a secret is not enough, and
//! neither is a random-looking text under another name.

use crate::secrets::{SecretKind, SecretLiteral};
use cofferdam_syntax::Span;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Prefixes of known kinds of keys, the minimum number of characters after them, and their names.
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

/// Last words of names that describe something about a secret, not the secret.
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

/// Words before `key` that make the key a secret; a routing or partition key is not.
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
    "fernet",
    "jwt",
    "hmac",
    "aes",
    "cookie",
    "crypto",
    "cipher",
    "shared",
    "storage",
    "batch",
];

/// Words beside `key` that make it a name, a position in an order or something public.
const OPEN_KEYS: &[&str] = &[
    "public",
    "routing",
    "partition",
    "sort",
    "primary",
    "foreign",
    "cache",
    "object",
    "map",
    "config",
    "registry",
    "row",
    "hash",
    "label",
    "annotation",
    "topology",
    "message",
    "field",
    "lookup",
    "kms",
    "ssh",
    "host",
    "gpg",
    "pgp",
    "idempotency",
];

/// Words after `key` that describe what the key is.
const KEY_CONTENT: &[&str] = &[
    "content", "contents", "data", "value", "base64", "b64", "json", "pem",
];

/// Environments at the end of a name: `JWT_SECRET_PRODUCTION`.
fn is_environment(word: &str) -> bool {
    cofferdam_syntax::environment::canonical(word).is_some()
}

/// First words of placeholders for a secret, and the words that may follow.
const INSTRUCTIONS: &[(&str, &[&str])] = &[
    (
        "change",
        &["me", "this", "it", "in", "to", "before", "on", "pls", "please"],
    ),
    ("replace", &["me", "this", "it", "with", "by", "in", "at"]),
    ("update", &["me", "this", "it", "in", "with", "at"]),
    (
        "set",
        &["me", "this", "it", "by", "in", "from", "at", "via", "on", "here"],
    ),
    ("fill", &["me", "this", "it", "in", "by", "from"]),
    ("filled", &["in", "by", "from", "at"]),
    (
        "enter",
        &["your", "the", "a", "here", "password", "secret", "token"],
    ),
    ("put", &["your", "the", "a", "here", "it", "password", "secret"]),
    ("provide", &["me", "your", "the", "a", "in", "by", "at"]),
    ("provided", &["by", "in", "at", "from"]),
    ("managed", &["by", "in"]),
    ("generated", &["by", "in", "at"]),
    ("stored", &["in", "by", "at"]),
    ("injected", &["by", "in", "at", "from"]),
    ("add", &["me", "your", "the", "a", "here", "manually"]),
    ("dont", &["commit", "use"]),
    ("do", &["not"]),
    ("see", &["vault", "secret", "the", "in", "below", "above"]),
    ("my", &[]),
    ("your", &[]),
    ("some", &[]),
    ("sample", &[]),
    ("fake", &[]),
];

/// Whether a text is an order to write another secret here: `changeRunnerAuthToken`.
fn orders_another(words: &[String]) -> bool {
    let [first, .., last] = words else { return false };
    words.iter().all(|word| word.chars().all(char::is_alphabetic))
        && matches!(
            &**first,
            "change" | "replace" | "set" | "enter" | "insert" | "update"
        )
        && matches!(
            &**last,
            "password" | "passwd" | "pass" | "secret" | "token" | "key"
        )
}

/// Whether a text tells people what to write in its place (`REPLACE_ME`, `SET_BY_PIPELINE`, `my_secret_key`).
fn is_instruction(value: &str) -> bool {
    let words = words(value);
    if orders_another(&words) {
        return true;
    }
    let (Some(first), second) = (words.first(), words.get(1)) else {
        return false;
    };
    INSTRUCTIONS.iter().any(|(start, next)| {
        let glued = || next.iter().any(|next| first.strip_prefix(start) == Some(*next));
        match second {
            Some(second) => first == start && (next.is_empty() || next.contains(&second.as_str())),
            None => glued(),
        }
    })
}

/// Placeholders for a secret.
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

/// Prefixes of texts that refer to a secret.
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
    let kind = match kind_of_name(name) {
        Some(kind) => kind,
        None if is_key(name) && is_key_material(value) => SecretKind::Token,
        None => return None,
    };
    let guess = kind == SecretKind::Password && is_first_guess(value);
    if is_placeholder(value) || !is_one_word(value) || (is_instruction(value) && !guess) {
        return None;
    }
    let length = value.chars().count();
    if kind == SecretKind::Password {
        let evidence = if guess {
            "one of the first passwords that attackers try".to_owned()
        } else if length < 4 || names_something(value) {
            return None;
        } else {
            // The length of a secret is never shown: it helps to guess it.
            String::new()
        };
        return Some((kind, evidence));
    }
    let bits = entropy(value);
    let mixed = value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic());
    let both_cases =
        value.bytes().any(|b| b.is_ascii_uppercase()) && value.bytes().any(|b| b.is_ascii_lowercase());
    let random = length >= 12 && bits >= 3.0 && (mixed || both_cases) && !names_something(value);
    random.then(|| (kind, "random text".to_owned()))
}

/// What a variable that refers to a Secret opens, from its name and the key's; `None` for an address, a user
/// or similar, which may be kept in a Secret but is not one.
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

/// Whether a text refers to a secret, or is a placeholder for one.
pub fn is_placeholder_or_reference(value: &str) -> bool {
    let value = value.trim();
    is_reference(value) || is_placeholder(value)
}

/// Whether a password, alone or inside an address, is one that every attacker tries first. In a file that
/// only sets up a developer's own machine, such a password protects nothing and is not a secret.
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
        // `changeme` is the first guess of anybody, where nobody replaced it.
        doubtful: is_to_be_replaced(value),
    }
}

/// A word under a name that suggests a secret and is too plain for [`classify`]: what it may open, and the
/// reason. It may be a secret that is easy to guess, or not a secret.
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
        format!("{length} characters; only the name suggests a secret"),
    ))
}

/// A number that is the same for equal values and reveals nothing else about them in a report.
pub fn fingerprint(value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    ("cofferdam secret", value.trim()).hash(&mut hasher);
    hasher.finish()
}

/// What a secret with this name opens; `None` for a name that does not suggest a secret.
pub fn kind_of_name(name: &str) -> Option<SecretKind> {
    let mut words = words(name);
    if words.len() > 1 && words.last().is_some_and(|last| is_environment(last)) {
        words.pop();
    }
    let last = words.last()?.as_str();
    let has = |word: &str| words.iter().any(|w| w == word);
    if ABOUT.contains(&last) || has("public") || has("pull") {
        return None;
    }
    let folded: String = words.concat();
    let ends = |tails: &[&str]| tails.iter().any(|tail| folded.ends_with(tail));
    if ends(&["password", "passwd", "passphrase", "pwd", "passwort"]) || last == "pass" {
        return Some(SecretKind::Password);
    }
    if last == "credentials" {
        return Some(SecretKind::Other);
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

fn last_word(name: &str) -> String {
    words(name).pop().unwrap_or_default()
}

/// Whether a name is that of a key, without saying of which kind (`AZURE_BATCH_KEY`, `OCI_CLI_KEY_CONTENT`).
fn is_key(name: &str) -> bool {
    let words = words(name);
    let at = words.iter().position(|word| word == "key");
    let ends = at.is_some_and(|at| words[at + 1..].iter().all(|w| KEY_CONTENT.contains(&w.as_str())));
    words.len() > 1 && ends && !words.iter().any(|word| OPEN_KEYS.contains(&word.as_str()))
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
    (random && !plain).then(|| (SecretKind::Other, "random text in a Secret".to_owned()))
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

/// `x` of `IDENTIFIED BY 'x'` and of `PASSWORD 'x'`.
fn sql_password(line: &str) -> Option<&str> {
    let lower = line.to_ascii_lowercase();
    let after = ["identified by '", "with password '", " password '"]
        .iter()
        .find_map(|words| Some(lower.find(words)? + words.len()))?;
    line.get(after..)?
        .split('\'')
        .next()
        .filter(|password| !password.is_empty())
}

/// Whether a text only repeats its name (`SECRET` under `CLIENT_SECRET`, `my_access_key` under `access_key`);
/// a password that is `password` is a secret.
pub fn names_itself(name: &str, value: &str) -> bool {
    let (name, value) = (words(name), words(value));
    let filler = [
        "my", "your", "the", "a", "some", "value", "here", "of", "for", "name",
    ];
    !value.is_empty()
        && value
            .iter()
            .all(|word| name.contains(word) || filler.contains(&word.as_str()))
        && value != ["password"]
}

/// Whether a text is a placeholder for a secret in the form of a request: `changeme`, `REPLACE_ME`.
pub fn is_to_be_replaced(value: &str) -> bool {
    is_instruction(value.trim())
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

/// Secrets that are recognised by themselves, under any name.
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
    let shouted = password.contains('_') && password.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let real = !password.is_empty()
        && !shouted
        && !is_reference(password)
        && !is_placeholder(password)
        && !is_instruction(password);
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

/// Whether a text refers to the secret, or is filled in at run time.
fn is_reference(value: &str) -> bool {
    value.is_empty()
        || value.starts_with('$')
        || value.contains("{{")
        || is_wrapped(value)
        || REFERENCES.iter().any(|start| value.starts_with(start))
}

/// Whether a text is a name between marks that a program replaces: `{FRIGATE_PASSWORD}`, `@TOKEN@`,
/// `__KEY__`.
fn is_wrapped(value: &str) -> bool {
    let inner = |start: &str, end: &str| value.strip_prefix(start)?.strip_suffix(end);
    let names = |text: &str| {
        text.len() > 2
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            && text.bytes().any(|b| b.is_ascii_uppercase())
    };
    let braced = inner("{", "}").is_some_and(|text| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    });
    braced
        || [
            ("@", "@"),
            ("%", "%"),
            ("#", "#"),
            ("__", "__"),
            ("[", "]"),
            ("#{", "}#"),
        ]
        .iter()
        .any(|(start, end)| inner(start, end).is_some_and(names))
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

/// Whether a text reads like a name (`orders-db-credentials`, `app.db.password`, `os.environ`): words of
/// letters with separators between them, which random secrets are not.
pub(crate) fn names_something(value: &str) -> bool {
    let (mut words, mut mixed) = (0, 0);
    value.contains(['-', '_', '.', '/'])
        && value.split(['-', '_', '.', '/']).all(|part| {
            let letters = part.bytes().all(|b| b.is_ascii_lowercase());
            let number = part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
            let shout = part.bytes().all(|b| b.is_ascii_uppercase());
            // `s3`, `K8S`, `db2`: short names with a digit in them.
            let short = part.len() <= 4
                && (part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                    || part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
            words += usize::from((letters || shout) && part.len() > 2);
            mixed += usize::from(short && !letters && !shout && !number);
            letters || number || shout || short
        })
        && (mixed == 0 || words >= mixed)
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
    fn known_formats_are_secrets_under_any_name() {
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
    fn placeholders_references_and_names_are_not_secrets() {
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
    fn a_plain_word_is_a_secret_by_its_name_alone() {
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
    fn random_keys_under_unusual_names_are_secrets() {
        let random = "Jx7Qm2Vt9Lr4Wz8Kp1Ny6Hs3Dg5Bc0Fa2Ue7==";
        for name in [
            "AZURE_BATCH_KEY",
            "AZURE_MAPS_KEY",
            "OCI_CLI_KEY_CONTENT",
            "client-key-data",
            "FERNET_KEY",
            "JWT_SECRET_PRODUCTION",
        ] {
            assert!(kind(name, random).is_some(), "{name}");
        }
        for name in ["SORT_KEY", "ROUTING_KEY", "SSH_PUBLIC_KEY", "KEY", "KEYBOARD"] {
            assert_eq!(kind(name, random), None, "{name}");
        }
        for value in [
            "orders/2026/summary.json",
            "3f2b8c1e-7a41-4d0e-9b1a-2c4d5e6f7a8b",
            "d41d8cd98f00b204e9800998ecf8427e",
            "COURIER_K8S_DEPLOY_TOKEN",
        ] {
            assert_eq!(kind("BLOB_KEY", value), None, "{value}");
        }
    }

    #[test]
    fn a_placeholder_for_a_secret_is_not_a_secret() {
        for (name, value) in [
            ("API_KEY", "REPLACE_ME_12345678"),
            ("DB_PASSWORD", "UPDATE_THIS"),
            ("SIGNING_KEY", "SET_BY_PIPELINE"),
            ("DB_PASSWORD", "my_database_password_1"),
            ("mqtt_password", "{MQTT_PASSWORD}"),
            ("TOKEN", "__API_TOKEN__"),
            ("DB_PASSWORD", "changePassword"),
            ("ENCRYPTION_KEY", "changeEncryptionKey"),
            ("AUTH_TOKEN", "changeRunnerAuthToken"),
            ("DB_PASSWORD", "yourPassword"),
            ("pipeline_secret_kube_token", "COURIER_K8S_DEPLOY_TOKEN"),
            ("s3_credentials_secret", "s3-credentials"),
            ("REQUEST_CREDENTIALS", "include"),
            ("aws_access_key_id", "AKIAQ7ZJ4X5T2M8KQWER"),
            (
                "endpoint",
                "http://ACCESS_KEY_ID:ACCESS_SECRET_KEY@S3_HOST:S3_PORT",
            ),
            ("DATABASE_URL", "postgresql://app:REPLACE_ME@db/app"),
        ] {
            assert_eq!(kind(name, value), None, "{name}={value}");
        }
        for (name, value) in [
            ("DB_PASSWORD", "settled7Gk2"),
            ("DB_PASSWORD", "changeme"),
            ("DB_PASSWORD", "m7y-gk2p-q9"),
            ("API_TOKEN", "abc1-d2ef-3gh4-ij5k"),
        ] {
            assert!(kind(name, value).is_some(), "{name}={value}");
        }
    }

    #[test]
    fn the_evidence_never_contains_the_value() {
        for value in ["h7Gk2pQ9vvLq42", "postgresql://app:h7Gk2pQ9vvLq42@db/app"] {
            let (_, evidence) = classify("DB_PASSWORD", value).unwrap();
            assert!(!evidence.contains("h7Gk2pQ9vvLq42"), "{evidence}");
            // Nor its length.
            assert!(!evidence.bytes().any(|b| b.is_ascii_digit()), "{evidence}");
        }
    }

    #[test]
    fn a_reference_distinguishes_passwords_from_addresses() {
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
    fn common_passwords_are_recognised_alone_and_in_addresses() {
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
    fn entropy_is_that_of_shannon() {
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
