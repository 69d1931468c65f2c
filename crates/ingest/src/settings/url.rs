//! Addresses of databases and caches as applications have them:
//! `postgresql+asyncpg://user@host/db?pool_size=5`, `jdbc:postgresql://host/db`, `redis://host`, or libpq's
//! `host=… dbname=…`. Passwords are skipped and never kept.

use cofferdam_model::database::PoolTarget;
use std::borrow::Cow;

/// The facts of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The kind of server.
    pub target: PoolTarget,
    /// Driver, if the scheme names one (`asyncpg`, `jdbc`).
    pub driver: Option<String>,
    /// Host in lower case; `None` if a template or a socket is in its place. With it the byte at which it
    /// begins.
    pub host: Option<(usize, String)>,
    /// Parameters after `?`, decoded no further: name and value.
    pub parameters: Vec<(String, String)>,
}

/// Schemes of SQL servers; what follows a `+` is the driver.
const SQL: &[&str] = &[
    "postgresql",
    "postgres",
    "mysql",
    "mariadb",
    "mssql",
    "sqlserver",
    "cockroachdb",
    "cockroach",
    "postgis",
    "prisma+postgres",
];

/// Reads an address; `None` for any other text.
pub fn parse(text: &str) -> Option<Address> {
    let trimmed = text.trim();
    let lead = text.len() - text.trim_start().len();
    let (jdbc, rest) = match trimmed.get(..5) {
        Some(start) if start.eq_ignore_ascii_case("jdbc:") => (true, &trimmed[5..]),
        _ => (false, trimmed),
    };
    let Some((scheme, written)) = rest.split_once("://") else {
        return keywords(trimmed);
    };
    // What is filled in later may contain any of the marks that divide an address.
    let masked = without_placeholders(written);
    let after = &*masked;
    let scheme = scheme.to_ascii_lowercase();
    let (engine, driver) = match scheme.split_once('+') {
        Some((engine, driver)) => (engine, Some(driver.to_owned())),
        None => (scheme.as_str(), None),
    };
    let target = if SQL.contains(&engine) {
        PoolTarget::Sql
    } else if matches!(engine, "redis" | "rediss" | "valkey") {
        PoolTarget::Redis
    } else {
        return None;
    };
    let (before, parameters) = after.split_once(['?', ';']).unwrap_or((after, ""));
    let authority = before.split('/').next().unwrap_or_default();
    let host_part = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    let at = lead + trimmed.len() - after.len() + authority.len() - host_part.len();
    let mut from = written.len() - parameters.len();
    let parameters: Vec<(String, String)> = parameters
        .split(['&', ';'])
        .filter_map(|part| {
            let own = written.get(from..from + part.len())?;
            from += part.len() + 1;
            own.split_once('=')
        })
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let driver = if jdbc {
        Some("jdbc".to_owned())
    } else {
        driver.filter(|d| !d.is_empty())
    };
    Some(Address {
        target,
        driver,
        host: host_of(host_part).map(|host| (at, host)),
        parameters,
    })
}

/// The text with every byte of a placeholder (`${NAME:?message}`, `$(NAME)`, `{{ .name }}`) as `$`.
fn without_placeholders(text: &str) -> Cow<'_, str> {
    const PLACEHOLDERS: [(&str, char, char); 3] = [("${", '{', '}'), ("$(", '(', ')'), ("{{", '{', '}')];
    let mut masked = Cow::Borrowed(text);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let placeholder = PLACEHOLDERS.iter().find(|(start, ..)| rest.starts_with(start));
        let end = placeholder.and_then(|(_, open, close)| closing(rest, *open, *close));
        match end {
            Some(end) => {
                masked.to_mut().replace_range(at..at + end, &"$".repeat(end));
                at += end;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    masked
}

/// The byte after the bracket that closes the first one of a text.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at + c.len_utf8());
            }
        }
    }
    None
}

/// libpq's `host=db port=5432 dbname=orders`.
fn keywords(text: &str) -> Option<Address> {
    if !text.contains("host=") || !(text.contains("dbname=") || text.contains("user=")) {
        return None;
    }
    let pairs = cofferdam_syntax::ini::connection_string(text);
    let host = pairs
        .iter()
        .find(|(name, _)| name == "host")
        .map(|(_, v)| v.clone())?;
    let at = text.find("host=")? + "host=".len();
    Some(Address {
        target: PoolTarget::Sql,
        driver: None,
        host: host_of(&host).map(|h| (at, h)),
        parameters: pairs
            .into_iter()
            .filter(|(name, _)| !matches!(name.as_str(), "password" | "user" | "host"))
            .collect(),
    })
}

