//! Secrets in forms that only some texts have: XML, comparisons, cookies, access lists, logins without a scheme, and
//! names whose separator is a typing error.

use super::super::line::{Line, Pair, opening_quote};
use super::super::names::{self, Level};
use super::super::open;
use super::{NEAR, Named, Scanner, find};

/// Words before the first colon of a text with an `@` that are no user: names of registries and of schemes.
const NO_USERS: &[&str] = &[
    "npm",
    "mailto",
    "docker",
    "oci",
    "file",
    "link",
    "workspace",
    "patch",
    "git",
    "ssh",
    "sip",
    "urn",
    "xmpp",
    "acct",
];

impl Scanner<'_> {
    /// Every form that is looked for in each examined line.
    pub(super) fn forms(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        self.spend(text.len());
        if text.contains('<') {
            self.tags(line, from);
        }
        if find(text, "==").or_else(|| find(text, "!=")).is_some() {
            self.comparisons(line, from);
        }
        if text.contains('@') {
            self.bare_logins(from, text);
        }
        if text.contains('>') && find(text, "user ").is_some() {
            self.access_lists(from, text);
        }
        let mut colons = text.match_indices(':').map(|(at, _)| at);
        let is_cookie = |at: &usize| {
            let before = text.as_bytes()[..*at].last_chunk::<6>();
            before.is_some_and(|word| word.eq_ignore_ascii_case(b"cookie"))
        };
        if let Some(at) = colons.find(is_cookie) {
            self.cookies(from, text, at - "cookie".len());
        }
    }

    /// `<password>…</password>`, `<property name="password">…</property>`, `<name>password</name><value>…</value>`.
    fn tags(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        let mut at = 0;
        while let Some(open) = text[at..].find('<').filter(|_| !self.is_spent()) {
            let start = at + open + 1;
            let name = start..start + text[start..].bytes().take_while(|b| is_of_tag(*b)).count();
            at = name.end.max(start);
            let Some(close) = text[at..].find('>').map(|n| at + n) else {
                break;
            };
            let attributes = &text[name.end..close];
            if name.is_empty() || attributes.ends_with('/') {
                continue;
            }
            let body = close + 1;
            let end = text[body..].find('<').map_or(text.len(), |n| body + n);
            let (own, content) = (
                text[name].rsplit(':').next().unwrap_or(""),
                text[body..end].trim(),
            );
            let level = names::level(own).or_else(|| attribute(attributes).and_then(names::level));
            if let Some(level) = level {
                self.judge(from + body..from + end, level.of_value());
            } else if names::holds_name(own) {
                self.named = names::level(content).map(|level| Named {
                    level,
                    left: NEAR,
                    block: None,
                });
            } else if let Some(named) = self.named.as_ref().filter(|_| names::holds_value(own)) {
                self.judge(from + body..from + end, named.level.of_value());
            }
            at = end;
        }
    }

    /// A name of a secret that is compared with a text: `if password == "…"`.
    fn comparisons(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        for (at, _) in text.match_indices("==").chain(text.match_indices("!=")) {
            if self.is_spent() {
                return;
            }
            let name = text[..at]
                .trim_end()
                .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
                .next();
            let Some(level) = name.and_then(names::level) else {
                continue;
            };
            let rest = text[at + 2..].trim_start();
            let Some(quote) = opening_quote(rest) else {
                continue;
            };
            let body = line.end - rest.len() + quote.len();
            let length = self.closing(body..line.end, quote).unwrap_or(line.end - body);
            self.judge(body..body + length, level.of_value());
        }
    }

    /// `user:password@host` without a scheme, as drivers of databases take it.
    fn bare_logins(&mut self, from: usize, text: &str) {
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';' | '(' | '<' | '>');
        for word in text.split(ends).filter(|word| word.contains('@')) {
            if self.is_spent() {
                return;
            }
            let place = word.as_ptr() as usize - text.as_ptr() as usize;
            let Some((login, host)) = word.rsplit_once('@') else {
                continue;
            };
            let start = login.rfind(['=', '/']).map_or(0, |n| n + 1);
            let Some((user, password)) = login[start..].split_once(':') else {
                continue;
            };
            // A digest and a version come after an `@` too.
            let is_host = host.starts_with(|c: char| c.is_ascii_alphabetic()) || host.is_empty();
            let is_digest = host.starts_with("sha256:") || host.starts_with("sha512:");
            let is_user = !user.is_empty() && !NO_USERS.contains(&user);
            if is_host && !is_digest && is_user && password.len() >= 4 && !login.contains("://") {
                let end = from + place + login.len();
                self.judge(end - password.len()..end, Level::Data);
            }
        }
    }

    /// A user of Redis: `user default on >password ~* +@all`.
    fn access_lists(&mut self, from: usize, text: &str) {
        for word in text
            .split([' ', '\t', '"', '\'', ','])
            .filter(|w| w.len() > 1 && w.starts_with('>'))
        {
            let place = word.as_ptr() as usize - text.as_ptr() as usize;
            self.judge(from + place + 1..from + place + word.len(), Level::Data);
        }
    }

    /// `Cookie: session=…; other=…` and `Set-Cookie: session=…; Path=/`.
    fn cookies(&mut self, from: usize, text: &str, at: usize) {
        let one = text[..at].to_ascii_lowercase().ends_with("set-");
        let rest = &text[at + "cookie:".len()..];
        for cookie in rest.split(';').take(if one { 1 } else { usize::MAX }) {
            let Some((_, value)) = cookie.split_once('=') else {
                continue;
            };
            let place = value.as_ptr() as usize - text.as_ptr() as usize;
            let length = value.find(['"', '\'', ' ', '`']).unwrap_or(value.len());
            // Some are only a choice of the user.
            let open = open::is_open(&value[..length], Level::Mixed);
            let level = if open { Level::Data } else { Level::Password };
            self.judge(from + place..from + place + length, level);
        }
    }

    /// `variable "db_password" { default = "…" }` on one line.
    pub(super) fn block_on_one_line(&mut self, line: &Line, level: Level) {
        for pair in self.pairs(line) {
            if self.is_spent() {
                return;
            }
            if names::holds_value(self.text(pair.key.clone())) {
                let carry = self.carry.take();
                self.value(line, &Pair { own: false, ..pair }, level.of_value());
                self.carry = carry;
            }
        }
    }

    /// A name of a secret and one word, with something between that no format knows: `password; …`, `PASSWORD -> …`.
    pub(super) fn mistyped(&mut self, line: &Line) {
        let text = self.text(line.item..line.end).trim_end();
        let name = text
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || b"_.-".contains(b))
            .count();
        let name = text[..name].trim_end_matches('-').len();
        let level = names::level(&text[..name]);
        if !matches!(level, Some(Level::Password | Level::Token)) {
            return;
        }
        let rest = text[name..].trim_start_matches([' ', '\t', ';', '|', ':', '\\', '-', '>', '=', '~']);
        let rest = rest.strip_prefix("is ").unwrap_or(rest);
        let value = rest.trim_matches(['"', '\'']);
        if rest.len() < text.len() - name && !value.is_empty() && !value.contains(char::is_whitespace) {
            let start = line.item + (value.as_ptr() as usize - text.as_ptr() as usize);
            self.judge(start..start + value.len(), Level::Data);
        }
    }
}

fn is_of_tag(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_.:-".contains(&b)
}

/// The attribute of a tag that names what it contains.
fn attribute(attributes: &str) -> Option<&str> {
    let at = ["name=", "key="]
        .iter()
        .find_map(|word| attributes.find(word).map(|at| at + word.len()))?;
    let quote = attributes[at..]
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\''))?;
    attributes[at + 1..].split(quote).next()
}
