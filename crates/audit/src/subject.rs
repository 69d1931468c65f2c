//! What a finding is about: a kind, a name and, where it is known, a namespace. These make it the same thing in every
//! report; the text that a report shows is only how people read it.

use cofferdam_model::link;
use cofferdam_model::workload::ObjectId;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// What a finding is about. Two are equal if they are the same thing: their kinds, namespaces and names are equal, whatever
/// text is shown.
///
/// Namespaces that differ only by the word of their environment (`shop-dev`, `shop-prod`) are the same one. An unknown
/// namespace is unknown, not `default`.
#[derive(Debug, Clone)]
pub struct Subject(Arc<Inner>);

/// One text with everything in it, since a platform has a subject for each finding: the shown text comes first, then the
/// parts of the key that it does not contain.
#[derive(Debug, Clone)]
struct Inner {
    text: Box<str>,
    shown: u32,
    kind: Part,
    name: Part,
    /// The name without the word of its environment, or all of it.
    bare_name: Part,
    namespace: Option<Namespace>,
}

#[derive(Debug, Clone, Copy)]
struct Namespace {
    /// As it is in the files.
    whole: Part,
    /// Without the word of its environment.
    bare: Part,
}

/// A part of a text, in bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    start: u32,
    end: u32,
}

impl Part {
    fn new(start: usize, end: usize) -> Part {
        Part {
            start: short(start),
            end: short(end),
        }
    }

    fn len(self) -> u32 {
        self.end - self.start
    }
}

/// Texts of reports are far shorter than 4 GB; what would be longer is cut at the end, never wrapped around.
fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Inner {
    fn part(&self, part: Part) -> &str {
        self.text
            .get(part.start as usize..part.end as usize)
            .unwrap_or_default()
    }
}

impl Subject {
    /// A thing of this kind: `topic orders`.
    #[must_use]
    pub fn named(kind: &str, name: &str) -> Subject {
        Subject::joined(kind, " ", name)
    }

    /// What something has: `calls of api`.
    #[must_use]
    pub fn of(kind: &str, owner: &str) -> Subject {
        Subject::joined(kind, " of ", owner)
    }

    /// All things of a kind together: `network policies`.
    #[must_use]
    pub fn all(kind: &str) -> Subject {
        Subject::joined(kind, "", "")
    }

    /// A thing that is shown in words of its own.
    #[must_use]
    pub fn shown_as(kind: &str, name: &str, shown: &str) -> Subject {
        let mut text = on_one_line(shown.to_owned());
        let shown = text.len();
        let mut part = |of: &str| {
            let start = text.len();
            text.push_str(&on_one_line(of.to_owned()));
            Part::new(start, text.len())
        };
        let (kind, name) = (part(kind), part(name));
        Subject::from_parts(text, shown, kind, name, None)
    }

    fn joined(kind: &str, between: &str, name: &str) -> Subject {
        let mut text = String::with_capacity(kind.len() + between.len() + name.len());
        text.push_str(kind);
        text.push_str(between);
        text.push_str(name);
        let start = kind.len() + between.len();
        let text = match text.contains(char::is_control) {
            true => return Subject::shown_as(kind, name, &text),
            false => text,
        };
        let (kind, name) = (Part::new(0, kind.len()), Part::new(start, text.len()));
        let shown = text.len();
        Subject::from_parts(text, shown, kind, name, None)
    }

    fn from_parts(text: String, shown: usize, kind: Part, name: Part, namespace: Option<Part>) -> Subject {
        Subject(Arc::new(Inner {
            text: text.into_boxed_str(),
            shown: short(shown),
            kind,
            name,
            bare_name: name,
            namespace: namespace.map(|whole| Namespace { whole, bare: whole }),
        }))
    }

    /// The same thing in this namespace, if it is known. The text does not show it.
    #[must_use]
    pub fn in_namespace(self, namespace: Option<&str>) -> Subject {
        let Some(namespace) = namespace else { return self };
        let mut inner = Arc::unwrap_or_clone(self.0);
        let mut text = String::from(inner.text);
        let start = text.len();
        text.push_str(&on_one_line(namespace.to_owned()));
        let whole = Part::new(start, text.len());
        inner.text = text.into_boxed_str();
        inner.namespace = Some(Namespace { whole, bare: whole });
        Subject(Arc::new(inner))
    }

    /// The same thing with another text.
    #[must_use]
    pub fn shown(&self, shown: &str) -> Subject {
        let other = Subject::shown_as(self.kind(), self.name(), shown).in_namespace(self.namespace());
        let other = match self.0.namespace {
            Some(namespace) => {
                other.with_bare(namespace.bare.start - namespace.whole.start, namespace.bare.len())
            }
            None => other,
        };
        other.with_bare_name(self.0.bare_name.start - self.0.name.start, self.0.bare_name.len())
    }

