//! Secrets that are not the value of a key: in options, calls, templates, commands and addresses, and those
//! that are recognised by their format.

use super::super::line::{Line, closing_quote, opening_quote};
use super::super::names::{self, Level};
use super::super::open;
use super::super::tokens;
use super::stems::Stems;
use super::{Carry, Format, Scanner, find};
use crate::secret_scan;
use std::ops::Range;

/// Ends of names of calls whose second argument is a password or a key.
const LOGINS: &[&str] = &[
    ".login",
    "BasicAuth",
    "DigestAuth",
    "ProxyAuth",
    "BasicAuthentication",
    "jwt.encode",
    "jwt.decode",
];

/// Users of addresses of the web who have no password: tools put a token after them, or they are the same for everybody.
const USUAL_USERS: &[&str] = &[
    "git",
    "oauth2",
    "oauth2accesstoken",
    "x-access-token",
    "x-token-auth",
    "x-oauth-basic",
    "gitlab-ci-token",
    "user",
    "username",
    "anonymous",
    "public",
    "aws",
    "token",
];

impl Scanner<'_> {
    /// Options and their values in separate words: `--password hunter2`, `"--token", "…"`.
    pub(super) fn options(&mut self, line: &Line, from: usize) {
        let all = self.all;
        let mut at = from;
        while let Some(found) = find(self.text(at..line.end), "--").filter(|_| !self.is_spent()) {
            self.spend(found);
            let start = at + found + 2;
            let name = self
                .text(start..line.end)
                .bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
                .count();
            at = start + name;
            let opens = start < 3
                || !all.as_bytes()[start - 3].is_ascii_alphanumeric() && all.as_bytes()[start - 3] != b'-';
            let Some(level) = names::level(self.text(start..at)).filter(|_| opens) else {
                continue;
            };
            let level = match level {
                Level::Mixed => level,
                _ => Level::Password,
            };
            let rest = self.text(at..line.end);
            if rest.starts_with('=') {
                continue;
            }
            let quote = rest
                .as_bytes()
                .first()
                .copied()
                .filter(|b| matches!(b, b'"' | b'\''));
            let gap = rest.len() - rest.trim_start_matches(['"', '\'', ',', ' ']).len();
            if gap == 0 {
                // Nothing follows: the value is the next item.
                if rest.is_empty() {
                    self.carry = Some(Carry::Argument);
                }
                continue;
            }
            let value = &rest[gap..];
            if value.is_empty() || value.starts_with(['#', ']', '}']) {
                self.carry = Some(Carry::Argument);
                continue;
            }
            let own_quote = quote.or_else(|| {
                rest[..gap]
                    .bytes()
                    .next_back()
                    .filter(|b| matches!(b, b'"' | b'\''))
            });
            let end = match own_quote {
                Some(q) => value.bytes().position(|b| b == q).unwrap_or(value.len()),
                None if rest[..gap].contains(',') => value
                    .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ']'))
                    .unwrap_or(value.len()),
                None => value
                    .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
                    .unwrap_or(value.len()),
            };
            self.spend(end);
            // `add_argument("--password", default="…")`
            let keyword =
                self.format == Format::Code && rest[..gap].contains(',') && value[..end].ends_with('=');
            if !value.starts_with("--") && !keyword {
                self.judge(at + gap..at + gap + end, level);
            }
        }
    }

    /// A name in quotes and a value in quotes after a comma: `getenv("TOKEN", "…")`; or a call with one text:
    /// `SecretStr("…")`.
    pub(super) fn quoted_pairs(&mut self, line: &Line, from: usize) {
        let all = self.all;
        let mut at = from;
        while let Some(found) = self.first(at..line.end, |c| matches!(c, '"' | '\'')) {
            if self.is_spent() {
                return;
            }
            let start = at + found;
            let Some(quote) = opening_quote(self.text(start..line.end)) else {
                return;
            };
            let body = start + quote.len();
            let before = self.text(from..start).trim_end();
            let Some(length) = self.closing(body..line.end, quote) else {
                // It closes nowhere, or the quote that opens is missing and this one closes.
                let word = before.rfind([' ', ',', '(']).map_or(0, |at| at + 1);
                if let Some(level) = self.of_call(before) {
                    self.judge(body..line.end, level);
                } else if let Some(level) = self.of_call(before[..word].trim_end()) {
                    self.judge(from + word..start, level);
                }
                return;
            };
            let end = body + length;
            at = end + quote.len();
            let text = self.text(body..end);
            if let Some(level) = self.of_call(before).filter(|_| !text.is_empty()) {
                self.judge(body..end, level);
            }
            let Some(level) = names::level(text) else {
                continue;
            };
            let level = if level == Level::Mixed {
                level
            } else {
                Level::Password
            };
            let rest = self.text(at..line.end);
            if let Some(default) = rest.find("default=").filter(|_| text.starts_with("--")) {
                self.literal(at + default + "default=".len()..line.end, level);
                continue;
            }
            let Some(after) = rest.trim_start().strip_prefix(',') else {
                continue;
            };
            let value = line.end - after.trim_start().len();
            let Some(quote) = opening_quote(self.text(value..line.end)) else {
                continue;
            };
            let inner = value + quote.len();
            let length = self.closing(inner..line.end, quote).unwrap_or(line.end - inner);
            let call =
                before.ends_with('(') && all.as_bytes()[from..start].iter().any(u8::is_ascii_alphanumeric);
            let list = !call && open::is_name(self.text(inner..inner + length));
            let option = self.text(inner..inner + length).starts_with('-');
            if !list && !option && !text.starts_with('-') {
                self.judge(inner..inner + length, level);
            }
        }
    }

    /// The level of the argument of a call behind a text: `SecretStr(`, `Fernet(b`, `login("bob", `.
    fn of_call(&self, before: &str) -> Option<Level> {
        if self.format != Format::Code {
            return None;
        }
        if is_password_of_login(before) {
            return Some(Level::Password);
        }
        let callee = before.strip_suffix('b').unwrap_or(before).strip_suffix('(')?;
        let name = callee.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        if name == "Fernet" {
            return Some(Level::Password);
        }
        names::level(name).filter(|_| !name.starts_with("get") && !name.starts_with("input"))
    }

    /// A quoted text at the start of a range.
    fn literal(&mut self, range: Range<usize>, level: Level) {
        let text = self
            .text(range.clone())
            .trim_start()
            .trim_start_matches(['b', 'r', 'u']);
        let Some(quote) = opening_quote(text) else {
            return;
        };
        let body = range.end - text.len() + quote.len();
        let length = self.closing(body..range.end, quote).unwrap_or(range.end - body);
        self.judge(body..body + length, level);
    }

    /// Defaults in templates and in references to variables: `| default "…"`, `${TOKEN:-…}`.
    pub(super) fn defaults(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        if !text.contains('{') {
            return;
        }
        for (open, _) in text.match_indices("{{") {
            if self.is_spent() {
                return;
            }
            let end = text[open..].find("}}").map_or(text.len(), |n| open + n);
            self.spend(2 * (end - open));
            let inner = &text[open..end];
            let call = inner
                .match_indices("default")
                .map(|(at, word)| (at, at + word.len()));
            let call = call.filter(|(at, end)| {
                let starts = inner[..*at].ends_with([' ', '(', '|', '{']);
                starts && inner[*end..].starts_with([' ', '"'])
            });
            let level = self.named_in(inner).or_else(|| self.named_in(&text[..open]));
            if let (Some((_, after)), Some(level)) = (call.last(), level) {
                let start = open + after;
                let mut quote_at = start;
                while let Some(n) = text[quote_at..end].find(['"', '\'', '`']) {
                    let body = quote_at + n + 1;
                    let quote = &text[body - 1..body];
                    let length = closing_quote(&text[body..end], quote).unwrap_or(end - body);
                    self.judge(from + body..from + body + length, level);
                    quote_at = (body + length + 1).min(end);
                }
                // The quote is missing.
                let word = text[start..end].trim();
                if !word.starts_with(['"', '\'', '`', '.', '$', '(']) {
                    let word = word.split([' ', '|']).next().unwrap_or("");
                    let at = start + (text[start..end].len() - text[start..end].trim_start().len());
                    self.judge(from + at..from + at + word.len(), level);
                }
            }
        }
        for (open, _) in text.match_indices("${") {
            if self.is_spent() {
                return;
            }
            let inner = open + 2;
            let end = text[inner..].find('}').map_or(text.len(), |n| inner + n);
            self.spend(end - inner);
            let name = text[inner..end]
                .bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || b"_.".contains(b))
                .count();
            let rest = &text[inner + name..end];
            let signs = rest
                .bytes()
                .take_while(|b| matches!(b, b':' | b'-' | b'='))
                .count();
            let own = names::level(&text[inner..inner + name]);
            // `${ENV:DB_PASSWORD}` only names the source.
            let variable = rest[signs..].bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            if signs > 0
                && !variable
                && let Some(level) = own.or_else(|| self.named_in(&text[..open]))
            {
                let level = if level == Level::Mixed {
                    level
                } else {
                    Level::Password
                };
                self.judge(from + inner + name + signs..from + end, level);
            }
        }
    }

    /// The level of the last name of a secret in a text.
    pub(super) fn named_in(&self, text: &str) -> Option<Level> {
        self.spend(text.len());
        text.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
            .find_map(names::level)
    }

    /// A name and a value with only white space between them.
    pub(super) fn words(&mut self, line: &Line) {
        let all = self.all;
        if line.is_comment(all) {
            return;
        }
        let text = self.text(line.text..line.end);
        let rest = ["ENV ", "ARG ", "set ", "setenv "]
            .iter()
            .find_map(|word| text.strip_prefix(word))
            .unwrap_or(text);
        let Some((name, value)) = rest.split_once([' ', '\t']) else {
            return;
        };
        let own = matches!(name, "requirepass" | "masterauth");
        let dockerfile = self.format == Format::Shell && rest.len() < text.len();
        if own || self.format == Format::Flat || dockerfile {
            let plain = name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            if let Some(level) = names::level(name).filter(|_| plain) {
                self.judge(line.end - value.trim_start().len()..line.end, level);
            }
        }
    }

    /// Secrets that are recognised by themselves: keys with a known prefix, signed tokens, passwords in
    /// addresses.
    pub(super) fn shapes(&mut self, line: &Line, from: usize, stems: Stems) {
        let text = self.text(from..line.end);
        for (at, word) in tokens(text).filter(|_| stems.token()) {
            if secret_scan::is_token(word)
                || is_cut_off(word, from + at + word.len() == self.all.trim_end().len())
            {
                self.hide(from + at..from + at + word.len(), Level::Password);
            }
        }
        if !stems.address() {
            return;
        }
        for range in embedded(text) {
            self.judge(from + range.start..from + range.end, Level::Password);
        }
        for (at, _) in text.match_indices("://") {
            if self.is_spent() {
                return;
            }
            let start = from + at + 3;
            let rest = self.text(start..line.end);
            let colon = rest.bytes().take(256).position(|b| b == b':');
            // There may be a wrong quote before the password.
            let skip = colon
                .filter(|n| rest[n + 1..].starts_with(['"', '\'']))
                .map_or(0, |n| n + 2);
            let quote = |c: char| matches!(c, '"' | '\'' | '`' | '<' | '>' | '\\');
            let stop = rest[skip..].find(|c: char| c.is_whitespace() || quote(c));
            let stop = stop.map_or(rest.len(), |n| skip + n);
            self.spend(stop);
            if let Some(end) = blank_in_password(rest, stop, quote) {
                let user = rest.find(':').map_or(0, |colon| colon + 1);
                self.judge(start + user..start + end, Level::Password);
                continue;
            }
            // A quote that closes inside the address.
            let early = rest[stop..].starts_with(['"', '\'']) && rest[stop + 1..].starts_with('@');
            if let Some((user, password)) = rest[..stop].split_once(':').filter(|_| early) {
                let body = start + user.len() + 1;
                self.judge(body..body + password.len(), Level::Password);
                continue;
            }
            let rest = &rest[..stop];
            if text[..at].ends_with("nats") || text[..at].ends_with("nats+tls") {
                let token = rest.split('@').next().unwrap_or("");
                if token.len() < rest.len() && !token.contains([':', '/']) {
                    self.judge(start..start + token.len(), Level::Password);
                    continue;
                }
            }
            let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            let web = text[..at].ends_with("http") || text[..at].ends_with("https");
            if let Some(range) = login(rest, authority, web) {
                self.judge(start + range.start..start + range.end, Level::Password);
            } else if let Some((user, part)) = authority.split_once(':') {
                // The file ends inside the address.
                let cut = start + rest.len() == self.all.trim_end().len()
                    && (authority.len() == rest.len() || part.is_empty());
                let part = part.split([';', ',']).next().unwrap_or("");
                let port = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
                if cut && !port && !user.contains('.') {
                    self.judge(start + user.len() + 1..start + rest.len(), Level::Password);
                }
            }
        }
    }
}

