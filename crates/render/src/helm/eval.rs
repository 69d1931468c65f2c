//! Evaluates templates as far as values files and literals allow. What depends on anything else (the
//! cluster, the release, functions that are not known here) stays unknown and is printed as a mark.

use super::functions;
use super::output::{MARK, MARK_END, Origin, Piece, Within, indent, is_null, is_too_long};
use super::parse::{Defines, Expr, Item, Output};
use super::value::{Val, bytes_of, numbered};
use super::written::{json_of, yaml_of};
use crate::budget::Allowance;
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::{ChainId, Chains, FileId, Layer, Span};
use std::collections::BTreeMap;

/// Levels of nested templates; deeper ones are unknown.
const MAX_DEPTH: usize = 24;
/// Items that one template may evaluate; nested loops end here.
const MAX_STEPS: usize = 200_000;
/// Bytes that one template may print.
pub(super) const MAX_BYTES: usize = 4 << 20;
/// Pieces that one computed text may have.
pub(super) const MAX_PIECES: usize = 50_000;

/// What a template can use.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    /// The table that records which actions gave a value on.
    pub(super) chains: &'a Chains,
    /// The merged values.
    pub(super) values: &'a Node,
    /// `Chart.yaml`.
    pub(super) chart: &'a Node,
    /// Name of the release, at the place where it is written.
    pub(super) release: Option<&'a Node>,
    /// Named templates, with the file of each.
    pub(super) defines: &'a BTreeMap<FileId, Defines<'a>>,
    /// What the evaluation may cost.
    pub(super) allowance: &'a Allowance,
}

/// What a template gave.
pub(super) struct Evaluated<'a> {
    pub(super) pieces: Vec<Piece<'a>>,
    /// The actions behind its marks.
    pub(super) unknowns: Vec<&'a str>,
    /// Where its evaluation was stopped, if it takes too much.
    pub(super) cut_at: Option<Span>,
}

