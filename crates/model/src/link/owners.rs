//! Finds the service of each part, by the name or the directory of its place.

use super::names::{Affixes, fold};
use super::services;
use crate::alerts::Alert;
use crate::by_home::ByHome;
use crate::calls::CallSite;
use crate::owner::{Linked, Owner, ServiceId};
use crate::platform::{Environment, Service};
use crate::scope::Home;
use cofferdam_syntax::hash::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Directories whose children are services.
const HOMES: [&str; 8] = [
    "services",
    "apps",
    "cmd",
    "packages",
    "workers",
    "microservices",
    "functions",
    "src",
];

/// Directories that do not identify the owner of their code.
const COMMON: [&str; 45] = [
    "components",
    "src",
    "app",
    "apps",
    "lib",
    "libs",
    "code",
    "main",
    "core",
    "common",
    "shared",
    "internal",
    "pkg",
    "cmd",
    "packages",
    "services",
    "service",
    "python",
    "config",
    "configs",
    "conf",
    "settings",
    "k8s",
    "kubernetes",
    "manifests",
    "deploy",
    "deployment",
    "deployments",
    "helm",
    "chart",
    "charts",
    "base",
    "overlays",
    "templates",
    "infra",
    "infrastructure",
    "terraform",
    "modules",
    "environments",
    "envs",
    "env",
    "test",
    "tests",
    "scripts",
    "docs",
];

/// Last parts of image names that contain no code of the platform's own.
const BOUGHT_IN: [&str; 40] = [
    "postgres",
    "postgresql",
    "pgbouncer",
    "redis",
    "valkey",
    "memcached",
    "kafka",
    "cpkafka",
    "zookeeper",
    "cpzookeeper",
    "nginx",
    "envoy",
    "haproxy",
    "traefik",
    "prometheus",
    "alertmanager",
    "grafana",
    "loki",
    "rabbitmq",
    "mysql",
    "mariadb",
    "mongo",
    "mongodb",
    "elasticsearch",
    "opensearch",
    "kibana",
    "fluentd",
    "fluentbit",
    "vault",
    "consul",
    "busybox",
    "minio",
    "otelcollector",
    "opentelemetrycollector",
    "agent",
    "schemaregistry",
    "cpschemaregistry",
    "kafkaui",
    "adminer",
    "pgadmin4",
];

/// Whether something with this name is a product that a platform runs, and contains no code of its own: the last part of
/// the name of an image, or the name of a service.
pub fn is_bought_in(name: &str) -> bool {
    BOUGHT_IN.contains(&fold(name).as_str())
}

/// Fills [`Owner::service`] of every part. A separate directory of code that no file describes becomes a
/// service, so that findings in it have a name.
pub(super) fn resolve(env: &mut Environment) {
    let mut owners = Owners::of(env);
    each_owner(env, |owner| owners.tell(owner));
    let found = undescribed(env);
    if !found.is_empty() {
        // A name in settings alone (a ConfigMap's, a section's) runs no code: it leaves the only service the only one.
        let of_settings: BTreeSet<(String, Option<String>)> = (found.iter())
            .filter(|service| service.directories.is_empty())
            .map(|service| (service.name.clone(), service.namespace.clone()))
            .collect();
        services::add(env, found);
        owners = Owners::without(env, &of_settings);
        each_owner(env, |owner| owners.tell(owner));
    }
    for alert in &mut env.alerts {
        let is_guess = alert.owner.service.is_none() || alert.owner.linked == Linked::Similar;
        if alert.owner.name.is_none() && is_guess {
            owners.tell_by_selection(alert);
        }
    }
}