/// A host without its port, in lower case; `None` for a template placeholder, a path or an empty text. Of
/// several hosts the first.
pub fn host_of(text: &str) -> Option<String> {
    let first = text.split(',').next().unwrap_or_default().trim();
    let host = match first.strip_prefix('[') {
        Some(v6) => v6
            .split(']')
            .next()
            .filter(|v| v.contains(':'))
            .unwrap_or_default(),
        None => first.split(':').next().unwrap_or_default(),
    };
    let plain = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
    plain.then(|| host.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_give_host_driver_and_parameters() {
        let table: &[(&str, &str, Option<&str>, PoolTarget)] = &[
            (
                "postgresql+asyncpg://u:p%40s@Db.internal:5432/x?pool_size=5",
                "db.internal",
                Some("asyncpg"),
                PoolTarget::Sql,
            ),
            ("postgres://db/x", "db", None, PoolTarget::Sql),
            (
                "jdbc:postgresql://db:5432/x?prepareThreshold=0",
                "db",
                Some("jdbc"),
                PoolTarget::Sql,
            ),
            (
                "postgresql://u:p@a.example:1,b.example:2/x",
                "a.example",
                None,
                PoolTarget::Sql,
            ),
            ("rediss://:secret@cache:6380/0", "cache", None, PoolTarget::Redis),
            (
                "host=db port=5432 dbname=x password='a b'",
                "db",
                None,
                PoolTarget::Sql,
            ),
            (
                "postgresql://[2001:DB8::1]:5432/x",
                "2001:db8::1",
                None,
                PoolTarget::Sql,
            ),
        ];
        for (text, host, driver, target) in table {
            let address = parse(text).unwrap();
            let (at, found) = address.host.clone().unwrap();
            assert_eq!(found, *host, "{text}");
            assert_eq!(
                text[at..].to_lowercase().trim_start_matches('[').find(host),
                Some(0),
                "{text}"
            );
            assert_eq!(address.driver.as_deref(), *driver, "{text}");
            assert_eq!(address.target, *target, "{text}");
        }
        let address = parse("postgresql://db/x?sslmode=require&pool_size=5").unwrap();
        assert_eq!(address.parameters[1], ("pool_size".to_owned(), "5".to_owned()));
    }

    #[test]
    fn templates_and_invalid_addresses_are_unknown() {
        assert_eq!(
            parse("postgresql://$USER:$PASSWORD@${DB_HOST}:5432/x")
                .unwrap()
                .host,
            None
        );
        assert_eq!(
            parse("postgresql+asyncpg://[connection_string]").unwrap().host,
            None
        );
        assert_eq!(parse("postgresql:///x?host=/cloudsql/p:r:i").unwrap().host, None);
        for text in [
            "",
            "http://db",
            "sqlite:///x.db",
            "mongodb://m",
            "orders",
            "://",
            "jdbc:",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_filled_in_later_is_the_only_unknown_part() {
        for (text, host) in [
            (
                "postgresql://app:${DB_PASSWORD:?set it / now}@db:5432/app?pool_size=5",
                Some("db"),
            ),
            ("postgresql://$(USER):$(PASSWORD)@db/app?pool_size=5", Some("db")),
            (
                "postgresql://app:{{ .password }}@db/${NAME:-a?b}?pool_size=5",
                Some("db"),
            ),
            (
                "postgresql://app:${A:-${B:-x@y}}@db/app?user=${U:-a&b}&pool_size=5",
                Some("db"),
            ),
            ("postgresql://app:x@${DB_HOST:-db}:5432/app?pool_size=5", None),
            ("postgresql://app:x@$(HOST)/app?pool_size=5", None),
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address.host.as_ref().map(|(_, h)| h.as_str()), host, "{text}");
            if let Some((at, host)) = &address.host {
                assert!(text[*at..].starts_with(host.as_str()), "{text}");
            }
            let size = ("pool_size".to_owned(), "5".to_owned());
            assert_eq!(address.parameters.last(), Some(&size), "{text}");
        }
        // No end, so it is no placeholder.
        assert_eq!(parse("postgresql://a:${b@db/x").unwrap().host.unwrap().1, "db");
    }

    #[test]
    fn no_password_is_kept() {
        let kept = format!(
            "{:?}",
            [
                parse("postgresql://u:hunter2@db/x").unwrap(),
                parse("host=db user=u password=hunter2").unwrap()
            ]
        );
        assert!(!kept.contains("hunter2"), "{kept}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(jdbc:)?(postgres|redis|mysql)?(://)?[a-c:@/?&=\\[\\],;${}()é ]{0,30}") {
            parse(&text);
        }
    }
}