    /// Leaves the word of the environment out of the key's namespace, and out of the name that stays.
    pub(crate) fn in_environment(&mut self, environment: &str) {
        let bare = |text: &str| {
            let bare = link::without_environment(environment, text);
            // Nothing is put between the two texts: a word is cut off at an end.
            (bare.len() < text.len()).then(|| (short(text.find(bare).unwrap_or_default()), short(bare.len())))
        };
        let namespace = self.namespace().and_then(bare);
        let name = bare(self.name()).filter(|(_, length)| *length > 0);
        if let Some((at, length)) = namespace {
            *self = self.clone().with_bare(at, length);
        }
        if let Some((at, length)) = name {
            *self = self.clone().with_bare_name(at, length);
        }
    }

    /// The part of the namespace that counts, from the namespace's first byte.
    fn with_bare(self, at: u32, length: u32) -> Subject {
        let mut inner = Arc::unwrap_or_clone(self.0);
        if let Some(namespace) = &mut inner.namespace {
            let start = namespace.whole.start + at;
            namespace.bare = Part {
                start,
                end: start + length,
            };
        }
        Subject(Arc::new(inner))
    }

    /// The part of the name that stays in every environment, from the name's first byte.
    fn with_bare_name(self, at: u32, length: u32) -> Subject {
        let mut inner = Arc::unwrap_or_clone(self.0);
        let start = inner.name.start + at;
        inner.bare_name = Part {
            start,
            end: start + length,
        };
        Subject(Arc::new(inner))
    }

    /// The text that reports show.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.part(Part {
            start: 0,
            end: self.0.shown,
        })
    }

    /// The kind (`Deployment`, `topic`, `calls`).
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.part(self.0.kind)
    }

    /// The name; empty where it is about all things of the kind.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.part(self.0.name)
    }

    /// The name without the word of its environment; all of it if there is no other.
    pub(crate) fn bare_name(&self) -> &str {
        self.0.part(self.0.bare_name)
    }

    /// The namespace as it is in the files, if it is known.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.0.namespace.map(|namespace| self.0.part(namespace.whole))
    }

    /// The namespace without the word of its environment; empty if it is only that word.
    #[must_use]
    pub fn bare_namespace(&self) -> Option<&str> {
        self.0.namespace.map(|namespace| self.0.part(namespace.bare))
    }

    /// The same thing with its namespace in the text, if it is known.
    pub(crate) fn with_namespace(&self) -> Subject {
        match self.namespace().filter(|_| self.hides_namespace()) {
            None => self.clone(),
            // An object of Kubernetes is shown as they all are.
            Some(namespace) if self.kind().starts_with(char::is_uppercase) && !self.name().is_empty() => {
                self.shown(&format!("{} {namespace}/{}", self.kind(), self.name()))
            }
            Some(namespace) => self.shown(&format!("{self} of {namespace}")),
        }
    }

    /// Whether it has a namespace that the text does not show.
    pub(crate) fn hides_namespace(&self) -> bool {
        let namespace = self.namespace();
        namespace.is_some_and(|namespace| !namespace.is_empty() && !self.as_str().contains(namespace))
    }

    fn key(&self) -> (&str, Option<&str>, &str) {
        (self.kind(), self.bare_namespace(), self.name())
    }
}

/// Names come from files: a line break in one would print a false line, a control character would act on the terminal.
pub(crate) fn on_one_line(text: String) -> String {
    match text.contains(char::is_control) {
        true => text.replace(char::is_control, "\u{FFFD}"),
        false => text,
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.key() == other.key()
    }
}

