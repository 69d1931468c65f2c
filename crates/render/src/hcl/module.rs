//! A Terraform module: what its files declare, and an instance of it with its arguments, in which
//! names have values. A value is evaluated when it is needed, and only once.

use super::eval::{Bind, Scope};
use super::memo::{Kind, Memo};
use super::parse::{Block, Body, Expr, File, Item};
use super::value::{Wrong, number, pairs, unknown};
use super::{Dangling, Missing, Mode};
use crate::measure::size;
use cofferdam_syntax::Span;
use cofferdam_syntax::repo::normalise;
use cofferdam_syntax::tree::{Key, Map, Node, Style, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Instances that one `count` or `for_each` may make.
const MAX_INSTANCES: usize = 1_000;
/// Parts of a value that take as much work and memory as one repetition, besides its value.
const EACH: usize = 8;

/// Arguments that say how a resource or module is created and do not belong to it.
const META: &[&str] = &[
    "count",
    "for_each",
    "provider",
    "providers",
    "depends_on",
    "source",
    "version",
];

/// Key of a resource in its module: mode, type and name.
pub(super) type ResourceKey = (Mode, String, String);

/// Whether a module's source is a path: Terraform takes one only with a leading `./` or `../`.
pub(super) fn local_source(source: &str, dir: &Path) -> Option<PathBuf> {
    (source.starts_with("./") || source.starts_with("../") || source == "." || source == "..")
        .then(|| normalise(&dir.join(source)))
}

/// What the files of one directory declare.
#[derive(Debug, Default)]
pub(super) struct Module<'a> {
    pub(super) dir: PathBuf,
    pub(super) variables: BTreeMap<String, Block<'a>>,
    pub(super) locals: BTreeMap<String, Expr<'a>>,
    pub(super) calls: BTreeMap<String, Block<'a>>,
    pub(super) outputs: BTreeMap<String, Block<'a>>,
    pub(super) resources: BTreeMap<ResourceKey, Block<'a>>,
    /// Keys of `resources` in the order written.
    pub(super) order: Vec<ResourceKey>,
    pub(super) providers: Vec<Block<'a>>,
    /// The kind of its backend; `cloud` for a workspace of HCP Terraform.
    pub(super) backend: Option<String>,
    /// Whether one of its files could not be read. Then an undeclared name proves nothing.
    pub(super) incomplete: bool,
    /// Names that a generated file declares (a tool writes it before Terraform runs); their values are not known.
    pub(super) generated: BTreeSet<(Missing, String)>,
    /// The inputs of a file of Terragrunt.
    pub(super) inputs: Option<Expr<'a>>,
    /// Names that its files use and that nothing declares.
    pub(super) undeclared: Vec<Dangling>,
}

impl<'a> Module<'a> {
    /// Adds what a file declares.
    pub(super) fn add(&mut self, file: &'a File) {
        for block in file.blocks() {
            let label = |n: usize| block.labels.get(n).map(|l| l.text.to_string());
            match (&*block.kind.text, label(0), label(1)) {
                ("variable", Some(name), _) => {
                    self.variables.insert(name, block);
                }
                ("module", Some(name), _) => {
                    self.calls.insert(name, block);
                }
                ("output", Some(name), _) => {
                    self.outputs.insert(name, block);
                }
                ("locals", ..) => {
                    for item in block.body.items() {
                        if let Item::Attribute(key, expr) = item {
                            self.locals.insert(key.text.to_string(), expr);
                        }
                    }
                }
                ("resource" | "data" | "ephemeral", Some(kind), Some(name)) => {
                    let mode = match &*block.kind.text {
                        "data" => Mode::Data,
                        "ephemeral" => Mode::Ephemeral,
                        _ => Mode::Managed,
                    };
                    let key = (mode, kind, name);
                    if self.resources.insert(key.clone(), block).is_none() {
                        self.order.push(key);
                    }
                }
                ("provider", ..) => self.providers.push(block),
                ("terraform", ..) => {
                    let backend = block.body.items().into_iter().find_map(|item| match item {
                        Item::Block(b) if &*b.kind.text == "cloud" => Some("cloud".to_owned()),
                        Item::Block(b) if &*b.kind.text == "backend" => {
                            Some(b.labels.first().map_or_else(String::new, |l| l.text.to_string()))
                        }
                        // In JSON the kind is a key.
                        Item::Attribute(key, Expr::Json(node)) if &*key.text == "backend" => {
                            node.entries().next().map(|(kind, _)| kind.text.to_string())
                        }
                        Item::Attribute(key, Expr::Json(_)) if &*key.text == "cloud" => {
                            Some("cloud".to_owned())
                        }
                        _ => None,
                    });
                    self.backend = self.backend.take().or(backend);
                }
                _ => {}
            }
        }
    }

    /// Directories of the modules that it calls by a path.
    pub(super) fn local_calls(&self) -> Vec<PathBuf> {
        let sources = self
            .calls
            .values()
            .filter_map(|block| block.body.attribute("source")?.path());
        let targets = sources.filter_map(|source| local_source(&source, &self.dir));
        targets.filter(|target| *target != self.dir).collect()
    }

