//! Pools of databases and Redis under the names that frameworks give their settings and that variables
//! commonly have. One table defines what a word sets; words in front of it (`SQLALCHEMY_`,
//! `spring.datasource.hikari.`) identify its owner.

use super::{Setting, url, words};
use crate::parts::{self, fill, set};
use cofferdam_model::calls::{Deadline, DeadlineRole};
use cofferdam_model::database::{Pool, PoolTarget};
use cofferdam_model::units::{duration, millis, seconds};
use cofferdam_model::{Fact, Owner, Parts, Source, Span};
use cofferdam_syntax::memo::Memo;
use std::time::Duration;

/// What a word sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Url,
    Host,
    Driver,
    /// Connections kept, with others added by an overflow of its own.
    Size,
    /// Maximum number of connections in total.
    Most,
    Overflow,
    PoolWait,
    Connect,
    /// A connection timeout that in a Hikari pool is the wait for a connection of the pool.
    ConnectionTimeout,
    Recycle,
    StatementCache,
    StatementTimeout,
}

/// Words (joined), what they set, and whether they refer to a pool even without `database` in front, if other
/// settings beside them do.
const PROPERTIES: &[(&str, Meaning, bool)] = &[
    ("url", Meaning::Url, false),
    ("uri", Meaning::Url, false),
    ("dsn", Meaning::Url, false),
    ("databaseuri", Meaning::Url, false),
    ("connectionstring", Meaning::Url, false),
    ("connectionurl", Meaning::Url, false),
    ("jdbcurl", Meaning::Url, false),
    ("host", Meaning::Host, false),
    ("hostname", Meaning::Host, false),
    ("endpoint", Meaning::Host, false),
    ("address", Meaning::Host, false),
    ("driver", Meaning::Driver, false),
    ("driverclassname", Meaning::Driver, false),
    ("poolsize", Meaning::Size, true),
    ("poolmaxsize", Meaning::Most, true),
    ("poolsizemax", Meaning::Most, true),
    ("maxpoolsize", Meaning::Most, true),
    ("maximumpoolsize", Meaning::Most, true),
    ("poolmax", Meaning::Most, true),
    ("poolmaxconns", Meaning::Most, true),
    ("poolmaxconnections", Meaning::Most, true),
    ("poolmaxactive", Meaning::Most, false),
    ("poolmaxtotal", Meaning::Most, false),
    ("maxactive", Meaning::Most, false),
    ("maxconnections", Meaning::Most, false),
    ("maxconns", Meaning::Most, false),
    ("maxopenconns", Meaning::Most, false),
    ("maxopenconnections", Meaning::Most, false),
    ("connectionlimit", Meaning::Most, false),
    ("maxoverflow", Meaning::Overflow, true),
    ("poolmaxoverflow", Meaning::Overflow, true),
    ("pooloverflow", Meaning::Overflow, true),
    ("pooltimeout", Meaning::PoolWait, true),
    ("poolwaittimeout", Meaning::PoolWait, true),
    ("poolacquiretimeout", Meaning::PoolWait, true),
    ("acquiretimeout", Meaning::PoolWait, false),
    ("acquireconnectiontimeout", Meaning::PoolWait, false),
    ("connecttimeout", Meaning::Connect, false),
    ("connectiontimeout", Meaning::ConnectionTimeout, false),
    ("poolrecycle", Meaning::Recycle, true),
    ("recycle", Meaning::Recycle, false),
    ("maxlifetime", Meaning::Recycle, false),
    ("connmaxlifetime", Meaning::Recycle, false),
    ("connectionmaxlifetime", Meaning::Recycle, false),
    ("statementcachesize", Meaning::StatementCache, false),
    ("preparedstatementcachesize", Meaning::StatementCache, false),
    ("statementtimeout", Meaning::StatementTimeout, false),
];

/// Words that name an SQL database or its access layer.
const SQL_SCOPES: &[&str] = &[
    "database",
    "databases",
    "db",
    "postgres",
    "postgresql",
    "pg",
    "sqlalchemy",
    "datasource",
    "hikari",
    "jdbc",
    "rds",
    "aurora",
    "sql",
    "mysql",
    "mariadb",
    "asyncpg",
    "prisma",
    "typeorm",
    "cloudsql",
    "pgbouncer",
];

/// Words that name Redis.
const REDIS_SCOPES: &[&str] = &["redis", "valkey", "lettuce", "jedis"];

