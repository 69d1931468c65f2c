//! The overlay's statements about parts of the platform. Which there are, and of which type each is, comes from the
//! registry. The same sections are possible at the top and under `environments.NAME`.

use super::fields::{Fields, is_percent};
use cofferdam_model::registry::{self, Entry, Form, Kind, Section, Value};
use cofferdam_model::{Fact, Span};
use cofferdam_syntax::repo::normalise;
use std::path::{Path, PathBuf};

/// All statements about parts, for one environment or for all.
#[derive(Debug, Clone, Default)]
pub(super) struct Sections([Vec<Named>; Section::ALL.len()]);

/// The statements about the thing with this name; in a section without names, about the one of its kind.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    /// Place of the name.
    pub(super) span: Span,
    /// Whether a key below the name has a value. `init` writes names whose statements are all commented out.
    pub(super) has_values: bool,
    /// Whether it is stated for this environment, and not for all.
    pub(super) is_own: bool,
    pub(super) statements: Vec<Statement>,
}

/// One fact that is stated.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) entry: &'static Entry,
    pub(super) value: Fact<Value>,
    /// Place of the map that contains it (`pool`), if it is not the part's own.
    pub(super) map: Option<Span>,
}

impl Named {
    /// The value of a fact, if it is stated.
    pub(super) fn get(&self, entry: &Entry) -> Option<&Fact<Value>> {
        let stated = self.statements.iter().find(|said| said.entry == entry)?;
        Some(&stated.value)
    }

    /// The names that a fact states.
    pub(super) fn names(&self, entry: &Entry) -> &[Fact<String>] {
        match self.get(entry).map(|stated| &stated.value) {
            Some(Value::Names(names)) => names,
            _ => &[],
        }
    }

    /// The text that a fact states.
    pub(super) fn text(&self, entry: &Entry) -> Option<Fact<String>> {
        let stated = self.get(entry)?;
        match &stated.value {
            Value::Text(text) => Some(stated.as_ref().map(|_| text.clone())),
            _ => None,
        }
    }
}

impl Sections {
    /// Takes the sections out of `top`; other keys are left to the caller.
    pub(super) fn read(top: &mut Fields<'_>) -> Sections {
        let mut sections = Sections::default();
        for section in Section::ALL.into_iter().filter(|s| s.is_of_environments()) {
            match section.form() {
                Form::Named if section != Section::Topics => {
                    sections.0[section as usize] = named(top, section)
                }
                Form::Listed => sections.0[section as usize] = listed(top, section),
                // Topics are in the section of Kafka.
                _ if section == Section::Kafka => sections.read_kafka(top),
                _ => {}
            }
        }
        sections
    }

    fn read_kafka(&mut self, top: &mut Fields<'_>) {
        let Some(mut fields) = top.map(Section::Kafka.key()) else {
            return;
        };
        self.0[Section::Kafka as usize].push(Named {
            name: Section::Kafka.key().to_owned(),
            span: fields.span,
            has_values: !fields.says_nothing(),
            is_own: false,
            statements: statements(Section::Kafka, &mut fields),
        });
        self.0[Section::Topics as usize] = named(&mut fields, Section::Topics);
        fields.finish();
    }

    /// The statements of a section.
    pub(super) fn of(&self, section: Section) -> &[Named] {
        &self.0[section as usize]
    }

    /// The statements of a section that state something.
    pub(super) fn stated(&self, section: Section) -> impl Iterator<Item = &Named> {
        self.of(section).iter().filter(|said| said.has_values)
    }

    /// Whether it contains any. A name without a value states nothing.
    pub(super) fn states_parts(&self) -> bool {
        self.0.iter().flatten().any(|said| said.has_values)
    }

    /// Records which of its statements the section of one environment makes itself.
    pub(super) fn mark_own(&mut self, own: &Sections) {
        for (all, own) in self.0.iter_mut().zip(&own.0) {
            for said in all {
                said.is_own = own.iter().any(|o| o.has_values && o.name == said.name);
            }
        }
    }

    /// Makes directories of code relative to the root, which is at `above` from the overlay. Those outside of
    /// it were not read.
    pub(super) fn code_below(&mut self, above: &Path) {
        for service in &mut self.0[Section::Services as usize] {
            for said in &mut service.statements {
                if *said.entry == *registry::services::CODE
                    && let Value::Names(names) = &mut said.value.value
                {
                    let all = std::mem::take(names).into_iter();
                    names.extend(all.filter_map(|name| below(name, above)));
                }
            }
        }
    }
}

/// A directory relative to the root; the root itself for one that contains it.
fn below(directory: Fact<String>, above: &Path) -> Option<Fact<String>> {
    let path = normalise(Path::new(directory.value.trim_matches('/')));
    let path = match path.strip_prefix(above) {
        Ok(below) => below.to_path_buf(),
        Err(_) => above.starts_with(&path).then(PathBuf::new)?,
    };
    Some(directory.map(|_| path.display().to_string()))
}

