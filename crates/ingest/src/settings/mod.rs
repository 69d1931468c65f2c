//! Settings as flat names and values from any source: `.env` files, Java properties, variables of containers
//! and deployment files, nested configuration in flat form. The meaning of a name is in tables; the values
//! that several files set for one owner are joined in one producer, consumer or pool.

pub(crate) mod caches;
mod database;
mod kafka;
mod kafka_names;
pub mod url;
pub(crate) mod withheld;
mod words;

use crate::context::Place;
use crate::parts;
use crate::secret_scan;
use cofferdam_model::Home;
use cofferdam_model::calls::{Deadline, DeadlineRole};
use cofferdam_model::cells::RateLimit;
use cofferdam_model::secrets::SecretLiteral;
use cofferdam_model::settings::OpenSettings;
pub use cofferdam_model::settings::Setting;
use cofferdam_model::units::{millis, seconds};
use cofferdam_model::workload::{ConfigObject, Container};
use cofferdam_model::{ByHome, Fact, Owner, Parts, Rate, Source, Span, VariableValue, Variables};
use cofferdam_syntax::flat::Entry;
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::source::FileId;
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::{Chains, Layer, env_file, properties};
use std::path::Path;

/// Entries of a flat file as settings.
pub fn of_entries(entries: Vec<Entry>) -> Vec<Setting> {
    let setting = |entry: Entry| Setting {
        name: entry.name,
        name_span: entry.name_span,
        value: entry.value.into(),
    };
    entries.into_iter().map(setting).collect()
}

/// Whether a file contains variables for a process, by the lower case of its name.
pub fn is_env_file(_: &Path, name: &str) -> bool {
    matches!(name, ".env" | ".secrets") || name.starts_with(".env.") || name.ends_with(".env")
}

/// Reads a `.env` file as settings of its directory.
pub fn read_env_file(text: &str, file: FileId, place: Place<'_>) -> Option<Parts> {
    of_file(&of_entries(env_file::read(text, file, 0)), place)
}

/// Reads a properties file as settings of its directory.
pub fn read_properties(text: &str, file: FileId, place: Place<'_>) -> Option<Parts> {
    of_file(&of_entries(properties::read(text, file, 0)), place)
}

fn of_file(settings: &[Setting], place: Place<'_>) -> Option<Parts> {
    if settings.is_empty() {
        return None;
    }
    let mut parts = Parts::default();
    let owner = Owner::in_directory(place.path.parent().unwrap_or(Path::new("")));
    apply(settings, &owner, place, &mut parts);
    parts.secret_literals.extend(secrets_in(settings));
    Some(parts)
}

/// Secrets in a file of flat settings. A password that everybody tries first is for the developer's own
/// machine.
fn secrets_in(settings: &[Setting]) -> Vec<SecretLiteral> {
    let found = settings.iter().filter_map(|setting| {
        let text = setting.value.value.as_str();
        let secret = secret_scan::classify(&setting.name, text)?;
        (!secret_scan::is_first_guess(text)).then_some(secret_scan::literal(
            &setting.name,
            text,
            setting.value.span()?,
            secret,
        ))
    });
    found.collect()
}

/// Fills `env` from the `settings` of `owner`: its producers, consumer and pools, nested timeouts, and web
/// workers. Returns how many settings were recognised.
pub fn apply(settings: &[Setting], owner: &Owner, place: Place<'_>, parts: &mut Parts) -> usize {
    let section = place.path.display().to_string();
    apply_in(settings, owner, &section, parts)
}

/// The same for settings of which only the section is known; see [`Deadline::section`].
pub(crate) fn apply_in(settings: &[Setting], owner: &Owner, section: &str, parts: &mut Parts) -> usize {
    let present: Vec<Setting> = settings
        .iter()
        .filter(|s| !s.value.value.trim().is_empty())
        .cloned()
        .collect();
    let (understood, open) = kafka::apply(&present, owner, parts);
    if !open.is_empty() {
        parts.open_settings.push(OpenSettings {
            owner: owner.clone(),
            settings: open,
        });
    }
    understood
        + database::apply(&present, owner, section, parts)
        + timeouts(&present, owner, section, parts)
        + web_workers(&present, owner, parts)
        + caches_and_limits(&present, owner, parts)
}