/// Whether the text before a quote is a call with one argument before it, which takes a password next: `login("bob", `.
fn is_password_of_login(before: &str) -> bool {
    // Only a short argument is looked at: a line may be as long as its file.
    let mut start = before.len().saturating_sub(200);
    while !before.is_char_boundary(start) {
        start += 1;
    }
    let near = before[start..].trim_end_matches(['b', 'r', 'u']).trim_end();
    let Some((callee, first)) = near.strip_suffix(',').and_then(|near| near.rsplit_once('(')) else {
        return false;
    };
    !first.contains(',') && LOGINS.iter().any(|end| callee.ends_with(end))
}

/// Where a password ends that a blank breaks in two: `postgres://user:two words@host`. `stop` is the first blank.
fn blank_in_password(rest: &str, stop: usize, quote: impl Fn(char) -> bool) -> Option<usize> {
    let (_, part) = rest[..stop].split_once(':')?;
    let port = part.bytes().take_while(u8::is_ascii_digit).count();
    if rest[..stop].contains('@')
        || port > 0 && !part.as_bytes().get(port).is_some_and(u8::is_ascii_alphanumeric)
    {
        return None;
    }
    let mut end = rest[stop..]
        .find(quote)
        .map_or(rest.len(), |n| stop + n)
        .min(stop + 80);
    while !rest.is_char_boundary(end) {
        end -= 1;
    }
    let more = rest[stop..end].rfind('@')?;
    if !rest[stop..].starts_with(' ') {
        return None;
    }
    let host = rest[stop + more + 1..].starts_with(|c: char| c.is_ascii_alphanumeric());
    (host && !rest[stop..stop + more].contains("://")).then_some(stop + more)
}