impl Eq for Subject {}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Ord for Subject {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Subject {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The text that is shown.
impl Deref for Subject {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

/// Compares the text that is shown.
impl PartialEq<str> for Subject {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

/// Compares the text that is shown.
impl PartialEq<&str> for Subject {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<&ObjectId> for Subject {
    fn from(id: &ObjectId) -> Subject {
        let Some(namespace) = &id.namespace else {
            return Subject::named(&id.kind, &id.name);
        };
        let mut text = String::with_capacity(id.kind.len() + namespace.len() + id.name.len() + 2);
        text.extend([id.kind.as_str(), " ", namespace.as_str(), "/", id.name.as_str()]);
        if text.contains(char::is_control) {
            return Subject::shown_as(&id.kind, &id.name, &text).in_namespace(Some(namespace));
        }
        let (kind, shown) = (Part::new(0, id.kind.len()), text.len());
        let slash = id.kind.len() + 1 + namespace.len();
        let (namespace, name) = (Part::new(id.kind.len() + 1, slash), Part::new(slash + 1, shown));
        Subject::from_parts(text, shown, kind, name, Some(namespace))
    }
}

impl Subject {
    /// Takes the namespace from a name that begins with it.
    fn split_namespace(self) -> Subject {
        let mut inner = Arc::unwrap_or_clone(self.0);
        let Part { start, end } = inner.name;
        if let Some(at) = inner.part(inner.name).find('/') {
            let slash = start + short(at);
            let whole = Part { start, end: slash };
            inner.namespace = Some(Namespace { whole, bare: whole });
            inner.name = Part {
                start: slash + 1,
                end,
            };
            inner.bare_name = inner.name;
        }
        Subject(Arc::new(inner))
    }
}

/// Where the namespace and the name of the object are that a text names: `shop/web` of "container api of Deployment shop/web".
fn object(text: &str) -> Option<usize> {
    let mut before = "";
    let mut start = 0;
    for word in text.split(' ') {
        let is_kind = before.starts_with(|c: char| c.is_ascii_uppercase());
        if let Some((namespace, name)) = word.split_once('/')
            && is_kind
            && !name.contains('/')
            && !namespace.is_empty()
            && !namespace.contains('.')
        {
            return Some(start);
        }
        before = word;
        start += word.len() + 1;
    }
    None
}

/// A text in words: its last word is the name, and what comes before it the kind. An object is recognised in it with its
/// namespace ("the readiness probe of Deployment shop/web").
impl From<String> for Subject {
    fn from(text: String) -> Subject {
        let text = on_one_line(text);
        let shown = text.len();
        let object = object(&text);
        let start = object.unwrap_or_else(|| text.rfind(' ').map_or(0, |at| at + 1));
        let kind = Part::new(0, start.saturating_sub(1));
        let name = Part::new(start, shown);
        let subject = Subject::from_parts(text, shown, kind, name, None);
        match object {
            Some(_) => subject.split_namespace(),
            None => subject,
        }
    }
}

impl From<&str> for Subject {
    fn from(text: &str) -> Subject {
        Subject::from(text.to_owned())
    }
}

impl From<&String> for Subject {
    fn from(text: &String) -> Subject {
        Subject::from(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(namespace: Option<&str>) -> ObjectId {
        ObjectId {
            kind: "Deployment".to_owned(),
            namespace: namespace.map(str::to_owned),
            deployment: None,
            name: "web".to_owned(),
        }
    }

    #[test]
    fn an_object_is_the_same_however_it_is_given() {
        for (namespace, text) in [(None, "Deployment web"), (Some("shop"), "Deployment shop/web")] {
            let of_id = Subject::from(&id(namespace));
            let of_text = Subject::from(text);
            assert_eq!(of_id, text);
            assert_eq!(of_id, of_text);
            assert_eq!(of_id, Subject::named("Deployment", "web").in_namespace(namespace));
            assert_eq!(
                (of_id.kind(), of_id.namespace(), of_id.name()),
                ("Deployment", namespace, "web")
            );
        }
        assert_ne!(Subject::from(&id(None)), Subject::from(&id(Some("default"))));
        assert_ne!(Subject::from(&id(Some("a"))), Subject::from(&id(Some("b"))));
    }

    #[test]
    fn a_text_has_a_kind_a_namespace_and_a_name() {
        for (text, kind, namespace, name) in [
            (
                "container api of Deployment shop/web",
                "container api of Deployment",
                Some("shop"),
                "web",
            ),
            (
                "Deployment shop/web container api",
                "Deployment",
                Some("shop"),
                "web container api",
            ),
            ("secret shop/password", "secret", None, "shop/password"),
            ("k8s/web.yaml", "", None, "k8s/web.yaml"),
            (
                "Chart charts/web/values.yaml",
                "Chart",
                None,
                "charts/web/values.yaml",
            ),
            ("topic orders", "topic", None, "orders"),
            ("thing", "", None, "thing"),
            ("", "", None, ""),
        ] {
            let subject = Subject::from(text);
            assert_eq!(
                (subject.kind(), subject.namespace(), subject.name()),
                (kind, namespace, name)
            );
            assert_eq!(subject, text);
        }
    }

    #[test]
    fn a_namespace_is_the_same_in_every_environment() {
        let of = |namespace: &str, environment: &str| {
            let mut subject = Subject::named("autoscaler", "web").in_namespace(Some(namespace));
            subject.in_environment(environment);
            subject
        };
        let (dev, prod) = (of("team-a-dev", "development"), of("team-a-prod", "production"));
        assert_eq!(dev, prod);
        assert_eq!(
            (dev.namespace(), dev.bare_namespace()),
            (Some("team-a-dev"), Some("team-a"))
        );
        assert_eq!(dev, "autoscaler web");
        assert_eq!(of("staging", "staging"), of("production", "production"));
        assert_ne!(of("team-a-dev", "development"), of("team-b-prod", "production"));
        assert_ne!(
            of("team-a-dev", "production"),
            of("team-a", "production"),
            "no word of production"
        );
        assert_ne!(
            of("team-a-dev", "default"),
            of("team-a-prod", "default"),
            "one environment has both"
        );
    }

    #[test]
    fn another_text_is_the_same_thing() {
        let mut subject = Subject::of("calls", "api").in_namespace(Some("shop-dev"));
        subject.in_environment("development");
        let other = subject.shown("calls of api of shop-dev");
        assert_eq!(other, subject);
        assert_eq!(other, "calls of api of shop-dev");
        assert_eq!(other.bare_namespace(), Some("shop"));
    }

    #[test]
    fn a_name_with_a_line_break_stays_on_one_line() {
        assert_eq!(Subject::named("topic", "a\nb"), "topic a\u{FFFD}b");
        assert_eq!(Subject::from("topic a\nb").name(), "a\u{FFFD}b");
        assert_eq!(Subject::named("topic", "a\nb").name(), "a\u{FFFD}b");
    }
}
