//! Values of expressions: fields, calls, included templates.

use super::{Evaluator, MAX_DEPTH};
use crate::helm::functions;
use crate::helm::output::{Origin, Piece, indent, is_too_long};
use crate::helm::parse::Expr;
use crate::helm::value::{Val, bytes_of};
use crate::helm::written::{json_of, yaml_of};
use cofferdam_syntax::tree::Value;

impl<'a> Evaluator<'a> {
    /// The value of an expression.
    pub(super) fn eval(&mut self, expr: &'a Expr<'a>) -> Val<'a> {
        if self.step(1) {
            return Val::Unknown;
        }
        let value = match expr {
            Expr::Field(fields) => {
                let dot = self.dot.clone();
                self.fields(dot, fields)
            }
            Expr::Variable("", fields) => {
                let root = self.root.clone();
                self.fields(root, fields)
            }
            Expr::Variable(name, fields) => {
                let value = self.variables.iter().rev().find(|(n, _)| n == name);
                let value = value.map_or(Val::Unknown, |(_, v)| v.clone());
                self.fields(value, fields)
            }
            Expr::Of(inner, fields) => {
                let value = self.eval(inner);
                self.fields(value, fields)
            }
            Expr::Text(text) => Val::Text(vec![Piece::new(text.as_str(), self.here)]),
            Expr::Plain(text) => Val::Plain((*text).to_owned()),
            Expr::Nil => Val::Nil,
            Expr::Unknown => Val::Unknown,
            Expr::Call(name, arguments) => match self.call(name, arguments) {
                Val::Text(pieces) if is_too_long(&pieces) => {
                    // It was made, although it is not kept.
                    self.world.allowance.make(bytes_of(&pieces));
                    Val::Unknown
                }
                value => value,
            },
        };
        self.world.allowance.make(value.bytes());
        value
    }

    fn fields(&self, start: Val<'a>, fields: &[&str]) -> Val<'a> {
        fields
            .iter()
            .fold(start, |value, field| self.field(&value, field))
    }

    pub(super) fn field(&self, value: &Val<'a>, field: &str) -> Val<'a> {
        match value {
            Val::Root => match field {
                "Values" => Val::Node(self.world.values),
                "Chart" => Val::Chart,
                "Release" => Val::Release,
                _ => Val::Unknown,
            },
            Val::Chart => {
                // Fields have Go's names for the keys: `AppVersion` is `appVersion`.
                let mut key = field.to_owned();
                if let Some(first) = key.get_mut(..1) {
                    first.make_ascii_lowercase();
                }
                self.world.chart.get(&key).map_or(Val::Nil, Val::Node)
            }
            Val::Release => match field {
                // A name is made where the template uses it: the command that installs the chart is no place
                // of its objects.
                "Name" => self
                    .world
                    .release
                    .map_or(Val::Unknown, |name| match name.as_str() {
                        Some(text) => Val::Text(vec![Piece::new(text, self.here)]),
                        None => Val::Node(name),
                    }),
                "Service" => Val::Text(vec![Piece::new("Helm", self.here)]),
                _ => Val::Unknown,
            },
            Val::Node(node) => match &node.value {
                Value::Map(map) => {
                    self.world.allowance.step(map.len() / 64);
                    map.get(field).map_or(Val::Nil, Val::Node)
                }
                Value::Unknown(_) => Val::Unknown,
                _ => Val::Nil,
            },
            Val::Map(entries) => entries
                .iter()
                .rev()
                .find(|(k, _)| k == field)
                .map_or(Val::Nil, |(_, v)| v.clone()),
            Val::Nil => Val::Nil,
            _ => Val::Unknown,
        }
    }

    fn call(&mut self, name: &'a str, arguments: &'a [Expr<'a>]) -> Val<'a> {
        // These stop at the first argument that decides.
        if matches!(name, "and" | "or") {
            return self.and_or(name == "and", arguments);
        }
        let arguments: Vec<Val<'a>> = arguments.iter().map(|a| self.eval(a)).collect();
        self.world
            .allowance
            .make(arguments.iter().map(Val::text_bytes).sum());
        // Whether it is a map that is searched or printed: its entries are looked at one by one.
        let entries = |value: &Val<'a>| match value {
            Val::Node(node) => node.as_map().map_or(node.items().len(), |map| map.len()),
            Val::Map(entries) => entries.len(),
            Val::List(items) => items.len(),
            _ => 0,
        };
        self.world
            .allowance
            .step(arguments.iter().map(entries).sum::<usize>() / 64);
        if self.is_over() {
            return Val::Unknown;
        }
        match name {
            "include" => self.include(&arguments),
            "nindent" | "indent" => {
                let width = arguments.first().and_then(Val::text).and_then(|w| w.parse().ok());
                let (Some(width), Some(Val::Text(pieces))) = (width, arguments.last()) else {
                    return Val::Unknown;
                };
                let mut pieces = indent(pieces.clone(), width, self.here);
                if name == "nindent" {
                    pieces.insert(0, Piece::new("\n", self.here));
                }
                Val::Text(pieces)
            }
            "toYaml" | "mustToYaml" | "toYamlPretty" => self.written(&arguments, yaml_of),
            "toJson" | "mustToJson" | "toRawJson" | "mustToRawJson" | "toPrettyJson" | "mustToPrettyJson" => {
                self.written(&arguments, json_of)
            }
            _ => functions::call(name, &arguments, self.here).unwrap_or(Val::Unknown),
        }
    }

    /// A value as text of another format.
    fn written(
        &self,
        arguments: &[Val<'a>],
        write: impl Fn(&Val<'a>, Origin<'a>) -> Option<Vec<Piece<'a>>>,
    ) -> Val<'a> {
        let text = arguments.last().and_then(|value| write(value, self.here));
        text.map_or(Val::Unknown, Val::Text)
    }

    fn and_or(&mut self, is_and: bool, arguments: &'a [Expr<'a>]) -> Val<'a> {
        let mut last = Val::Unknown;
        let mut unsure = false;
        for argument in arguments {
            last = self.eval(argument);
            match last.truth() {
                Some(truth) if truth != is_and => return last,
                Some(_) => {}
                None => unsure = true,
            }
        }
        if unsure { Val::Unknown } else { last }
    }

    fn include(&mut self, arguments: &[Val<'a>]) -> Val<'a> {
        let Some(name) = arguments.first().and_then(Val::text) else {
            return Val::Unknown;
        };
        let world = self.world;
        let found = world
            .defines
            .iter()
            .find_map(|(file, defines)| Some((*file, defines.get(&name)?)));
        let Some((file, items)) = found else {
            return Val::Unknown;
        };
        if self.depth >= MAX_DEPTH {
            return Val::Unknown;
        }
        self.depth += 1;
        let dot = arguments.get(1).cloned().unwrap_or(Val::Nil);
        let outer_out = std::mem::take(&mut self.out);
        let outer_variables = std::mem::take(&mut self.variables);
        let outer_file = std::mem::replace(&mut self.file, file);
        let outer_at = std::mem::take(&mut self.at);
        let outer_dot = std::mem::replace(&mut self.dot, dot.clone());
        let outer_root = std::mem::replace(&mut self.root, dot);
        let outer_here = self.here;
        let outer_outside = std::mem::take(&mut self.outside);
        self.items(items);
        self.outside = outer_outside;
        self.here = outer_here;
        self.root = outer_root;
        self.dot = outer_dot;
        self.file = outer_file;
        self.at = outer_at;
        self.variables = outer_variables;
        self.depth -= 1;
        Val::Text(std::mem::replace(&mut self.out, outer_out))
    }
}