/// Words without a meaning here.
const NEUTRAL: &[&str] = &[
    "spring",
    "data",
    "engine",
    "options",
    "pool",
    "config",
    "settings",
    "app",
    "main",
    "primary",
    "default",
    "connection",
    "connections",
    "async",
    "client",
    "write",
    "writer",
    "quarkus",
];

/// A parsed setting of a pool.
struct Parsed<'s> {
    setting: &'s Setting,
    meaning: Meaning,
    target: PoolTarget,
    hikari: bool,
}

/// Fills the pools of `owner` from `settings`; timeouts among them are deadlines of `section`. Returns how
/// many settings were recognised.
pub(super) fn apply(settings: &[Setting], owner: &Owner, section: &str, parts: &mut Parts) -> usize {
    // Most lists contain nothing about a database; for those the existing parts need not be examined.
    if !settings.iter().any(|s| understand(s, true).is_some()) {
        return 0;
    }
    let certain: Vec<Parsed<'_>> = settings.iter().filter_map(|s| understand(s, false)).collect();
    let speaks_of_sql = certain.iter().any(is_sql)
        || parts
            .pools
            .iter()
            .any(|p| p.target == PoolTarget::Sql && parts::same_owner(&p.owner, owner));
    let known = if speaks_of_sql {
        settings.iter().filter_map(|s| understand(s, true)).collect()
    } else {
        certain
    };
    // An address first: separate settings override its parameters.
    let (addresses, others): (Vec<Parsed<'_>>, Vec<Parsed<'_>>) =
        known.into_iter().partition(|k| k.meaning == Meaning::Url);
    let mut count = 0;
    for item in addresses {
        count += usize::from(address(&item, owner, parts));
    }
    for item in others {
        count += usize::from(place(&item, owner, section, parts));
    }
    count
}

/// Whether a setting is about an SQL server; the address of a file or of another store is not.
fn is_sql(item: &Parsed<'_>) -> bool {
    let text = &item.setting.value.value;
    let elsewhere = item.meaning == Meaning::Url && text.contains("://") && url::parse(text).is_none();
    item.target == PoolTarget::Sql && !elsewhere
}

/// What a name says by itself.
#[derive(Debug, Clone, Copy)]
struct Name {
    meaning: Meaning,
    /// Whether it speaks of a pool, of whatever database.
    of_pool: bool,
    redis: bool,
    sql: bool,
    hikari: bool,
}

/// The meaning of a setting for a pool, if any. `beside`: whether settings beside it are about an SQL
/// database.
fn understand(setting: &Setting, beside: bool) -> Option<Parsed<'_>> {
    thread_local! {
        static KNOWN: Memo<Option<Name>> = Memo::default();
    }
    let name = KNOWN.with(|known| known.get(&setting.name, Name::of))?;
    let target = if name.redis {
        PoolTarget::Redis
    } else if name.sql || (beside && name.of_pool) {
        PoolTarget::Sql
    } else {
        return None;
    };
    Some(Parsed {
        setting,
        meaning: name.meaning,
        target,
        hikari: name.hikari,
    })
}

impl Name {
    /// `None` for a name that means nothing for a pool.
    fn of(name: &str) -> Option<Name> {
        let mut words = words::of(name);
        // libpq's PGHOST, PGCONNECT_TIMEOUT and similar names contain the scope and the word in one.
        if let Some(first) = words.first().cloned()
            && let Some(rest) = first
                .strip_prefix("pg")
                .filter(|r| matches!(*r, "host" | "poolsize" | "connect" | "pool" | "max"))
        {
            words.splice(..1, ["pg".to_owned(), rest.to_owned()]);
        }
        // An application's own name in front (`ORDERS_DB_POOL_SIZE`) has no meaning.
        let is_store = |w: &String| SQL_SCOPES.contains(&w.as_str()) || REDIS_SCOPES.contains(&w.as_str());
        if let Some(at) = words.iter().take(2).position(is_store)
            && !words[..at].iter().any(|w| NEUTRAL.contains(&w.as_str()))
        {
            words.drain(..at);
        }
        let is_scope = |w: &str| SQL_SCOPES.contains(&w) || REDIS_SCOPES.contains(&w) || NEUTRAL.contains(&w);
        let known = |rest: &str| {
            let rest = ["milliseconds", "seconds", "millis", "secs", "sec", "ms"]
                .iter()
                .find_map(|unit| {
                    rest.strip_suffix(unit).filter(|r| {
                        r.ends_with("timeout") || r.ends_with("recycle") || r.ends_with("lifetime")
                    })
                })
                .unwrap_or(rest);
            PROPERTIES
                .iter()
                .find(|(name, ..)| *name == rest)
                .map(|(_, meaning, pool)| (*meaning, *pool))
        };
        let ((meaning, of_pool), scope) = words::strip(&words, is_scope, known)?;
        let said = |names: &[&str]| scope.iter().any(|w| names.contains(&w.as_str()));
        Some(Name {
            meaning,
            of_pool,
            redis: said(REDIS_SCOPES),
            sql: said(SQL_SCOPES),
            hikari: said(&["hikari"]),
        })
    }
}