/// Evaluates one template.
pub(super) struct Evaluator<'a> {
    pub(super) world: World<'a>,
    pub(super) file: FileId,
    /// Whether marks that are alone on their line are printed. Without them, the text around them parses
    /// where a mark would break it.
    marks_alone: bool,
    pub(super) unknowns: Vec<&'a str>,
    out: Vec<Piece<'a>>,
    printed: usize,
    steps: usize,
    depth: usize,
    /// Unknown conditions so far.
    conditions: usize,
    /// The branches of unknown conditions that are being printed.
    within: Option<Within>,
    /// Number of variables that existed before the innermost of these branches. If the branch sets one of them, its
    /// value is not known after the branch.
    outside: usize,
    variables: Vec<(&'a str, Val<'a>)>,
    dot: Val<'a>,
    root: Val<'a>,
    cut_at: Option<Span>,
    /// About where in the file the evaluation is.
    at: usize,
    /// The action that is being evaluated.
    pub(super) here: Origin<'a>,
    /// The last chain that an action extended. Neighbours mostly have the same chain.
    last: Option<(ChainId, Span, ChainId)>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(world: World<'a>, file: FileId, marks_alone: bool) -> Self {
        Evaluator {
            world,
            file,
            marks_alone,
            unknowns: Vec::new(),
            out: Vec::new(),
            printed: 0,
            steps: 0,
            depth: 0,
            conditions: 0,
            within: None,
            outside: 0,
            variables: Vec::new(),
            dot: Val::Root,
            root: Val::Root,
            cut_at: None,
            at: 0,
            here: Origin::Place(Span::new(file, 0, 0)),
            last: None,
        }
    }

    /// What the template prints.
    pub(super) fn run(mut self, items: &'a [Item<'a>]) -> Evaluated<'a> {
        self.items(items);
        Evaluated {
            pieces: self.out,
            unknowns: self.unknowns,
            cut_at: self.cut_at,
        }
    }

    /// Takes steps; whether nothing more may be evaluated.
    fn step(&mut self, steps: usize) -> bool {
        self.steps += steps;
        self.world.allowance.step(steps);
        self.is_over()
    }

    fn is_over(&mut self) -> bool {
        let is_over = self.steps > MAX_STEPS || self.printed > MAX_BYTES || self.world.allowance.is_spent();
        if is_over {
            self.cut_at.get_or_insert(Span::new(self.file, self.at, self.at));
        }
        is_over
    }

    fn print(&mut self, mut piece: Piece<'a>) {
        if piece.within.is_none() {
            piece.within.clone_from(&self.within);
        }
        self.printed += piece.text.len();
        self.world.allowance.make(bytes_of(std::slice::from_ref(&piece)));
        if !self.is_over() {
            self.out.push(piece);
        }
    }

    fn items(&mut self, items: &'a [Item<'a>]) {
        for item in items {
            if self.step(1) {
                return;
            }
            match item {
                Item::Text { start, text } => {
                    self.at = start + text.len();
                    let origin = Origin::Template(Span::new(self.file, *start, *start));
                    self.print(Piece::new(*text, origin));
                }
                Item::Output(output) => self.output(output),
                Item::Assign { name, value, declare } => {
                    let value = self.eval(value);
                    let known = self.variables.iter().rposition(|(n, _)| n == name);
                    match known {
                        Some(slot) if !declare => {
                            let is_sure = slot >= self.outside;
                            self.variables[slot].1 = if is_sure { value } else { Val::Unknown };
                        }
                        _ => self.variables.push((name, value)),
                    }
                }
                Item::If(branches) => self.branches(branches),
                Item::With {
                    variable,
                    value,
                    body,
                    otherwise,
                } => {
                    let value = self.eval(value);
                    let truth = value.truth();
                    let variables = variable.iter().map(|name| (*name, value.clone())).collect();
                    match truth {
                        Some(true) => self.within(value, variables, body),
                        Some(false) => self.scoped(otherwise),
                        None => {
                            let condition = self.condition();
                            let held = self.branch((condition, 0), |e| e.within(value, variables, body));
                            let not = self.branch((condition, 1), |e| e.scoped(otherwise));
                            self.choose(vec![held, not]);
                        }
                    }
                }
                Item::Range {
                    variables,
                    over,
                    body,
                    otherwise,
                } => self.range(variables, over, body, otherwise),
            }
        }
    }

    fn scoped(&mut self, items: &'a [Item<'a>]) {
        let outer = self.variables.len();
        self.items(items);
        self.variables.truncate(outer);
    }

    fn within(&mut self, dot: Val<'a>, variables: Vec<(&'a str, Val<'a>)>, items: &'a [Item<'a>]) {
        let outer = self.variables.len();
        self.variables.extend(variables);
        let before = std::mem::replace(&mut self.dot, dot);
        self.items(items);
        self.dot = before;
        self.variables.truncate(outer);
    }

    /// Prints the branch that holds, or every branch that may hold.
    fn branches(&mut self, branches: &'a [(Option<Expr<'a>>, Vec<Item<'a>>)]) {
        let mut possible = Vec::new();
        let mut number = None;
        for (condition, items) in branches {
            let truth = condition.as_ref().map_or(Some(true), |c| self.eval(c).truth());
            match (truth, number) {
                (Some(false), _) => continue,
                (Some(true), None) => return self.scoped(items),
                _ => {}
            }
            let number = *number.get_or_insert_with(|| self.condition());
            possible.push(self.branch((number, possible.len()), |e| e.scoped(items)));
            if truth == Some(true) {
                return self.choose(possible);
            }
        }
        if number.is_some() {
            // None of them may hold.
            possible.push(Vec::new());
            self.choose(possible);
        }
    }

    /// A number for a condition that cannot be known.
    fn condition(&mut self) -> usize {
        self.conditions += 1;
        self.conditions
    }

    /// What one branch of an unknown condition prints.
    fn branch(&mut self, branch: (usize, usize), run: impl FnOnce(&mut Self)) -> Vec<Piece<'a>> {
        let around = self.within.as_deref().unwrap_or_default();
        let within = around.iter().copied().chain([branch]).collect();
        let outer_out = std::mem::take(&mut self.out);
        let outer_within = self.within.replace(within);
        let outer_outside = std::mem::replace(&mut self.outside, self.variables.len());
        run(self);
        self.outside = outer_outside;
        self.within = outer_within;
        std::mem::replace(&mut self.out, outer_out)
    }

    /// Prints the possible branches. Where they are only a part of a line, the result is unknown. Whole lines are
    /// all printed, and the tree shows which of them never occur together.
    fn choose(&mut self, possible: Vec<Vec<Piece<'a>>>) {
        let text = |pieces: &[Piece<'a>]| -> String { pieces.iter().map(|p| p.text.as_str()).collect() };
        let texts: Vec<String> = possible.iter().map(|pieces| text(pieces)).collect();
        let is_entry = |text: &str| {
            let text = text.trim();
            text.contains('\n')
                || text.contains(": ")
                || text.ends_with(':')
                || text.starts_with("- ")
                || text == "-"
        };
        let same = texts.windows(2).all(|pair| pair[0] == pair[1]);
        let part_of_a_line = !texts.iter().any(|text| text.contains('\n') || is_entry(text));
        if part_of_a_line && !same {
            let mark = self.mark("{{ if … }}");
            self.out.push(Piece {
                within: self.within.clone(),
                ..Piece::new(mark, self.here)
            });
            return;
        }
        let several = if same { 1 } else { possible.len() };
        self.out.extend(possible.into_iter().take(several).flatten());
    }

    fn range(
        &mut self,
        variables: &'a [&'a str],
        over: &'a Expr<'a>,
        body: &'a [Item<'a>],
        otherwise: &'a [Item<'a>],
    ) {
        let over = self.eval(over);
        let entries: Vec<(Val<'a>, Val<'a>)> = match &over {
            Val::Node(node) => match &node.value {
                Value::Map(map) => {
                    let mut entries: Vec<_> = map.iter().collect();
                    entries.sort_by(|a, b| a.0.text.cmp(&b.0.text));
                    entries
                        .into_iter()
                        .map(|(key, value)| {
                            let name = Piece::new(&*key.text, Origin::Place(key.span));
                            (Val::Text(vec![name]), Val::Node(value))
                        })
                        .collect()
                }
                Value::Seq(items) => numbered(items.iter().map(Val::Node)),
                Value::Null => Vec::new(),
                _ => vec![(Val::Unknown, Val::Unknown)],
            },
            Val::List(items) => numbered(items.iter().cloned()),
            Val::Map(entries) => entries
                .iter()
                .map(|(k, v)| (Val::Text(vec![Piece::new(k.as_str(), self.here)]), v.clone()))
                .collect(),
            Val::Nil => Vec::new(),
            _ => vec![(Val::Unknown, Val::Unknown)],
        };
        if entries.is_empty() {
            return self.scoped(otherwise);
        }
        // A round of an empty body is work too.
        self.step(entries.len());
        // Of an unknown list one round is printed, and there may be none.
        let is_unknown = matches!(entries.as_slice(), [(Val::Unknown, Val::Unknown)]);
        let around = self.within.clone();
        if is_unknown {
            let branch = (self.condition(), 0);
            let outer = around.as_deref().unwrap_or_default();
            self.within = Some(outer.iter().copied().chain([branch]).collect());
        }
        for (key, value) in entries {
            let bound = match variables {
                [] => Vec::new(),
                [one] => vec![(*one, value.clone())],
                [first, second, ..] => vec![(*first, key), (*second, value.clone())],
            };
            self.within(value, bound, body);
            if self.is_over() {
                break;
            }
        }
        self.within = around;
    }

    /// The origin of what the action at `action` gives on.
    fn given_on(&mut self, origin: Origin<'a>, action: Span) -> Origin<'a> {
        let span = origin.start();
        // What is written in the action itself passes through nothing.
        if span == action {
            return origin;
        }
        let chain = match self.last {
            Some((before, at, after)) if (before, at) == (span.chain, action) => after,
            _ => self.world.chains.through(span, Layer::Reference, action).chain,
        };
        self.last = Some((span.chain, action, chain));
        origin.with_chain(chain)
    }

    fn output(&mut self, output: &'a Output<'a>) {
        let action = Span::new(self.file, output.start, output.start + output.source.len());
        self.here = Origin::Place(action);
        self.at = output.start;
        let here = self.here;
        match self.eval(&output.value) {
            // Nothing where entries of a map are expected is an error of the chart, or of values that were not read.
            Val::Text(pieces) if output.alone && is_null(&pieces) => self.unknown(output),
            Val::Text(pieces) => {
                for piece in pieces {
                    let origin = self.given_on(piece.origin, action);
                    self.print(Piece { origin, ..piece });
                }
            }
            Val::Plain(text) => self.print(Piece::new(text, here)),
            Val::Node(node) => match &node.value {
                Value::Scalar(scalar) => {
                    let origin = self.given_on(Origin::Node(node, node.span), action);
                    self.print(Piece::new(&*scalar.text, origin));
                }
                Value::Null => self.unknown(output),
                // A map that is printed as such comes out in Go's own notation, which nobody wants.
                _ => self.unknown(output),
            },
            _ => self.unknown(output),
        }
    }

    /// Prints a mark for a value that is not known, in a form that keeps the text around it readable.
    fn unknown(&mut self, output: &'a Output<'a>) {
        let here = self.here;
        let mark = self.mark(output.source);
        let width = match &output.value {
            Expr::Call("nindent" | "indent", arguments) => match arguments.first() {
                Some(Expr::Plain(width)) => width.parse::<usize>().ok(),
                _ => None,
            },
            _ => None,
        };
        match width {
            None if !output.alone => self.print(Piece::new(mark, here)),
            _ if !self.marks_alone => {}
            // Alone on its line, it stands for some entries of a map.
            None => self.print(Piece::new(format!("{mark}: ~"), here)),
            Some(width) => {
                let newline = if matches!(output.value, Expr::Call("nindent", _)) {
                    "\n"
                } else {
                    ""
                };
                let text = format!("{newline}{}{mark}: ~", " ".repeat(width.min(200)));
                self.print(Piece::new(text, here));
            }
        }
    }

    fn mark(&mut self, source: &'a str) -> String {
        self.unknowns.push(source);
        format!("{MARK}{}{MARK_END}", self.unknowns.len() - 1)
    }

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