    /// Places of the defaults of its variables.
    pub(super) fn defaults(&self) -> BTreeMap<String, Span> {
        let defaults = self.variables.iter();
        defaults
            .filter_map(|(name, block)| Some((name.clone(), block.body.attribute("default")?.span())))
            .collect()
    }

    /// Whether it declares nothing that belongs to a module.
    pub(super) fn is_empty(&self) -> bool {
        self.variables.is_empty()
            && self.locals.is_empty()
            && self.calls.is_empty()
            && self.outputs.is_empty()
            && self.resources.is_empty()
            && self.providers.is_empty()
    }
}

/// A module with its arguments.
#[derive(Debug)]
pub(super) struct Instance<'w> {
    pub(super) module: &'w Module<'w>,
    /// `module.a["x"].` or empty for a root.
    pub(super) prefix: String,
    /// Values of a root's variables.
    pub(super) given: BTreeMap<String, Node>,
    /// The call that made it.
    pub(super) call: Option<Call<'w>>,
    pub(super) memo: RefCell<BTreeMap<(Kind, String), Memo>>,
}

/// The call of a module.
#[derive(Debug)]
pub(super) struct Call<'w> {
    pub(super) parent: Rc<Instance<'w>>,
    pub(super) body: Body<'w>,
    /// Its header.
    pub(super) span: Span,
    pub(super) each: Option<Each>,
}

/// One repetition of a resource or module.
#[derive(Debug, Clone)]
pub(super) struct Each {
    /// `each` or `count`.
    pub(super) name: &'static str,
    /// What that name holds.
    pub(super) value: Node,
    /// The key or number.
    pub(super) index: String,
}

impl Each {
    /// In the form of an address: `[0]` or `["a"]`.
    pub(super) fn suffix(&self) -> String {
        if self.name == "count" {
            format!("[{}]", self.index)
        } else {
            format!("[\"{}\"]", self.index)
        }
    }
}

/// How often a resource or module is repeated.
#[derive(Debug, Clone)]
pub(super) enum Expansion {
    Once,
    Many(Vec<Each>),
    /// The number is not known; one repetition stands for all.
    Uncertain(Each, Arc<str>),
}

fn map_node(span: Span, entries: &[(&str, Node)]) -> Node {
    let map = entries
        .iter()
        .map(|(name, value)| {
            let key = Key {
                text: (*name).into(),
                span,
            };
            (key, value.clone())
        })
        .collect();
    Node {
        span,
        value: Value::Map(map),
    }
}

impl<'b, 'w> Scope<'b, 'w> {
    /// How often `body` is repeated.
    pub(super) fn expand(self, body: Body<'_>) -> Expansion {
        if let Some(count) = body.attribute("count") {
            let node = self.value(count);
            match (&node.value, number(&node)) {
                (_, Some(n)) if n >= 0.0 && n.fract() == 0.0 => {
                    let many = self.at_most(n as usize, node.span);
                    self.run.make(many * EACH);
                    let each = |i: usize| Each {
                        name: "count",
                        value: map_node(node.span, &[("index", Node::plain(&i.to_string(), node.span))]),
                        index: i.to_string(),
                    };
                    Expansion::Many((0..many).map(each).collect())
                }
                (Value::Unknown(why), _) => uncertain("count", node.span, why.clone()),
                _ => uncertain("count", node.span, "`count` is not a whole number".into()),
            }
        } else if let Some(for_each) = body.attribute("for_each") {
            let node = self.value(for_each);
            self.run.copy(&node);
            let many = match &node.value {
                Value::Seq(items) => items.len(),
                Value::Map(map) => map.len(),
                _ => 0,
            };
            let many = self.at_most(many, node.span);
            self.run.make(many * EACH);
            match each_of(&node) {
                Ok(repetitions) => Expansion::Many(repetitions),
                Err(why) => uncertain("each", node.span, why),
            }
        } else {
            Expansion::Once
        }
    }

    /// How many repetitions are read of `wanted`. Notes it if some are left out.
    fn at_most(self, wanted: usize, span: Span) -> usize {
        if wanted > MAX_INSTANCES {
            self.run.leave_out(
                span,
                format!("only the first {MAX_INSTANCES} of {wanted} repetitions were read"),
            );
        }
        wanted.min(MAX_INSTANCES)
    }

    /// The same place inside a repetition.
    pub(super) fn within<'c>(self, bind: &'c Option<Bind<'c>>) -> Scope<'c, 'w>
    where
        'b: 'c,
    {
        match bind {
            Some(bind) => self.with(bind),
            None => self,
        }
    }

