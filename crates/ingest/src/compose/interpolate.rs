//! Variables in Compose files: `${NAME}` stands for a variable of the shell, or else of the `.env` beside the file
//! (Docker documentation, "Interpolation"). What neither the file nor `.env` says is not known.

use cofferdam_syntax::env_file;
use cofferdam_syntax::expand::{Expansion, Known, name_length};
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::source::Spanned;
use cofferdam_syntax::tree::{Node, Scalar, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// The variables that a Compose file may take.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, Spanned<String>>);

impl Variables {
    /// Those of the `.env` beside a Compose file.
    pub(super) fn beside(repo: &Repo, path: &Path) -> Variables {
        let file = path.parent().unwrap_or(Path::new("")).join(".env");
        let Some(id) = repo.files.get(&file) else {
            return Variables::default();
        };
        let entries = env_file::read(&repo.sources.file(*id).text, *id, 0);
        Variables(entries.into_iter().map(|e| (e.name, e.value)).collect())
    }

    /// The tree with every text filled in; a text with a variable in it that has no value is not known.
    pub(super) fn fill(&self, node: &Node) -> Node {
        let value = match &node.value {
            Value::Map(map) => Value::Map(map.iter().map(|(k, v)| (k.clone(), self.fill(v))).collect()),
            Value::Seq(items) => Value::Seq(items.iter().map(|item| self.fill(item)).collect()),
            Value::Scalar(scalar) if scalar.text.contains('$') => match self.interpolate(&scalar.text) {
                Some(text) => Value::Scalar(Scalar {
                    text: text.into(),
                    style: scalar.style,
                }),
                None => Value::Unknown("a variable that nothing here sets".into()),
            },
            other => other.clone(),
        };
        Node {
            span: node.span,
            value,
        }
    }

    /// A text with its variables filled in and `$$` as `$`; `None` where a variable has no value and no default.
    pub(super) fn interpolate(&self, text: &str) -> Option<String> {
        self.expand(text, false)
    }

    /// The same for the address of a server: a variable without a value is kept as `${NAME}`, so that only its part of the
    /// address is unknown. `None` for any other text in which a variable has no value.
    pub(super) fn address(&self, text: &str) -> Option<String> {
        let is_address = text.contains("://") || text.contains("host=");
        self.expand(text, is_address)
    }

    fn expand(&self, text: &str, keeps: bool) -> Option<String> {
        let value = |name: &str| match self.0.get(name) {
            Some(known) => Known::Set(&known.value),
            None => Known::Unset,
        };
        Expansion {
            value: &value,
            bare: true,
            defaults: "-",
            // Whether the shell sets it is not known.
            unset: None,
            keeps,
        }
        .of(text)
    }

    /// Whether a default in a text is what counts.
    pub(super) fn takes_default(&self, text: &str) -> bool {
        let names = text.match_indices("${").any(|(at, _)| {
            let inner = &text[at + 2..];
            let (name, rest) = inner.split_at(name_length(inner));
            let known = self.0.get(name).map(|v| v.value.as_str());
            let set = match rest.strip_prefix(":-") {
                Some(_) => known.filter(|value| !value.is_empty()),
                None if rest.starts_with('-') => known,
                None => return false,
            };
            set.is_none()
        });
        names && self.interpolate(text).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;

    fn variables() -> Variables {
        let env = b"TAG=1.2\nEMPTY=\nexport HOST='r.io' # the registry\n";
        let repo = Repo::from_files([(PathBuf::from("app/.env"), env.to_vec())]);
        assert!(
            Variables::beside(&repo, Path::new("other/compose.yaml"))
                .0
                .is_empty()
        );
        Variables::beside(&repo, Path::new("app/compose.yaml"))
    }

    #[test]
    fn variables_come_from_the_env_file_or_have_defaults() {
        for (text, wanted) in [
            ("${HOST}/x:${TAG}", Some("r.io/x:1.2")),
            ("$HOST/x:$TAG-a", Some("r.io/x:1.2-a")),
            ("${GONE}", None),
            ("a $GONE b", None),
            ("${TAG:-2}", Some("1.2")),
            ("${GONE:-2}", Some("2")),
            ("${GONE-2}", Some("2")),
            ("${EMPTY:-2}", Some("2")),
            ("${EMPTY-2}", Some("")),
            ("${EMPTY}", Some("")),
            ("${GONE:-${TAG}}", Some("1.2")),
            ("${GONE:-${ALSO:-3}}x", Some("3x")),
            ("${GONE:-${ALSO}}", None),
            ("${TAG:?has to be set}", Some("1.2")),
            ("${GONE?}", None),
            ("${TAG:+v}", Some("v")),
            ("${GONE:+v}", None),
            ("$$HOME and 5$", Some("$HOME and 5$")),
            ("${GONE", None),
            ("", Some("")),
        ] {
            assert_eq!(variables().interpolate(text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn an_unknown_variable_makes_only_its_part_of_an_address_unknown() {
        for (text, wanted) in [
            (
                "postgresql://app:${GONE}@db:5432/app",
                Some("postgresql://app:${GONE}@db:5432/app"),
            ),
            (
                "postgresql://$GONE:${ALSO:?set/it?}@$HOST/a",
                Some("postgresql://${GONE}:${ALSO}@r.io/a"),
            ),
            (
                "redis://:${GONE}@${CACHE:-cache}:6379/0",
                Some("redis://:${GONE}@cache:6379/0"),
            ),
            (
                "postgresql://${A:-${B}}@db/${GONE-x}",
                Some("postgresql://${A}@db/x"),
            ),
            (
                "host=db password=${GONE} user=${TAG}",
                Some("host=db password=${GONE} user=1.2"),
            ),
            ("amqp://a:p$$w@mq", Some("amqp://a:p$w@mq")),
            ("${GONE}", None),
            ("${GONE}:5432", None),
            ("postgresql://app:${GONE@db", None),
        ] {
            assert_eq!(variables().address(text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn a_default_counts_if_nothing_sets_the_variable() {
        for (text, wanted) in [
            ("x:${GONE:-1}", true),
            ("x:${GONE-1}", true),
            ("x:${EMPTY:-1}", true),
            ("x:${EMPTY-1}", false),
            ("x:${TAG:-1}", false),
            ("x:${GONE}", false),
            ("${GONE:-x}:${ALSO}", false),
            ("x:1", false),
        ] {
            assert_eq!(variables().takes_default(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[A${}:\\-+?é]{0,24}") {
            variables().interpolate(&text);
            variables().address(&format!("a://{text}"));
            variables().takes_default(&text);
        }
    }
}