fn fact<T>(setting: &Setting, value: T) -> Fact<T> {
    Fact {
        value,
        source: setting.value.source.clone(),
    }
}

/// Reads an address: host, driver, and the parameters that set the pool.
fn address(item: &Parsed<'_>, owner: &Owner, parts: &mut Parts) -> bool {
    let Some(address) = url::parse(&item.setting.value.value) else {
        return false;
    };
    // `REDIS_URL=postgres://…` is a mistake that is not ours to correct.
    if address.target != item.target {
        return false;
    }
    let pool = parts::pool_mut(parts, owner, address.target, item.setting.name_span);
    if let Some((at, host)) = address.host {
        let span = host_span(item.setting, at, host.len());
        let source = span.map_or_else(|| item.setting.value.source.clone(), Source::Declared);
        set(&mut pool.host, Fact { value: host, source });
    }
    if let Some(driver) = address.driver {
        set(&mut pool.driver, fact(item.setting, driver));
    }
    for (name, value) in &address.parameters {
        parameter(pool, item.setting, name, value);
    }
    true
}

/// Place of the host inside the value, if the file contains the value unchanged.
fn host_span(setting: &Setting, at: usize, length: usize) -> Option<Span> {
    let span = setting.value.span()?;
    let whole = (span.end - span.start) as usize;
    (whole == setting.value.value.len())
        .then(|| span.part(span.start as usize + at, span.start as usize + at + length))
}

/// A parameter of an address that sets something of the pool: Prisma's, pgx's, libpq's, JDBC's and
/// SQLAlchemy's own names.
fn parameter(pool: &mut Pool, setting: &Setting, name: &str, value: &str) {
    let number = || value.parse::<u32>().ok();
    match cofferdam_syntax::tree::fold(name).as_str() {
        "poolsize" => fill(&mut pool.size, number().map(|n| fact(setting, n))),
        "connectionlimit" => {
            most(pool, number().map(|n| fact(setting, n)));
            fill(&mut pool.driver, Some(fact(setting, "prisma".to_owned())));
        }
        "poolmaxconns" => {
            most(pool, number().map(|n| fact(setting, n)));
            fill(&mut pool.driver, Some(fact(setting, "pgx".to_owned())));
        }
        "maxoverflow" => fill(&mut pool.overflow, number().map(|n| fact(setting, n))),
        "pooltimeout" => fill(&mut pool.pool_timeout, seconds(value).map(|d| fact(setting, d))),
        "connecttimeout" => fill(
            &mut pool.connect_timeout,
            seconds(value).map(|d| fact(setting, d)),
        ),
        "statementcachesize" | "preparedstatementcachesize" => {
            fill(&mut pool.statement_cache, number().map(|n| fact(setting, n)));
        }
        // JDBC prepares on the server from the nth use on, and never with 0.
        "preparethreshold" if value == "0" => set(&mut pool.statement_cache, fact(setting, 0)),
        // Prisma's way to declare a pooler in front: it then prepares nothing.
        "pgbouncer" if value == "true" => set(&mut pool.statement_cache, fact(setting, 0)),
        _ => {}
    }
}

/// Sets the size of a pool without an overflow: the number is its maximum.
fn most(pool: &mut Pool, number: Option<Fact<u32>>) {
    if let Some(number) = number {
        fill(
            &mut pool.overflow,
            number.span().map(|span| Fact::declared(0, span)),
        );
        set(&mut pool.size, number);
    }
}