/// Services that only a consumer, producer, pool or call proves.
fn undescribed(env: &Environment) -> Vec<Service> {
    let owners = (env.consumers.iter().map(|c| (&c.owner, c.span)))
        .chain(env.producers.iter().map(|p| (&p.owner, p.span)))
        .chain(env.pools.iter().map(|p| (&p.owner, p.span)))
        .chain(
            env.calls
                .iter()
                .filter(|c| c.site == CallSite::Service)
                .map(|c| (&c.owner, c.span)),
        );
    let mut found: BTreeMap<String, Service> = BTreeMap::new();
    for (owner, span) in owners {
        if owner.service.is_some() {
            continue;
        }
        let directory = owner.directory.as_deref().and_then(|directory| {
            let (name, path) = home(within(&env.root, directory))?;
            Some((name, env.root.join(path)))
        });
        let name = match (&owner.name, &directory) {
            (Some(name), _) => name.clone(),
            (None, Some((name, _))) => name.clone(),
            (None, None) => continue,
        };
        let service = found.entry(fold(&name)).or_insert_with(|| Service {
            name,
            namespace: owner.namespace.clone(),
            deployment: owner.deployment,
            declared: vec![span],
            ..Service::default()
        });
        if let Some((_, path)) = directory
            && !service.directories.contains(&path)
        {
            service.directories.push(path);
        }
    }
    found.into_values().collect()
}

/// A directory as its project sees it.
fn within<'p>(root: &Path, directory: &'p Path) -> &'p Path {
    directory.strip_prefix(root).unwrap_or(directory)
}

/// The service of a directory of code, by its path in its project alone: the child of a directory of services, otherwise the
/// deepest significant part. Returned with its path.
fn home(directory: &Path) -> Option<(String, PathBuf)> {
    let parts: Vec<&str> = directory.iter().filter_map(|p| p.to_str()).collect();
    let at = child_of_home(&parts).or_else(|| parts.iter().rposition(|p| !is_common(p)))?;
    Some((parts[at].to_owned(), parts[..=at].iter().collect()))
}

/// Index of the first part below a directory of services, unless this part is not significant.
fn child_of_home(parts: &[&str]) -> Option<usize> {
    (1..parts.len()).find(|at| HOMES.contains(&fold(parts[at - 1]).as_str()) && !is_common(parts[*at]))
}

fn is_common(part: &str) -> bool {
    COMMON.contains(&fold(part).as_str())
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    service: ServiceId,
    /// Whether the key is the service's whole name, not a part of it.
    whole: bool,
}

/// Services by a name or a part of one.
type Entries = HashMap<String, ByHome<Entry>>;

/// Services by everything that names them: finds the service of an owner.
#[derive(Debug)]
pub struct Owners {
    exact: Entries,
    alike: Entries,
    images: Entries,
    /// By the last words of a name (`backend` for `shop-backend`), folded.
    endings: Entries,
    directories: HashMap<PathBuf, ServiceId>,
    affixes: Affixes,
    /// The only service that can contain code of the platform's own, if there is exactly one.
    only: Option<ServiceId>,
    /// The directory of the project.
    root: PathBuf,
}

impl Owners {
    /// Indexes the services of `env`.
    pub fn of(env: &Environment) -> Owners {
        Owners::without(env, &BTreeSet::new())
    }

