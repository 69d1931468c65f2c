//! Which repositories are one platform: one names a file of the other, or calls a service that only the other declares.

use super::{ByDirectory, directory_of, in_directories};
use crate::overlay::is_silent;
use cofferdam_model::link::is_bought_in;
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Map, Node};
use memchr::memmem;
use rayon::prelude::*;
use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Repositories by number, so that thousands of files compare no paths with one another.
struct Numbers(ByDirectory<usize>);

impl Numbers {
    fn of(repositories: &[PathBuf]) -> Self {
        let mut numbers = ByDirectory::default();
        for (at, root) in repositories.iter().enumerate() {
            numbers.insert(root, at);
        }
        Numbers(numbers)
    }

    /// The repository that a path lies in.
    fn of_path(&self, path: &Path) -> Option<usize> {
        self.0.nearest(path).copied()
    }
}

/// Pairs of repositories of which one uses the other, each once.
pub(super) fn related(repo: &Repo, repositories: &[PathBuf]) -> BTreeSet<(usize, usize)> {
    let numbers = Numbers::of(repositories);
    let declared = declared(repo, &numbers);
    let paths = repo.files.keys().map(PathBuf::as_path);
    let paths: Vec<&Path> = paths.filter(|path| !is_silent(repo, path)).collect();
    let runs: Vec<&[&Path]> = in_directories(&paths).collect();
    let of_run = |run: &&[&Path]| {
        let directory = directory_of(run);
        let mut pairs = BTreeSet::new();
        let Some(own) = numbers.of_path(directory) else {
            return pairs;
        };
        for (path, text) in run.iter().filter_map(|path| Some((path, repo.text(path)?))) {
            let targets = paths_in(text).map(|word| normalise(&directory.join(word)));
            let used = targets.filter_map(|target| {
                let other = numbers.of_path(&target).filter(|other| *other != own)?;
                repo.exists(&target).then_some(other)
            });
            let caller = LazyCell::new(|| Caller::of(repo, path));
            let called = hosts_in(text).filter_map(|host| {
                let of_name = declared.get(host.name)?.as_ref()?;
                (of_name.repository != own && of_name.is_called(&host, &caller)).then_some(of_name.repository)
            });
            pairs.extend(used.chain(called).map(|other| (own, other)));
        }
        pairs
    };
    runs.par_iter().flat_map_iter(of_run).collect()
}

/// What names services: two kinds of network that do not reach one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Kubernetes,
    Compose,
}

/// A service that one repository declares.
struct Declared<'r> {
    repository: usize,
    network: Network,
    namespace: Option<&'r str>,
}

/// The file that calls, as far as it tells where it runs: code and settings do not.
struct Caller<'r> {
    network: Option<Network>,
    namespace: Option<&'r str>,
}

impl<'r> Caller<'r> {
    fn of(repo: &'r Repo, path: &Path) -> Self {
        let documents = repo.yaml.get(path).map_or(&[][..], |stream| &stream.documents);
        let is_object = |node: &&Node| node.get("kind").is_some() && node.get("apiVersion").is_some();
        let object = documents.iter().find(is_object);
        let is_compose = || documents.iter().any(|node| compose_services(node).is_some());
        Caller {
            network: match object {
                Some(_) => Some(Network::Kubernetes),
                None => is_compose().then_some(Network::Compose),
            },
            namespace: object.and_then(namespace_of),
        }
    }
}

impl Declared<'_> {
    /// Whether a host is this service for sure enough to say that one repository uses the other.
    fn is_called(&self, host: &Host<'_>, caller: &Caller<'_>) -> bool {
        if caller.network.is_some_and(|network| network != self.network) {
            return false;
        }
        match host.domain {
            // `api.shop`, `api.shop.svc.cluster.local`; any other domain is somebody else's.
            Some(domain) => {
                let mut labels = domain.split('.');
                let namespace = labels.next();
                let is_service = self.network == Network::Kubernetes
                    && match labels.next() {
                        None => self.namespace.is_some(),
                        label => label == Some("svc"),
                    };
                is_service && self.namespace.is_none_or(|own| namespace == Some(own))
            }
            None if GENERIC.contains(&host.name) || is_bought_in(host.name) => false,
            None => caller
                .namespace
                .is_none_or(|own| self.namespace.is_none_or(|of| of == own)),
        }
    }
}

