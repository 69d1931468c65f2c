//! What a rule or a scenario asks for: a fact of the registry about a part, or a sentence about something that nobody
//! can state. The text is made here, and nothing reads it back.

use super::{Entry, Form};
use cofferdam_syntax::edit::yaml_name;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// A missing fact that people can state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Need {
    /// The fact.
    pub fact: &'static Entry,
    /// The part that it is about; `None` in a section without names, and if the name is not known.
    pub name: Option<String>,
    /// Why it is needed here, as a clause; the fact's own reason counts if there is none.
    pub why: Option<Cow<'static, str>>,
    /// A value that it may have here, as YAML; the fact's own example counts if there is none.
    pub example: Option<String>,
}

impl Need {
    /// A fact of the part with this name.
    #[must_use]
    pub fn of(fact: &'static Entry, name: impl Into<String>) -> Self {
        Need {
            fact,
            name: Some(name.into()),
            why: None,
            example: None,
        }
    }

    /// A fact of a part whose name is not known: people put it in the place of `NAME`.
    #[must_use]
    pub fn of_any(fact: &'static Entry) -> Self {
        Need::one(fact)
    }

    /// A fact of the part with this name, or of one whose name is not known.
    #[must_use]
    pub fn of_one(fact: &'static Entry, name: Option<&str>) -> Self {
        Need {
            fact,
            name: name.map(str::to_owned),
            why: None,
            example: None,
        }
    }

    /// A fact of a section without names (`kafka.brokers`, `prices.pod_hour`).
    #[must_use]
    pub fn one(fact: &'static Entry) -> Self {
        Need {
            fact,
            name: None,
            why: None,
            example: None,
        }
    }

    /// The same for this reason.
    #[must_use]
    pub fn because(mut self, why: impl Into<Cow<'static, str>>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// The same with a value that it may have here: the name of a part.
    #[must_use]
    pub fn such_as(mut self, name: &str) -> Self {
        self.example = Some(yaml_name(name));
        self
    }

    /// A value that it may have, as YAML.
    #[must_use]
    pub fn example(&self) -> &str {
        self.example.as_deref().unwrap_or(self.fact.example)
    }

    /// Its name, as in `cofferdam.yaml` and for `--set`: `services.api.requests_per_second`.
    #[must_use]
    pub fn path(&self) -> String {
        path_of(self.fact, self.name.as_deref())
    }

    /// Why it is needed, as a clause.
    #[must_use]
    pub fn reason(&self) -> &str {
        match (&self.why, self.fact.decides) {
            (Some(why), _) => why,
            (None, Some(decides)) => decides,
            (None, None) => "the outcome",
        }
    }

    /// The lines to add to `cofferdam.yaml`, with the fact's example.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut keys: Vec<Cow<'_, str>> = self.fact.section.path().split('.').map(Cow::from).collect();
        let is_listed = self.fact.section.form() == Form::Listed;
        let name = self.name.as_deref().or(stand_in(self.fact)).map(yaml_name);
        match name {
            Some(name) if is_listed => keys.push(format!("- name: {name}").into()),
            Some(name) => keys.push(name.into()),
            None => {}
        }
        keys.extend(self.fact.key.split('.').map(Cow::from));
        let mut lines = String::new();
        for (depth, key) in keys.iter().enumerate() {
            if depth > 0 {
                lines.push('\n');
            }
            lines.push_str(&"  ".repeat(depth));
            lines.push_str(key);
            if !key.starts_with("- ") {
                lines.push(':');
            }
        }
        format!("{lines} {}", self.example())
    }
}

/// The path with the reason of this need, if it has its own: `services.api.requests_per_second (peak load)`.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())?;
        match &self.why {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

/// The path of a fact: `services."a.b".processes`. A name is in quotes where it would divide the path.
#[must_use]
pub fn path_of(fact: &Entry, name: Option<&str>) -> String {
    let section = fact.section.path();
    match name.or(stand_in(fact)) {
        Some(name) => format!("{section}.{}.{}", quoted(name), fact.key),
        None => format!("{section}.{}", fact.key),
    }
}

/// What stands for a name that is not known.
fn stand_in(fact: &Entry) -> Option<&'static str> {
    matches!(fact.section.form(), Form::Named | Form::Listed).then_some("NAME")
}

/// A name in a path: in double quotes if it has characters that mean something there.
#[must_use]
pub fn quoted(name: &str) -> Cow<'_, str> {
    let divides = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '.' | '=' | '"');
    match name.is_empty() || name.contains(divides) {
        true => format!("\"{name}\"").into(),
        false => name.into(),
    }
}

/// What is missing: a fact that people can state, or anything else in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Missing {
    /// A fact of the registry.
    Fact(Need),
    /// Anything else: a clause, or a sentence without a full stop.
    Sentence(Cow<'static, str>),
}

impl Missing {
    /// The fact, if people can state it.
    #[must_use]
    pub fn need(&self) -> Option<&Need> {
        match self {
            Missing::Fact(need) => Some(need),
            Missing::Sentence(_) => None,
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::Fact(need) => need.fmt(f),
            Missing::Sentence(text) => f.write_str(text),
        }
    }
}

/// In the order of their texts, which reports show.
impl Ord for Missing {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Missing::Sentence(a), Missing::Sentence(b)) => a.cmp(b),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

impl PartialOrd for Missing {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<Need> for Missing {
    fn from(need: Need) -> Self {
        Missing::Fact(need)
    }
}

impl From<&'static str> for Missing {
    fn from(text: &'static str) -> Self {
        Missing::Sentence(text.into())
    }
}

impl From<String> for Missing {
    fn from(text: String) -> Self {
        Missing::Sentence(text.into())
    }
}
