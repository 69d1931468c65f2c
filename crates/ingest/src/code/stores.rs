//! Pools and connections of SQL databases and Redis in code.

use super::found::Parts;
use super::reading::Reading;
use super::resolved::{Resolved, text, whole};
use crate::settings::url;
use cofferdam_code::python::clients::{ClientKind, Library};
use cofferdam_code::python::found::ClientCall;
use cofferdam_code::python::value::{HOLE, PyValue, Val};
use cofferdam_model::calls::{Call, CallSite, CallTarget, Deadline, DeadlineRole, TimeoutSetting};
use cofferdam_model::database::{Pool, PoolTarget};
use cofferdam_model::{Fact, Source, Span};
use std::time::Duration;

/// The defaults of a library's constructor: connections kept, connections it may add, seconds to wait for
/// one, seconds to connect. `None`: no limit, or no such setting.
struct Defaults {
    library: Library,
    size: Option<u32>,
    overflow: Option<u32>,
    wait: Option<u64>,
    connect: Option<u64>,
    /// The source of the defaults.
    source: &'static str,
}

/// From each library's documentation of the constructor.
const DEFAULTS: &[Defaults] = &[
    Defaults {
        library: Library::SqlAlchemy,
        size: Some(5),
        overflow: Some(10),
        wait: Some(30),
        connect: None,
        source: "SQLAlchemy's default for create_engine",
    },
    Defaults {
        library: Library::Asyncpg,
        size: Some(10),
        overflow: Some(0),
        wait: None,
        connect: Some(60),
        source: "asyncpg's default for create_pool",
    },
    Defaults {
        library: Library::Databases,
        size: Some(10),
        overflow: Some(0),
        wait: None,
        connect: Some(60),
        source: "asyncpg's default, which databases uses",
    },
    Defaults {
        library: Library::PsycopgPool,
        size: Some(4),
        overflow: Some(0),
        wait: Some(30),
        connect: None,
        source: "psycopg_pool's default (min_size 4, max_size as min_size)",
    },
    Defaults {
        library: Library::Aiopg,
        size: Some(10),
        overflow: Some(0),
        wait: None,
        connect: Some(60),
        source: "aiopg's default for create_pool",
    },
    Defaults {
        library: Library::MySql,
        size: Some(5),
        overflow: Some(0),
        wait: None,
        connect: Some(10),
        source: "MySQL Connector's default",
    },
];

pub(super) fn read(reading: &Reading<'_, '_>, parts: &mut Parts) {
    for call in reading.calls.iter() {
        match call.kind {
            ClientKind::SqlPool => {
                let pool = sql_pool(reading, call);
                deadlines(call, pool.as_ref(), parts);
                parts.pools.extend(pool);
            }
            ClientKind::SqlConnection => parts.pools.extend(sql_connection(reading, call)),
            ClientKind::Redis => redis(reading, call, parts),
            _ => {}
        }
    }
}

/// Waits that the constructor sets, for the chain of nested timeouts.
fn deadlines(call: &ClientCall, pool: Option<&Pool>, parts: &mut Parts) {
    let Some(pool) = pool else { return };
    let waits = [
        ("pool_timeout", DeadlineRole::PoolWait, &pool.pool_timeout),
        ("connect_timeout", DeadlineRole::Connect, &pool.connect_timeout),
    ];
    for (name, role, value) in waits {
        if let Some(value) = value.as_ref().filter(|v| !v.is_assumed()) {
            parts.deadlines.push(Deadline {
                owner: pool.owner.clone(),
                name: name.to_owned(),
                section: call.constructor.clone(),
                role,
                value: value.clone(),
            });
        }
    }
}

fn said<T>(value: T, span: Span, why: &str) -> Option<Fact<T>> {
    Some(Fact::inferred(value, span, why))
}