fn place(item: &Parsed<'_>, owner: &Owner, section: &str, parts: &mut Parts) -> bool {
    let text = item.setting.value.value.trim();
    let span = item.setting.name_span;
    let number = || {
        text.replace('_', "")
            .parse::<u32>()
            .ok()
            .map(|n| fact(item.setting, n))
    };
    let time = || time(item).map(|d| fact(item.setting, d));
    let role = match item.meaning {
        Meaning::ConnectionTimeout if item.hikari => Some(DeadlineRole::PoolWait),
        Meaning::PoolWait => Some(DeadlineRole::PoolWait),
        Meaning::Connect | Meaning::ConnectionTimeout => Some(DeadlineRole::Connect),
        Meaning::StatementTimeout => Some(DeadlineRole::Statement),
        _ => None,
    };
    if let Some(role) = role {
        let Some(value) = time() else { return false };
        let pool = parts::pool_mut(parts, owner, item.target, span);
        match role {
            DeadlineRole::PoolWait => set(&mut pool.pool_timeout, value.clone()),
            DeadlineRole::Connect => set(&mut pool.connect_timeout, value.clone()),
            _ => {}
        }
        if item.target == PoolTarget::Sql {
            super::deadline(
                parts,
                Deadline {
                    owner: owner.clone(),
                    name: item.setting.name.clone(),
                    section: section.to_owned(),
                    role,
                    value,
                },
            );
        }
        return true;
    }
    match item.meaning {
        Meaning::Host => url::host_of(text).map(|host| {
            set(
                &mut parts::pool_mut(parts, owner, item.target, span).host,
                fact(item.setting, host),
            )
        }),
        Meaning::Driver => driver(text).map(|driver| {
            set(
                &mut parts::pool_mut(parts, owner, item.target, span).driver,
                fact(item.setting, driver),
            )
        }),
        Meaning::Size => number().map(|n| set(&mut parts::pool_mut(parts, owner, item.target, span).size, n)),
        Meaning::Most => number().map(|n| most(parts::pool_mut(parts, owner, item.target, span), Some(n))),
        Meaning::Overflow => {
            number().map(|n| set(&mut parts::pool_mut(parts, owner, item.target, span).overflow, n))
        }
        Meaning::Recycle => {
            time().map(|d| set(&mut parts::pool_mut(parts, owner, item.target, span).recycle, d))
        }
        Meaning::StatementCache => number().map(|n| {
            set(
                &mut parts::pool_mut(parts, owner, item.target, span).statement_cache,
                n,
            )
        }),
        _ => None,
    }
    .is_some()
}

/// The driver of a class or package name; `None` for a word that names only the engine.
fn driver(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if lower.ends_with(".driver") || lower.contains("jdbc") {
        return Some("jdbc".to_owned());
    }
    [
        "asyncpg", "psycopg2", "psycopg", "pgx", "pg8000", "pymysql", "aiomysql", "prisma",
    ]
    .iter()
    .find(|d| lower.contains(**d))
    .map(|d| (*d).to_owned())
}

