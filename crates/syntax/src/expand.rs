//! Variables in texts as a shell writes them (`${NAME}`, `${NAME:-default}`): Compose and Flux fill them in.

/// Bytes that a text may have after its variables are filled in; one that is written so long may be twice as long.
const MAX_TEXT: usize = 64 * 1024;
/// Defaults within defaults before a text is given up.
const MAX_DEPTH: usize = 16;

/// What is known of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<'v> {
    /// Its value.
    Set(&'v str),
    /// Nothing that was read sets it: its default counts.
    Unset,
    /// It may have any value, whatever its default is.
    Unknown,
}

/// How variables are filled in.
#[derive(Clone, Copy)]
pub struct Expansion<'v> {
    /// What is known of each variable.
    pub value: &'v dyn Fn(&str) -> Known<'v>,
    /// Whether `$NAME` is a variable and `$$` stands for `$`. Otherwise only `${NAME}` is one, and `$${` stands for `${`.
    pub bare: bool,
    /// Characters after a name, or after `:`, that begin a default.
    pub defaults: &'static str,
    /// What a variable without value and default becomes; `None` if that is not known.
    pub unset: Option<&'static str>,
    /// Whether what is not known is kept as `${NAME}`, so that the others are filled in.
    pub keeps: bool,
}

impl Expansion<'_> {
    /// A text with its variables filled in; `None` if one of them is not known.
    #[must_use]
    pub fn of(&self, text: &str) -> Option<String> {
        self.filled(text, 0)
    }

    fn filled(&self, text: &str, depth: usize) -> Option<String> {
        if depth > MAX_DEPTH {
            return None;
        }
        let kept = |name: &str| self.keeps.then(|| format!("${{{name}}}"));
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(tail) = after.strip_prefix('$')
                && (self.bare || tail.starts_with('{'))
            {
                out.push('$');
                // The brace after it begins no variable.
                let brace = usize::from(!self.bare);
                out.push_str(&tail[..brace]);
                rest = &tail[brace..];
            } else if let Some(inner) = after.strip_prefix('{') {
                let end = closing(inner)?;
                let inside = &inner[..end];
                let name = &inside[..name_length(inside)];
                out.push_str(&self.braced(inside, depth).or_else(|| kept(name))?);
                rest = &inner[end + 1..];
            } else {
                let name = if self.bare {
                    &after[..name_length(after)]
                } else {
                    ""
                };
                match name {
                    "" => out.push('$'),
                    name => out.push_str(&self.plain(name).or_else(|| kept(name))?),
                }
                rest = &after[name.len()..];
            }
            if out.len() > MAX_TEXT.max(2 * text.len()) {
                return None;
            }
        }
        out.push_str(rest);
        Some(out)
    }

    fn plain(&self, name: &str) -> Option<String> {
        match (self.value)(name) {
            Known::Set(value) => Some(value.to_owned()),
            Known::Unset => self.unset.map(str::to_owned),
            Known::Unknown => None,
        }
    }

    /// What stands between the braces: a name, and what holds if it is set, empty or missing.
    fn braced(&self, inner: &str, depth: usize) -> Option<String> {
        let (name, rest) = inner.split_at(name_length(inner));
        let (counts_empty, rest) = match rest.strip_prefix(':') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let Some(operator) = rest.chars().next() else {
            return self.plain(name);
        };
        let set = match (self.value)(name) {
            Known::Unknown => return None,
            Known::Set("") if counts_empty => None,
            Known::Set(value) => Some(value),
            Known::Unset => None,
        };
        let word = || {
            let inside = Expansion {
                keeps: false,
                ..*self
            };
            inside.filled(&rest[operator.len_utf8()..], depth + 1)
        };
        match set {
            Some(value) if operator == '?' || self.defaults.contains(operator) => Some(value.to_owned()),
            Some(_) if operator == '+' => word(),
            None if self.defaults.contains(operator) => word(),
            // A part of the value, or a value that something else may set.
            _ => None,
        }
    }
}

/// Where the brace closes that was opened before the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// How long the name of a variable is that a text begins with.
#[must_use]
pub fn name_length(text: &str) -> usize {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c| !is_name(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known(name: &str) -> Known<'static> {
        match name {
            "A" => Known::Set("1"),
            "E" => Known::Set(""),
            "X" => Known::Unknown,
            _ => Known::Unset,
        }
    }

    fn expansion(bare: bool) -> Expansion<'static> {
        Expansion {
            value: &known,
            bare,
            defaults: if bare { "-" } else { "-=" },
            unset: (!bare).then_some(""),
            keeps: false,
        }
    }

    #[test]
    fn two_tools_fill_in_their_own_ways() {
        // The text, with `$NAME` and without it.
        for (text, bare, braced) in [
            ("${A}x", Some("1x"), Some("1x")),
            ("$A", Some("1"), Some("$A")),
            ("$$A $${A} $", Some("$A ${A} $"), Some("$$A ${A} $")),
            ("${U}", None, Some("")),
            ("${U:-2}${U-3}", Some("23"), Some("23")),
            ("${U:=2}", None, Some("2")),
            ("${E:-2}${E-3}", Some("2"), Some("2")),
            ("${U:-${A}}", Some("1"), Some("1")),
            ("${A:+v}", Some("v"), Some("v")),
            ("${U:+v}", None, None),
            ("${A:?why}", Some("1"), Some("1")),
            ("${A:0:1}", None, None),
            ("${A/1/2}", None, None),
            // Whatever its default is.
            ("${X}", None, None),
            ("${X:-2}", None, None),
            ("${A", None, None),
        ] {
            assert_eq!(expansion(true).of(text).as_deref(), bare, "{text}");
            assert_eq!(expansion(false).of(text).as_deref(), braced, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_kept_on_demand() {
        let keeps = Expansion {
            keeps: true,
            ..expansion(true)
        };
        assert_eq!(keeps.of("${A}:${U:?why}@$X").as_deref(), Some("1:${U}@${X}"));
        assert_eq!(keeps.of("${U:-${X}}").as_deref(), Some("${U}"));
        assert_eq!(keeps.of("${U"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[AEXU${}:\\-+=?é]{0,24}") {
            for bare in [true, false] {
                let _ = expansion(bare).of(&text);
            }
        }
    }
}
