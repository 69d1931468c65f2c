//! Evaluates templates as far as values files and literals allow. What depends on anything else (the
//! cluster, the release, functions that are not known here) stays unknown and is printed as a mark.

mod branches;
mod expressions;

use super::limits::MAX_BYTES;
use super::output::{MARK, MARK_END, Origin, Piece, Within, is_null};
use super::parse::{Defines, Expr, Item, Output};
use super::value::{Val, bytes_of};
use crate::budget::Allowance;
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::{ChainId, Chains, FileId, Span};
use std::collections::BTreeMap;

/// Levels of nested templates; deeper ones are unknown.
const MAX_DEPTH: usize = 24;

/// Items that one template may evaluate; nested loops end here.
const MAX_STEPS: usize = 200_000;

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
}