/// A time with the unit in its name, otherwise its own; Hikari uses milliseconds, the others seconds as
/// SQLAlchemy and libpq do. Bare numbers from 1,000 on under a timeout's name are milliseconds: nobody waits
/// a quarter of an hour for a connection.
fn time(item: &Parsed<'_>) -> Option<Duration> {
    let text = item.setting.value.value.trim();
    let name = cofferdam_syntax::tree::fold(&item.setting.name);
    if name.ends_with("ms") || name.ends_with("millis") || name.ends_with("milliseconds") || item.hikari {
        return millis(text);
    }
    if name.ends_with("seconds") || name.ends_with("secs") || item.meaning == Meaning::Recycle {
        return seconds(text);
    }
    match text.parse::<f64>() {
        Ok(n) if n >= 1000.0 => millis(text),
        Ok(_) => seconds(text),
        Err(_) => duration(text),
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings_of;
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Parts {
        let mut env = Parts::default();
        apply(&settings_of(pairs), &Owner::named("orders"), ".env", &mut env);
        env
    }

    fn pool(pairs: &[(&str, &str)]) -> Pool {
        let env = read(pairs);
        assert_eq!(env.pools.len(), 1, "{:?}", env.pools);
        env.pools[0].clone()
    }

    #[test]
    fn pool_sizes_are_read_under_all_their_names() {
        for name in [
            "DATABASE_POOL_SIZE",
            "DB_POOL_SIZE",
            "SQLALCHEMY_POOL_SIZE",
            "PGPOOLSIZE",
            "spring.datasource.hikari.maximum-pool-size",
            "SPRING_DATASOURCE_HIKARI_MAXIMUM_POOL_SIZE",
            "ORDERS_DB_POOL_SIZE",
            "database.pool.size",
            "SQLALCHEMY_ENGINE_OPTIONS_POOL_SIZE",
            "DB_MAX_OPEN_CONNS",
        ] {
            assert_eq!(pool(&[(name, "5")]).size.unwrap().value, 5, "{name}");
        }
    }

    #[test]
    fn the_variables_of_the_mitigation_plan_are_read() {
        let p = pool(&[
            ("DATABASE_POOL_SIZE", "5"),
            ("DATABASE_POOL_TIMEOUT", "30"),
            ("DB_MAX_OVERFLOW", "15"),
        ]);
        assert_eq!((p.size.unwrap().value, p.overflow.unwrap().value), (5, 15));
        assert_eq!(p.pool_timeout.unwrap().value, Duration::from_secs(30));
    }

    #[test]
    fn a_maximum_has_no_overflow_and_hikari_counts_in_milliseconds() {
        let p = pool(&[
            ("spring.datasource.url", "jdbc:postgresql://db/x"),
            ("spring.datasource.hikari.maximum-pool-size", "20"),
            ("spring.datasource.hikari.connection-timeout", "30000"),
        ]);
        assert_eq!((p.size.unwrap().value, p.overflow.unwrap().value), (20, 0));
        assert_eq!(p.pool_timeout.unwrap().value, Duration::from_secs(30));
        assert_eq!(p.driver.unwrap().value, "jdbc");
        assert!(p.connect_timeout.is_none());
    }

    #[test]
    fn an_address_gives_host_driver_and_pool() {
        let p = pool(&[
            (
                "DATABASE_URL",
                "postgresql+asyncpg://u:p@DB.internal:5432/x?pool_size=7",
            ),
            ("POOL_SIZE", "9"),
        ]);
        let host = p.host.unwrap();
        assert_eq!(host.value, "db.internal");
        assert_eq!(p.driver.unwrap().value, "asyncpg");
        assert_eq!(p.size.unwrap().value, 9);
        let p = pool(&[(
            "DATABASE_URL",
            "postgresql://db/x?connection_limit=5&pool_timeout=10&pgbouncer=true",
        )]);
        assert_eq!((p.size.unwrap().value, p.statement_cache.unwrap().value), (5, 0));
        assert_eq!(
            (p.driver.unwrap().value.as_str(), p.pool_timeout.unwrap().value),
            ("prisma", Duration::from_secs(10))
        );
    }

    #[test]
    fn redis_is_a_separate_pool() {
        let env = read(&[
            ("REDIS_URL", "redis://cache:6379/0"),
            ("REDIS_MAX_CONNECTIONS", "50"),
            ("DB_HOST", "db"),
        ]);
        assert_eq!(env.pools.len(), 2);
        let redis = env.pools.iter().find(|p| p.target == PoolTarget::Redis).unwrap();
        assert_eq!(
            (
                redis.host.as_ref().unwrap().value.as_str(),
                redis.size.as_ref().unwrap().value
            ),
            ("cache", 50)
        );
    }

    #[test]
    fn ambiguous_names_mean_nothing_without_a_database() {
        let env = read(&[
            ("POOL_SIZE", "5"),
            ("MAX_CONNECTIONS", "5"),
            ("URL", "postgres://db/x"),
            ("HOST", "x"),
            ("CONNECT_TIMEOUT", "3"),
            ("SERVER_HOST", "a"),
            ("DB_NAME", "x"),
            ("THREAD_POOL_SIZE", "4"),
            ("DATABASE_URL", "sqlite:///a.db"),
        ]);
        assert!(env.pools.is_empty(), "{:?}", env.pools);
    }

    #[test]
    fn timeouts_are_deadlines_too() {
        let env = read(&[
            ("DB_CONNECT_TIMEOUT", "35"),
            ("DB_POOL_TIMEOUT_MS", "45000"),
            ("DB_STATEMENT_TIMEOUT", "30s"),
        ]);
        let found: Vec<_> = env
            .deadlines
            .iter()
            .map(|d| (d.role, d.value.value.as_secs()))
            .collect();
        assert_eq!(
            found,
            [
                (DeadlineRole::Connect, 35),
                (DeadlineRole::PoolWait, 45),
                (DeadlineRole::Statement, 30)
            ]
        );
    }

    #[test]
    fn a_value_filled_by_a_template_is_unknown() {
        let env = read(&[("DB_HOST", "${HOST}"), ("DB_POOL_SIZE", "{{ size }}")]);
        assert!(env.pools.is_empty());
    }
}