/// Takes host, driver and parameters out of an address. `None`: it is not the address of an SQL server or
/// Redis (a file of SQLite).
fn address(known: Option<&Resolved>, pool: &mut Pool) -> Option<()> {
    let Some(known) = known else { return Some(()) };
    let (PyValue::Str(address) | PyValue::Partial(address)) = &known.value.value else {
        return Some(());
    };
    let Some(parsed) = url::parse(address) else {
        return (!address.contains("://") || address.starts_with(HOLE)).then_some(());
    };
    if parsed.target != pool.target {
        return None;
    }
    let fact = |value: String| Fact {
        value,
        source: known.source.clone(),
    };
    pool.host = parsed.host.map(|(_, host)| fact(host));
    // The driver is the one that the code imports, unless the address names another.
    if let Some(driver) = parsed.driver {
        pool.driver = Some(inferred_source(fact(driver), known.value.span));
    }
    for (name, value) in &parsed.parameters {
        let whole = value.parse::<u32>().ok();
        match cofferdam_syntax::tree::fold(name).as_str() {
            "preparedstatementcachesize" | "statementcachesize" => {
                pool.statement_cache = whole.map(|n| Fact {
                    value: n,
                    source: known.source.clone(),
                });
            }
            "connecttimeout" => {
                pool.connect_timeout = whole.map(|n| Fact {
                    value: Duration::from_secs(n.into()),
                    source: known.source.clone(),
                });
            }
            _ => {}
        }
    }
    Some(())
}

/// Facts from code stay inferred, so that linking knows the pool is built there.
fn inferred_source<T>(fact: Fact<T>, span: Span) -> Fact<T> {
    match fact.source {
        Source::Inferred { .. } => fact,
        _ => Fact::inferred(fact.value, span, "the address that the code connects to"),
    }
}

fn driver(call: &ClientCall) -> Option<Fact<String>> {
    let name = match call.library {
        Library::Asyncpg | Library::Databases | Library::Tortoise => "asyncpg",
        Library::Psycopg2 | Library::Aiopg => "psycopg2",
        Library::Psycopg | Library::PsycopgPool => "psycopg",
        Library::MySql => "mysql",
        Library::SqlAlchemy if call.constructor.contains("async") => "sqlalchemy-async",
        Library::SqlAlchemy => "sqlalchemy",
        Library::Redis => "redis",
        _ => return None,
    };
    let why = format!("the code calls {}", call.constructor);
    said(name.to_owned(), call.callee_span, &why)
}

fn sql_pool(reading: &Reading<'_, '_>, call: &ClientCall) -> Option<Pool> {
    let mut pool = Pool::at(call.span, reading.owner.clone(), PoolTarget::Sql);
    // A parameter whose value no file contains still counts as set.
    let bounds = [
        "poolsize",
        "maxsize",
        "minsize",
        "maxconn",
        "maxoverflow",
        "pooltimeout",
        "connectargs",
        "timeout",
    ];
    pool.constructed = !call.open && !bounds.iter().any(|name| reading.is_hidden(call, name));
    pool.driver = driver(call);
    let url_names = ["url", "dsn", "conninfo", "dburl"];
    let known = call.any_arg(&url_names).and_then(|a| reading.resolve(&a.value));
    address(known.as_ref(), &mut pool)?;
    if let Some(host) = reading.arg(call, &["host"], text) {
        pool.host = Some(host.map(|h| h.to_lowercase()));
    }
    connect_settings(reading, call, &mut pool);
    let class = call.arg("poolclass").map(|a| &a.value.value);
    match class {
        Some(PyValue::Ref(name)) if name.ends_with("NullPool") => {
            pool.unpooled = true;
            return Some(pool);
        }
        Some(PyValue::Ref(name)) if name.ends_with("StaticPool") => return None,
        _ => {}
    }
    if call.library == Library::SqlAlchemy {
        let overflow = reading.arg(call, &["maxoverflow"], Val::as_i64);
        let size = reading.arg(call, &["poolsize"], whole);
        pool.recycle = reading.arg(call, &["poolrecycle"], Val::as_seconds);
        pool.pool_timeout = reading.arg(call, &["pooltimeout"], Val::as_seconds);
        let endless =
            overflow.as_ref().is_some_and(|o| o.value < 0) || size.as_ref().is_some_and(|s| s.value == 0);
        if endless {
            // `max_overflow=-1` and `pool_size=0` mean "no limit" in SQLAlchemy.
            return Some(pool);
        }
        pool.size = size;
        pool.overflow = overflow.and_then(|o| {
            Some(Fact {
                value: u32::try_from(o.value).ok()?,
                source: o.source,
            })
        });
    } else {
        let names = ["maxsize", "maxconn", "maxconnections", "poolsize"];
        pool.size = reading.arg(call, &names, whole);
        if pool.size.is_none() && call.library == Library::PsycopgPool {
            pool.size = reading.arg(call, &["minsize"], whole);
        }
        pool.overflow = said(0, call.callee_span, "this pool never exceeds its maximum");
        pool.recycle = reading.arg(call, &["maxlifetime"], Val::as_seconds);
        if call.library == Library::PsycopgPool {
            pool.pool_timeout = reading.arg(call, &["timeout"], Val::as_seconds);
        }
    }
    assume(call, &mut pool);
    Some(pool)
}

