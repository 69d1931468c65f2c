//! Passwords and tokens inside addresses and connection settings: where they are, not whether they are real.

use super::names::named;
use crate::secrets::SecretKind;
use std::ops::Range;

/// How a secret is written in an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// `scheme://user:password@host`.
    Login,
    /// `scheme://token@host`.
    Token,
    /// `?password=…`, `&token=…`.
    Parameter(SecretKind),
    /// `host=… password=…`, `Server=…;Password=…`.
    Setting,
    /// `user:password@tcp(host)/database`.
    Driver,
    /// `user/password@//host`.
    Oracle,
}

impl Found {
    /// What it opens.
    pub(super) fn kind(self) -> SecretKind {
        match self {
            Found::Token => SecretKind::Token,
            Found::Parameter(kind) => kind,
            Found::Login | Found::Setting | Found::Driver | Found::Oracle => SecretKind::Password,
        }
    }

    /// What it is, for a sentence.
    pub(super) fn what(self) -> &'static str {
        match self.kind() {
            SecretKind::Password => "a password",
            _ => "a token",
        }
    }

    /// What it is in, for a sentence.
    pub(super) fn place(self) -> &'static str {
        match self {
            Found::Login | Found::Token | Found::Parameter(_) => "a URL",
            Found::Setting | Found::Driver | Found::Oracle => "connection settings",
        }
    }
}

/// The secrets in a text that is one address or the settings of one connection.
pub(super) fn secrets(value: &str) -> impl Iterator<Item = (Range<usize>, Found)> {
    let scheme = value.find("://").filter(|at| is_scheme(&value[..*at]));
    let of_url = scheme.and_then(|at| {
        let rest = &value[at + 3..];
        let found = of_authority(&value[..at], rest)?;
        Some((at + 3 + found.0.start..at + 3 + found.0.end, found.1))
    });
    let parameter = scheme.and_then(|_| parameter(value));
    of_url
        .into_iter()
        .chain(parameter)
        .chain(setting(value).map(|range| (range, Found::Setting)))
        .chain(driver(value).map(|range| (range, Found::Driver)))
        .chain(oracle(value).map(|range| (range, Found::Oracle)))
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-' | b':'))
}

/// The password or token of an address, in the text after `://`.
fn of_authority(scheme: &str, rest: &str) -> Option<(Range<usize>, Found)> {
    let rest = rest.split(['\n', '"', '\'']).next()?;
    let end = rest.find(['/', '?', '#', ' ']).unwrap_or(rest.len());
    let authority = &rest[..end];
    if let Some((login, _)) = authority.rsplit_once('@') {
        return Some(match login.split_once(':') {
            Some((user, password)) => {
                // `user:password@` stands in every manual.
                let manual = matches!(user, "user" | "username" | "usr" | "login")
                    && matches!(password, "password" | "pass" | "passwd" | "pwd");
                if manual {
                    return None;
                }
                (user.len() + 1..login.len(), Found::Login)
            }
            None => (0..login.len(), Found::Token),
        });
    }
    // A slash or question mark in the password, which should have been encoded. A port is a number.
    let (user, part) = authority.split_once(':')?;
    let start = user.len() + 1;
    let login = &rest[..rest.rfind('@')?];
    let host = rest[login.len() + 1..].split(['/', '?', ':']).next()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let database = [
        "postgres",
        "mysql",
        "mariadb",
        "mongodb",
        "redis",
        "amqp",
        "nats",
        "clickhouse",
        "mssql",
    ]
    .iter()
    .any(|name| scheme.contains(name));
    (database
        && end < rest.len()
        && !part.is_empty()
        && !part.bytes().all(|b| b.is_ascii_digit())
        && !host.is_empty()
        && host.bytes().all(plain)
        && !user.contains('.')
        && login.len() > start
        && login[start..].matches(' ').count() < 2
        && !rest[login.len()..].contains(' '))
    .then_some((start..login.len(), Found::Login))
}

