//! The values of names inside a module: `var.x`, `local.x`, `module.x.y`, and resources. A name that
//! nothing declares is kept as dangling: Terraform would refuse the whole plan.

use super::eval::{Bind, Scope, too_much};
use super::memo::{Kind, Memo};
use super::module::{Call, Each, Expansion, Instance, Module, local_source};
use super::parse::{Block, Body, Item};
use super::types;
use super::value::{Eval, Step, address_of, unknown, why_unknown, wrong};
use super::{Dangling, Missing, Mode};
use crate::measure::{MAX_DEPTH, is_deeper};
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::{Chains, Layer, Link, Span};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Levels of modules that are followed.
const MAX_MODULES_DEEP: usize = 32;

/// Parts of a value that take as much work and memory as a module's instance, about.
const INSTANCE: usize = 32;

/// The instances that a module call makes.
#[derive(Debug, Clone)]
pub(super) enum Children<'w> {
    /// The source is no path of this tree: a registry, a git address, above the root.
    Elsewhere,
    /// A path that leads to no module.
    Missing,
    Here {
        instances: Vec<(Option<Each>, Rc<Instance<'w>>)>,
        /// Why their number is not known.
        uncertain: Option<std::sync::Arc<str>>,
    },
}

impl<'w> Instance<'w> {
    pub(super) fn root(module: &'w Module<'w>, given: BTreeMap<String, Node>) -> Self {
        Instance {
            module,
            prefix: String::new(),
            given,
            call: None,
            memo: RefCell::default(),
        }
    }

    fn ancestors(&self) -> impl Iterator<Item = &Instance<'w>> {
        std::iter::successors(Some(self), |i| i.call.as_ref().map(|c| &*c.parent))
    }
}

