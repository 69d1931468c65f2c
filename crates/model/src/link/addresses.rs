//! Which database or pooler a host is: names of databases, Services, DNS records and provider's endpoints.
//!
//! A host that is something else contradicts a relation; a host that nothing here has leaves it open. The two
//! must never be mixed up: an open one may still be an assumption, a contradicted one is nothing.

use super::names::{Affixes, fold};
use crate::by_home::ByHome;
use crate::database::Reached;
use crate::owner::DatabaseId;
use crate::platform::{Environment, Service};
use crate::scope::Home;
use crate::workload::{Container, ServicePort, Workload};
use cofferdam_syntax::hash::HashMap;

/// Hosts that are the pod itself: a proxy beside the process.
const LOCAL: [&str; 4] = ["localhost", "127.0.0.1", "::1", "0.0.0.0"];

/// Endings of the endpoints of managed databases, whose first label is the name of the instance. Sources: Amazon
/// RDS User Guide, "Finding the connection information"; Azure documentation of each service, "Connection strings".
const ENDPOINTS: [&str; 5] = [
    ".rds.amazonaws.com",
    ".rds.amazonaws.com.cn",
    ".postgres.database.azure.com",
    ".mysql.database.azure.com",
    ".database.windows.net",
];

/// Last labels that nobody can register: such a name is of a private network, and its record may be anywhere.
const PRIVATE: [&str; 8] = [
    "internal",
    "local",
    "lan",
    "private",
    "intranet",
    "corp",
    "localdomain",
    "arpa",
];

/// The host in a URL, a `host:port` or a bare host, in lower case. `None` for a text that is filled in later
/// (`${HOST}`) or is not an address.
pub(super) fn host_in(text: &str) -> Option<String> {
    let text = text.trim();
    // libpq's keywords: `host=db port=5432 dbname=app`.
    if let Some(host) = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix("host="))
    {
        return host_in(host);
    }
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    // jdbc:postgresql://…; a user and a password may contain anything but `@` after the last of them.
    let authority = rest.split(['/', '?', '#', ',']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or_default(),
        None => host,
    };
    let plain = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
    plain.then(|| host.trim_end_matches('.').to_ascii_lowercase())
}

pub(super) fn is_local(host: &str) -> bool {
    LOCAL.contains(&host)
}

/// Where a host leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// To this database.
    Database(DatabaseId, Reached),
    /// To something else.
    Other,
    /// It is not known, and nothing contradicts any database.
    Open,
}

/// A place of which nothing is known: code and statements are in none.
const NOWHERE: Home<'static> = Home {
    namespace: None,
    deployment: None,
};

/// Things by their names.
type Named<T> = HashMap<String, ByHome<T>>;

/// Adds a thing under one of its names, after all other things.
fn add<T: PartialEq>(all: &mut Named<T>, name: String, home: Home<'_>, thing: T) {
    let known = all.entry(name).or_default();
    if known.iter().next_back() != Some(&thing) {
        known.push(home, thing);
    }
}

/// Databases and poolers by their hosts.
pub(super) struct Addresses {
    databases: Named<DatabaseId>,
    /// The same by their names without words for environments, and without separators.
    similar: Named<DatabaseId>,
    poolers: Named<usize>,
    services: Named<usize>,
    workloads: Named<usize>,
    /// Workloads with a proxy of a provider in their pods.
    proxies: Vec<usize>,
    only: Option<DatabaseId>,
}

impl Addresses {
    pub(super) fn of_databases(env: &Environment) -> Addresses {
        let (mut databases, mut similar) = (Named::default(), Named::default());
        let affixes = Affixes::new(&env.name, std::iter::empty());
        for (at, database) in env.databases.iter().enumerate() {
            let hosts = database.hosts.iter().filter_map(|h| host_in(&h.value));
            let aliases = database.aliases.iter().cloned();
            for host in hosts.chain(aliases).chain([database.name.to_ascii_lowercase()]) {
                add(&mut databases, host, database.home(), DatabaseId(at));
            }
            let bare = affixes
                .strip(&database.name)
                .unwrap_or_else(|| fold(&database.name));
            add(&mut similar, bare, database.home(), DatabaseId(at));
        }
        let (mut services, mut workloads) = (Named::default(), Named::default());
        for (at, ServicePort { id, .. }) in env.service_ports.iter().enumerate() {
            add(&mut services, id.name.to_ascii_lowercase(), id.home(), at);
        }
        for (at, Workload { id, .. }) in env.workloads.iter().enumerate() {
            add(&mut workloads, id.name.to_ascii_lowercase(), id.home(), at);
        }
        Addresses {
            databases,
            similar,
            poolers: Named::default(),
            services,
            workloads,
            proxies: (env.workloads.iter().enumerate())
                .filter(|(_, workload)| proxied(workload.containers.iter()).is_some())
                .map(|(at, _)| at)
                .collect(),
            only: (env.databases.len() == 1).then_some(DatabaseId(0)),
        }
    }