/// A parameter of an address with the name of a secret.
fn parameter(value: &str) -> Option<(Range<usize>, Found)> {
    let mut start = value.find('?')? + 1;
    for pair in value[start..].split('&') {
        if let Some((name, text)) = pair.split_once('=')
            && let Some((kind, _)) = named(name)
        {
            let text = text.split(['#', ' ', '\n']).next().unwrap_or("");
            let at = start + name.len() + 1;
            return Some((at..at + text.len(), Found::Parameter(kind)));
        }
        start += pair.len() + 1;
    }
    None
}

/// Names beside a password in connection settings.
const BESIDE: &[&str] = &[
    "host",
    "hostaddr",
    "server",
    "data source",
    "addr",
    "address",
    "port",
    "user",
    "user id",
    "uid",
    "username",
    "dbname",
    "database",
    "databasename",
    "initial catalog",
    "endpoint",
    "endpointsuffix",
    "accountname",
    "sharedaccesskeyname",
    "ssl",
    "sslmode",
    "abortconnect",
];

/// The password of `host=… password=…`, `Server=…;Password=…`, `host:6379,password=…`, `jdbc:sqlserver://…;password=…`.
fn setting(value: &str) -> Option<Range<usize>> {
    if !value.contains('=') || value.contains('\n') {
        return None;
    }
    // Java's login modules end with a semicolon and have blanks between their options.
    let java = value.contains("LoginModule");
    let separator = [';', ',', ' ']
        .into_iter()
        .find(|c| value.contains(*c) && (!java || *c == ' '))?;
    let mut found = None;
    let mut beside = value.starts_with("jdbc:");
    let mut start = 0;
    for part in value.split(separator) {
        let at = start;
        start += part.len() + 1;
        let Some((name, text)) = part.split_once('=') else {
            continue;
        };
        let name = name.trim();
        let is = |names: &[&str]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
        if is(&["password", "pwd", "pass", "accountkey", "sharedaccesskey"]) {
            let text_at = at + part.len() - text.len();
            found = found.or(Some(unquoted(value, text_at, text.len(), separator)));
        } else {
            beside |= is(BESIDE);
        }
    }
    found.filter(|_| beside)
}

/// A value of connection settings without its quotes; inside them the separator may occur.
fn unquoted(value: &str, at: usize, length: usize, separator: char) -> Range<usize> {
    let text = &value[at..];
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let body = at + usize::from(quote.is_some());
    let end = match quote.and_then(|quote| value[body..].find(quote)) {
        Some(end) => body + end,
        None if separator == ' ' => at + length,
        None => at + text[..length].trim_end().len(),
    };
    let start = body + (value[body..end.max(body)].len() - value[body..end.max(body)].trim_start().len());
    start..end.max(start)
}

/// The password of `user:password@tcp(host:3306)/database`, as Go's MySQL driver writes it.
fn driver(value: &str) -> Option<Range<usize>> {
    let end = value.find("@tcp(").or_else(|| value.find("@unix("))?;
    let user = value[..end].find(':')?;
    let word = !value[..user].is_empty() && !value[..end].contains([' ', '\n', '/', '"']);
    word.then_some(user + 1..end)
}

/// The password of `user/password@//host:1521/service`, with or without `jdbc:oracle:thin:` before it.
fn oracle(value: &str) -> Option<Range<usize>> {
    let jdbc = value.strip_prefix("jdbc:oracle:");
    let rest = jdbc
        .and_then(|rest| rest.split_once(':'))
        .map_or(value, |(_, rest)| rest);
    let offset = value.len() - rest.len();
    let end = match jdbc {
        Some(_) => rest.find('@')?,
        None => rest.find("@//")?,
    };
    let slash = rest[..end].find('/')?;
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'#');
    let user = slash > 0 && rest[..slash].bytes().all(name);
    (user && slash + 1 < end && !rest[..end].contains([' ', '\n']))
        .then_some(offset + slash + 1..offset + end)
}

/// The password in an address or in connection settings.
pub(super) fn password(value: &str) -> Option<&str> {
    secrets(value)
        .find(|(_, found)| found.kind() == SecretKind::Password)
        .map(|(range, _)| &value[range])
}