/// Timeouts and caches of the driver, as arguments or in `connect_args`.
fn connect_settings(reading: &Reading<'_, '_>, call: &ClientCall, pool: &mut Pool) {
    let nested = ["connectargs", "kwargs"]
        .iter()
        .find_map(|name| reading.dict_arg(call, name));
    let value = |names: &[&str]| -> Option<Resolved> {
        if let Some(dict) = &nested {
            for item in &dict.items {
                if names
                    .iter()
                    .any(|n| cofferdam_syntax::tree::folds_to(&item.key, n))
                {
                    return reading.resolve(&item.value);
                }
            }
        }
        reading.resolve(&call.any_arg(names)?.value)
    };
    // In asyncpg's own constructors and in `connect_args` `timeout` is the time to connect; in
    // psycopg_pool it is the wait for the pool.
    let names: &[&str] = match call.library {
        Library::PsycopgPool => &["connecttimeout"],
        _ => &["connecttimeout", "connectiontimeout", "timeout"],
    };
    if let Some(fact) = value(names).and_then(|k| k.fact(Val::as_seconds)) {
        pool.connect_timeout = Some(fact);
    }
    let caches = ["statementcachesize", "preparedstatementcachesize"];
    if let Some(fact) = value(&caches).and_then(|k| k.fact(whole)) {
        pool.statement_cache = Some(fact);
    }
    let threshold = value(&["preparethreshold"]);
    if threshold.as_ref().is_some_and(|k| k.value.is_none())
        && let Some(known) = threshold
    {
        // psycopg: `prepare_threshold=None` never prepares.
        pool.statement_cache = said(
            0,
            known.value.span,
            "prepare_threshold=None switches preparing off",
        );
    }
}

/// Defaults of the library, if there is only the constructor.
fn assume(call: &ClientCall, pool: &mut Pool) {
    let Some(defaults) = DEFAULTS.iter().find(|d| d.library == call.library) else {
        return;
    };
    if call.open {
        return;
    }
    let sized = ["poolsize", "maxsize", "maxconn", "minsize"];
    if pool.size.is_none() && call.any_arg(&sized).is_none() {
        pool.size = defaults
            .size
            .map(|n| Fact::assumed(n, format!("pool size is {n}, {}", defaults.source)));
    }
    if pool.overflow.is_none() && call.arg("maxoverflow").is_none() {
        pool.overflow = defaults
            .overflow
            .map(|n| Fact::assumed(n, format!("max_overflow is {n}, {}", defaults.source)));
    }
    let seconds = |n: u64, what: &str| {
        let why = format!("{what} is {n} s, {}", defaults.source);
        Fact::assumed(Duration::from_secs(n), why)
    };
    let waits = ["pooltimeout", "timeout"];
    if pool.pool_timeout.is_none() && call.any_arg(&waits).is_none() {
        pool.pool_timeout = defaults.wait.map(|n| seconds(n, "the wait for a connection"));
    }
    let connects = ["connecttimeout", "timeout", "connectargs"];
    if pool.connect_timeout.is_none() && call.any_arg(&connects).is_none() {
        pool.connect_timeout = defaults.connect.map(|n| seconds(n, "the connect timeout"));
    }
}

