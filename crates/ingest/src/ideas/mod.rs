//! The ideas of a platform (cells, breakers, autoscaling, deploy windows, …) wherever they occur in nested
//! configuration: deployment files, application settings, YAML inside a ConfigMap, custom resources. Names
//! are compared without case and separators, through one table of aliases; a map and a list of named items
//! are the same.
//!
//! A section counts only if it has the *shape* of its idea, so that ordinary configuration that happens to
//! use a word is not misread. Each idea is one file; this one walks the tree.

mod alerts;
mod aliases;
mod autoscaling;
mod backups;
mod breakers;
mod caches;
mod cells;
mod emergency;
mod fields;
mod kafka;
mod logs;
mod metrics;
mod pools;
mod probes;
mod rate_limits;
mod resources;
mod retries;
mod slos;
mod timeouts;
mod values;
mod windows;

pub use caches::finish;
mod priorities;
pub(crate) use priorities::priority_of;
pub(crate) use values::{KnownPlaces, read_values};

#[cfg(test)]
mod tests;

use crate::context::Place;
use crate::facts::NodeFacts as _;
use crate::parts;
use crate::settings::{self, Setting};
use aliases::Aliases;
pub(crate) use aliases::Aliases as Names;
use cofferdam_model::{Fact, Owner, Parts, Span};
use cofferdam_syntax::environment;
use cofferdam_syntax::tree::{Key, Node, Value, fold};

/// The name in reports of settings without a format of their own.
pub const SETTINGS_FORMAT: &str = "application settings";

/// A section: a key with its contents, and the place.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    /// The key.
    pub(crate) key: &'a Key,
    /// Its contents.
    pub(crate) node: &'a Node,
    /// The map that contains the key.
    pub(crate) parent: &'a Node,
    /// Folded keys from the root to this one, itself last.
    pub(crate) path: &'a [String],
    /// The same keys as written.
    pub(crate) written: &'a [String],
    /// The owner of the settings.
    pub(crate) owner: &'a Owner,
    /// Their place.
    pub(crate) place: Place<'a>,
    /// The format's name for reports.
    pub(crate) format: &'a str,
}

impl Section<'_> {
    /// Whether a key above (not its own) is one of `names`.
    fn is_under(&self, names: Aliases) -> bool {
        let above = self.path.len().saturating_sub(1);
        self.path[..above].iter().any(|p| names.contains(&p.as_str()))
    }

    /// Whether any key of the path, its own too, contains one of `words`.
    fn mentions(&self, words: &[&str]) -> bool {
        self.path.iter().any(|p| words.iter().any(|w| p.contains(w)))
    }

    /// Whether the format is a deployment file, in which a section describes the service itself.
    fn is_deployment(&self) -> bool {
        self.format != SETTINGS_FORMAT
    }

    /// File and keys, to group settings of one place.
    fn name(&self) -> String {
        format!("{}: {}", self.place.path.display(), self.written.join("."))
    }

    /// The owner of an item of this section: the service that it names, otherwise the section's.
    fn owner_of(&self, item: &Node) -> Owner {
        let named = item.like_any(&["service", "servicename", "application", "appname"]);
        match named
            .and_then(|(_, name)| name.as_str())
            .filter(|n| !n.trim().is_empty() && !n.contains(' '))
        {
            Some(name) => Owner::named(name.trim()),
            None => self.owner.clone(),
        }
    }

    /// Records a statement of this section about its owner, if the owner has a name.
    fn describe(&self, attribute: &str, value: Fact<String>, parts: &mut Parts) {
        if let Some(name) = &self.owner.name {
            parts::describe(parts, format!("service {name}"), attribute, value, self.format);
        }
    }
}