    /// The same; `of_settings` are services that run no code.
    fn without(env: &Environment, of_settings: &BTreeSet<(String, Option<String>)>) -> Owners {
        let mut index = Owners {
            exact: HashMap::with_capacity_and_hasher(env.services.len(), Default::default()),
            alike: HashMap::with_capacity_and_hasher(env.services.len(), Default::default()),
            images: HashMap::default(),
            endings: HashMap::default(),
            directories: HashMap::default(),
            affixes: Affixes::new(&env.name, env.services.iter().map(|s| s.name.as_str())),
            only: None,
            root: env.root.clone(),
        };
        let mut own = 0usize;
        for (at, service) in env.services.iter().enumerate() {
            let id = ServiceId(at);
            let add = |entries: &mut Entries, key: String, whole| {
                let entry = Entry { service: id, whole };
                entries.entry(key).or_default().push(service.home(), entry);
            };
            add(&mut index.exact, service.name.clone(), true);
            let folded = fold(&service.name);
            if let Some(stripped) = index.affixes.strip(&service.name)
                && stripped != folded
            {
                add(&mut index.alike, stripped, false);
            }
            add(&mut index.alike, folded, true);
            let mut bought_in = !service.workloads.is_empty();
            let mut has_image = false;
            let images = (service.workloads.iter())
                .flat_map(|w| &env.workloads[w.0].containers)
                .filter_map(|c| c.image.as_ref());
            for image in images {
                has_image = true;
                let last = fold(image.repository.rsplit('/').next().unwrap_or_default());
                if BOUGHT_IN.contains(&last.as_str()) {
                    continue;
                }
                bought_in = false;
                let seen = index.images.get(&last);
                if seen
                    .and_then(|s| s.iter().next_back())
                    .is_none_or(|e| e.service != id)
                {
                    add(&mut index.images, last, true);
                }
            }
            for directory in &service.directories {
                index.directories.entry(directory.clone()).or_insert(id);
            }
            // Without a known image, nothing shows that a service is third-party.
            if !bought_in || !has_image {
                let bare = index.affixes.bare(&service.name);
                for ending in endings(&bare) {
                    add(&mut index.endings, ending, false);
                }
            }
            let runs_nothing = || {
                !of_settings.is_empty()
                    && service.workloads.is_empty()
                    && of_settings.contains(&(service.name.clone(), service.namespace.clone()))
            };
            if !bought_in && !runs_nothing() {
                own += 1;
                index.only = (own == 1).then_some(id);
            }
        }
        index
    }

    /// The directory of the project.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The service of `owner`, in the environment from which the index was made, as long as its services do
    /// not change.
    pub fn find(&self, owner: &Owner) -> Option<ServiceId> {
        self.link(owner).map(|(id, _)| id)
    }

    pub(super) fn tell(&self, owner: &mut Owner) {
        let link = self.link(owner);
        owner.service = link.map(|(id, _)| id);
        owner.linked = link.map_or_else(Linked::default, |(_, linked)| linked);
    }

    /// Gives an alert without a name of its owner the only service that its query selects by name
    /// (`up{job="api"}`).
    fn tell_by_selection(&self, alert: &mut Alert) {
        let home = alert.owner.home();
        let mut found: Option<ServiceId> = None;
        for value in &alert.selects {
            let Some(id) = single(self.exact.get(&value.value), home) else {
                continue;
            };
            if found.is_some_and(|other| other != id) {
                return;
            }
            found = Some(id);
        }
        if let Some(id) = found {
            alert.owner.service = Some(id);
            alert.owner.linked = Linked::Directory;
        }
    }

    fn link(&self, owner: &Owner) -> Option<(ServiceId, Linked)> {
        let named = owner
            .name
            .as_deref()
            .and_then(|name| self.by_name(name, owner.home()));
        if named.is_some() {
            return named;
        }
        let directory = owner.directory.as_deref().unwrap_or(Path::new(""));
        self.by_directory(directory, owner.home()).or_else(|| {
            let is_of_another = has_home(within(&self.root, directory));
            let only = self.only.filter(|_| owner.name.is_none() && !is_of_another);
            only.map(|id| (id, Linked::Similar))
        })
    }

    fn by_name(&self, name: &str, home: Home<'_>) -> Option<(ServiceId, Linked)> {
        let exact = self.exact.get(name).and_then(|entries| {
            let same = entries.related(home).next()?;
            Some((same.service, Linked::Named))
        });
        exact.or_else(|| {
            let folded = fold(name);
            let alike = single(self.alike.get(&folded), home).or_else(|| {
                let stripped = self.affixes.strip(name)?;
                single(self.alike.get(&stripped), home)
            });
            alike.map(|id| (id, Linked::Similar))
        })
    }

