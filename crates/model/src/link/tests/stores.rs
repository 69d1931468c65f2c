//! Which pooler, database or cache a pool of connections leads to.

use super::{declared, deployment, env, in_file, object, service_port, span, with_variables};
use crate::database::{Database, Pool, PoolTarget, Pooler};
use crate::link::link;
use crate::owner::Owner;
use crate::platform::{Environment, Service};
use crate::source::{Fact, Texts};
use cofferdam_syntax::Span;

#[test]
fn second_pools_of_a_service_stay_and_settings_fill_the_first() {
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    let pool = |file, size: Option<u32>| {
        let mut pool = Pool::at(in_file(file), Owner::named("api"), PoolTarget::Sql);
        pool.size = size.and_then(declared);
        pool
    };
    // Two sections of one file with two sizes are two pools; another file repeats one of them.
    env.pools = vec![pool(1, Some(20)), pool(1, Some(5)), pool(2, Some(20))];
    link(&mut env);
    let sizes: Vec<_> = env
        .pools
        .iter()
        .map(|p| p.size.as_ref().map(|s| s.value))
        .collect();
    assert_eq!(sizes, [Some(20), Some(5)]);
}

// --- databases ---

pub(super) fn sql_pool(service: &str, host: Option<&str>) -> Pool {
    let mut pool = Pool::at(in_file(1), Owner::named(service), PoolTarget::Sql);
    pool.host = host.and_then(|h| declared(h.to_owned()));
    pool
}

fn pgbouncer(server: Option<&str>) -> Pooler {
    Pooler {
        server_host: server.and_then(|h| declared(h.to_owned())),
        ..Pooler::named("pgbouncer", span(0), Owner::named("pgbouncer"))
    }
}

#[test]
fn a_host_in_another_namespace_is_not_the_pooler() {
    let reached = |namespace: &str| {
        let mut env = env("production");
        let mut bouncer = deployment("pgbouncer");
        bouncer.id.namespace = Some("data".to_owned());
        let labelled = || Texts::from([("app".to_owned(), Fact::declared("bouncer".to_owned(), span(0)))]);
        bouncer.labels = labelled();
        env.workloads = vec![bouncer, deployment("a")];
        let mut id = object("Service", "db-pool");
        id.namespace = Some(namespace.to_owned());
        env.service_ports.push(service_port(id, labelled()));
        env.poolers.push(pgbouncer(None));
        env.pools = vec![sql_pool("a", Some("db-pool"))];
        link(&mut env);
        env.pools[0].pooler
    };
    assert_eq!(reached("data"), Some(0));
    assert_eq!(reached("other"), None);
}

#[test]
fn a_pool_uses_the_pooler_that_its_host_names() {
    let mut env = env("production");
    let mut bouncer = deployment("pgbouncer");
    bouncer.replicas = declared(3);
    bouncer
        .labels
        .insert("app".to_owned(), Fact::declared("bouncer".to_owned(), span(0)));
    env.workloads = vec![
        bouncer,
        deployment("a"),
        deployment("b"),
        deployment("c"),
        deployment("d"),
    ];
    env.service_ports.push(service_port(
        object("Service", "db-pool"),
        Texts::from([("app".to_owned(), Fact::declared("bouncer".to_owned(), span(0)))]),
    ));
    env.databases = vec![Database::named("aurora", None), Database::named("reports", None)];
    env.databases[0]
        .hosts
        .push(Fact::declared("aurora.example.net".to_owned(), span(0)));
    env.poolers.push(pgbouncer(Some("aurora.example.net")));
    env.pools = vec![
        sql_pool("a", Some("pgbouncer.platform.svc.cluster.local")),
        sql_pool("b", Some("DB-Pool:6432")),
        sql_pool("c", Some("aurora.example.net:5432")),
        sql_pool("d", Some("pgbouncer.elsewhere.example.com")),
    ];
    link(&mut env);
    let reached: Vec<_> = env
        .pools
        .iter()
        .map(|p| (p.pooler, p.database.map(|d| d.0)))
        .collect();
    assert_eq!(
        reached,
        [
            (Some(0), Some(0)),
            (Some(0), Some(0)),
            (None, Some(0)),
            (None, None)
        ]
    );
    assert_eq!(env.poolers[0].replicas.as_ref().map(|r| r.value), Some(3));
    assert_eq!(env.poolers[0].workload, Some(crate::WorkloadId(0)));
}

#[test]
fn the_host_may_be_in_a_variable_of_the_service() {
    let mut env = env("production");
    let url = "postgresql+asyncpg://app:${PASSWORD}@Aurora.example.net:5432/app?ssl=true";
    env.workloads = vec![with_variables(deployment("api"), &[("DATABASE_URL", url)])];
    env.databases = vec![Database::named("one", None), Database::named("two", None)];
    env.databases[1]
        .hosts
        .push(Fact::declared("aurora.example.net".to_owned(), span(0)));
    env.pools = vec![sql_pool("api", None)];
    link(&mut env);
    assert_eq!(env.pools[0].database.map(|d| d.0), Some(1));
    assert_eq!(
        env.pools[0].host.as_ref().map(|h| h.value.as_str()),
        Some("aurora.example.net")
    );
}

