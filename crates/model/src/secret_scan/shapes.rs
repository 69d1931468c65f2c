//! Secrets that are recognised by themselves, under any name.

use super::addresses;
use super::names::named;
use super::stand_ins::{is_instruction, is_placeholder, is_reference};
use crate::secrets::SecretKind;

/// Prefixes of known kinds of keys, the minimum number of characters after them, and their names.
const PREFIXES: &[(&str, usize, &str)] = &[
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "a temporary AWS access key"),
    ("ghp_", 30, "a GitHub token"),
    ("gho_", 30, "a GitHub token"),
    ("ghu_", 30, "a GitHub token"),
    ("ghs_", 30, "a GitHub token"),
    ("ghr_", 30, "a GitHub token"),
    ("github_pat_", 30, "a GitHub token"),
    ("glpat-", 16, "a GitLab token"),
    ("glptt-", 30, "a GitLab trigger token"),
    ("gldt-", 16, "a GitLab deploy token"),
    ("glrt-", 16, "a GitLab runner token"),
    ("xoxb-", 16, "a Slack token"),
    ("xoxp-", 16, "a Slack token"),
    ("xoxa-", 16, "a Slack token"),
    ("xoxr-", 16, "a Slack token"),
    ("xoxs-", 16, "a Slack token"),
    ("xapp-", 16, "a Slack token"),
    ("sk_live_", 16, "a live Stripe key"),
    ("rk_live_", 16, "a live Stripe key"),
    ("whsec_", 30, "a Stripe webhook secret"),
    ("sk-ant-", 20, "an Anthropic key"),
    ("sk-proj-", 20, "an OpenAI key"),
    ("sk-svcacct-", 20, "an OpenAI key"),
    ("AIza", 35, "a Google API key"),
    ("GOCSPX-", 24, "a Google OAuth secret"),
    ("hvs.", 20, "a Vault token"),
    ("hvb.", 20, "a Vault token"),
    ("NRAK-", 20, "a New Relic user key"),
    ("npm_", 30, "an npm token"),
    ("pypi-", 40, "a PyPI token"),
    ("dop_v1_", 40, "a DigitalOcean token"),
    ("dckr_pat_", 24, "a Docker Hub token"),
    ("SG.", 40, "a SendGrid key"),
    ("shpat_", 30, "a Shopify token"),
    ("glsa_", 32, "a Grafana token"),
    ("hf_", 30, "a Hugging Face token"),
    ("tskey-", 16, "a Tailscale key"),
    ("ATATT3", 40, "an Atlassian token"),
    ("dp.st.", 30, "a Doppler token"),
    ("AGE-SECRET-KEY-1", 50, "an age key"),
];

/// The parts of an address of a webhook before its key. Whoever knows the address can post.
const WEBHOOKS: &[(&str, &str)] = &[
    ("hooks.slack.com/services/", "Slack"),
    ("discord.com/api/webhooks/", "Discord"),
    ("discordapp.com/api/webhooks/", "Discord"),
];

/// What a text opens by its form alone, and how it is recognised.
pub(super) fn by_shape(value: &str) -> Option<(SecretKind, String)> {
    if value.starts_with("-----BEGIN") && value.lines().next().is_some_and(|l| l.contains("PRIVATE KEY")) {
        return Some((SecretKind::PrivateKey, "the header of a private key".to_owned()));
    }
    if let Some(found) = by_prefix(value) {
        return Some(found);
    }
    if is_web_token(value) {
        return Some((
            SecretKind::Token,
            "the shape of a signed web token (JWT)".to_owned(),
        ));
    }
    if let Some(found) = in_header(value) {
        return Some(found);
    }
    if let Some((key, whose)) = webhook_key(value) {
        let real = key.len() >= 20 && is_key(key) && !is_placeholder(key) && super::is_mixed(key);
        return real.then(|| (SecretKind::Token, format!("the address of a webhook of {whose}")));
    }
    if is_public_dsn(value) {
        return None;
    }
    let (_, found) =
        addresses::secrets(value).find(|(place, found)| is_real(&value[place.clone()], *found))?;
    Some((found.kind(), format!("{} inside {}", found.what(), found.place())))
}

/// Whether a text is the address to which a program sends its errors, with a key that only allows to send:
/// `https://KEY@o1.ingest.sentry.io/1`. Browsers get it too.
fn is_public_dsn(value: &str) -> bool {
    let Some((login, rest)) = value.strip_prefix("https://").and_then(|v| v.split_once('@')) else {
        return false;
    };
    let project = rest.rsplit_once('/').map_or("", |(_, project)| project);
    login.len() == 32
        && login.bytes().all(|b| b.is_ascii_hexdigit())
        && !project.is_empty()
        && project.bytes().all(|b| b.is_ascii_digit())
}

