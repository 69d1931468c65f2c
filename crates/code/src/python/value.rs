//! What is known about an expression without running anything, each value with its place.

use cofferdam_syntax::Span;
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use std::time::Duration;

/// Maximum length of a text and list that is built.
pub(super) const MAX_LENGTH: usize = 20_000;

/// Stands for an unknown part of a text (in [`PyValue::Partial`]).
pub const HOLE: char = '\u{FFFD}';

/// A value and its place: that of the literal, not of the name that leads to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Val {
    /// The value.
    pub value: PyValue,
    /// Its place.
    pub span: Span,
}

/// The known part of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum PyValue {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number, or a `timedelta` in seconds.
    Float(f64),
    /// Text.
    Str(Box<str>),
    /// Text with unknown parts, each marked by one [`HOLE`].
    Partial(Box<str>),
    /// Text made of pieces, some of which come from the environment or another module.
    Format(Vec<Val>),
    /// A list, tuple or set, or objects that an operator joins.
    List(Vec<Val>),
    /// A dictionary with text keys.
    Dict(Dict),
    /// One of these, by the environment of the process; an item without a key is for the others.
    ByEnvironment(Dict),
    /// The value of an environment variable.
    Env(Box<EnvValue>),
    /// The result of a call of a class or function, by its dotted name.
    Object(Box<Object>),
    /// A name that leads out of the module (`app.config.settings.POOL_SIZE`) or to a class in it.
    Ref(Box<str>),
    /// Anything else.
    Unknown,
}

/// A dictionary in the order written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dict {
    /// Items; a later one of the same key has replaced the earlier.
    pub items: Vec<DictItem>,
    /// Whether it may have more items than are known (`**other`, a computed key).
    pub open: bool,
}

/// An item of a dictionary.
#[derive(Debug, Clone, PartialEq)]
pub struct DictItem {
    /// The key.
    pub key: Box<str>,
    /// Place of the key.
    pub key_span: Span,
    /// The value.
    pub value: Val,
}

/// The value of an environment variable, as code reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvValue {
    /// The variable's name.
    pub name: Box<str>,
    /// Place of the name.
    pub name_span: Span,
    /// The value that the code uses if the variable is not set, already scaled.
    pub default: Option<Val>,
    /// Whether the code fails if the variable is not set.
    pub required: bool,
    /// The factor that the code applies to the variable (0.001 for `int(os.getenv("T_MS")) / 1000`).
    pub scale: f64,
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Dotted name of the class or function that was called.
    pub class: Box<str>,
    /// Arguments of the call.
    pub args: Vec<Argument>,
    /// Whether there may be more arguments than are known.
    pub open: bool,
}

/// An argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Its name; for a positional one the name from the constructor, otherwise its number from 0; for an item
    /// of a configuration dictionary the key as written.
    pub name: Box<str>,
    /// The whole argument as written at the call.
    pub span: Span,
    /// Its value.
    pub value: Val,
}

impl Val {
    /// An unknown value, at `span`.
    pub fn unknown(span: Span) -> Val {
        Val {
            value: PyValue::Unknown,
            span,
        }
    }

    /// The value if no environment variable is set: the default of [`PyValue::Env`], otherwise the value
    /// itself.
    pub fn fallback(&self) -> Option<&Val> {
        match &self.value {
            PyValue::Env(env) => env.default.as_ref(),
            _ => Some(self),
        }
    }

    /// The environment variable, if it is one.
    pub fn env(&self) -> Option<&EnvValue> {
        match &self.value {
            PyValue::Env(env) => Some(env),
            _ => None,
        }
    }

    /// The text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            PyValue::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number.
    pub fn as_f64(&self) -> Option<f64> {
        match &self.value {
            PyValue::Int(n) => Some(*n as f64),
            PyValue::Float(n) => Some(*n),
            PyValue::Str(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        }
    }

    /// The whole number.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.value {
            PyValue::Int(n) => Some(*n),
            PyValue::Float(n) if n.fract() == 0.0 && n.abs() < 9e15 => Some(*n as i64),
            PyValue::Str(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The number of values in it, itself included; counting stops at `limit`.
    pub fn weight(&self, limit: usize) -> usize {
        let of_items = |items: &mut dyn Iterator<Item = &Val>| {
            let mut total = 1;
            for item in items {
                if total >= limit {
                    break;
                }
                total += item.weight(limit - total);
            }
            total
        };
        match &self.value {
            PyValue::List(items) | PyValue::Format(items) => of_items(&mut items.iter()),
            PyValue::Dict(dict) | PyValue::ByEnvironment(dict) => {
                of_items(&mut dict.items.iter().map(|i| &i.value))
            }
            PyValue::Object(object) => of_items(&mut object.args.iter().map(|a| &a.value)),
            PyValue::Env(env) => 1 + env.default.as_ref().map_or(0, |d| d.weight(limit)),
            _ => 1,
        }
    }

    /// The truth value of a boolean or of a text that means one in configuration.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.value {
            PyValue::Bool(b) => Some(*b),
            PyValue::Str(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The number as seconds.
    pub fn as_seconds(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.as_f64()?).ok()
    }

    /// The number as milliseconds.
    pub fn as_millis(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.as_f64()? / 1e3).ok()
    }

    /// Whether it is `None`.
    pub fn is_none(&self) -> bool {
        self.value == PyValue::None
    }

    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        matches!(self.value, PyValue::Unknown | PyValue::Ref(_))
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Val] {
        match &self.value {
            PyValue::List(items) => items,
            _ => &[],
        }
    }