    pub(super) fn new(env: &Environment) -> Addresses {
        let mut addresses = Addresses::of_databases(env);
        let mut selected: HashMap<(&str, &str), Vec<usize>> = HashMap::default();
        for (at, port) in env.service_ports.iter().enumerate() {
            if let Some((key, value)) = port.selector.iter().next() {
                selected.entry((key, &value.value)).or_default().push(at);
            }
        }
        for (at, pooler) in env.poolers.iter().enumerate() {
            let mut names = vec![pooler.name.to_ascii_lowercase()];
            if let Some(id) = pooler.workload {
                let workload = &env.workloads[id.0];
                names.push(workload.id.name.to_ascii_lowercase());
                let ports = (workload.labels.iter())
                    .filter_map(|(key, value)| selected.get(&(key.as_str(), value.value.as_str())))
                    .flatten()
                    .map(|port| &env.service_ports[*port]);
                let own = ports.filter(|port| port.selects(workload));
                names.extend(own.map(|port| port.id.name.to_ascii_lowercase()));
            }
            for name in names {
                add(&mut addresses.poolers, name, pooler.owner.home(), at);
            }
        }
        addresses
    }

    /// The only database that exists.
    pub(super) fn only(&self) -> Option<DatabaseId> {
        self.only
    }

    /// Records that a host is a database's.
    pub(super) fn learn(&mut self, host: &str, id: DatabaseId, env: &Environment) {
        if !is_local(host) && !self.databases.contains_key(host) {
            add(
                &mut self.databases,
                host.to_owned(),
                env.databases[id.0].home(),
                id,
            );
        }
    }

    /// The pooler of a host: by its whole name, or by the first label of a name inside the cluster
    /// (`pgbouncer.platform.svc.cluster.local`, `pgbouncer.platform`).
    pub(super) fn pooler(&self, host: &str, from: Home<'_>) -> Option<usize> {
        let (first, namespace) = inside(host).unwrap_or((host, None));
        let from = Home {
            namespace: namespace.or(from.namespace),
            ..from
        };
        let of_name = |name: &str| self.poolers.get(name)?.meant(from).copied();
        of_name(host).or_else(|| of_name(first))
    }

    /// The database with this host or name.
    pub(super) fn named(&self, host: &str) -> Option<(DatabaseId, Reached)> {
        self.named_from(host, NOWHERE)
    }

    /// The same, as it is meant from a place.
    fn named_from(&self, host: &str, from: Home<'_>) -> Option<(DatabaseId, Reached)> {
        let first = host.split('.').next().unwrap_or(host);
        let is_whole = inside(host).is_some() || ENDPOINTS.iter().any(|end| host.ends_with(end));
        let pick = |all: &Named<DatabaseId>, key: &str| all.get(key)?.meant(from).copied();
        let whole = pick(&self.databases, host).or_else(|| pick(&self.databases, first).filter(|_| is_whole));
        if let Some(id) = whole {
            return Some((id, Reached::Named));
        }
        let similar = pick(&self.databases, first)
            .or_else(|| pick(&self.similar, first))
            .or_else(|| pick(&self.similar, &fold(host)).filter(|_| first == host));
        similar.map(|id| (id, Reached::Similar))
    }

    /// Where a host leads from a place.
    pub(super) fn target(&self, host: &str, from: Home<'_>, env: &Environment) -> Target {
        self.target_within(host, from, env, 3)
    }

    /// The same, with the number of aliases that are followed.
    fn target_within(&self, host: &str, from: Home<'_>, env: &Environment, left: usize) -> Target {
        let Some((first, other)) = inside(host) else {
            return match self.named(host) {
                Some((id, reached)) => Target::Database(id, reached),
                None if is_open(host) => Target::Open,
                None => Target::Other,
            };
        };
        let from = Home {
            namespace: other.or(from.namespace),
            ..from
        };
        let service = self.services.get(first).and_then(|same| same.meant(from));
        let service = service.map(|at| &env.service_ports[*at]);
        if let Some(alias) = service.and_then(|s| s.external_name.as_ref())
            && let Some(left) = left.checked_sub(1)
        {
            let host = alias.value.trim_end_matches('.').to_ascii_lowercase();
            return self.target_within(&host, service.map_or(from, |s| s.id.home()), env, left);
        }
        if let Some((id, reached)) = self.named_from(host, from) {
            return Target::Database(id, reached);
        }
        let is_workload = || {
            let same_name = self.workloads.get(first);
            same_name.is_some_and(|same| same.related(from).next().is_some())
        };
        match service {
            Some(service) if !service.selector.is_empty() => self.behind(service, env),
            Some(_) => Target::Open,
            None if self.pooler(first, from).is_some() || is_workload() => Target::Other,
            None => Target::Open,
        }
    }

    /// What the pods of a Kubernetes Service lead to: they are something else, if they are no proxy.
    fn behind(&self, service: &ServicePort, env: &Environment) -> Target {
        let mut pods = (self.proxies.iter())
            .map(|at| &env.workloads[*at])
            .filter(|workload| service.selects(workload));
        let instances: Option<Vec<&str>> = pods.find_map(|workload| proxied(workload.containers.iter()));
        instances.map_or(Target::Other, |names| self.instance(&names))
    }