/// What tokens of known kinds begin with.
pub(crate) fn prefixes() -> impl Iterator<Item = &'static str> {
    PREFIXES.iter().map(|(prefix, ..)| *prefix)
}

/// Whether a word is a token of a known kind by its form.
pub(crate) fn is_token(word: &str) -> bool {
    by_prefix(word).is_some() || is_web_token(word)
}

/// A token with a known prefix.
fn by_prefix(value: &str) -> Option<(SecretKind, String)> {
    PREFIXES.iter().find_map(|(prefix, least, what)| {
        let rest = value.strip_prefix(prefix)?;
        let kind = match *prefix {
            "hvs." | "hvb." => SecretKind::VaultToken,
            _ => SecretKind::Token,
        };
        (rest.len() >= *least && is_key(rest) && !is_placeholder(value))
            .then(|| (kind, format!("the prefix of {what}")))
    })
}

fn is_key(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_web_token(value: &str) -> bool {
    if !value.starts_with("eyJ") {
        return false;
    }
    let parts: Vec<&str> = value.split('.').collect();
    parts.len() == 3 && parts[1].starts_with("eyJ") && parts.iter().all(|p| p.len() > 8 && is_key(p))
}

/// A login in the value of the header `Authorization`, or in the whole header.
fn in_header(value: &str) -> Option<(SecretKind, String)> {
    let (before, rest) = value.split_once(' ')?;
    let (scheme, text) = match before.to_ascii_lowercase().as_str() {
        "authorization:" | "proxy-authorization:" => rest.trim_start().split_once(' ')?,
        _ => (before, rest),
    };
    let text = text.trim();
    if text.contains(char::is_whitespace) {
        return None;
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let login = decoded(text)?;
        let (_, password) = login.split_once(':')?;
        let real = !password.is_empty() && !is_reference(password) && !is_placeholder(password);
        return real.then(|| (SecretKind::Password, "a login in base64".to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let random = super::is_random(text, 20) && !is_reference(text) && !is_placeholder(text);
    (by_prefix(text).is_some() || is_web_token(text) || random)
        .then(|| (SecretKind::Token, "a token in a header".to_owned()))
}

/// The key in the address of a webhook, and whose it is.
pub(crate) fn webhook_key(value: &str) -> Option<(&str, &'static str)> {
    // Most values are no address, and this is asked of every value.
    if !value.contains('/') {
        return None;
    }
    WEBHOOKS.iter().find_map(|(before, whose)| {
        let rest = &value[value.find(before)? + before.len()..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/')))
            .unwrap_or(rest.len());
        let key = rest[..end].trim_end_matches('/').rsplit_once('/')?.1;
        (!key.is_empty()).then_some((key, *whose))
    })
}

/// Whether a text in the place of a secret is one, and not a name, a variable or a placeholder.
fn is_real(text: &str, found: addresses::Found) -> bool {
    let shouted = text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        && (text.contains('_') || named(text).is_some());
    let percents = text.match_indices('%').all(|(at, _)| {
        let code = text.as_bytes().get(at + 1..at + 3);
        code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    });
    !text.is_empty()
        && !shouted
        && percents
        && !text.contains(['{', '$'])
        && !is_reference(text)
        && !is_placeholder(text)
        && !is_instruction(text)
        && (found.kind() == SecretKind::Password || super::is_random(text, 12))
}

/// `x` of `IDENTIFIED BY 'x'` and of `PASSWORD 'x'`.
pub(super) fn sql_password(line: &str) -> Option<&str> {
    let lower = line.to_ascii_lowercase();
    let after = ["identified by '", "with password '", " password '"]
        .iter()
        .find_map(|words| Some(lower.find(words)? + words.len()))?;
    line.get(after..)?
        .split('\'')
        .next()
        .filter(|password| !password.is_empty())
}

/// The text behind base64, if it is readable.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let text = text.trim();
    let body = text.trim_end_matches('=');
    if text.len() < 8 || text.len() > 1 << 16 || body.len() % 4 == 1 || text.len() - body.len() > 2 {
        return None;
    }
    let (mut word, mut bits) = (0u32, 0);
    let mut bytes = Vec::with_capacity(body.len() * 3 / 4);
    for b in body.bytes() {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        word = word << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits & 0xFF) as u8);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    text.chars()
        .all(|c| !c.is_control() || c.is_whitespace())
        .then_some(text)
}