/// One idea: the keys (folded) of its sections, and its reader, which returns whether the section had the
/// idea's shape.
struct Idea {
    keys: &'static [Aliases],
    read: fn(&Section<'_>, &mut Parts) -> bool,
}

/// All ideas, in the order of reading if one section can be several.
const IDEAS: &[Idea] = &[
    Idea {
        keys: &[aliases::CELLS, aliases::CELL_ROUTING],
        read: cells::read,
    },
    Idea {
        keys: &[&["kafka"], aliases::TOPICS],
        read: kafka::read,
    },
    Idea {
        keys: &[pools::SECTIONS],
        read: pools::read,
    },
    Idea {
        keys: &[aliases::BREAKER],
        read: breakers::read,
    },
    Idea {
        keys: &[aliases::RATE_LIMIT],
        read: rate_limits::read,
    },
    Idea {
        keys: &[aliases::AUTOSCALING],
        read: autoscaling::read,
    },
    Idea {
        keys: &[aliases::PROBES],
        read: probes::read,
    },
    Idea {
        keys: &[aliases::WINDOWS, aliases::DELIVERY, windows::FLAGS],
        read: windows::read,
    },
    Idea {
        keys: &[aliases::SLOS],
        read: slos::read,
    },
    Idea {
        keys: &[aliases::ALERTS],
        read: alerts::read,
    },
    Idea {
        keys: &[aliases::RESOURCES],
        read: resources::read,
    },
    Idea {
        keys: &[aliases::RETRY],
        read: retries::read,
    },
    Idea {
        keys: &[aliases::PRIORITIES],
        read: priorities::read,
    },
    Idea {
        keys: &[aliases::EMERGENCY, &["resourceallocation"]],
        read: emergency::read,
    },
    Idea {
        keys: &[aliases::LOGGING, logs::FLAGS],
        read: logs::read,
    },
    Idea {
        keys: &[aliases::METRICS],
        read: metrics::read,
    },
    Idea {
        keys: &[aliases::BACKUP],
        read: backups::read,
    },
];

/// Reads every idea anywhere below `node`, as settings of `owner`. Sections for environments other than the
/// place's are skipped.
pub fn read_section(node: &Node, owner: &Owner, place: Place<'_>, parts: &mut Parts) {
    read_as(node, owner, place, SETTINGS_FORMAT, parts);
}

/// The same for a format with its own reader.
pub(crate) fn read_as(node: &Node, owner: &Owner, place: Place<'_>, format: &str, parts: &mut Parts) {
    let mut walk = Walk {
        place,
        format,
        path: Vec::new(),
        written: Vec::new(),
    };
    walk.visit(node, owner, parts);
}

struct Walk<'a> {
    place: Place<'a>,
    format: &'a str,
    path: Vec<String>,
    written: Vec<String>,
}

impl Walk<'_> {
    fn visit(&mut self, node: &Node, owner: &Owner, parts: &mut Parts) {
        match &node.value {
            Value::Map(map) => {
                timeouts::read(node, &self.written, owner, self.place, parts);
                self.flat(node, owner, parts);
                for (key, value) in map.iter() {
                    if is_of_other_environment(key, value, self.place.environment) {
                        continue;
                    }
                    self.path.push(fold(&key.text));
                    self.written.push(key.text.to_string());
                    self.entry((key, value), node, owner, parts);
                    self.path.pop();
                    self.written.pop();
                }
            }
            Value::Seq(items) => {
                for item in items {
                    self.visit(item, owner, parts);
                }
            }
            _ => {}
        }
    }

    /// Names of variables, and names that contain their own nesting (`spring.kafka.producer.acks`), mean the
    /// same as in a flat file.
    fn flat(&self, node: &Node, owner: &Owner, parts: &mut Parts) {
        let is_flat = |key: &str| {
            key.contains(['_', '.'])
                && (key.contains('.')
                    || key
                        .chars()
                        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        };
        let settings: Vec<Setting> = node
            .entries()
            .filter(|(key, _)| is_flat(&key.text))
            .filter_map(|(key, value)| {
                Some(Setting {
                    name: key.text.to_string(),
                    name_span: key.span,
                    value: value.text_fact()?,
                })
            })
            .collect();
        if !settings.is_empty() {
            settings::apply(&settings, owner, self.place, parts);
        }
    }

    fn entry(&mut self, (key, value): (&Key, &Node), parent: &Node, owner: &Owner, parts: &mut Parts) {
        let section = Section {
            key,
            node: value,
            parent,
            path: &self.path,
            written: &self.written,
            owner,
            place: self.place,
            format: self.format,
        };
        caches::read(&section, parts);
        let own = self.path.last().map_or("", String::as_str);
        for idea in IDEAS {
            if idea.keys.iter().any(|names| names.contains(&own)) {
                (idea.read)(&section, parts);
            }
        }
        if matches!(own, "services" | "microservices") && self.format == SETTINGS_FORMAT {
            for (name, _, item) in value.named_items() {
                self.visit(item, &Owner::named(name), parts);
            }
            return;
        }
        self.visit(value, owner, parts);
    }
}

/// Whether a section is for another environment. Words with other meanings (`test`, `canary`, `performance`)
/// do not name an environment here.
fn is_of_other_environment(key: &Key, value: &Node, environment: &str) -> bool {
    value.as_map().is_some() && section_environment(&key.text).is_some_and(|name| name != environment)
}

/// The environment that a section's key names.
pub(crate) fn section_environment(key: &str) -> Option<&'static str> {
    const SURE: &[&str] = &[
        "production",
        "staging",
        "development",
        "qa",
        "uat",
        "preproduction",
        "sandbox",
    ];
    const UNSURE: &[&str] = &["live", "stage", "stag", "develop", "acc", "acceptance"];
    let name = environment::canonical(key).filter(|name| SURE.contains(name))?;
    (!UNSURE.contains(&fold(key).as_str())).then_some(name)
}

/// A fact of the text at a place, for values stated by a key.
fn said(text: &str, span: Span) -> Fact<String> {
    Fact::declared(text.to_owned(), span)
}