    /// The content of a body: attributes that are set, and inner blocks by type, each type a list.
    pub(super) fn body(self, body: Body<'_>, top: bool) -> Map {
        let mut map = Map::default();
        for item in body.items() {
            // A search for the name among those before it takes a moment too.
            self.run.spend(1 + map.len() / 16);
            if self.run.is_over(item.span()) {
                break;
            }
            match item {
                Item::Attribute(key, expr) => {
                    if top && META.contains(&&*key.text) {
                        continue;
                    }
                    let value = self.value(expr);
                    if !value.is_null() {
                        match map.get_mut(&key.text).map(|node| &mut node.value) {
                            // The name is also used for blocks.
                            Some(Value::Seq(items)) => items.push(value),
                            _ => {
                                map.insert(key, value);
                            }
                        }
                    }
                }
                Item::Block(block) => match &*block.kind.text {
                    "provisioner" | "connection" if top => {}
                    "lifecycle" if top => {
                        let node = self.lifecycle(&block);
                        push_block(&mut map, &block.kind, node);
                    }
                    "dynamic" => self.dynamic(&block, &mut map),
                    _ => {
                        let node = Node {
                            span: block.header,
                            value: Value::Map(self.body(block.body, false)),
                        };
                        push_block(&mut map, &block.kind, node);
                    }
                },
            }
        }
        map
    }

    /// Only the arguments that have values. The others are names, which are not evaluated.
    fn lifecycle(self, block: &Block<'_>) -> Node {
        let map = block
            .body
            .items()
            .into_iter()
            .filter_map(|item| match item {
                Item::Attribute(key, expr)
                    if matches!(&*key.text, "prevent_destroy" | "create_before_destroy") =>
                {
                    Some((key, self.value(expr)))
                }
                _ => None,
            })
            .collect();
        Node {
            span: block.header,
            value: Value::Map(map),
        }
    }

    fn dynamic(self, block: &Block<'_>, map: &mut Map) {
        let Some(kind) = block.labels.first() else { return };
        let content = block.body.items().into_iter().find_map(|item| match item {
            Item::Block(inner) if &*inner.kind.text == "content" => Some(inner.body),
            _ => None,
        });
        let (Some(content), Some(for_each)) = (content, block.body.attribute("for_each")) else {
            return;
        };
        let collection = self.value(for_each);
        let pairs = match (&collection.value, pairs(&collection)) {
            (Value::Unknown(why), _) => {
                push_block(map, kind, unknown(why.to_string(), block.header));
                return;
            }
            (_, Ok(pairs)) => pairs,
            (_, Err(Wrong(why))) => {
                push_block(map, kind, unknown(why, block.header));
                return;
            }
        };
        let iterator = block.body.attribute("iterator").and_then(Expr::path);
        self.at_most(pairs.len(), collection.span);
        self.run.copy(&collection);
        for (key, value) in pairs.into_iter().take(MAX_INSTANCES) {
            self.run.make(EACH + size(&value));
            if self.run.is_over(block.header) {
                break;
            }
            let value = map_node(value.span, &[("key", key), ("value", value.clone())]);
            let bind = Bind {
                name: iterator.as_deref().unwrap_or(&kind.text),
                value: &value,
                next: self.bind,
            };
            let node = Node {
                span: block.header,
                value: Value::Map(self.with(&bind).body(content, false)),
            };
            push_block(map, kind, node);
        }
    }
}

fn push_block(map: &mut Map, kind: &Key, node: Node) {
    if let Some(existing) = map.get_mut(&kind.text) {
        if let Value::Seq(items) = &mut existing.value {
            items.push(node);
            return;
        }
        let first = existing.clone();
        existing.value = Value::Seq(vec![first, node]);
        return;
    }
    let seq = Node {
        span: node.span,
        value: Value::Seq(vec![node]),
    };
    map.insert(kind.clone(), seq);
}

fn uncertain(name: &'static str, span: Span, why: Arc<str>) -> Expansion {
    let part = unknown(why.to_string(), span);
    let value = if name == "count" {
        map_node(span, &[("index", part)])
    } else {
        map_node(span, &[("key", part.clone()), ("value", part)])
    };
    let index = "*".to_owned();
    Expansion::Uncertain(Each { name, value, index }, why)
}

fn each_of(node: &Node) -> Result<Vec<Each>, Arc<str>> {
    let each = |key: &Node, value: Node| -> Result<Each, Arc<str>> {
        match &key.value {
            Value::Scalar(scalar) => {
                let mut named = key.clone();
                if let Value::Scalar(scalar) = &mut named.value {
                    scalar.style = Style::Quoted;
                }
                Ok(Each {
                    name: "each",
                    index: scalar.text.to_string(),
                    value: map_node(value.span, &[("key", named), ("value", value)]),
                })
            }
            Value::Unknown(why) => Err(why.clone()),
            _ => Err("a key of `for_each` is not a string".into()),
        }
    };
    match &node.value {
        Value::Unknown(why) => Err(why.clone()),
        // A set: each element is its own key.
        Value::Seq(items) => items
            .iter()
            .take(MAX_INSTANCES)
            .map(|item| each(item, item.clone()))
            .collect(),
        _ => match pairs(node) {
            Ok(pairs) => pairs
                .into_iter()
                .take(MAX_INSTANCES)
                .map(|(key, value)| each(&key, value))
                .collect(),
            Err(Wrong(why)) => Err(why.into()),
        },
    }
}