/// Variables as settings, without those whose text is not in the files.
pub fn of_variables(variables: &Variables) -> Vec<Setting> {
    variables
        .iter()
        .filter_map(|(name, variable)| {
            let text = variable.value.value.text()?.to_owned();
            Some(Setting {
                name: name.clone(),
                name_span: variable.name_span,
                value: Fact {
                    value: text,
                    source: variable.value.source.clone(),
                },
            })
        })
        .collect()
}

/// A tree as settings with names joined by `.`, `prefix` in front; lists of plain values are joined by `,`.
pub fn flatten(node: &Node, prefix: &str) -> Vec<Setting> {
    let mut found = Vec::new();
    flatten_into(node, prefix, node.span, &mut found);
    found
}

fn flatten_into(node: &Node, name: &str, name_span: Span, found: &mut Vec<Setting>) {
    let mut push = |text: String| {
        found.push(Setting {
            name: name.to_owned(),
            name_span,
            value: Fact::declared(text, node.span),
        });
    };
    match &node.value {
        Value::Scalar(scalar) => push(scalar.text.to_string()),
        Value::Seq(items) => {
            let words: Option<Vec<&str>> = items.iter().map(Node::as_str).collect();
            if let Some(words) = words.filter(|w| !w.is_empty()) {
                push(words.join(","));
            }
        }
        Value::Map(map) => {
            for (key, value) in map.iter() {
                let name = if name.is_empty() {
                    key.text.to_string()
                } else {
                    format!("{name}.{}", key.text)
                };
                flatten_into(value, &name, key.span, found);
            }
        }
        Value::Null | Value::Unknown(_) => {}
    }
}

/// Adds a deadline, in place of an earlier one of the same name in the same section.
pub(crate) fn deadline(parts: &mut Parts, deadline: Deadline) {
    parts.deadlines.retain(|d| {
        !(d.name == deadline.name
            && d.section == deadline.section
            && parts::same_owner(&d.owner, &deadline.owner))
    });
    parts.deadlines.push(deadline);
}

/// Names of other timeouts (folded, without their unit) and what they bound. A name with another common
/// meaning is not here: `SESSION_TIMEOUT` is how long a person stays logged in.
const TIMEOUTS: &[(&str, DeadlineRole)] = &[
    ("requesttimeout", DeadlineRole::Request),
    ("httprequesttimeout", DeadlineRole::Request),
    ("apirequesttimeout", DeadlineRole::Request),
    ("gunicorntimeout", DeadlineRole::Request),
    ("startuptimeout", DeadlineRole::Initialisation),
    ("initializationtimeout", DeadlineRole::Initialisation),
    ("initialisationtimeout", DeadlineRole::Initialisation),
    ("dbinitializationtimeout", DeadlineRole::Initialisation),
    ("databaseinitializationtimeout", DeadlineRole::Initialisation),
    ("dbinittimeout", DeadlineRole::Initialisation),
    ("databaseinittimeout", DeadlineRole::Initialisation),
    ("tablesetuptimeout", DeadlineRole::Setup),
    ("dbtablesetuptimeout", DeadlineRole::Setup),
    ("databasetablesetuptimeout", DeadlineRole::Setup),
    ("healthchecktimeout", DeadlineRole::HealthCheck),
    ("dbhealthchecktimeout", DeadlineRole::HealthCheck),
    ("databasehealthchecktimeout", DeadlineRole::HealthCheck),
];

fn timeouts(settings: &[Setting], owner: &Owner, section: &str, parts: &mut Parts) -> usize {
    let mut count = 0;
    for setting in settings {
        let folded = cofferdam_syntax::tree::fold(&setting.name);
        let (name, in_millis) = match folded
            .strip_suffix("ms")
            .or_else(|| folded.strip_suffix("millis"))
        {
            Some(name) => (name, true),
            None => (
                ["seconds", "secs", "sec"]
                    .iter()
                    .find_map(|u| folded.strip_suffix(u))
                    .unwrap_or(&folded),
                false,
            ),
        };
        let Some((_, role)) = TIMEOUTS.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        let text = setting.value.value.trim();
        let value = if in_millis || text.parse::<f64>().is_ok_and(|n| n >= 1000.0) {
            millis(text)
        } else {
            seconds(text)
        };
        if let Some(value) = value {
            count += 1;
            let value = Fact {
                value,
                source: setting.value.source.clone(),
            };
            deadline(
                parts,
                Deadline {
                    owner: owner.clone(),
                    name: setting.name.clone(),
                    section: section.to_owned(),
                    role: *role,
                    value,
                },
            );
        }
    }
    count
}