/// Passwords in other addresses: `user:password@tcp(host:3306)/db`, as Go's MySQL driver writes it, and the parameters
/// `sig` (signed links of Azure) and `bindpw` (LDAP).
fn embedded(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    for at in ["@tcp(", "@unix("]
        .iter()
        .flat_map(|mark| text.match_indices(mark))
    {
        // There may be a wrong quote before or behind the password.
        let before = text[..at.0].trim_end_matches(['"', '\'']);
        let word = before.rfind(is_end).map_or(0, |end| end + 1);
        if let Some(colon) = before[word..].find(':') {
            found.push(word + colon + 1..before.len());
        } else if before[..word].trim_end_matches(['"', '\'']).ends_with(':') {
            found.push(word..before.len());
        }
    }
    found.extend(oracle(text, is_end));
    if let Some((key, _)) = secret_scan::webhook_key(text) {
        let at = key.as_ptr() as usize - text.as_ptr() as usize;
        found.push(at..at + key.len());
    }
    for name in ["sig=", "bindpw="] {
        for (at, _) in text.match_indices(name) {
            let start = at + name.len();
            let is_parameter = text[..at].ends_with(['?', '&', ',']);
            let length = text[start..]
                .find(|c: char| is_end(c) || matches!(c, '&' | '#' | ','))
                .unwrap_or(text.len() - start);
            if is_parameter && length > 0 {
                found.push(start..start + length);
            }
        }
    }
    found.retain(|range| !range.is_empty());
    found
}