/// Names that every platform has, besides those of products: by itself, such a host may be anybody's.
const GENERIC: &[&str] = &[
    "cache",
    "cassandra",
    "clickhouse",
    "database",
    "db",
    "etcd",
    "jaeger",
    "keycloak",
    "localhost",
    "mail",
    "mailhog",
    "nats",
    "otel-collector",
    "pg",
    "proxy",
    "registry",
    "tempo",
];

/// The services of a file of Compose.
fn compose_services(document: &Node) -> Option<&Map> {
    match document.get("kind") {
        Some(_) => None,
        None => document.get("services")?.as_map(),
    }
}

fn namespace_of(object: &Node) -> Option<&str> {
    object.at("metadata/namespace")?.as_str()
}

/// The service of each name, where one repository declares it; `None` where several do.
fn declared<'r>(repo: &'r Repo, numbers: &Numbers) -> HashMap<&'r str, Option<Declared<'r>>> {
    let mut declared: HashMap<&str, Option<Declared<'_>>> = HashMap::default();
    for (path, stream) in &repo.yaml {
        let Some(own) = numbers.of_path(path) else {
            continue;
        };
        let mut add = |name, network, namespace| {
            let new = || {
                Some(Declared {
                    repository: own,
                    network,
                    namespace,
                })
            };
            let known = declared.entry(name).or_insert_with(new);
            match known {
                Some(known) if known.repository == own => {
                    // In several namespaces: any of them may be meant.
                    known.namespace = known.namespace.filter(|of| Some(*of) == namespace);
                }
                _ => *known = None,
            }
        };
        for document in &stream.documents {
            if document.get("kind").and_then(|k| k.as_str()) == Some("Service") {
                let name = document.at("metadata/name").and_then(|n| n.as_str());
                if let Some(name) = name {
                    add(name, Network::Kubernetes, namespace_of(document));
                }
            } else if let Some(services) = compose_services(document) {
                let names = services.iter().map(|(key, _)| &*key.text);
                names.for_each(|name| add(name, Network::Compose, None));
            }
        }
    }
    declared
}

/// Relative paths that lead upwards.
fn paths_in(text: &str) -> impl Iterator<Item = &str> {
    let is_end =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '[' | ']' | '(' | ')' | '{' | '}');
    let words = memmem::find(text.as_bytes(), b"../").map(|_| text.split(is_end));
    words
        .into_iter()
        .flatten()
        .filter_map(|word| Some(word[word.find("../")?..].trim_end_matches(['/', ':', ';'])))
}

/// The host of a URL: its first label, and what follows it.
struct Host<'t> {
    name: &'t str,
    domain: Option<&'t str>,
}

/// The hosts of URLs.
fn hosts_in(text: &str) -> impl Iterator<Item = Host<'_>> {
    let is_label = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
    let is_host = move |b: &u8| is_label(b) || *b == b'.';
    memmem::find_iter(text.as_bytes(), b"://").map(move |at| {
        let rest = &text[at + b"://".len()..];
        // Only the authority: what follows it may be the rest of a long file.
        let end = rest.find(['/', ' ', '\n']).unwrap_or(rest.len());
        let host = rest[..end].split_once('@').map_or(rest, |(_, host)| host);
        let (name, after) = host.split_at(host.bytes().take_while(is_label).count());
        let domain = after
            .strip_prefix('.')
            .map(|after| &after[..after.bytes().take_while(is_host).count()]);
        Host { name, domain }
    })
}
