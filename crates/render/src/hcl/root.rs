//! Evaluates root modules: every resource with its values, once for each environment.

use super::eval::{Bind, Scope};
use super::module::{Expansion, Instance, Module};
use super::names::Children;
use super::parse::Expr;
use super::{Dangling, ModuleCall, Provider, Resource, RootValues};
use crate::budget::Allowance;
use crate::measure::{NODE_BYTES, size};
use cofferdam_syntax::Span;
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::tree::{Node, Value};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes that a resource takes besides its arguments, until it is judged.
const RESOURCE_BYTES: usize = 4 << 10;

/// One evaluation of one root in one environment.
pub(super) struct Run<'w> {
    repo: &'w Repo,
    modules: &'w BTreeMap<PathBuf, Module<'w>>,
    root: &'w Path,
    allowance: &'w Allowance,
    depth: Cell<usize>,
    tried: Cell<usize>,
    children: RefCell<BTreeMap<String, Children<'w>>>,
    dangling: RefCell<BTreeSet<Dangling>>,
    /// What was left out, by its place.
    left_out: RefCell<BTreeMap<Span, String>>,
}

/// Restores the depth when it is dropped.
pub(super) struct Depth<'r>(&'r Cell<usize>);

impl Drop for Depth<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl<'w> Run<'w> {
    pub(super) fn new(
        repo: &'w Repo,
        modules: &'w BTreeMap<PathBuf, Module<'w>>,
        root: &'w Path,
        allowance: &'w Allowance,
    ) -> Self {
        Run {
            repo,
            modules,
            root,
            allowance,
            depth: Cell::new(0),
            tried: Cell::new(0),
            children: RefCell::default(),
            dangling: RefCell::default(),
            left_out: RefCell::default(),
        }
    }

    /// Goes one level deeper, unless that is too deep.
    pub(super) fn enter(&self, max: usize) -> Option<Depth<'_>> {
        if self.depth.get() >= max {
            return None;
        }
        self.depth.set(self.depth.get() + 1);
        Some(Depth(&self.depth))
    }

    /// Evaluates an argument of `try` or `can`.
    pub(super) fn trying<T>(&self, evaluate: impl FnOnce() -> T) -> T {
        self.tried.set(self.tried.get() + 1);
        let result = evaluate();
        self.tried.set(self.tried.get() - 1);
        result
    }

    /// Whether an argument of `try` or `can` is being evaluated.
    pub(super) fn is_tried(&self) -> bool {
        self.tried.get() > 0
    }

    /// Takes `steps` from the allowance; false when it is spent.
    pub(super) fn spend(&self, steps: usize) -> bool {
        self.allowance.step(steps)
    }

    /// Takes the making of a value of `size` parts from the allowance.
    pub(super) fn make(&self, size: usize) -> bool {
        self.allowance.step(size) && self.allowance.make(size.saturating_mul(NODE_BYTES))
    }

    /// Takes a copy of a value from the allowance.
    pub(super) fn copy(&self, node: &Node) -> bool {
        self.make(size(node))
    }

    /// Whether nothing may be evaluated any more. Notes the place, if it is the first.
    pub(super) fn is_over(&self, span: Span) -> bool {
        let is_spent = self.allowance.is_spent();
        if is_spent {
            self.allowance.end_at(span);
        }
        is_spent
    }

    /// Notes what was left out at a place.
    pub(super) fn leave_out(&self, span: Span, what: String) {
        self.left_out.borrow_mut().entry(span).or_insert(what);
    }

    /// What was left out, with places.
    fn take_left_out(&self) -> Vec<Unreadable> {
        let mut all = std::mem::take(&mut *self.left_out.borrow_mut());
        if let Some(span) = self.allowance.ended_at() {
            let what = "evaluating this configuration takes too much time or memory and was stopped here: values \
                        and resources that come later were not read; look for lists, texts or repetitions that \
                        grow with each other";
            all.insert(span, what.to_owned());
        }
        let unreadable = |(span, message): (Span, String)| Unreadable {
            path: self.repo.sources.path(span.file).to_path_buf(),
            span: Some(span),
            message,
        };
        all.into_iter().map(unreadable).collect()
    }

    pub(super) fn repo(&self) -> &'w Repo {
        self.repo
    }

    pub(super) fn root_dir(&self) -> &'w Path {
        self.root
    }

    pub(super) fn module(&self, dir: &Path) -> Option<&'w Module<'w>> {
        self.modules.get(dir)
    }

    pub(super) fn known_children(&self, key: &str) -> Option<Children<'w>> {
        self.children.borrow().get(key).cloned()
    }

    pub(super) fn remember_children(&self, key: String, children: &Children<'w>) {
        self.children.borrow_mut().insert(key, children.clone());
    }

    pub(super) fn dangle(&self, dangling: Dangling) {
        self.dangling.borrow_mut().insert(dangling);
    }

    /// Evaluates the root with these values of its variables.
    pub(super) fn evaluate(
        self,
        environment: Option<String>,
        given: BTreeMap<String, Node>,
    ) -> (RootValues, Vec<Unreadable>) {
        let mut values = RootValues {
            environment,
            stated: None,
            only: None,
            by: None,
            unit: None,
            resources: Vec::new(),
            modules: Vec::new(),
            providers: Vec::new(),
            dangling: Vec::new(),
        };
        if let Some(module) = self.module(self.root) {
            let instance = Rc::new(Instance::root(module, given));
            let scope = Scope {
                run: &self,
                instance: &instance,
                bind: None,
            };
            for block in &module.providers {
                let body = scope.body(block.body, false);
                values.providers.push(Provider {
                    name: block
                        .labels
                        .first()
                        .map(|l| l.text.to_string())
                        .unwrap_or_default(),
                    alias: body.get("alias").and_then(Node::as_str).map(str::to_owned),
                    body: Node {
                        span: block.header,
                        value: Value::Map(body),
                    },
                });
            }
            scope.collect(&mut values);
        }
        let left_out = self.take_left_out();
        values.dangling = self.dangling.into_inner().into_iter().collect();
        (values, left_out)
    }
}