impl<'b, 'w> Scope<'b, 'w> {
    fn chains(self) -> &'w Chains {
        self.run.repo().sources.chains()
    }

    /// The value of a name and the steps after it. The expression at `span` gives it on.
    pub(super) fn lookup(self, name: &str, steps: Vec<Step>, span: Span) -> Eval {
        let mut node = self.named(name, steps, span)?;
        let link = Link {
            layer: Layer::Reference,
            span,
        };
        let mark = |node: &mut Node| {
            if node.span != span && why_unknown(node).is_none() {
                self.chains().mark(node, &[link]);
            }
        };
        match &mut node.value {
            // A list that the expression itself makes, of values that it gives on.
            Value::Seq(items) if node.span == span => items.iter_mut().for_each(mark),
            _ => mark(&mut node),
        }
        Ok(node)
    }

    fn named(self, name: &str, steps: Vec<Step>, span: Span) -> Eval {
        let mut next = self.bind;
        while let Some(bind) = next {
            if bind.name == name {
                self.run.copy(bind.value);
                if self.run.is_over(span) {
                    return Ok(too_much(span));
                }
                return self.walk(bind.value.clone(), &steps, span);
            }
            next = bind.next;
        }
        let first = match steps.first() {
            Some(Step::Attribute(first)) => first.as_str(),
            _ => "",
        };
        match name {
            "var" => {
                let root = self.variable(first, span);
                self.walk(root, &steps[1.min(steps.len())..], span)
            }
            "local" => {
                let root = self.local(first, span);
                self.walk(root, &steps[1.min(steps.len())..], span)
            }
            "module" => self.module_output(first, &steps[1.min(steps.len())..], span),
            "path" => Ok(match first {
                "module" => Node::text(&format!("/{}", self.instance.module.dir.display()), span),
                "root" => Node::text(&format!("/{}", self.run.root_dir().display()), span),
                _ => unknown(format!("path.{first} is decided when Terraform runs"), span),
            }),
            "terraform" | "self" | "each" | "count" => Ok(unknown(
                format!("{name}.{first} is decided when Terraform runs"),
                span,
            )),
            _ if first.is_empty() => wrong(format!("`{name}` alone is not a reference")),
            "data" | "ephemeral" | "resource" => match steps.get(1) {
                Some(Step::Attribute(second)) => {
                    let mode = match name {
                        "data" => Mode::Data,
                        "ephemeral" => Mode::Ephemeral,
                        // The prefix may be left out; both forms mean the same.
                        _ => Mode::Managed,
                    };
                    let key = (mode, first.to_owned(), second.clone());
                    Ok(self.resource(key, &steps[2..], span))
                }
                _ => wrong(format!("`{name}` needs a type and a name")),
            },
            _ => {
                let key = (Mode::Managed, name.to_owned(), first.to_owned());
                Ok(self.resource(key, &steps[1..], span))
            }
        }
    }

    fn remember(self, kind: Kind, name: &str, span: Span, find: impl FnOnce() -> Node) -> Node {
        let key = (kind, name.to_owned());
        match self.instance.memo.borrow().get(&key) {
            Some(Memo::Busy) => {
                self.dangle(Missing::Cycle, name, span, None);
                return unknown(format!("`{name}` refers to itself"), span);
            }
            Some(Memo::Done(node)) => {
                self.run.copy(node);
                return if self.run.is_over(span) {
                    too_much(span)
                } else {
                    node.clone()
                };
            }
            None => {}
        }
        self.instance.memo.borrow_mut().insert(key.clone(), Memo::Busy);
        let mut node = find();
        self.run.copy(&node);
        // Each value that contains the one before it is a level deeper.
        if is_deeper(&node, MAX_DEPTH) {
            self.run.leave_out(
                node.span,
                format!("a value of more than {MAX_DEPTH} levels of lists and maps was not read"),
            );
            node = unknown("nested too deeply to follow", node.span);
        }
        self.instance
            .memo
            .borrow_mut()
            .insert(key, Memo::Done(node.clone()));
        node
    }

    fn undeclared<'n>(
        self,
        what: Missing,
        name: &str,
        span: Span,
        known: impl Iterator<Item = &'n String>,
    ) -> Node {
        let module = self.instance.module;
        if module.generated.contains(&(what, name.to_owned())) {
            return unknown(format!("`{name}` is declared in a file that is generated"), span);
        }
        let known_already = || module.undeclared.iter().any(|d| d.what == what && d.name == name);
        if !module.incomplete && !known_already() {
            let known: Vec<&str> = known.map(String::as_str).collect();
            self.run.spend(known.len());
            let near = cofferdam_syntax::nearest::nearest(name, known).map(str::to_owned);
            self.dangle(what, name, span, near);
        }
        unknown(format!("`{name}` is not declared"), span)
    }

    fn dangle(self, what: Missing, name: &str, span: Span, nearest: Option<String>) {
        self.run.dangle(Dangling {
            span,
            what,
            name: name.to_owned(),
            nearest,
            dir: self.instance.module.dir.clone(),
        });
    }

    fn variable(self, name: &str, span: Span) -> Node {
        let module = self.instance.module;
        let Some(block) = module.variables.get(name) else {
            return self.undeclared(Missing::Variable, name, span, module.variables.keys());
        };
        self.remember(Kind::Variable, name, span, || {
            let given = match &self.instance.call {
                None => self.instance.given.get(name).cloned(),
                Some(call) => call.body.attribute(name).map(|expr| {
                    let bind = call.each.as_ref().map(|each| Bind {
                        name: each.name,
                        value: &each.value,
                        next: None,
                    });
                    let outer = Scope {
                        run: self.run,
                        instance: &call.parent,
                        bind: bind.as_ref(),
                    };
                    let value = outer.value(expr);
                    self.chains().tree_through(value, Layer::Argument, call.span)
                }),
            };
            let written = block.body.attribute("default").map(|expr| expr.span());
            let default = || block.body.attribute("default").map(|expr| self.value(expr));
            let value = match given {
                Some(value) if !value.is_null() => Some(match written {
                    Some(written) => self.chains().tree_over(value, written),
                    None => value,
                }),
                Some(null) => match block.body.attribute("nullable").map(|e| self.value(e)) {
                    Some(nullable) if nullable.as_bool() == Some(false) => default(),
                    _ => Some(null),
                },
                None => default(),
            };
            match value {
                Some(value) => types::convert(self, block.body.attribute("type"), value),
                None => unknown(
                    format!("variable `{name}` has no value in the files"),
                    block.header,
                ),
            }
        })
    }

    fn local(self, name: &str, span: Span) -> Node {
        let module = self.instance.module;
        let Some(expr) = module.locals.get(name) else {
            return self.undeclared(Missing::Local, name, span, module.locals.keys());
        };
        self.remember(Kind::Local, name, span, || self.outside().value(*expr))
    }

    /// The same module without the names that are bound inside an expression.
    fn outside(self) -> Scope<'b, 'w> {
        Scope { bind: None, ..self }
    }

    /// A resource's value. Its own arguments are known; only its provider knows the rest.
    fn resource(self, key: super::module::ResourceKey, steps: &[Step], span: Span) -> Node {
        let module = self.instance.module;
        let (mode, kind, name) = &key;
        let address = format!("{}{}{kind}.{name}", self.instance.prefix, mode.prefix());
        let reference = unknown(format!("ref:{address}{}", address_of(steps)), span);
        let Some(block) = module.resources.get(&key) else {
            let wanted = format!("{}{kind}.{name}", mode.prefix());
            let generated = module.generated.contains(&(Missing::Resource, wanted.clone()));
            if !module.incomplete && !generated {
                let full = |k: &super::module::ResourceKey| format!("{}{}.{}", k.0.prefix(), k.1, k.2);
                let known: Vec<String> = module.resources.keys().map(full).collect();
                self.run.spend(known.len());
                let near = cofferdam_syntax::nearest::nearest(&wanted, known.iter().map(String::as_str));
                self.dangle(Missing::Resource, &wanted, span, near.map(str::to_owned));
            }
            return reference;
        };
        let (index, rest) = match steps {
            [Step::Index(index), rest @ ..] => (Some(index), rest),
            rest => (None, rest),
        };
        // The name of a namespace is its id.
        let of_namespace = || {
            ["metadata", "0", "name"].map(|part| match part {
                "0" => Step::Index(Node::plain(part, span)),
                part => Step::Attribute(part.to_owned()),
            })
        };
        let is_id = matches!(rest, [Step::Attribute(last)] if last == "id");
        let namespace = of_namespace();
        let rest = match kind.as_str() {
            "kubernetes_namespace" | "kubernetes_namespace_v1" if is_id => &namespace[..],
            _ => rest,
        };
        let Some((body, attribute, rest)) = within_blocks(block.body, rest) else {
            return reference;
        };
        let Some(expr) = body.attribute(attribute) else {
            return reference;
        };
        let outer = self.outside();
        let each = match (outer.expand(block.body), index) {
            (Expansion::Once, None) => None,
            (Expansion::Many(all), Some(index)) => {
                let wanted = index.as_str();
                match all.into_iter().find(|each| Some(each.index.as_str()) == wanted) {
                    Some(each) => Some(each),
                    None => return reference,
                }
            }
            _ => return reference,
        };
        let suffix = each.as_ref().map(Each::suffix).unwrap_or_default();
        let path = address_of(&steps[..steps.len() - rest.len().min(steps.len())]);
        let memo = format!("{}{kind}.{name}{suffix}.{attribute}{path}", mode.prefix());
        let value = self.remember(Kind::Argument, &memo, span, || {
            let bind = each.as_ref().map(|each| Bind {
                name: each.name,
                value: &each.value,
                next: None,
            });
            outer.within(&bind).value(expr)
        });
        match self.walk(value, rest, span) {
            Ok(node) if why_unknown(&node).is_none() && !node.is_null() => node,
            _ => reference,
        }
    }

    fn module_output(self, name: &str, steps: &[Step], span: Span) -> Eval {
        let module = self.instance.module;
        if !module.calls.contains_key(name) {
            return Ok(self.undeclared(Missing::ModuleCall, name, span, module.calls.keys()));
        }
        let reference = || {
            let address = format!("{}module.{name}{}", self.instance.prefix, address_of(steps));
            unknown(format!("ref:{address}"), span)
        };
        let Children::Here {
            instances,
            uncertain: None,
        } = self.outside().children(name)
        else {
            return Ok(reference());
        };
        let (child, rest) = match (steps, instances.as_slice()) {
            ([Step::Attribute(_), ..], [(None, child)]) => (child, steps),
            ([Step::Index(index), rest @ ..], many) => {
                let wanted = index.as_str();
                let found = many
                    .iter()
                    .find(|(each, _)| each.as_ref().is_some_and(|e| Some(e.index.as_str()) == wanted));
                match found {
                    Some((_, child)) => (child, rest),
                    None => return Ok(reference()),
                }
            }
            ([Step::Splat, rest @ ..], many) => {
                self.run.make(many.len());
                let items = many
                    .iter()
                    .map(|(_, child)| self.output(child, rest, span))
                    .collect::<Result<_, _>>()?;
                return Ok(Node {
                    span,
                    value: Value::Seq(items),
                });
            }
            _ => return Ok(reference()),
        };
        self.output(child, rest, span)
    }

    fn output(self, child: &Rc<Instance<'w>>, steps: &[Step], span: Span) -> Eval {
        let inner = Scope {
            run: self.run,
            instance: child,
            bind: None,
        };
        let [Step::Attribute(name), rest @ ..] = steps else {
            return Ok(unknown("all outputs of a module at once", span));
        };
        let outputs = &child.module.outputs;
        let Some(block) = outputs.get(name) else {
            let (module, key) = (child.module, (Missing::Output, name.to_owned()));
            if module.incomplete || module.generated.contains(&key) {
                return Ok(unknown(format!("`{name}` is not known"), span));
            }
            // `try` and `can` may ask for an output that is absent.
            if !self.run.is_tried() {
                let near = cofferdam_syntax::nearest::nearest(name, outputs.keys().map(String::as_str));
                self.dangle(Missing::Output, name, span, near.map(str::to_owned));
                return Ok(unknown(format!("`{name}` is not declared"), span));
            }
            return wrong(format!("the module has no output `{name}`"));
        };
        let Some(value) = block.body.attribute("value") else {
            return wrong(format!("output `{name}` has no value"));
        };
        let node = inner.remember(Kind::Output, name, span, || inner.value(value));
        self.walk(node, rest, span)
    }

    /// The instances of the module call `name`. Each call of this function returns the same ones.
    pub(super) fn children(self, name: &str) -> Children<'w> {
        let key = format!("{}module.{name}", self.instance.prefix);
        if let Some(children) = self.run.known_children(&key) {
            return children;
        }
        let children = self.make_children(name, &key);
        self.run.remember_children(key, &children);
        children
    }

    fn make_children(self, name: &str, key: &str) -> Children<'w> {
        let Some(block) = self.instance.module.calls.get(name) else {
            return Children::Missing;
        };
        let Some(source) = block.body.attribute("source") else {
            return Children::Missing;
        };
        let text = self.value(source);
        let Some(path) = text
            .as_str()
            .and_then(|s| local_source(s, &self.instance.module.dir))
        else {
            return Children::Elsewhere;
        };
        // A directory that git ignores, or that a submodule fills, is there before Terraform runs.
        let repo = self.run.repo();
        if path.starts_with("..") || repo.is_unfollowed(&path) {
            return Children::Elsewhere;
        }
        let Some(module) = self.run.module(&path) else {
            if repo.absent_by_design(&path) {
                return Children::Elsewhere;
            }
            let shown = path.display().to_string();
            self.dangle(Missing::ModuleDirectory, &shown, source.span(), None);
            return Children::Missing;
        };
        if self.instance.ancestors().any(|a| a.module.dir == path) {
            let shown = path.display().to_string();
            self.dangle(Missing::Cycle, &shown, source.span(), None);
            return Children::Missing;
        }
        if self.instance.ancestors().count() > MAX_MODULES_DEEP {
            return Children::Missing;
        }
        self.check_arguments(name, block.body, module);
        let (repetitions, uncertain) = match self.expand(block.body) {
            Expansion::Once => (vec![None], None),
            Expansion::Many(all) => (all.into_iter().map(Some).collect(), None),
            Expansion::Uncertain(each, why) => (vec![Some(each)], Some(why)),
        };
        let instances = repetitions
            .into_iter()
            .take_while(|_| {
                self.run.make(INSTANCE + key.len() / 64);
                !self.run.is_over(block.header)
            })
            .map(|each| {
                let suffix = each.as_ref().map(Each::suffix).unwrap_or_default();
                let instance = Instance {
                    module,
                    prefix: format!("{key}{suffix}."),
                    given: BTreeMap::new(),
                    call: Some(Call {
                        parent: Rc::clone(self.instance),
                        body: block.body,
                        span: block.header,
                        each: each.clone(),
                    }),
                    memo: RefCell::default(),
                };
                (each, Rc::new(instance))
            })
            .collect();
        Children::Here { instances, uncertain }
    }

    /// Arguments that the module does not take: Terraform refuses the call.
    fn check_arguments(self, call: &str, body: Body<'_>, module: &Module<'_>) {
        if module.incomplete {
            return;
        }
        for item in body.items() {
            let super::parse::Item::Attribute(key, _) = item else {
                continue;
            };
            let meta = [
                "source",
                "version",
                "count",
                "for_each",
                "providers",
                "depends_on",
            ];
            let generated = || {
                module
                    .generated
                    .contains(&(Missing::Variable, key.text.to_string()))
            };
            if !meta.contains(&&*key.text) && !module.variables.contains_key(&*key.text) && !generated() {
                let known = module.variables.keys().map(String::as_str);
                self.run.spend(module.variables.len());
                let near = cofferdam_syntax::nearest::nearest(&key.text, known).map(str::to_owned);
                let named = format!("{} of module {call}", key.text);
                self.dangle(Missing::Argument, &named, key.span, near);
            }
        }
    }
}

/// The body that has an attribute, its name, and the steps after it: `metadata[0].name` is in the only block
/// `metadata`. `None` where several blocks have the type, or one that an expression makes.
fn within_blocks<'w, 's>(body: Body<'w>, steps: &'s [Step]) -> Option<(Body<'w>, &'s str, &'s [Step])> {
    let [Step::Attribute(name), rest @ ..] = steps else {
        return None;
    };
    if body.attribute(name).is_some() {
        return Some((body, name, rest));
    }
    let [Step::Index(index), rest @ ..] = rest else {
        return None;
    };
    let mut blocks = body.items().into_iter().filter_map(|item| match item {
        Item::Block(block) => Some(block),
        Item::Attribute(..) => None,
    });
    let is_made = |block: &Block<'_>| {
        &*block.kind.text == "dynamic" && block.labels.first().is_some_and(|label| *label.text == **name)
    };
    let inner: Vec<Block<'_>> = blocks
        .by_ref()
        .filter(|block| *block.kind.text == **name || is_made(block))
        .collect();
    match inner.as_slice() {
        [only] if !is_made(only) && index.as_str() == Some("0") => within_blocks(only.body, rest),
        _ => None,
    }
}
