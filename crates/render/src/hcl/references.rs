//! Names that a module uses and does not declare. Terraform checks them before it evaluates anything, so a
//! name counts wherever it is written: in a branch that is never taken, in a function
//! that is not known here.

use super::module::Module;
use super::parse::{At, Body, Expr};
use super::{Dangling, Missing};
use cofferdam_syntax::nearest::nearest;
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ForIntro, Traversal, TraversalOperator};
use hcl_edit::structure::Block;
use hcl_edit::template::ForTemplateExpr;
use hcl_edit::visit::{self, Visit};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Variables, local values and module calls that are named and not declared, each once, at its first place.
pub(super) fn undeclared(module: &Module<'_>) -> Vec<Dangling> {
    if module.incomplete {
        return Vec::new();
    }
    let mut found: BTreeMap<(Missing, String), Dangling> = BTreeMap::new();
    let mut bodies: Vec<Body<'_>> = Vec::new();
    bodies.extend(module.variables.values().map(|block| block.body));
    bodies.extend(module.calls.values().map(|block| block.body));
    bodies.extend(module.outputs.values().map(|block| block.body));
    bodies.extend(module.resources.values().map(|block| block.body));
    bodies.extend(module.providers.iter().map(|block| block.body));
    let visits = bodies
        .into_iter()
        .filter_map(|body| match body {
            Body::Hcl(body, at) => Some((names_in(|names| names.visit_body(body)), at)),
            Body::Json(_) => None,
        })
        .chain(module.locals.values().filter_map(|expr| match expr {
            Expr::Hcl(expr, at) => Some((names_in(|names| names.visit_expr(expr)), *at)),
            Expr::Json(_) => None,
        }));
    let compared = Cell::new(0);
    for (names, at) in visits {
        for dangling in names.missing(module, at, &compared) {
            let key = (dangling.what, dangling.name.clone());
            let first = found.entry(key).or_insert_with(|| dangling.clone());
            if dangling.span < first.span {
                *first = dangling;
            }
        }
    }
    found.into_values().collect()
}

fn names_in(visit: impl FnOnce(&mut Names)) -> Names {
    let mut names = Names::default();
    visit(&mut names);
    names
}

/// Two-part names in a piece of text, and the names that the piece binds itself.
#[derive(Default)]
struct Names {
    uses: Vec<(String, String, Option<std::ops::Range<usize>>)>,
    bound: BTreeSet<String>,
}

impl Names {
    fn missing<'m>(
        &'m self,
        module: &'m Module<'_>,
        at: At,
        compared: &'m Cell<usize>,
    ) -> impl Iterator<Item = Dangling> + 'm {
        self.uses
            .iter()
            .filter(|(root, ..)| !self.bound.contains(root))
            .filter_map(move |(root, name, range)| {
                let (what, near) = match root.as_str() {
                    "var" => (Missing::Variable, missing(name, &module.variables, compared)?),
                    "local" => (Missing::Local, missing(name, &module.locals, compared)?),
                    "module" => (Missing::ModuleCall, missing(name, &module.calls, compared)?),
                    _ => return None,
                };
                let generated = module.generated.contains(&(what, name.clone()));
                (!generated).then(|| Dangling {
                    span: at.span(range.clone()),
                    what,
                    name: name.clone(),
                    nearest: near,
                    dir: module.dir.clone(),
                })
            })
    }
}

/// Names that are compared with missing ones in one module, to suggest what was meant. Nobody needs a suggestion for
/// each of ten thousand names.
const MAX_COMPARED: usize = 500_000;

/// The nearest name that is declared, if `name` itself is not.
fn missing<V>(name: &str, declared: &BTreeMap<String, V>, compared: &Cell<usize>) -> Option<Option<String>> {
    if declared.contains_key(name) {
        return None;
    }
    compared.set(compared.get() + declared.len());
    if compared.get() > MAX_COMPARED {
        return Some(None);
    }
    Some(nearest(name, declared.keys().map(String::as_str)).map(str::to_owned))
}

impl Visit for Names {
    fn visit_traversal(&mut self, node: &Traversal) {
        if let (Expression::Variable(root), Some(first)) = (&node.expr, node.operators.first())
            && let TraversalOperator::GetAttr(name) = first.value()
        {
            self.uses.push((root.to_string(), name.to_string(), node.span()));
        }
        visit::visit_traversal(self, node);
    }

    fn visit_for_intro(&mut self, node: &ForIntro) {
        self.bound
            .extend(node.key_var.iter().map(|name| name.to_string()));
        self.bound.insert(node.value_var.to_string());
        visit::visit_for_intro(self, node);
    }

    fn visit_for_template_expr(&mut self, node: &ForTemplateExpr) {
        self.bound
            .extend(node.key_var.iter().map(|name| name.to_string()));
        self.bound.insert(node.value_var.to_string());
        visit::visit_for_template_expr(self, node);
    }

    fn visit_block(&mut self, node: &Block) {
        // The iterator of a dynamic block has the block's name, or the name that `iterator` gives.
        if node.ident.as_str() == "dynamic" {
            self.bound
                .extend(node.labels.first().map(|label| label.as_str().to_owned()));
            if let Some(Expression::Variable(name)) = node.body.get_attribute("iterator").map(|a| &a.value) {
                self.bound.insert(name.to_string());
            }
        }
        visit::visit_block(self, node);
    }
}
