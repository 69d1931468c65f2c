//! What products do when nobody sets a value, and the sentence that names it as an assumption. One table for
//! rules, scenarios and the documentation (`docs/defaults.md` is written from it).

use crate::shown::Shown;
use std::time::Duration;

/// The default of a setting.
#[derive(Debug, Clone, Copy)]
pub struct Default<T: 'static> {
    /// The product.
    pub product: &'static str,
    /// The setting, by the product's own name.
    pub setting: &'static str,
    /// The value, in the unit of its type.
    pub value: T,
    /// The versions for which it holds.
    pub versions: &'static str,
    /// The assumption that a result names which uses it.
    pub assumption: &'static str,
    /// The document that states it.
    pub source: &'static str,
}

/// A row of the table as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The product.
    pub product: &'static str,
    /// The setting.
    pub setting: &'static str,
    /// The value with its unit.
    pub value: String,
    /// The versions for which it holds.
    pub versions: &'static str,
    /// The document that states it.
    pub source: &'static str,
}

impl<T: Shown> Default<T> {
    fn row(&self) -> Row {
        Row {
            product: self.product,
            setting: self.setting,
            value: self.value.shown(),
            versions: self.versions,
            source: self.source,
        }
    }
}

macro_rules! defaults {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $product:literal, $setting:literal, $value:expr, $versions:literal,
        $assumption:literal, $source:literal;)*) => {
        $($(#[$doc])* pub const $name: Default<$type> = Default {
            product: $product,
            setting: $setting,
            value: $value,
            versions: $versions,
            assumption: $assumption,
            source: $source,
        };)*

        /// Every default, in the order of the products.
        #[must_use]
        pub fn rows() -> Vec<Row> {
            vec![$($name.row()),*]
        }
    };
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

defaults! {
    /// Connections that only superusers can use.
    POSTGRESQL_RESERVED: u32 = "PostgreSQL", "superuser_reserved_connections", 3, "all",
        "3 connections are reserved: superuser_reserved_connections, PostgreSQL's default",
        "PostgreSQL documentation, Connections and Authentication";
    /// Connections that ordinary users cannot have on RDS and Aurora: two more.
    RDS_RESERVED: u32 = "Amazon RDS and Aurora PostgreSQL",
        "superuser_reserved_connections + rds.rds_superuser_reserved_connections", 5, "all",
        "5 connections are reserved: superuser_reserved_connections 3 and rds.rds_superuser_reserved_connections 2, the defaults on RDS and Aurora",
        "Amazon RDS User Guide, parameters of PostgreSQL";
    /// MySQL reserves none of `max_connections`.
    MYSQL_RESERVED: u32 = "MySQL", "reserved of max_connections", 0, "all",
        "no connection is reserved: MySQL accepts one more than max_connections, for an account with CONNECTION_ADMIN",
        "MySQL Reference Manual, Too many connections";
    /// SQL Server reserves none.
    SQL_SERVER_RESERVED: u32 = "SQL Server", "reserved of user connections", 0, "all",
        "no connection is reserved",
        "SQL Server documentation, user connections";
    /// Server connections of a pool, which is one pair of user and database.
    PGBOUNCER_POOL_SIZE: u32 = "PgBouncer", "default_pool_size", 20, "all",
        "default_pool_size is 20, PgBouncer's default",
        "PgBouncer documentation, Configuration";
    /// More server connections of a pool whose clients wait.
    PGBOUNCER_RESERVE: u32 = "PgBouncer", "reserve_pool_size", 0, "all",
        "reserve_pool_size is not set, PgBouncer's default",
        "PgBouncer documentation, Configuration";
    /// Server connections to one database, over all pools; 0 is no limit.
    PGBOUNCER_MAX_DB_CONNECTIONS: u32 = "PgBouncer", "max_db_connections", 0, "all",
        "max_db_connections is not set, PgBouncer's default",
        "PgBouncer documentation, Configuration";
    /// Clients of one PgBouncer.
    PGBOUNCER_MAX_CLIENT_CONN: u32 = "PgBouncer", "max_client_conn", 100, "all",
        "max_client_conn is 100, PgBouncer's default",
        "PgBouncer documentation, Configuration";
    /// How long a client waits for a server connection.
    PGBOUNCER_QUERY_WAIT: Duration = "PgBouncer", "query_wait_timeout", secs(120), "all",
        "query_wait_timeout is 120 s, PgBouncer's default",
        "PgBouncer documentation, Configuration";
    /// The window over which New Relic aggregates a signal.
    NEW_RELIC_WINDOW: Duration = "New Relic", "aggregation_window", secs(60), "all",
        "aggregation_window is 60 s, New Relic's default",
        "New Relic documentation, Streaming alerts: key terms and concepts";
    /// How long New Relic waits for late data.
    NEW_RELIC_DELAY: Duration = "New Relic", "aggregation_delay", secs(120), "all",
        "aggregation_delay is 120 s, New Relic's default",
        "New Relic documentation, Streaming alerts: key terms and concepts";
    /// How long New Relic waits after the last data with the event timer.
    NEW_RELIC_TIMER: Duration = "New Relic", "aggregation_timer", secs(60), "all",
        "aggregation_timer is 60 s, New Relic's default",
        "New Relic documentation, Streaming alerts: key terms and concepts";
    /// Time between scrapes.
    PROMETHEUS_SCRAPE: Duration = "Prometheus", "scrape_interval", secs(60), "all",
        "scrape_interval is 1 min, Prometheus' default",
        "Prometheus documentation, Configuration";
    /// Time between evaluations of a rule group.
    PROMETHEUS_EVALUATION: Duration = "Prometheus", "evaluation_interval", secs(60), "all",
        "evaluation_interval is 1 min, Prometheus' default",
        "Prometheus documentation, Configuration";
    /// How long Alertmanager waits for more alerts of a group.
    ALERTMANAGER_GROUP_WAIT: Duration = "Alertmanager", "group_wait", secs(30), "all",
        "group_wait is 30 s, Alertmanager's default",
        "Prometheus documentation, Alerting: Configuration";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_value_with_the_unit_and_a_source() {
        let rows = rows();
        let of = |setting: &str| rows.iter().find(|row| row.setting == setting).unwrap();
        assert_eq!(of("query_wait_timeout").value, "120 s");
        assert_eq!(of("default_pool_size").value, "20");
        assert!(
            rows.iter()
                .all(|row| !row.source.is_empty() && !row.versions.is_empty())
        );
        let mut names: Vec<_> = rows.iter().map(|row| (row.product, row.setting)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), rows.len());
    }

    /// The page with the table, as it should be.
    fn page() -> String {
        let mut page = "# Defaults of products\n\nWhat Cofferdam assumes where nobody sets a value. Every result that uses one names it as an assumption.\n\n\
             | product | setting | value | versions | source |\n|---|---|---|---|---|\n"
            .to_owned();
        for row in rows() {
            page.push_str(&format!(
                "| {} | `{}` | {} | {} | {} |\n",
                row.product, row.setting, row.value, row.versions, row.source
            ));
        }
        page
    }

    #[test]
    fn the_page_lists_every_default() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/defaults.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, page()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            written,
            page(),
            "write it again: UPDATE=1 cargo test -p cofferdam-formulas defaults"
        );
    }
}
