//! Dictionaries, constants and fields of a module as settings, with their environment. The reader of settings
//! knows what the names mean; words of a dictionary's own name (`STAGING_DB_CONFIG`) are added in front of
//! them here.

use crate::settings::{self, Setting};
use cofferdam_code::python::labels;
use cofferdam_code::python::value::PyValue;
use cofferdam_code::python::{Dict, Module};
use cofferdam_model::{Environment, Fact, Owner};
use cofferdam_syntax::environment;
use cofferdam_syntax::tree::{Key, Node, Value};

/// Deepest nesting that is searched.
const MAX_DEPTH: u8 = 12;

/// Environments that have sections, in the order written.
pub(super) fn labels(dict: &Dict) -> Vec<&'static str> {
    fn walk(dict: &Dict, depth: u8, found: &mut Vec<&'static str>) {
        for item in &dict.items {
            let PyValue::Dict(inner) = &item.value.value else {
                continue;
            };
            found.extend(labels::within(&item.key).filter(|name| !found.contains(name)));
            if depth < MAX_DEPTH {
                walk(inner, depth + 1, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(dict, 0, &mut found);
    found
}

/// The section for an environment. A platform without environments uses the most important section.
pub(super) fn chosen<'n>(environment: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    let named = |wanted: &str| names.clone().find(|n| *n == wanted);
    named(environment).or_else(|| {
        if environment != "default" {
            return None;
        }
        named("production")
            .or_else(|| named("staging"))
            .or_else(|| names.clone().next())
    })
}

/// Adds the settings of a module's sections for `owner`. Sections of other environments are left out; those
/// for this one override those for all. Dictionaries in code are settings like those of a file: linking joins
/// them with what code builds.
pub(super) fn apply(owner: &Owner, tree: &Node, module: &Module, env: &mut Environment) {
    let names = labels(&module.settings);
    let here = chosen(&env.name, names.iter().copied());
    let mut walk = Walk {
        here,
        kafka: speaks_of_kafka(module),
        sections: Vec::new(),
    };
    let stem = module
        .path
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or_default();
    walk.section(tree, "", hint_of(stem, walk.kafka), 0);
    let mut own = Environment {
        name: env.name.clone(),
        ..Environment::default()
    };
    for section in walk.sections {
        let place = format!("{}: {}", module.path.display(), section.path);
        settings::apply_in(&section.settings, owner, &place, &mut own.parts);
    }
    for deadline in &mut own.deadlines {
        // The reader of settings gets the name of the section; people see the name as written.
        for hint in HINTS.iter().map(|(_, hint)| hint) {
            if let Some(plain) = deadline.name.strip_prefix(hint) {
                deadline.name = plain.to_owned();
                break;
            }
        }
    }
    env.consumers.append(&mut own.consumers);
    env.producers.append(&mut own.producers);
    env.pools.append(&mut own.pools);
    env.deadlines.append(&mut own.deadlines);
}

fn speaks_of_kafka(module: &Module) -> bool {
    let path = module.path.to_string_lossy().to_lowercase();
    path.contains("kafka")
        || module.calls.iter().any(|c| {
            matches!(
                c.kind,
                cofferdam_code::python::ClientKind::KafkaConsumer
                    | cofferdam_code::python::ClientKind::KafkaProducer
            )
        })
}

/// Words in the name of a dictionary, class or file, and the prefix that they add to its keys.
const HINTS: &[(&str, &str)] = &[
    ("redis", "redis."),
    ("producer", "kafka.producer."),
    ("consumer", "kafka.consumer."),
    ("database", "database."),
    ("postgres", "database."),
    ("postgresql", "database."),
    ("sqlalchemy", "database."),
    ("engine", "database."),
    ("db", "database."),
    ("pool", "database."),
];

/// Last words of names that contain settings, for hints that would otherwise match anything.
const HOLDERS: &[&str] = &[
    "config", "conf", "settings", "options", "kwargs", "params", "defaults",
];

fn hint_of(name: &str, kafka: bool) -> Option<&'static str> {
    let words = words(name);
    let (_, hint) = HINTS.iter().find(|(word, _)| words.iter().any(|w| w == word))?;
    let of_kafka = hint.starts_with("kafka");
    let holder = words.last().is_some_and(|w| HOLDERS.contains(&w.as_str()));
    (!of_kafka || kafka && holder).then_some(*hint)
}

/// The words of `STAGING_DB_CONFIG` and `DatabaseConfig` in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut small = false;
    for c in name.chars() {
        let divides = matches!(c, '_' | '-' | '.' | ' ');
        if (divides || small && c.is_uppercase()) && words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
        small = c.is_lowercase();
        if !divides && let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words
}

struct Section {
    path: String,
    settings: Vec<Setting>,
}

struct Walk<'w> {
    here: Option<&'w str>,
    kafka: bool,
    sections: Vec<Section>,
}

impl Walk<'_> {
    /// Every dictionary with plain values is a separate section. Settings for all environments come first.
    fn section(&mut self, node: &Node, path: &str, hint: Option<&'static str>, depth: u8) {
        let Value::Map(map) = &node.value else { return };
        let mut settings = Vec::new();
        let mut nested: Vec<(&Key, &Node, bool)> = Vec::new();
        // Beside `production`, `test` is an environment, too.
        let of_environments = map
            .iter()
            .any(|(key, value)| value.as_map().is_some() && labels::exact(&key.text).is_some());
        let label = |key: &str| {
            let beside = || of_environments.then(|| environment::canonical(key)).flatten();
            labels::within(key).or_else(beside)
        };
        for (key, value) in map.iter() {
            match &value.value {
                Value::Scalar(scalar) => settings.push(Setting {
                    name: named(&key.text, hint),
                    name_span: key.span,
                    value: Fact::declared(scalar.text.to_string(), value.span),
                }),
                Value::Map(_) if depth < MAX_DEPTH => match label(&key.text) {
                    Some(name) if Some(name) != self.here => {}
                    found => nested.push((key, value, found.is_some())),
                },
                _ => {}
            }
        }
        if !settings.is_empty() {
            self.sections.push(Section {
                path: path.to_owned(),
                settings,
            });
        }
        nested.sort_by_key(|(.., labelled)| *labelled);
        for (key, value, _) in nested {
            let inner = if path.is_empty() {
                key.text.to_string()
            } else {
                format!("{path}.{}", key.text)
            };
            let hint = hint_of(&key.text, self.kafka).or(hint);
            self.section(value, &inner, hint, depth + 1);
        }
    }
}

/// A key with the words of its section in front, unless it contains them itself.
fn named(key: &str, hint: Option<&str>) -> String {
    const OWN: &[&str] = &[
        "db",
        "database",
        "postgres",
        "pg",
        "sqlalchemy",
        "redis",
        "kafka",
        "sql",
    ];
    match hint {
        Some(hint) if !words(key).iter().any(|w| OWN.contains(&w.as_str())) => {
            // The number of concurrent messages is not the number of consumers.
            if hint.starts_with("kafka") && cofferdam_syntax::tree::folds_to(key, "concurrency") {
                return key.to_owned();
            }
            format!("{hint}{key}")
        }
        _ => key.to_owned(),
    }
}