/// The password of `jdbc:oracle:thin:user/password@…` and of `user/password@//host`.
fn oracle(text: &str, is_end: impl Fn(char) -> bool) -> Option<Range<usize>> {
    let from = match text.find("jdbc:oracle:") {
        Some(at) => {
            let slash = at + text[at..].find('/')?;
            text[..slash].rfind(':')? + 1
        }
        None => text[..text.find("@//")?].rfind(&is_end).map_or(0, |end| end + 1),
    };
    let slash = from + text[from..].find('/')?;
    // There may be a wrong quote before the password.
    let start = slash + 1 + usize::from(text[slash + 1..].starts_with(['"', '\'']));
    let rest = &text[start..];
    let end = rest.find(is_end).unwrap_or(rest.len());
    let end = rest[..end].rfind('@').unwrap_or(end);
    let user = &text[from..slash];
    (end > 0 && !user.is_empty() && !user.contains('@')).then_some(start..start + end)
}

/// The password of `user:password@host`, or a token alone before the `@`.
fn login(rest: &str, authority: &str, web: bool) -> Option<Range<usize>> {
    let text = match authority.rsplit_once('@') {
        Some((login, _)) => login,
        None => rest.rsplit_once('@')?.0,
    };
    match text.split_once(':') {
        Some((user, password)) => {
            let port = password.bytes().take_while(u8::is_ascii_digit).count();
            let is_port = port > 0
                && password[port..].starts_with('/')
                && authority.len() < rest.len()
                && !authority.contains('@');
            let path = user.contains('/');
            (!is_port && !path).then(|| user.len() + 1..user.len() + 1 + password.len())
        }
        None => {
            // The name of an organisation, which is also the first part of the path.
            let organisation = || {
                let path = rest[authority.len()..].trim_start_matches('/');
                path.split('/').next() == Some(text)
            };
            let token = text.len() >= 16 && open::looks_random(text)
                || web && !USUAL_USERS.iter().any(|user| text.eq_ignore_ascii_case(user)) && !organisation();
            (authority.contains('@') && token).then_some(0..text.len())
        }
    }
}

/// Whether a word begins like a known key and the file ends inside it.
fn is_cut_off(word: &str, at_end: bool) -> bool {
    let begins = ["AKIA", "ghp_", "glpat-", "xoxb-", "sk_live_", "eyJ"]
        .iter()
        .any(|start| word.starts_with(start));
    begins && at_end && word.len() >= 10
}