#[test]
fn a_database_is_found_by_its_name_without_words_for_environments() {
    let mut env = env("production");
    env.workloads = vec![deployment("api"), deployment("web")];
    env.databases = vec![
        Database::named("orders-production", None),
        Database::named("users_prod", None),
    ];
    env.pools = vec![sql_pool("api", Some("orders")), sql_pool("web", Some("users"))];
    link(&mut env);
    let reached: Vec<_> = env.pools.iter().map(|p| p.database.map(|d| d.0)).collect();
    assert_eq!(reached, [Some(0), Some(1)]);
}

#[test]
fn a_stated_database_is_the_target_and_a_pooler_stays_in_between() {
    let mut env = env("production");
    env.workloads = vec![
        deployment("pgbouncer"),
        deployment("api"),
        deployment("web"),
        deployment("job"),
    ];
    env.databases = vec![Database::named("one", None), Database::named("two", None)];
    env.poolers.push(pgbouncer(Some("two")));
    env.pools = vec![
        sql_pool("api", Some("pgbouncer")),
        sql_pool("web", Some("aurora.example.net")),
        sql_pool("job", None),
    ];
    for (pool, name) in env.pools.iter_mut().zip(["two", "two", "pgbouncer"]) {
        pool.database_name = Some(Fact::stated(name.to_owned(), span(7)));
    }
    link(&mut env);
    let reached: Vec<_> = env
        .pools
        .iter()
        .map(|p| (p.pooler, p.database.map(|d| d.0)))
        .collect();
    assert_eq!(reached, [(Some(0), Some(1)), (None, Some(1)), (Some(0), Some(1))]);
}

#[test]
fn the_only_database_is_the_target_unless_its_hosts_differ() {
    let reach = |hosts: &[&str], host: Option<&str>| {
        let mut env = env("production");
        env.workloads = vec![deployment("api")];
        let mut database = Database::named("aurora", None);
        database.hosts = hosts
            .iter()
            .map(|h| Fact::declared((*h).to_owned(), span(0)))
            .collect();
        env.databases = vec![database];
        env.pools = vec![sql_pool("api", host)];
        link(&mut env);
        env.pools[0].database.is_some()
    };
    assert!(reach(&[], None));
    assert!(reach(&[], Some("db.internal")));
    assert!(reach(&["db.internal"], None));
    assert!(reach(&["db.internal"], Some("localhost")));
    assert!(!reach(&["db.internal"], Some("other.internal")));
}

#[test]
fn hosts_are_read_in_every_spelling() {
    for (text, host) in [
        ("postgres://u:p@db:5432/app", Some("db")),
        ("jdbc:postgresql://db.internal/app", Some("db.internal")),
        ("host=db port=5432 dbname=app", Some("db")),
        ("[::1]:5432", Some("::1")),
        ("DB.Internal.", Some("db.internal")),
        ("${DB_HOST}", None),
        ("", None),
    ] {
        assert_eq!(crate::link::addresses::host_in(text).as_deref(), host, "{text}");
    }
}

#[test]
fn a_cache_in_code_and_in_settings_is_one() {
    use crate::cells::{LocalCache, LocalCacheKind};
    let cache = |service: usize, kind, in_code: bool| LocalCache {
        name: "flags".to_owned(),
        owner: Owner::named(["api", "web"][service]),
        span: span(1),
        kind,
        ttl: None,
        medium: in_code.then(|| Fact::inferred("memory".to_owned(), span(2), "an object")),
        invalidation: None,
    };
    let mut env = Environment::default();
    for name in ["api", "web"] {
        env.services.push(Service {
            name: name.to_owned(),
            ..Service::default()
        });
    }
    env.local_caches = vec![
        cache(0, LocalCacheKind::Flags, false),
        cache(0, LocalCacheKind::Flags, true),
        cache(0, LocalCacheKind::Discovery, true),
        cache(1, LocalCacheKind::Flags, true),
        cache(0, LocalCacheKind::Other, true),
    ];
    link(&mut env);
    let kinds: Vec<_> = env
        .local_caches
        .iter()
        .map(|c| (c.owner.service.map(|s| s.0), c.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            (Some(0), LocalCacheKind::Flags),
            (Some(0), LocalCacheKind::Discovery),
            (Some(1), LocalCacheKind::Flags),
            (Some(0), LocalCacheKind::Other),
        ]
    );
}

#[test]
fn overflow_next_to_a_different_size_is_ignored() {
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    let pool = |file: u32, size: Option<u32>, overflow: Option<u32>| {
        let mut pool = sql_pool("api", None);
        pool.span = Span::new(crate::FileId(file), 0, 1);
        pool.size = size.and_then(declared);
        pool.overflow = overflow.and_then(declared);
        pool
    };
    // A variable sets 10; one dictionary says 5 and 3, another one 10 and 15.
    env.pools = vec![
        pool(1, Some(10), None),
        pool(2, Some(5), Some(3)),
        pool(3, Some(10), Some(15)),
    ];
    link(&mut env);
    let [pool] = env.pools.as_slice() else {
        panic!("{:?}", env.pools)
    };
    assert_eq!(pool.size.as_ref().unwrap().value, 10);
    assert_eq!(pool.overflow.as_ref().unwrap().value, 15);
}
