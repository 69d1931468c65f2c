//! Connection pools in nested settings: a database's section, a pool's section, or a map with a pool's
//! numbers.

use super::Section;
use super::aliases::Aliases;
use crate::settings;

/// Sections of databases and their pools.
pub(super) const SECTIONS: Aliases = &[
    "database",
    "databases",
    "db",
    "postgres",
    "postgresql",
    "mysql",
    "datasource",
    "sqlalchemy",
    "redis",
    "poolconfig",
    "connectionpool",
    "databasepool",
    "dbpool",
    "databaseconfig",
    "dbconfig",
    "pool",
    "stagingdbconfig",
    "productiondbconfig",
];

/// A section called `pool` with one of these keys (folded) is a pool of connections.
const PROOF: Aliases = &[
    "poolsize",
    "maxoverflow",
    "poolrecycle",
    "pooltimeout",
    "maxpoolsize",
    "maximumpoolsize",
    "pooltimeoutseconds",
    "poolmax",
    "maxconnections",
    "connectiontimeout",
];

pub(super) fn read(section: &Section<'_>, env: &mut cofferdam_model::Parts) -> bool {
    let own = section.path.last().map_or("", String::as_str);
    let Some(map) = section.node.as_map() else {
        return false;
    };
    let redis = own.contains("redis") || section.is_under(&["redis"]);
    let names_store = !matches!(own, "poolconfig" | "connectionpool" | "pool");
    // The contents of a database's section are read with it, whatever their names are.
    if !names_store && (section.is_under(SECTIONS) || section.node.like_any(PROOF).is_none()) {
        return false;
    }
    if section.is_under(&[
        "sqlalchemy",
        "datasource",
        "database",
        "db",
        "postgres",
        "postgresql",
        "redis",
    ]) {
        return false;
    }
    if own == "databases" {
        // Several databases, each under its name: the first is the service's main one.
        return map
            .iter()
            .next()
            .is_some_and(|(_, first)| apply(first, "database", section, env));
    }
    let prefix = if redis {
        "redis"
    } else if section.path.iter().rev().nth(1).is_some_and(|p| p == "spring") && own == "datasource" {
        "spring.datasource"
    } else {
        "database"
    };
    apply(section.node, prefix, section, env)
}

fn apply(
    node: &cofferdam_syntax::tree::Node,
    prefix: &str,
    section: &Section<'_>,
    env: &mut cofferdam_model::Parts,
) -> bool {
    let mut flat = settings::flatten(node, prefix);
    let section_name = section.name();
    // `pool: {size: 5}` and `pool: {max: 5}` lose nothing when flat; `pool_size` under `pool` says it twice.
    for setting in &mut flat {
        setting.name = setting
            .name
            .replace("pool.pool_", "pool_")
            .replace("pool.pool", "pool");
    }
    let understood = settings::apply_in(&flat, section.owner, &section_name, env);
    // Names as written, without the prefix that only repeats their place.
    for deadline in env.deadlines.iter_mut().filter(|d| d.section == section_name) {
        if let Some(name) = deadline
            .name
            .strip_prefix(prefix)
            .map(|n| n.trim_start_matches('.'))
        {
            deadline.name = name.to_owned();
        }
    }
    understood > 0
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use cofferdam_model::database::PoolTarget;
    use std::time::Duration;

    #[test]
    fn the_quoted_pool_configuration_in_any_nesting() {
        // As teams write it in a deployment file.
        for text in [
            "pool_config: {pool_size: 10, max_overflow: 15, pool_timeout: 90.0, capacity_safety_margin: 0.8}",
            "database: {pool: {size: 10, max_overflow: 15, timeout: 90}, pool_timeout: 90}",
            "database: {pool_size: 10, max_overflow: 15, pool_timeout: 90s}",
            "connectionPool: {poolSize: 10, maxOverflow: 15, poolTimeout: 90}",
            "sqlalchemy: {pool_size: 10, max_overflow: 15, pool_timeout: 90}",
            "{\"database\": {\"pool_config\": {\"pool_size\": 10, \"max_overflow\": 15, \"pool_timeout\": 90.0}}}",
        ] {
            let env = read(text);
            assert_eq!(env.pools.len(), 1, "{text}");
            let pool = &env.pools[0];
            assert_eq!(pool.size.as_ref().map(|s| s.value), Some(10), "{text}");
            assert_eq!(pool.overflow.as_ref().map(|s| s.value), Some(15), "{text}");
            assert_eq!(
                pool.pool_timeout.as_ref().map(|s| s.value),
                Some(Duration::from_secs(90)),
                "{text}"
            );
        }
    }

    #[test]
    fn springs_datasource_and_redis() {
        let env = read(
            "spring:\n  datasource:\n    url: jdbc:postgresql://db:5432/x\n    hikari: {maximum-pool-size: 20, connection-timeout: 30000}\n  redis: {host: cache, lettuce: {pool: {max-active: 8}}}\n",
        );
        let sql = env.pools.iter().find(|p| p.target == PoolTarget::Sql).unwrap();
        assert_eq!(
            (
                sql.size.as_ref().unwrap().value,
                sql.pool_timeout.as_ref().unwrap().value
            ),
            (20, Duration::from_secs(30))
        );
        assert_eq!(sql.host.as_ref().unwrap().value, "db");
        let redis = env.pools.iter().find(|p| p.target == PoolTarget::Redis).unwrap();
        assert_eq!(
            (
                redis.host.as_ref().unwrap().value.as_str(),
                redis.size.as_ref().unwrap().value
            ),
            ("cache", 8)
        );
    }

    #[test]
    fn other_pools_are_ignored() {
        for text in [
            "pool: {name: ubuntu-latest}",
            "pool: {vmImage: ubuntu}",
            "pool: {size: 5}",
            "database: true",
            "db: sqlite",
            "thread: {pool: {size: 8}}",
        ] {
            assert!(read(text).pools.is_empty(), "{text}");
        }
    }
}