/// A single connection: one for each caller if a function opens it, otherwise one for the process.
fn sql_connection(reading: &Reading<'_, '_>, call: &ClientCall) -> Option<Pool> {
    let mut pool = Pool::at(call.span, reading.owner.clone(), PoolTarget::Sql);
    pool.driver = driver(call);
    let known = call
        .any_arg(&["dsn", "conninfo", "url"])
        .and_then(|a| reading.resolve(&a.value));
    address(known.as_ref(), &mut pool)?;
    if let Some(host) = reading.arg(call, &["host"], text) {
        pool.host = Some(host.map(|h| h.to_lowercase()));
    }
    connect_settings(reading, call, &mut pool);
    if let Some(size) = reading.arg(call, &["poolsize"], whole) {
        pool.size = Some(size);
        pool.constructed = true;
        return Some(pool);
    }
    let function = call.place.function.as_deref().unwrap_or_default();
    let starts_up = [
        "__init__",
        "__post_init__",
        "main",
        "startup",
        "start",
        "setup",
        "run",
        "init",
    ]
    .contains(&function);
    let kept = call.assigned.as_deref().is_some_and(|a| a.contains('.'));
    if call.place.function.is_none() || starts_up || kept {
        pool.size = said(1, call.span, "the code opens one connection and keeps it");
        pool.overflow = said(0, call.span, "the code opens one connection and keeps it");
        pool.pool_timeout = said(
            Duration::ZERO,
            call.span,
            "one connection: no caller waits for another",
        );
    } else {
        pool.unpooled = true;
        pool.constructed = true;
    }
    Some(pool)
}

fn redis(reading: &Reading<'_, '_>, call: &ClientCall, parts: &mut Parts) {
    if call.arg("connectionpool").is_some() {
        // The pool is built elsewhere and counts there.
        return;
    }
    let mut pool = Pool::at(call.span, reading.owner.clone(), PoolTarget::Redis);
    pool.constructed = true;
    pool.driver = driver(call);
    let known = call.arg("url").and_then(|a| reading.resolve(&a.value));
    if address(known.as_ref(), &mut pool).is_none() {
        return;
    }
    if let Some(host) = reading.arg(call, &["host"], text) {
        pool.host = Some(host.map(|h| h.to_lowercase()));
    }
    pool.size = reading.arg(call, &["maxconnections", "maxsize"], whole);
    pool.connect_timeout = reading.arg(
        call,
        &["socketconnecttimeout", "sockettimeout", "timeout"],
        Val::as_seconds,
    );
    if call.constructor.contains("BlockingConnectionPool") {
        pool.pool_timeout = reading.arg(call, &["timeout"], Val::as_seconds);
    }
    let timeout = match call.arg("sockettimeout") {
        Some(arg) if arg.value.is_none() => TimeoutSetting::Never,
        Some(arg) => match reading.fact(Some(arg), Val::as_seconds) {
            Some(fact) => TimeoutSetting::After(fact),
            None => TimeoutSetting::Unknown,
        },
        None if call.open => TimeoutSetting::Unknown,
        None if known.as_ref().is_some_and(|k| mentions_timeout(&k.value)) => TimeoutSetting::Unknown,
        // An address that no file contains may have the timeout.
        None if call.arg("url").is_some() && known.is_none() => TimeoutSetting::Unknown,
        None => TimeoutSetting::Never,
    };
    parts.calls.push(Call {
        owner: reading.owner.clone(),
        site: CallSite::default(),
        span: call.span,
        target: CallTarget::Cache,
        target_name: pool.host.clone(),
        what: call.constructor.clone(),
        timeout,
        attempts: None,
        backoff: None,
        jitter: None,
        retry_budget: None,
        breaker: None,
    });
    parts.pools.push(pool);
}

fn mentions_timeout(value: &Val) -> bool {
    matches!(&value.value, PyValue::Str(t) | PyValue::Partial(t) if t.contains("timeout"))
}