    /// The object, if it is one.
    pub fn object(&self) -> Option<&Object> {
        match &self.value {
            PyValue::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The item of a dictionary; of one for each environment, that of each.
    pub fn item(&self, key: &str) -> Option<Val> {
        match &self.value {
            PyValue::Dict(dict) => dict.get(key).cloned(),
            PyValue::ByEnvironment(dict) => {
                let mut found = Dict::default();
                for item in &dict.items {
                    if let Some(value) = item.value.item(key) {
                        found.items.push(DictItem {
                            value,
                            ..item.clone()
                        });
                    }
                }
                (!found.items.is_empty()).then_some(Val {
                    value: PyValue::ByEnvironment(found),
                    span: self.span,
                })
            }
            _ => None,
        }
    }

    /// The scalar as text, in the notation of a configuration file.
    pub fn scalar_text(&self) -> Option<String> {
        match &self.value {
            PyValue::Bool(b) => Some(b.to_string()),
            PyValue::Int(n) => Some(n.to_string()),
            PyValue::Float(n) => Some(n.to_string()),
            PyValue::Str(text) => Some(text.to_string()),
            _ => None,
        }
    }

    /// The value as a configuration tree. `variable` returns the value of an environment variable of the
    /// platform; without one the code's default is used.
    pub fn to_node(&self, variable: &dyn Fn(&EnvValue) -> Option<Node>) -> Node {
        let unknown = |what: &str| Value::Unknown(what.into());
        let value = match &self.value {
            PyValue::None => Value::Null,
            PyValue::Bool(_) | PyValue::Int(_) | PyValue::Float(_) => {
                return Node::plain(&self.scalar_text().unwrap_or_default(), self.span);
            }
            PyValue::Str(text) => return Node::text(text, self.span),
            PyValue::Partial(_) | PyValue::Format(_) => {
                unknown("a text of which the code contains only a part")
            }
            PyValue::List(items) => Value::Seq(items.iter().map(|v| v.to_node(variable)).collect()),
            PyValue::Dict(dict) | PyValue::ByEnvironment(dict) => Value::Map(dict.to_map(variable)),
            PyValue::Env(env) => {
                if let Some(node) = variable(env) {
                    return node;
                }
                if let Some(default) = &env.default {
                    return default.to_node(variable);
                }
                unknown(&format!("environment variable {}", env.name))
            }
            PyValue::Object(object) => unknown(&format!("what {} returns", object.class)),
            PyValue::Ref(name) => unknown(&format!("{name}, which another module defines")),
            PyValue::Unknown => unknown("known only at run time"),
        };
        Node {
            span: self.span,
            value,
        }
    }
}

impl Dict {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Val> {
        self.items.iter().find(|i| &*i.key == key).map(|i| &i.value)
    }

    /// Sets a key, in its old place if it was there.
    pub fn set(&mut self, item: DictItem) {
        match self.items.iter_mut().find(|i| i.key == item.key) {
            Some(slot) => *slot = item,
            None => self.items.push(item),
        }
    }

    fn to_map(&self, variable: &dyn Fn(&EnvValue) -> Option<Node>) -> Map {
        self.items
            .iter()
            .map(|item| {
                let key = Key {
                    text: (&*item.key).into(),
                    span: item.key_span,
                };
                (key, item.value.to_node(variable))
            })
            .collect()
    }
}

impl Object {
    /// The argument whose name folds to `folded`.
    pub fn arg(&self, folded: &str) -> Option<&Argument> {
        find(&self.args, folded)
    }
}

/// The name of an argument that stands for `**value`, whose items come from another module or the
/// environment.
pub const SPREAD: &str = "**";

/// The argument whose name folds to `folded`; the last one, because a later setting wins.
pub fn find<'a>(args: &'a [Argument], folded: &str) -> Option<&'a Argument> {
    args.iter()
        .rev()
        .find(|a| cofferdam_syntax::tree::folds_to(&a.name, folded))
}
