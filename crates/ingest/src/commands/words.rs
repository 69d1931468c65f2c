//! Words of a command, in flags and others. A word that the shell makes is unknown, and keeps its text.

use cofferdam_syntax::Span;
use cofferdam_syntax::tree::{Node, Value};

/// A word; one that contains a variable is unknown, and keeps its text.
pub(super) fn word(text: &str, span: Span) -> Node {
    let start = without_variable(text);
    if start.contains('$') || start.contains("{{") {
        return Node {
            span,
            value: Value::Unknown(text.into()),
        };
    }
    Node::text(text, span)
}

/// A path without a variable at its start, which is usually the root of the repository.
pub(super) fn without_variable(written: &str) -> &str {
    let Some((first, rest)) = written.split_once('/') else {
        return written;
    };
    let is_variable = first.starts_with('$') && !first.contains(['=', ',']);
    if is_variable || first.is_empty() {
        rest
    } else {
        written
    }
}

/// The words of a command, in flags and others.
pub(super) struct Arguments<'w> {
    pub(super) plain: Vec<&'w Node>,
    pub(super) flags: Vec<(String, Node)>,
}

impl<'w> Arguments<'w> {
    /// Takes words apart; `with_value` are the flags, without dashes, that have a value.
    pub(super) fn of(words: &'w [Node], with_value: &[&str]) -> Self {
        let mut arguments = Arguments {
            plain: Vec::new(),
            flags: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(node) = words.next() {
            let text = match &node.value {
                Value::Scalar(scalar) => &*scalar.text,
                Value::Unknown(written) => &**written,
                _ => continue,
            };
            let Some(flag) = text.strip_prefix('-').map(|f| f.trim_start_matches('-')) else {
                arguments.plain.push(node);
                continue;
            };
            if let Some((flag, value)) = flag.split_once('=') {
                arguments.flags.push((flag.to_owned(), word(value, node.span)));
            } else if with_value.contains(&flag)
                && let Some(value) = words.next()
            {
                arguments.flags.push((flag.to_owned(), value.clone()));
            }
        }
        arguments
    }

    /// The values of flags of these names, in order.
    pub(super) fn flags(&self, names: &[&str]) -> Vec<&Node> {
        let named = self.flags.iter().filter(|(flag, _)| names.contains(&&**flag));
        named.map(|(_, value)| value).collect()
    }
}
