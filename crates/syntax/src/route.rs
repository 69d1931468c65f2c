//! Routes: the path from the top of a file to one value, as the number of the document and the keys and
//! indices below it. A route stays valid when lines move, which a span does not; edits use routes.

use std::fmt;
use std::str::FromStr;

/// One step of a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The value of a key of a map.
    Key(Box<str>),
    /// The element of a list, from 0.
    Index(usize),
}

/// The path to a value: `[1].spec.template.spec.containers[0].image` is the image of the first container in
/// the second document of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Route {
    /// The document, from 0. Empty documents do not count.
    pub document: usize,
    /// The steps from the document's root.
    pub steps: Vec<Step>,
}

impl Route {
    /// The root of a document.
    pub fn root(document: usize) -> Route {
        Route {
            document,
            steps: Vec::new(),
        }
    }

    /// The route with one key more.
    #[must_use]
    pub fn key(mut self, key: &str) -> Route {
        self.steps.push(Step::Key(key.into()));
        self
    }

    /// The route with one index more.
    #[must_use]
    pub fn index(mut self, index: usize) -> Route {
        self.steps.push(Step::Index(index));
        self
    }

    /// The route of the map or list that contains this value; `None` for a root.
    pub fn parent(&self) -> Option<Route> {
        let (_, steps) = self.steps.split_last()?;
        Some(Route {
            document: self.document,
            steps: steps.to_vec(),
        })
    }

    /// Whether `other` is inside the value of this route; a route is not inside itself.
    pub fn contains(&self, other: &Route) -> bool {
        self.document == other.document
            && self.steps.len() < other.steps.len()
            && other.steps.starts_with(&self.steps)
    }
}

/// Whether a key can be written in a route without quotes.
fn is_bare(key: &str) -> bool {
    !key.is_empty()
        && !key
            .chars()
            .any(|c| matches!(c, '.' | '[' | ']' | '"' | '\\') || c.is_whitespace() || c.is_control())
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.document)?;
        for step in &self.steps {
            step.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) if is_bare(key) => write!(f, ".{key}"),
            Step::Key(key) => {
                f.write_str("[\"")?;
                for c in key.chars() {
                    match c {
                        '"' | '\\' => write!(f, "\\{c}")?,
                        '\n' => f.write_str("\\n")?,
                        '\r' => f.write_str("\\r")?,
                        '\t' => f.write_str("\\t")?,
                        c if c.is_control() => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                        c => write!(f, "{c}")?,
                    }
                }
                f.write_str("\"]")
            }
        }
    }
}

/// Why a text is not a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid route: {problem} at character {at}; write for example `[0].spec.replicas`")]
pub struct RouteError {
    /// The text.
    pub text: String,
    /// The problem.
    pub problem: &'static str,
    /// The character, from 1.
    pub at: usize,
}

impl FromStr for Route {
    type Err = RouteError;