/// Processes of a web server, by the variables that the servers themselves read.
fn web_workers(settings: &[Setting], owner: &Owner, parts: &mut Parts) -> usize {
    let Some(name) = &owner.name else { return 0 };
    let mut count = 0;
    for setting in settings {
        let text = setting.value.value.trim();
        let is = |names: &[&str]| names.iter().any(|name| setting.name.eq_ignore_ascii_case(name));
        // Gunicorn and uvicorn read the first; the others are the common names for `--workers`.
        let workers = if is(&[
            "WEB_CONCURRENCY",
            "GUNICORN_WORKERS",
            "UVICORN_WORKERS",
            "WEB_WORKERS",
        ]) {
            text.parse().ok()
        } else if is(&["GUNICORN_CMD_ARGS"]) {
            worker_argument(text)
        } else {
            None
        };
        if let Some(workers) = workers {
            count += 1;
            let fact = Fact {
                value: workers,
                source: setting.value.source.clone(),
            };
            parts::service_mut(parts, name, setting.name_span).processes = Some(fact);
        }
    }
    count
}

/// Names of rate limits (folded) and the seconds in which they count.
const RATE_LIMITS: &[(&str, f64)] = &[
    ("ratelimitrps", 1.0),
    ("ratelimitpersecond", 1.0),
    ("ratelimitrequestspersecond", 1.0),
    ("ratelimitperminute", 60.0),
    ("ratelimitrequestsperminute", 60.0),
    ("ratelimitrpm", 60.0),
    ("ratelimitperhour", 3600.0),
];

/// Caches of a process and rate limits, by the names of the settings.
fn caches_and_limits(settings: &[Setting], owner: &Owner, parts: &mut Parts) -> usize {
    let mut count = 0;
    for setting in settings {
        count += usize::from(caches::of_variable(setting, owner, parts));
        let folded = cofferdam_syntax::tree::fold(&setting.name);
        let limit = RATE_LIMITS
            .iter()
            .find(|(name, _)| *name == folded)
            .and_then(|(_, seconds)| {
                let number: f64 = setting.value.value.trim().parse().ok()?;
                (number > 0.0 && number.is_finite()).then_some(Rate(number / seconds))
            });
        if let Some(limit) = limit {
            count += 1;
            parts
                .rate_limits
                .retain(|r| !(r.name == setting.name && parts::same_owner(&r.owner, owner)));
            parts.rate_limits.push(RateLimit {
                name: setting.name.clone(),
                owner: owner.clone(),
                limit: Fact {
                    value: limit,
                    source: setting.value.source.clone(),
                },
                per_replica: None,
            });
        }
    }
    count
}

/// The number after `-w` or `--workers` in a command line.
pub(crate) fn worker_argument(text: &str) -> Option<u32> {
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if let Some(number) = word
            .strip_prefix("--workers=")
            .or_else(|| word.strip_prefix("-w="))
        {
            return number.parse().ok();
        }
        if matches!(word, "-w" | "--workers") {
            return words.next()?.parse().ok();
        }
    }
    None
}

/// Programs that run their own server and read variables for it, by the last part of their image's name: a
/// setting that looks like a client's is the server's there.
const SERVERS: &[&str] = &[
    "postgres",
    "postgresql",
    "pgbouncer",
    "pgpool",
    "redis",
    "valkey",
    "kafka",
    "zookeeper",
    "schema-registry",
    "connect",
    "mysql",
    "mariadb",
    "exporter",
    "kafka-ui",
    "akhq",
    "kafdrop",
    "pgadmin4",
    "adminer",
];