/// The statements of a section whose keys are names.
fn named(top: &mut Fields<'_>, section: Section) -> Vec<Named> {
    top.named(section.key())
        .into_iter()
        .map(|(name, mut fields)| {
            let said = Named {
                name: name.text.to_string(),
                span: name.span,
                has_values: !fields.says_nothing(),
                is_own: false,
                statements: statements(section, &mut fields),
            };
            fields.finish();
            said
        })
        .collect()
}

/// The statements of a section that is a list of maps, each with its name.
fn listed(top: &mut Fields<'_>, section: Section) -> Vec<Named> {
    let mut all = Vec::new();
    for mut fields in top.list(section.key()) {
        let name = fields.text("name");
        let statements = statements(section, &mut fields);
        match name {
            Some(name) => all.push(Named {
                span: name.span().unwrap_or(fields.span),
                name: name.value,
                has_values: true,
                is_own: false,
                statements,
            }),
            None => fields.missing("name"),
        }
        fields.finish();
    }
    all
}

/// The facts that a map states. Maps in it are read, too.
pub(super) fn statements(section: Section, fields: &mut Fields<'_>) -> Vec<Statement> {
    let mut all = Vec::new();
    let mut maps: Vec<(&str, Fields<'_>)> = Vec::new();
    for entry in registry::entries(section).iter().copied() {
        let (map, key) = entry.in_map();
        let (at, place) = match map {
            None if entry.kind == Kind::Map => {
                maps.extend(fields.map(key).map(|map| (key, map)));
                continue;
            }
            None => (&mut *fields, None),
            // A map comes before its facts.
            Some(name) => match maps.iter_mut().find(|(known, _)| *known == name) {
                Some((_, map)) => {
                    let place = map.span;
                    (map, Some(place))
                }
                None => continue,
            },
        };
        if let Some(value) = value(at, key, entry.kind) {
            all.push(Statement {
                entry,
                value,
                map: place,
            });
        }
    }
    for (_, map) in maps {
        bounds(&all, &map);
        map.finish();
    }
    all
}

/// Reports a smallest number of replicas above the largest.
fn bounds(all: &[Statement], map: &Fields<'_>) {
    let number = |entry: &Entry| {
        let here = |said: &&Statement| said.entry == entry && said.map == Some(map.span);
        match all.iter().find(here).map(|said| &said.value.value) {
            Some(Value::Whole(number)) => Some(*number),
            _ => None,
        }
    };
    let min = number(&registry::services::REPLICAS_MIN);
    let max = number(&registry::services::REPLICAS_MAX);
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let message = format!("`min` {min} is above `max` {max}");
        map.problems().add(map.span, message);
    }
}

/// The value of a key, of this type.
fn value(fields: &mut Fields<'_>, key: &'static str, kind: Kind) -> Option<Fact<Value>> {
    match kind {
        Kind::Whole => fields.u32(key).map(|fact| fact.map(Value::Whole)),
        Kind::Count => fields.count(key).map(|fact| fact.map(Value::Whole)),
        Kind::RateOrShare if fields.get(key).is_some_and(is_percent) => value(fields, key, Kind::Share),
        Kind::Rate | Kind::RateOrShare => fields.rate(key).map(|fact| fact.map(Value::Rate)),
        Kind::Duration => fields.duration(key).map(|fact| fact.map(Value::Duration)),
        Kind::Share => fields.share(key).map(|fact| fact.map(Value::Share)),
        Kind::Bytes => fields.bytes(key).map(|fact| fact.map(Value::Bytes)),
        Kind::Flag => fields.bool(key).map(|fact| fact.map(Value::Flag)),
        Kind::Name => fields.text(key).map(|fact| fact.map(Value::Text)),
        Kind::Scalar => fields.scalar(key).map(|fact| fact.map(Value::Text)),
        Kind::Choice(words) => fields.word(key, words).map(|fact| fact.map(Value::Word)),
        Kind::Money => fields.money(key).map(|fact| fact.map(Value::Money)),
        Kind::Names => {
            let names = fields.texts(key);
            let place = names.first()?.span().unwrap_or(fields.span);
            Some(Fact::stated(Value::Names(names), place))
        }
        Kind::Limits => limits(fields, key),
        Kind::Map => None,
    }
}

/// A list of limits, each with its reason.
fn limits(fields: &mut Fields<'_>, key: &'static str) -> Option<Fact<Value>> {
    let mut limits = Vec::new();
    for mut limit in fields.list(key) {
        match (limit.u32("connections"), limit.text("reason")) {
            (Some(connections), Some(reason)) => limits.push((connections, reason.value)),
            (None, _) => limit.missing("connections"),
            (_, None) => limit.missing("reason"),
        }
        limit.finish();
    }
    let place = limits.first()?.0.span().unwrap_or(fields.span);
    Some(Fact::stated(Value::Limits(limits), place))
}