    /// Parses the output of `Display`. The number of the document may be left out before a key:
    /// `spec.replicas` is `[0].spec.replicas`.
    fn from_str(text: &str) -> Result<Route, RouteError> {
        let mut reader = Reader { text, at: 0 };
        let mut route = Route::default();
        let mut first = true;
        while let Some(c) = reader.peek() {
            let step = match c {
                '[' => reader.bracket()?,
                '.' => {
                    reader.at += 1;
                    reader.bare()?
                }
                _ if first => reader.bare()?,
                _ => return Err(reader.error("a step begins with `.` or `[`")),
            };
            match step {
                Step::Index(index) if first => route.document = index,
                step => route.steps.push(step),
            }
            first = false;
        }
        Ok(route)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn error(&self, problem: &'static str) -> RouteError {
        RouteError {
            text: self.text.to_owned(),
            problem,
            at: self.text[..self.at].chars().count() + 1,
        }
    }

    fn bare(&mut self) -> Result<Step, RouteError> {
        let rest = &self.text[self.at..];
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        if !is_bare(&rest[..end]) {
            return Err(self.error("a key that is empty or has blanks, quotes or brackets needs `[\"…\"]`"));
        }
        self.at += end;
        Ok(Step::Key(rest[..end].into()))
    }

    fn bracket(&mut self) -> Result<Step, RouteError> {
        self.at += 1;
        let step = if self.peek() == Some('"') {
            self.at += 1;
            Step::Key(self.quoted()?.into())
        } else {
            let rest = &self.text[self.at..];
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let index = rest[..end]
                .parse()
                .map_err(|_| self.error("an index is a whole number from 0"))?;
            self.at += end;
            Step::Index(index)
        };
        if self.peek() != Some(']') {
            return Err(self.error("the `]` is missing"));
        }
        self.at += 1;
        Ok(step)
    }

    fn quoted(&mut self) -> Result<String, RouteError> {
        let mut key = String::new();
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(key),
                '\\' => key.push(self.escape()?),
                c => key.push(c),
            }
        }
        Err(self.error("the closing quote is missing"))
    }

    fn escape(&mut self) -> Result<char, RouteError> {
        let c = self.peek().ok_or_else(|| self.error("a `\\` is at the end"))?;
        self.at += c.len_utf8();
        Ok(match c {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let rest = &self.text[self.at..];
                let code = rest
                    .strip_prefix('{')
                    .and_then(|r| r.split_once('}'))
                    .map(|(code, _)| code);
                let c = code
                    .and_then(|code| u32::from_str_radix(code, 16).ok())
                    .and_then(char::from_u32)
                    .ok_or_else(|| self.error("`\\u` needs a character's number, as in `\\u{7f}`"))?;
                self.at += code.map_or(0, str::len) + 2;
                c
            }
            c => c,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_route_is_printed_and_parsed_in_readable_form() {
        let route = Route::root(1)
            .key("spec")
            .key("containers")
            .index(0)
            .key("app.kubernetes.io/name");
        let text = "[1].spec.containers[0][\"app.kubernetes.io/name\"]";
        assert_eq!(route.to_string(), text);
        assert_eq!(text.parse(), Ok(route));
        assert_eq!(
            "spec.replicas".parse(),
            Ok(Route::root(0).key("spec").key("replicas"))
        );
        assert_eq!("".parse(), Ok(Route::root(0)));
        assert_eq!("[0][2]".parse(), Ok(Route::root(0).index(2)));
    }

    #[test]
    fn an_invalid_route_is_refused_with_the_position() {
        for (text, at) in [
            ("a..b", 3),
            ("a[x]", 3),
            ("a[1", 4),
            ("a[\"b", 5),
            ("[0]x", 4),
            ("a b", 1),
        ] {
            assert_eq!(text.parse::<Route>().map_err(|e| e.at), Err(at), "{text}");
        }
        let huge = format!("a[{}]", "9".repeat(40));
        assert!(huge.parse::<Route>().is_err());
    }

    #[test]
    fn a_route_contains_the_routes_below_it() {
        let spec = Route::root(0).key("spec");
        assert!(spec.contains(&spec.clone().key("replicas")));
        assert!(!spec.contains(&spec));
        assert!(!spec.contains(&Route::root(1).key("spec").key("replicas")));
        assert_eq!(spec.clone().index(3).parent(), Some(spec));
        assert_eq!(Route::root(0).parent(), None);
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            ".{0,8}".prop_map(|key| Step::Key(key.into())),
            "[a-z]{1,4}".prop_map(|key| Step::Key(key.into())),
            (0usize..1000).prop_map(Step::Index),
        ]
    }

    proptest! {
        #[test]
        fn a_printed_route_is_parsed_back(document in 0usize..100, steps in prop::collection::vec(step(), 0..6)) {
            let route = Route { document, steps };
            prop_assert_eq!(route.to_string().parse(), Ok(route));
        }

        #[test]
        fn no_text_panics(text in "[a-c.\\[\\]\"\\\\u{}0-9 é]{0,20}") {
            if let Ok(route) = text.parse::<Route>() {
                prop_assert_eq!(route.to_string().parse(), Ok(route));
            }
        }
    }
}