/// Reads the variables of every container as settings of its workload. Called when all objects are known,
/// because a variable may be in a ConfigMap.
pub fn finish(parts: &mut Parts, chains: &Chains) {
    withheld::withhold(parts);
    let maps = ConfigMaps::of(parts);
    let mut lists: Vec<(Owner, String, Vec<Setting>)> = Vec::new();
    for workload in &parts.workloads {
        for container in workload.containers.iter().filter(|c| !is_server(c)) {
            let mut owner = workload.owner.clone();
            if owner.name.is_none() {
                owner.name = Some(workload.id.name.clone());
                owner.namespace.clone_from(&workload.id.namespace);
                owner.deployment = workload.id.deployment;
            }
            let mut settings = of_variables(&container.variables);
            settings.extend(maps.settings_of(workload.id.home(), container, chains));
            if !settings.is_empty() {
                let section = format!("{} {}", workload.id.kind, workload.id.name);
                lists.push((owner, section, settings));
            }
        }
    }
    drop(maps);
    // Parts that other files created for the same owner are looked up; all others are new, and are not
    // searched among thousands. Two containers of one pod are two clients.
    let known: HashSet<String> = (parts.producers.iter().map(|p| &p.owner))
        .chain(parts.consumers.iter().map(|c| &c.owner))
        .chain(parts.pools.iter().map(|p| &p.owner))
        .filter_map(|owner| owner.name.clone())
        .collect();
    for (owner, section, settings) in lists {
        if owner.name.as_ref().is_some_and(|name| known.contains(name)) {
            apply_in(&settings, &owner, &section, parts);
        } else {
            let mut own = Parts::default();
            apply_in(&settings, &owner, &section, &mut own);
            absorb(parts, own);
        }
    }
}

/// Tries again the settings that needed other documents, now that all parts are together.
pub fn settle(parts: &mut Parts) {
    for open in std::mem::take(&mut parts.open_settings) {
        kafka::apply(&open.settings, &open.owner, parts);
    }
}

/// Adds the parts that settings create.
fn absorb(parts: &mut Parts, own: Parts) {
    parts.producers.extend(own.producers);
    parts.consumers.extend(own.consumers);
    parts.pools.extend(own.pools);
    parts.deadlines.extend(own.deadlines);
    parts.services.extend(own.services);
    parts.local_caches.extend(own.local_caches);
    parts.rate_limits.extend(own.rate_limits);
}

/// Whether a container runs a server whose variables are its own.
fn is_server(container: &Container) -> bool {
    let image = container.image.as_ref().map_or("", |i| i.repository.as_str());
    let image = image.rsplit('/').next().unwrap_or_default();
    let image = image.strip_prefix("cp-").unwrap_or(image);
    SERVERS
        .iter()
        .any(|server| image == *server || image.strip_suffix(server).is_some_and(|rest| rest.ends_with('-')))
}

/// ConfigMaps by their names.
struct ConfigMaps<'e>(HashMap<&'e str, ByHome<&'e ConfigObject>>);

impl<'e> ConfigMaps<'e> {
    fn of(parts: &'e Parts) -> Self {
        let mut maps: HashMap<&str, ByHome<&ConfigObject>> = HashMap::default();
        for object in parts.config_objects.iter().filter(|o| o.id.kind == "ConfigMap") {
            let same_name = maps.entry(&object.id.name).or_default();
            same_name.push(object.id.home(), object);
        }
        ConfigMaps(maps)
    }