    /// Where a service without a host goes: to the instance that its variables or a proxy in its pods name.
    pub(super) fn through_proxy(&self, service: &Service, env: &Environment) -> Target {
        let of_variables: Vec<&str> = (service.variables.values())
            .filter_map(|variable| variable.value.value.text())
            .flat_map(instances)
            .collect();
        if !of_variables.is_empty() {
            return self.instance(&of_variables);
        }
        let pods = service.workloads.iter().map(|id| &env.workloads[id.0]);
        let mut proxies = pods.filter_map(|w| proxied(w.containers.iter().chain(w.init_containers.iter())));
        proxies.next().map_or(Target::Open, |names| self.instance(&names))
    }

    /// The database of a proxy that leads to these instances: if they are not known, it may be any.
    fn instance(&self, names: &[&str]) -> Target {
        let found = names.iter().find_map(|name| {
            self.databases
                .get(&name.to_ascii_lowercase())?
                .iter()
                .next()
                .copied()
        });
        match found {
            Some(id) => Target::Database(id, Reached::Named),
            None if names.is_empty() => Target::Open,
            None => Target::Other,
        }
    }
}

/// The instances that the Cloud SQL proxy among these containers leads to; `None` if there is no such proxy.
fn proxied<'c>(mut containers: impl Iterator<Item = &'c Container>) -> Option<Vec<&'c str>> {
    let proxy = containers.find(|container| {
        let image = container.image.as_ref().map_or("", |i| i.repository.as_str());
        matches!(
            image.rsplit('/').next().unwrap_or_default(),
            "cloud-sql-proxy" | "cloudsql-proxy" | "cloud_sql_proxy" | "gce-proxy"
        )
    })?;
    let words = proxy.command.iter().map(|word| word.value.as_str());
    let variables = proxy.variables.values().filter_map(|v| v.value.value.text());
    Some(words.chain(variables).flat_map(instances).collect())
}

/// The names of instances in connection names of Cloud SQL (`project:europe-west1:orders`) in a text.
fn instances(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '.' | '_')));
    words.filter_map(|word| {
        let (rest, name) = word.rsplit_once(':')?;
        let (project, region) = rest.rsplit_once(':')?;
        let (area, number) = region.rsplit_once('-')?;
        let is_region = area.contains(|c: char| c.is_ascii_lowercase())
            && area.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            && number.ends_with(|c: char| c.is_ascii_digit())
            && number.starts_with(|c: char| c.is_ascii_lowercase());
        // A port may follow the region in old forms of a URL: `host:zone-a1:5432` is no connection name.
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase());
        (is_region && is_name && !project.is_empty()).then_some(name)
    })
}

/// The name and the namespace of a host inside the cluster: `db`, `db.data`, `db.data.svc.cluster.local`.
fn inside(host: &str) -> Option<(&str, Option<&str>)> {
    if is_address(host) {
        return None;
    }
    let Some((first, rest)) = host.split_once('.') else {
        return Some((host, None));
    };
    let (namespace, domain) = rest.split_once('.').unwrap_or((rest, ""));
    let is_inside = match domain {
        "" => !PRIVATE.contains(&namespace),
        domain => domain == "svc" || domain.starts_with("svc."),
    };
    is_inside.then_some((first, Some(namespace)))
}

fn is_address(host: &str) -> bool {
    host.contains(':') || host.split('.').all(|part| part.parse::<u8>().is_ok())
}

/// Whether a host that nothing here has may be any database: an address, or a name of a private network.
fn is_open(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    is_address(host) || PRIVATE.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_names_are_found_in_commands_sockets_and_addresses() {
        for (text, wanted) in [
            ("-instances=p:europe-west1:orders=tcp:5432", vec!["orders"]),
            ("p:us-central1:orders?port=5432", vec!["orders"]),
            ("example.com:p:us-central1:orders", vec!["orders"]),
            ("postgresql:///x?host=/cloudsql/p:us-east4:beta", vec!["beta"]),
            ("a:us-east1:one,a:us-east1:two", vec!["one", "two"]),
            ("postgres://u:secret@host:5432/x", vec![]),
            ("arn:aws:rds:eu-west-1:123456789012:db:orders", vec![]),
            ("12:30:45", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(instances(text).collect::<Vec<_>>(), wanted, "{text}");
        }
    }

    #[test]
    fn a_host_inside_the_cluster_has_a_name_and_a_namespace() {
        for (host, wanted) in [
            ("db", Some(("db", None))),
            ("db.data", Some(("db", Some("data")))),
            ("db.data.svc", Some(("db", Some("data")))),
            ("db.data.svc.cluster.local", Some(("db", Some("data")))),
            ("db.internal", None),
            ("pg.example.com", None),
            ("10.0.0.5", None),
            ("::1", None),
        ] {
            assert_eq!(inside(host), wanted, "{host}");
        }
    }
}
