//! Branches and loops of templates. A condition that is unknown prints all of its branches, each marked.

use super::Evaluator;
use crate::helm::output::{Origin, Piece};
use crate::helm::parse::{Expr, Item};
use crate::helm::value::{Val, numbered};
use cofferdam_syntax::tree::Value;
use cofferdam_syntax::{Layer, Span};

impl<'a> Evaluator<'a> {
    /// Prints the branch that holds, or every branch that may hold.
    pub(super) fn branches(&mut self, branches: &'a [(Option<Expr<'a>>, Vec<Item<'a>>)]) {
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
    pub(super) fn condition(&mut self) -> usize {
        self.conditions += 1;
        self.conditions
    }

    /// What one branch of an unknown condition prints.
    pub(super) fn branch(&mut self, branch: (usize, usize), run: impl FnOnce(&mut Self)) -> Vec<Piece<'a>> {
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
    pub(super) fn choose(&mut self, possible: Vec<Vec<Piece<'a>>>) {
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

    pub(super) fn range(
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
    pub(super) fn given_on(&mut self, origin: Origin<'a>, action: Span) -> Origin<'a> {
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
}