    /// The ConfigMap to which a name in a pod of that namespace refers.
    fn get(&self, name: &str, home: Home<'_>) -> Option<&'e ConfigObject> {
        self.0.get(name)?.related(home).next().copied()
    }

    /// Variables of a container whose text is in a ConfigMap that exists and that the reader of the container has not
    /// looked up. The container's entry refers to the text.
    fn settings_of(&self, home: Home<'_>, container: &Container, chains: &Chains) -> Vec<Setting> {
        let mut found = Vec::new();
        let given_on = |text: &Fact<String>, entry: Option<Span>| match (&text.source, entry) {
            (Source::Declared(span), Some(entry)) => {
                Fact::declared(text.value.clone(), chains.through(*span, Layer::Reference, entry))
            }
            _ => text.clone(),
        };
        for source in container.variable_sources.iter().filter(|s| !s.secret) {
            let data = self
                .get(&source.name.value, home)
                .into_iter()
                .flat_map(|o| &o.data);
            for (key, text) in data {
                let name = format!("{}{key}", source.prefix);
                if let Some(span) = text.span().filter(|_| !container.variables.contains_key(&name)) {
                    found.push(Setting {
                        name,
                        name_span: span,
                        value: given_on(text, source.name.span()),
                    });
                }
            }
        }
        for (name, variable) in &container.variables {
            if let VariableValue::Config {
                name: map,
                key,
                value: None,
                ..
            } = &variable.value.value
                && let Some(text) = self.get(map, home).and_then(|o| o.data.get(key))
            {
                found.push(Setting {
                    name: name.clone(),
                    name_span: variable.name_span,
                    value: given_on(text, variable.value.span()),
                });
            }
        }
        found
    }
}

/// Settings for tests, each with its own place.
#[cfg(test)]
pub(crate) fn settings_of(pairs: &[(&str, &str)]) -> Vec<Setting> {
    let file = cofferdam_model::FileId(0);
    pairs
        .iter()
        .enumerate()
        .map(|(i, (name, value))| Setting {
            name: (*name).to_owned(),
            name_span: Span::new(file, i * 100, i * 100 + name.len()),
            value: Fact::declared(
                (*value).to_owned(),
                Span::new(file, i * 100 + 50, i * 100 + 50 + value.len()),
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::FileId;
    use cofferdam_syntax::yaml;

    #[test]
    fn nested_configuration_becomes_flat_settings_with_locations() {
        let text = "kafka:\n  producer: {acks: all}\n  topics: [a, b]\ndb: {pool: {size: 5}}\n";
        let node = yaml::parse(text, FileId(0), 0).documents.remove(0);
        let flat = flatten(&node, "");
        let pairs: Vec<(&str, &str)> = flat
            .iter()
            .map(|s| (s.name.as_str(), s.value.value.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("kafka.producer.acks", "all"),
                ("kafka.topics", "a,b"),
                ("db.pool.size", "5")
            ]
        );
        let span = flat[0].name_span;
        assert_eq!(&text[span.start as usize..span.end as usize], "acks");
    }

    #[test]
    fn timeouts_and_web_workers_are_read() {
        let mut env = Parts::default();
        let settings = settings_of(&[
            ("REQUEST_TIMEOUT_SECONDS", "10"),
            ("DB_INITIALIZATION_TIMEOUT", "75.0"),
            ("HEALTH_CHECK_TIMEOUT_MS", "2000"),
            ("SESSION_TIMEOUT", "3600"),
            ("WEB_CONCURRENCY", "4"),
            ("GUNICORN_CMD_ARGS", "--bind :80 --workers 6"),
        ]);
        apply_in(&settings, &Owner::named("api"), ".env", &mut env);
        let found: Vec<_> = env
            .deadlines
            .iter()
            .map(|d| (d.role, d.value.value.as_secs()))
            .collect();
        assert_eq!(
            found,
            [
                (DeadlineRole::Request, 10),
                (DeadlineRole::Initialisation, 75),
                (DeadlineRole::HealthCheck, 2)
            ]
        );
        assert_eq!(env.services[0].processes.as_ref().unwrap().value, 6);
    }

    #[test]
    fn caches_and_limits_are_read_from_their_names() {
        let mut env = Parts::default();
        let settings = settings_of(&[
            ("FEATURE_FLAG_CACHE_TTL_SECONDS", "300"),
            ("SERVICE_DISCOVERY_CACHE_TTL", "5m"),
            ("CACHE_TTL", "300"),
            ("RATE_LIMIT_PER_MINUTE", "600"),
        ]);
        assert_eq!(apply_in(&settings, &Owner::named("api"), ".env", &mut env), 3);
        let lives: Vec<u64> = env
            .local_caches
            .iter()
            .map(|c| c.ttl.as_ref().unwrap().value.as_secs())
            .collect();
        assert_eq!(lives, [300, 300]);
        assert_eq!(env.rate_limits[0].limit.value.0, 10.0);
    }

    #[test]
    fn a_more_specific_statement_replaces_an_earlier_one() {
        let mut env = Parts::default();
        let owner = Owner::named("api");
        apply_in(
            &settings_of(&[("DB_POOL_SIZE", "5"), ("DB_POOL_TIMEOUT", "30")]),
            &owner,
            "base",
            &mut env,
        );
        apply_in(
            &settings_of(&[("DB_POOL_SIZE", "9")]),
            &owner,
            "production",
            &mut env,
        );
        assert_eq!(env.pools.len(), 1);
        assert_eq!(env.pools[0].size.as_ref().unwrap().value, 9);
        assert_eq!(env.pools[0].pool_timeout.as_ref().unwrap().value.as_secs(), 30);
    }
}
