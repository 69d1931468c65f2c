//! Settings as flat names and values from any source: `.env` files, Java properties, variables of containers
//! and deployment files, nested configuration in flat form. The meaning of a name is in tables; the values
//! that several files set for one owner are joined in one producer, consumer or pool.

pub(crate) mod caches;
mod containers;
mod database;
mod kafka;
mod kafka_names;
pub mod url;
mod values;
pub(crate) mod withheld;
mod words;

pub use containers::finish;

use crate::context::Place;
use crate::parts;
use crate::secret_scan;
use cofferdam_model::calls::{Deadline, DeadlineRole};
use cofferdam_model::cells::RateLimit;
use cofferdam_model::secrets::SecretLiteral;
use cofferdam_model::settings::OpenSettings;
pub use cofferdam_model::settings::Setting;
use cofferdam_model::units::{millis, seconds};
use cofferdam_model::{Fact, Owner, Parts, Rate, Span, Variables};
use cofferdam_syntax::flat::Entry;
use cofferdam_syntax::source::FileId;
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::{env_file, properties};
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

/// Tries again the settings that needed other documents, now that all parts are together.
pub fn settle(parts: &mut Parts) {
    for open in std::mem::take(&mut parts.open_settings) {
        kafka::apply(&open.settings, &open.owner, parts);
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