    /// A declared directory that contains it has the highest precedence; then the deepest part that names a
    /// service or an image. A part that is not significant (`app`) counts only as a service's whole name, and
    /// last.
    fn by_directory(&self, directory: &Path, home: Home<'_>) -> Option<(ServiceId, Linked)> {
        if let Some(stated) = directory.ancestors().find_map(|d| self.directories.get(d)) {
            return Some((*stated, Linked::Named));
        }
        let directory = within(&self.root, directory);
        let parts = || directory.iter().filter_map(|p| p.to_str()).rev();
        let telling = parts().filter(|p| !is_common(p)).find_map(|part| {
            let named = self
                .by_name(part, home)
                .map(|(id, linked)| (id, linked.max(Linked::Directory)));
            named.or_else(|| Some((single(self.images.get(&fold(part)), home)?, Linked::Similar)))
        });
        telling
            .or_else(|| {
                let mut common = parts().filter(|p| is_common(p));
                common.find_map(|part| Some((single(self.exact.get(part), home)?, Linked::Directory)))
            })
            .or_else(|| Some((self.by_ending(directory, home)?, Linked::Similar)))
    }

    /// `services/auth` is `shop-auth-service` if no other service ends like this. Only the outermost
    /// significant part counts: directories below it are its modules.
    fn by_ending(&self, directory: &Path, home: Home<'_>) -> Option<ServiceId> {
        let parts: Vec<&str> = directory.iter().filter_map(|p| p.to_str()).collect();
        let at = child_of_home(&parts).or_else(|| parts.iter().position(|p| !is_common(p)))?;
        let bare = self.affixes.bare(parts[at]);
        let words = telling_words(&bare);
        // One or two letters are not enough.
        let key = words.concat();
        if key.len() < 3 {
            return None;
        }
        single(self.endings.get(&key), home)
    }
}

/// Words at the end of a service's name that only mean that it is one.
const GENERIC: [&str; 5] = ["service", "svc", "app", "application", "server"];

/// The words of a name, without insignificant ones at its end.
fn telling_words(name: &str) -> Vec<&str> {
    let mut words: Vec<&str> = name.split('-').filter(|w| !w.is_empty()).collect();
    while words.len() > 1 && words.last().is_some_and(|w| GENERIC.contains(w)) {
        words.pop();
    }
    words
}

/// Every run of words that a name ends with, the whole included.
fn endings(name: &str) -> impl Iterator<Item = String> + '_ {
    let words = telling_words(name);
    (0..words.len()).map(move |from| words[from..].concat())
}

/// Whether the directory is in a directory of services, and therefore belongs to one that it names.
fn has_home(directory: &Path) -> bool {
    let parts: Vec<&str> = directory.iter().filter_map(|p| p.to_str()).collect();
    child_of_home(&parts).is_some_and(|at| parts[at - 1] != "src")
}

/// The service of `entries` if it is the only one, or the only one with the whole name.
fn single(entries: Option<&ByHome<Entry>>, home: Home<'_>) -> Option<ServiceId> {
    let entries = entries?;
    let mut same = entries.related(home);
    let (first, second) = (same.next()?, same.next());
    if second.is_none() {
        return Some(first.service);
    }
    let mut whole = entries.related(home).filter(|e| e.whole);
    match (whole.next(), whole.next()) {
        (Some(one), None) => Some(one.service),
        _ => None,
    }
}

/// Every owner of the environment except those of workloads, whose names identify them.
fn each_owner(env: &mut Environment, mut visit: impl FnMut(&mut Owner)) {
    macro_rules! owners_of {
        ($($list:ident),*) => { $( env.$list.iter_mut().for_each(|part| visit(&mut part.owner)); )* };
    }
    owners_of!(
        autoscalers,
        producers,
        consumers,
        pools,
        poolers,
        calls,
        breakers,
        deadlines,
        routings,
        local_caches,
        rate_limits,
        secret_uses,
        alerts,
        slos,
        deliveries,
        variable_uses
    );
}
