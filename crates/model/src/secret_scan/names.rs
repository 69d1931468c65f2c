//! Which names suggest a secret, and of what kind.

use super::name_words::{
    ABOUT, ACTIONS, FORGES, KEY_CONTENT, KEYED, LOGINS, OPEN, OPEN_KEYS, PASSWORDS, PERHAPS_PASSWORDS,
    SECRET_KEYS, STEPS, WHICH, WITH_LOGIN,
};
use crate::secrets::SecretKind;
use cofferdam_syntax::memo::Memo;
pub(crate) use cofferdam_syntax::words::of as words;

/// Environments at the end of a name: `JWT_SECRET_PRODUCTION`.
fn is_environment(word: &str) -> bool {
    cofferdam_syntax::environment::canonical(word).is_some()
}

/// Takes words from the end that do not change what the name means: `DB_PASSWORD_2`, `JWT_SECRET_OLD`.
fn without_which(words: &mut Vec<String>) {
    while let [_, .., last] = words.as_slice() {
        let number = last.strip_prefix('v').unwrap_or(last);
        let counts = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        if !counts && !is_environment(last) && !WHICH.contains(&last.as_str()) {
            break;
        }
        words.pop();
    }
    if let Some(last) = words.last_mut() {
        let name = last.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        if name > 0 {
            last.truncate(name);
        }
    }
}

/// What a secret with this name opens; `None` for a name that does not suggest a secret.
pub fn kind_of_name(name: &str) -> Option<SecretKind> {
    named(name).map(|(kind, _)| kind)
}

/// The same, and whether a plain word under this name is a secret too. If it is not, only a random text is.
pub(super) fn named(name: &str) -> Option<(SecretKind, bool)> {
    thread_local! {
        static KNOWN: Memo<Option<(SecretKind, bool)>> = Memo::default();
    }
    KNOWN.with(|known| known.get(name, judged))
}

fn judged(name: &str) -> Option<(SecretKind, bool)> {
    let mut words = words(name);
    without_which(&mut words);
    let has = |word: &str| words.iter().any(|w| w == word);
    let switch = words.len() > 1 && ACTIONS.contains(&words[0].as_str())
        || has("allow") && has("empty")
        || has("random") && has("root");
    if switch { None } else { of_words(&words) }
}

/// What a secret opens whose name may also be that of a switch about it.
pub(crate) fn suggested(name: &str) -> Option<SecretKind> {
    let mut words = words(name);
    without_which(&mut words);
    of_words(&words).map(|(kind, _)| kind)
}

fn of_words(words: &[String]) -> Option<(SecretKind, bool)> {
    let (last, before) = words.split_last()?;
    let last = last.as_str();
    let near = before.last().map_or("", String::as_str);
    let has = |word: &str| words.iter().any(|w| w == word);
    if ABOUT.contains(&last) || has("public") || has("pull") {
        return None;
    }
    let folded: String = words.concat();
    let ends = |tails: &[&str]| tails.iter().any(|tail| folded.ends_with(tail));
    let of_login = |end: &str| last.strip_suffix(end).is_some_and(|what| LOGINS.contains(&what));
    let pass = last == "pass" && !STEPS.contains(&near);
    if ends(PASSWORDS) || pass || of_login("pass") || of_login("pw") || last == "pw" && LOGINS.contains(&near)
    {
        return Some((SecretKind::Password, true));
    }
    if matches!(last, "requirepass" | "masterauth") {
        return Some((SecretKind::Password, true));
    }
    if PERHAPS_PASSWORDS.contains(&last) {
        return Some((SecretKind::Password, false));
    }
    if matches!(last, "credentials" | "credential" | "creds") {
        return Some((SecretKind::Other, false));
    }
    let forge = |word: &str| FORGES.contains(&word);
    let pat = last == "pat" && (before.is_empty() || before.iter().any(|word| forge(word)))
        || last.strip_suffix("pat").is_some_and(forge);
    if ends(&["token"]) || pat {
        let vault = has("vault") && !pat;
        let kind = if vault {
            SecretKind::VaultToken
        } else {
            SecretKind::Token
        };
        return Some((kind, false));
    }
    if ends(&["privatekey"]) {
        return Some((SecretKind::PrivateKey, false));
    }
    let glued = folded
        .strip_suffix("key")
        .is_some_and(|rest| SECRET_KEYS.iter().any(|word| rest.ends_with(word)));
    let key = last == "key" && SECRET_KEYS.contains(&near) || last != "key" && glued;
    if key || ends(&["secretkeybase"]) || last == "sk" && KEYED.contains(&near) {
        return Some((SecretKind::Token, false));
    }
    let mixed_in = matches!(last, "salt" | "pepper");
    (ends(&["secret"]) || mixed_in).then_some((SecretKind::Other, false))
}

/// What a variable that refers to a Secret opens, from its name and the key's; `None` for an address, a user
/// or similar, which may be kept in a Secret but is not one.
pub fn kind_of_reference(variable: &str, key: &str) -> Option<SecretKind> {
    if let Some(kind) = kind_of_name(variable) {
        return Some(kind);
    }
    let (of_variable, of_key) = (words(variable), words(key));
    let last = |words: &[String]| words.last().cloned().unwrap_or_default();
    let near = |word: &str| of_variable.iter().chain(&of_key).any(|w| w == word);
    let is_open = |word: &str| ABOUT.contains(&word) || OPEN.contains(&word);
    let last_of_key = last(&of_key);
    match last(&of_variable).as_str() {
        // The address of an error tracker has a key that browsers get too.
        "dsn" => (!near("sentry") && !near("glitchtip")).then_some(SecretKind::Password),
        "url" | "uri" | "connection" | "string" => {
            let mut all = of_variable.iter().chain(&of_key);
            let opens = all.any(|word| WITH_LOGIN.iter().any(|with| word.ends_with(with)));
            opens.then_some(SecretKind::Password)
        }
        word if is_open(word) => None,
        _ if kind_of_name(key).is_none() && is_open(&last_of_key) => None,
        _ => Some(kind_of_name(key).unwrap_or(SecretKind::Other)),
    }
}

/// Whether the text under a name should not be kept or shown, because it may be a secret. This is wider than
/// [`kind_of_reference`]: any address may have a password in it.
pub fn may_be_secret(name: &str) -> bool {
    let last = last_word(name);
    let address = matches!(last.as_str(), "url" | "uri" | "dsn" | "connection" | "string");
    address || kind_of_reference(name, "").is_some()
}

/// Whether a name is that of the public half of a pair of keys (`accesskey`), which is a user's name in object
/// stores that are compatible with S3.
pub(super) fn is_access_key(name: &str) -> bool {
    let mut words = words(name);
    without_which(&mut words);
    let folded = words.concat();
    folded.ends_with("accesskey") && !folded.contains("secret")
}

pub(super) fn last_word(name: &str) -> String {
    words(name).pop().unwrap_or_default()
}

/// Whether a name is that of a key, without saying of which kind (`AZURE_BATCH_KEY`, `OCI_CLI_KEY_CONTENT`).
pub(super) fn is_key(name: &str) -> bool {
    let words = words(name);
    let at = words.iter().position(|word| word == "key");
    let ends = at.is_some_and(|at| words[at + 1..].iter().all(|w| KEY_CONTENT.contains(&w.as_str())));
    words.len() > 1 && ends && !words.iter().any(|word| OPEN_KEYS.contains(&word.as_str()))
}
