//! Which names suggest a secret, and which values under such a name may still be shown.
//!
//! [`crate::secret_scan`] decides what is reported as a secret, and must avoid false alarms. Here the danger
//! is the opposite: hiding a value without need costs a reader a look into the file, but a shown value cannot
//! be taken back. Therefore placeholders and weak passwords are hidden too.

use crate::secret_scan;
use crate::secrets::SecretKind;
use aho_corasick::AhoCorasick;
use cofferdam_syntax::memo::Memo;
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
    /// A word that may also have a method, a switch or a name as its value (`auth: basic`): only a text that is none of
    /// them is a secret.
    Mixed,
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

/// Words before `key` of a secret that may also be called by its name: `deploy_key: laptop`.
const NAMED_KEYS: &[&str] = &[
    "ssh",
    "enc",
    "encrypt",
    "crypt",
    "decrypt",
    "decryption",
    "deploy",
    "security",
    "stripe",
    "sentry",
    "unseal",
    "recovery",
    "wireguard",
    "preshared",
    "twilio",
    "sendgrid",
    "mailgun",
];

/// Words before `seed` of a secret; others are of random numbers.
const SEEDS: &[&str] = &["otp", "totp", "hotp", "mfa", "wallet"];

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
    ("psk", Edge::End),
    ("pskey", Edge::Anywhere),
    ("community", Edge::Word),
    ("pin_code", Edge::Word),
    ("pin-code", Edge::Word),
    ("pincode", Edge::Word),
    ("unlock_code", Edge::Word),
    ("unlock-code", Edge::Word),
    ("unlockcode", Edge::Word),
    ("connectionstring", Edge::Word),
    ("connection_string", Edge::Word),
    ("connection-string", Edge::Word),
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
    thread_local! {
        static KNOWN: Memo<Option<Level>> = Memo::default();
    }
    KNOWN.with(|known| known.get(key, judged))
}

fn judged(key: &str) -> Option<Level> {
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
    if let Some(level) = of_other_words(last, before) {
        return Some(level);
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

/// The level of names that are hidden and not reported: they may also have another meaning.
fn of_other_words(last: &str, before: &[String]) -> Option<Level> {
    let near = before.last().map_or("", String::as_str);
    let is = |word: &str, of: &str| last == word && near == of || last.strip_suffix(word) == Some(of);
    if last.ends_with("psk") {
        return Some(Level::Token);
    }
    if is("code", "pin") || is("code", "unlock") {
        return Some(Level::Password);
    }
    if last == "cred" && !before.is_empty() {
        return Some(Level::Named);
    }
    if last == "seed" && SEEDS.contains(&near) {
        return Some(Level::Token);
    }
    let mixed = matches!(last, "auth" | "authorization" | "authorisation" | "community")
        || is("string", "connection")
        || NAMED_KEYS.iter().any(|of| is("key", of))
        || last == "pat" && !before.is_empty();
    let open = || before.iter().any(|word| OPEN_KEYS.contains(&word.as_str()));
    (mixed && !open()).then_some(Level::Mixed)
}

/// Whether a key contains the value of the secret that is named beside or above it.
pub(super) fn holds_value(key: &str) -> bool {
    VALUES.iter().any(|value| key.eq_ignore_ascii_case(value)) || is_misspelt(key, "value")
}

/// Whether a key contains the name of the object beside it.
pub(super) fn holds_name(key: &str) -> bool {
    NAMES.iter().any(|name| key.eq_ignore_ascii_case(name)) || is_misspelt(key, "name")
}

/// Whether a key is a word with one typing error: a letter too many, too few or wrong, or two in the wrong order.
fn is_misspelt(key: &str, word: &str) -> bool {
    let (key, right) = (key.as_bytes(), word.as_bytes());
    // Of several.
    if key.len() < 3 || key.len().abs_diff(right.len()) > 1 || key.strip_suffix(b"s") == Some(right) {
        return false;
    }
    let same = |(a, b): &(&u8, &u8)| a.eq_ignore_ascii_case(b);
    let start = key.iter().zip(right).take_while(same).count();
    let (key, right) = (&key[start..], &right[start..]);
    let end = key.iter().rev().zip(right.iter().rev()).take_while(same).count();
    match (&key[..key.len() - end], &right[..right.len() - end]) {
        ([a, b], [c, d]) => a.eq_ignore_ascii_case(d) && b.eq_ignore_ascii_case(c),
        (wrong, right) => wrong.len() <= 1 && right.len() <= 1,
    }
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
        for key in ["tls_secret", "secret", "credentials", "secretKey", "MQ_CRED"] {
            assert_eq!(level(key), Some(Level::Named), "{key}");
        }
        assert_eq!(level("other_key"), Some(Level::Key));
        for key in [
            "auth",
            "SMTP_AUTH",
            "ssh_key",
            "sshKey",
            "connectionString",
            "community",
            "x_pat",
        ] {
            assert_eq!(level(key), Some(Level::Mixed), "{key}");
        }
        for key in ["wpa_psk", "WPAPSK", "otp_seed"] {
            assert_eq!(level(key), Some(Level::Token), "{key}");
        }
        assert_eq!(level("pin_code"), Some(Level::Password));
        for key in [
            "secretName",
            "tokenTTL",
            "password_min_length",
            "secretKeyRef",
            "secrets",
            "publicKey",
            "imagePullSecrets",
            "partition_key",
            "primary_key",
            "sort_key",
            "key_id",
            "keyName",
            "topologyKey",
            "ssh_public_key",
            "auth_type",
            "author",
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
    fn keys_with_one_typing_error_hold_what_they_should() {
        for key in ["nam", "nmae", "Name", "names_"] {
            assert_eq!(holds_name(key), key != "names_", "{key}");
        }
        assert!(
            holds_value("valu")
                && holds_value("vlaue")
                && !holds_value("values")
                && !holds_value("valueFrom")
        );
    }
}
