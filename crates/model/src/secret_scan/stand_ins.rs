//! Texts in the place of a secret that are none: placeholders, references to it, names.

use super::names::{named, words};

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
    ("goes", &["here"]),
    ("not", &["set", "used", "needed", "required", "a", "real", "the"]),
    ("to", &["be", "do"]),
    ("this", &["is", "should", "must", "will"]),
    ("use", &["a", "the", "your", "vault", "env"]),
    ("read", &["from"]),
    (
        "from",
        &["env", "vault", "secret", "secrets", "environment", "file"],
    ),
    ("same", &["as"]),
    ("ask", &["for", "me", "your"]),
    ("invalid", &[]),
    ("mock", &[]),
];

/// Words that say what a value is or how it is made, where the value is to be: `password: string`,
/// `password: bcrypt`.
const KINDS: &[&str] = &[
    "any",
    "array",
    "argon2",
    "basic",
    "bcrypt",
    "bool",
    "boolean",
    "bytes",
    "digest",
    "hidden",
    "integer",
    "kerberos",
    "keychain",
    "keyring",
    "ldap",
    "masked",
    "number",
    "object",
    "pbkdf2",
    "scram",
    "secretstr",
    "sensitive",
    "stdin",
    "string",
    "text",
    "trust",
    "varchar",
    "vault",
    "environment",
    "prompt",
    "unset",
    "undefined",
    "unknown",
    "empty",
    "blank",
    "missing",
    "enabled",
    "disabled",
    "enable",
    "disable",
    "optional",
    "required",
    "always",
    "never",
    "generated",
    "random",
    "inherit",
    "auto",
    "automatic",
    "filtered",
    "removed",
    "censored",
    "omitted",
    "notset",
    "changeit",
    "nopassword",
    "nopass",
    "anonymous",
];

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
    "...",
    "…",
    "mypass",
    "mysecret",
    "mytoken",
    "yourpass",
    "yoursecret",
    "yourtoken",
    "yourkey",
    "yourapi",
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
    // Of ciphertext that only its own key opens.
    "{cipher}",
    "ENC(",
    "hashivault://",
    "awskms://",
    // Of expressions.
    "((",
    "[[",
    "<%",
    "var.",
    "local.",
    "data.",
    "module.",
    "random_password.",
    "env.",
    "process.env",
    "os.environ",
    "os.getenv",
    "System.getenv",
    "secretref:",
    "keyvault:",
    "secretKeyRef:",
    "env:",
    "secret:",
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
pub(super) fn is_instruction(value: &str) -> bool {
    let words = words(value);
    if orders_another(&words) || words.len() > 1 && words.last().is_some_and(|last| last == "here") {
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

/// Whether a text is a placeholder for a secret in the form of a request: `changeme`, `REPLACE_ME`.
pub fn is_to_be_replaced(value: &str) -> bool {
    is_instruction(value.trim())
}

/// Whether a text refers to a secret, or is a placeholder for one.
pub fn is_placeholder_or_reference(value: &str) -> bool {
    let value = value.trim();
    is_reference(value) || is_placeholder(value)
}

/// Whether a text refers to the secret, or is filled in at run time.
pub(super) fn is_reference(value: &str) -> bool {
    value.is_empty()
        || value.starts_with('$')
        || value.contains("{{")
        || is_wrapped(value)
        || is_call(value)
        || is_sealed(value)
        || is_windows_path(value)
        || REFERENCES.iter().any(|start| value.starts_with(start))
}

/// Whether a text is a call or an entry of a map: `getenv("TOKEN")`, `config['token']`, `data.x[0].token`.
fn is_call(value: &str) -> bool {
    let Some(open) = value.find(['(', '[']) else {
        return false;
    };
    let name = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b))
            && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    };
    let close = if value.as_bytes()[open] == b'(' { ')' } else { ']' };
    let inner = value[open + 1..]
        .rfind(close)
        .map(|end| &value[open + 1..open + 1 + end]);
    let plain = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.,\"' -/:[]()".contains(&b))
    };
    name(&value[..open]) && open > 2 && inner.is_some_and(plain)
}

/// Whether a text is ciphertext of a SealedSecret.
fn is_sealed(value: &str) -> bool {
    value.len() >= 250
        && value.starts_with("Ag")
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/=\n".contains(&b))
}

fn is_windows_path(value: &str) -> bool {
    matches!(value.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic())
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
    // No program but the one that replaces them begins and ends a text with these.
    let rare = [
        ("@@", "@@"),
        ("<<", ">>"),
        ("__", "__"),
        ("%%", "%%"),
        ("[[", "]]"),
    ]
    .iter()
    .any(|(start, end)| {
        inner(start, end).is_some_and(|text| {
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        })
    });
    braced
        || rare
        || [
            ("@", "@"),
            ("%", "%"),
            ("#", "#"),
            ("[", "]"),
            ("-", "-"),
            ("_", "_"),
        ]
        .iter()
        .any(|(start, end)| inner(start, end).is_some_and(names))
}

pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let one_letter = lower.chars().all(|c| lower.starts_with(c));
    one_letter
        || KINDS.contains(&lower.as_str())
        || is_label(value)
        || value.contains("${")
        || ["$(", "#{", "%{"].iter().any(|open| value.contains(open))
        || PLACEHOLDERS.iter().any(|p| lower.contains(p))
        || matches!(
            lower.as_str(),
            "none" | "null" | "nil" | "n/a" | "true" | "false" | "yes" | "no" | "on" | "off"
        )
}

/// Whether a text is made of words without separators: `applicationSecretName`, `ServiceToken2024`.
pub(super) fn is_camel_case(value: &str) -> bool {
    let letters = value.trim_end_matches(|c: char| c.is_ascii_digit());
    let parts = 1 + letters
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
        .count();
    letters.bytes().all(|b| b.is_ascii_alphabetic())
        && value.len() - letters.len() <= 4
        && letters.len() >= 4 * parts
        && letters.bytes().filter(u8::is_ascii_uppercase).count() <= parts
}

/// Whether a text is what a form shows beside its field (`Password`, `Contraseña`).
fn is_label(value: &str) -> bool {
    let mut letters = value.chars();
    letters.next().is_some_and(char::is_uppercase)
        && letters.all(|c| c.is_alphabetic() && c.is_lowercase())
        && named(value).is_some()
}

/// Whether a text is the name of a secret in the way of programs: `dbPassword`, `API_TOKEN`, `root-password`,
/// `oauth2-client-secret`.
pub(super) fn is_name_of_secret(value: &str) -> bool {
    let (parts, mut pieces) = (words(value), value.rsplit(['_', '-', '.']));
    let letters = |piece: &str| piece.bytes().all(|b| b.is_ascii_alphabetic());
    // A number may be at the end of a word, but not of the last one.
    let with_number = |piece: &str| {
        let word = piece.trim_end_matches(|c: char| c.is_ascii_digit());
        letters(word) && !word.is_empty() && piece.len() - word.len() <= 2 && word.len() > 1
    };
    parts.len() > 1
        && pieces.next().is_some_and(letters)
        && pieces.all(|piece| letters(piece) || with_number(piece))
        && named(value).is_some()
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