impl<'w> Scope<'_, 'w> {
    /// Adds every resource of this instance and of the modules that it calls.
    fn collect(self, values: &mut RootValues) {
        let module = self.instance.module;
        for dangling in &module.undeclared {
            self.run.spend(1);
            self.run.dangle(dangling.clone());
        }
        for key in &module.order {
            let (mode, kind, name) = key;
            let Some(block) = module.resources.get(key) else {
                continue;
            };
            let (repetitions, uncertain) = match self.expand(block.body) {
                Expansion::Once => (vec![None], None),
                Expansion::Many(all) => (all.into_iter().map(Some).collect(), None),
                Expansion::Uncertain(each, why) => (vec![Some(each)], Some(why)),
            };
            for each in repetitions {
                self.run.spend(1);
                self.run.allowance.make(RESOURCE_BYTES);
                if self.run.is_over(block.header) {
                    return;
                }
                let bind = each.as_ref().map(|each| Bind {
                    name: each.name,
                    value: &each.value,
                    next: None,
                });
                let body = Node {
                    span: block.header,
                    value: Value::Map(self.within(&bind).body(block.body, true)),
                };
                self.run.allowance.keep(RESOURCE_BYTES + size(&body) * NODE_BYTES);
                let suffix = match (&each, &uncertain) {
                    (Some(each), None) => each.suffix(),
                    (Some(_), Some(_)) => "[*]".to_owned(),
                    (None, _) => String::new(),
                };
                let count = each.as_ref().filter(|each| each.name == "count");
                values.resources.push(Resource {
                    count: count.map(|each| each.value.span),
                    mode: *mode,
                    kind: kind.clone(),
                    name: name.clone(),
                    address: format!("{}{}{kind}.{name}{suffix}", self.instance.prefix, mode.prefix()),
                    index: each.filter(|_| uncertain.is_none()).map(|each| each.index),
                    uncertain: uncertain.clone(),
                    body,
                    span: block.header,
                    dir: module.dir.clone(),
                    provider: block.body.attribute("provider").and_then(Expr::path),
                });
            }
        }
        for (name, block) in &module.calls {
            self.run.spend(1);
            if self.run.is_over(block.header) {
                return;
            }
            match self.children(name) {
                Children::Here { instances, .. } => {
                    for (_, child) in &instances {
                        let scope = Scope {
                            run: self.run,
                            instance: child,
                            bind: None,
                        };
                        scope.collect(values);
                    }
                }
                Children::Elsewhere => {
                    let body = Node {
                        span: block.header,
                        value: Value::Map(self.body(block.body, true)),
                    };
                    self.run.allowance.make(RESOURCE_BYTES);
                    self.run.allowance.keep(RESOURCE_BYTES + size(&body) * NODE_BYTES);
                    values.modules.push(ModuleCall {
                        name: name.clone(),
                        source: block
                            .body
                            .attribute("source")
                            .and_then(|source| self.value(source).as_str().map(str::to_owned)),
                        address: format!("{}module.{name}", self.instance.prefix),
                        body,
                        span: block.header,
                    });
                }
                Children::Missing => {}
            }
        }
    }
}
