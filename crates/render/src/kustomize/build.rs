//! One build: objects are collected from the bases up, and each kustomization on the way changes the objects
//! that it collected, in kustomize's order.

use super::fields::Config;
use super::images::{ImageChanges, names_in};
use super::load::{Index, Kustomization, Reference, Target};
use super::object::{Object, same_namespace};
use super::patch::index_names;
use super::transform::{self, Reach};
use super::vars::Var;
use super::{Brings, Dangling, Gap, Named, fields, names};
use crate::budget::Allowance;
use crate::measure::{NODE_BYTES, size};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::nearest::nearest;
use cofferdam_syntax::repo::Unreadable;
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::{Chains, Layer, Link, Span};
use std::collections::BTreeSet;
use std::path::Path;

/// Levels of bases beyond which a build is refused; real ones have a handful.
const MAX_DEPTH: usize = 64;
/// Objects that one build may have: bases that each name the next one twice would double the number at each level.
const MAX_OBJECTS: usize = 500_000;
/// Kustomizations that one build may visit, for the same reason.
const MAX_VISITS: usize = 20_000;

/// Parts of values that take as much work and memory as a visit to a kustomization, about.
const VISIT: usize = 16;
/// Steps to change something of an object.
const TOUCHED: usize = 4;

/// Why a build stops.
pub(super) type Failure = Box<Unreadable>;

/// The state of one build.
pub(super) struct Session<'r> {
    pub(super) index: &'r Index<'r>,
    pub(super) dangling: Vec<Dangling>,
    pub(super) notes: Vec<Unreadable>,
    /// What the build may cost.
    pub(super) allowance: &'r Allowance,
    /// Whether everything that the build names was read. If not, a selector that matches nothing may match a file
    /// that was not read.
    pub(super) complete: bool,
    /// What was not read.
    pub(super) gaps: Vec<Gap>,
    /// Whether a kustomization brings a schema. It says how lists of custom resources merge.
    pub(super) schema: bool,
    /// The fields that the kustomizations below configure for the transformers.
    pub(super) config: Config,
    /// Whether a configuration was not read.
    pub(super) configured_elsewhere: bool,
    /// The variables of the build.
    pub(super) vars: Vec<Var>,
    stack: Vec<usize>,
    visits: usize,
    /// The places that name the components around what is being read, the innermost first. What a component brings
    /// or sets has them in its chain; a base has them later, as part of what names it.
    pub(super) components: Vec<Link>,
}

impl<'r> Session<'r> {
    pub(super) fn new(index: &'r Index<'r>, allowance: &'r Allowance) -> Self {
        Session {
            index,
            allowance,
            dangling: Vec::new(),
            notes: Vec::new(),
            complete: true,
            gaps: Vec::new(),
            schema: false,
            config: Config::default(),
            configured_elsewhere: false,
            vars: Vec::new(),
            stack: Vec::new(),
            visits: 0,
            components: Vec::new(),
        }
    }

    pub(super) fn chains(&self) -> &'r Chains {
        self.index.repo.sources.chains()
    }

    /// The links of what the path at `span` takes in.
    pub(super) fn taken_in(&self, span: Span) -> Vec<Link> {
        let layer = Layer::Include;
        let named = Link { layer, span };
        std::iter::once(named)
            .chain(self.components.iter().copied())
            .collect()
    }

    /// Builds the kustomization `root`.
    pub(super) fn run(&mut self, root: usize) -> Result<Vec<Object>, Failure> {
        let span = self.index.all[root].node.span;
        let mut objects = self.apply(root, Vec::new(), span)?;
        names::follow(self.chains(), &mut objects, &self.config.names);
        self.resolve_vars(&mut objects);
        fields::annotations_are_text(&mut objects);
        self.refuse_doubles(&objects)?;
        Ok(objects)
    }

    /// Takes the making of `size` parts of values.
    pub(super) fn make(&self, size: usize) {
        self.allowance.step(size);
        self.allowance.make(size.saturating_mul(NODE_BYTES));
    }

    /// Stops the build if it takes too much.
    pub(super) fn afford(&self, kustomization: &Kustomization<'_>, span: Span) -> Result<(), Failure> {
        if !self.allowance.is_spent() {
            return Ok(());
        }
        let message = "this build takes too much time or memory and was stopped here, so it was not read; look for \
                       bases, patches and replacements that make copies of each other";
        Err(self.fail(kustomization, span, message.to_owned()))
    }

    pub(super) fn fail(&self, kustomization: &Kustomization<'_>, span: Span, message: String) -> Failure {
        Box::new(Unreadable {
            path: kustomization.path.to_path_buf(),
            span: Some(span),
            message,
        })
    }

    /// Adds what `number` names to `objects` and transforms all of them. A base starts with no objects, a
    /// component with those of the kustomization that names it.
    pub(super) fn apply(
        &mut self,
        number: usize,
        mut objects: Vec<Object>,
        named_at: Span,
    ) -> Result<Vec<Object>, Failure> {
        let index = self.index;
        let mut kustomization = &index.all[number];
        if let Some(start) = self.stack.iter().position(|n| *n == number) {
            let path: Vec<String> = self.stack[start..]
                .iter()
                .chain([&number])
                .map(|n| shown_dir(&index.all[*n].dir))
                .collect();
            let by = self.stack.last().map_or(kustomization, |n| &index.all[*n]);
            return Err(self.fail(
                by,
                named_at,
                format!(
                    "kustomizations name one another in a circle: {}; kustomize refuses to build them",
                    path.join(" -> ")
                ),
            ));
        }
        self.visits += 1;
        self.make(VISIT + objects.len());
        self.afford(kustomization, named_at)?;
        if self.stack.len() >= MAX_DEPTH || self.visits > MAX_VISITS || objects.len() > MAX_OBJECTS {
            let message = format!(
                "bases are nested more than {MAX_DEPTH} deep or name one another too often; this build is not read"
            );
            return Err(self.fail(kustomization, named_at, message));
        }
        if let Some((span, message)) = &kustomization.broken {
            return Err(self.fail(
                kustomization,
                *span,
                format!("{message}; nothing that uses this kustomization can be built"),
            ));
        }
        self.stack.push(number);
        // What a component sets passes through the places that name it.
        let marked = self.of_component(kustomization);
        let marked = marked.as_ref().map(|node| Kustomization {
            node,
            ..kustomization.clone()
        });
        kustomization = marked.as_ref().unwrap_or(kustomization);
        let node = kustomization.node;
        self.schema |= node.get("openapi").is_some_and(|n| !n.is_null());
        self.note_unsupported(kustomization);
        for reference in &kustomization.resources {
            self.resource(kustomization, reference, &mut objects)?;
        }
        self.configure(kustomization);
        self.generate(kustomization, &mut objects);
        self.afford(kustomization, kustomization.node.span)?;
        for document in self.plugins(kustomization, &kustomization.generators, "generators")? {
            self.run_generator(kustomization, &document, &mut objects);
        }
        for reference in &kustomization.components {
            match &reference.target {
                Target::Base(component) => {
                    let inner = self.taken_in(reference.span);
                    let outer = std::mem::replace(&mut self.components, inner);
                    objects = self.apply(*component, objects, reference.span)?;
                    self.components = outer;
                }
                _ => self.unresolved(kustomization, reference)?,
            }
        }
        self.transform(kustomization, &mut objects)?;
        for document in self.plugins(kustomization, &kustomization.transformers, "transformers")? {
            self.run_transformer(kustomization, &document, &mut objects)?;
        }
        self.declare_vars(kustomization, &mut objects);
        self.stack.pop();
        Ok(objects)
    }

    /// The tree of a component with the places that name it in its chains; `None` outside of components.
    fn of_component(&self, kustomization: &Kustomization<'_>) -> Option<Node> {
        if self.components.is_empty() {
            return None;
        }
        let mut node = kustomization.node.clone();
        self.chains().mark(&mut node, &self.components);
        Some(node)
    }

    fn resource(
        &mut self,
        kustomization: &Kustomization<'_>,
        reference: &Reference<'_>,
        objects: &mut Vec<Object>,
    ) -> Result<(), Failure> {
        match &reference.target {
            Target::Base(base) => {
                let outer = std::mem::take(&mut self.components);
                // What a base configures counts for those above it, not for other bases.
                let config = std::mem::take(&mut self.config);
                let mut gathered = self.apply(*base, Vec::new(), reference.span)?;
                let of_base = std::mem::replace(&mut self.config, config);
                self.config.merge(of_base);
                self.components = outer;
                self.allowance.step(gathered.len().saturating_mul(TOUCHED));
                self.afford(kustomization, reference.span)?;
                let nodes = gathered.iter_mut().map(|object| &mut object.node);
                self.chains().mark_all(nodes, &self.taken_in(reference.span));
                objects.extend(gathered);
                Ok(())
            }
            Target::File(path) => self.file(kustomization, reference, path, objects),
            _ => self.unresolved(kustomization, reference),
        }
    }

    fn file(
        &mut self,
        kustomization: &Kustomization<'_>,
        reference: &Reference<'_>,
        path: &Path,
        objects: &mut Vec<Object>,
    ) -> Result<(), Failure> {
        let Some(stream) = self.index.repo.yaml.get(path) else {
            let message = format!(
                "`{}` is no YAML or JSON file, and kustomize takes no other as a resource",
                reference.written
            );
            return Err(self.fail(kustomization, reference.span, message));
        };
        if let Some(error) = stream.errors.first() {
            return Err(Box::new(Unreadable {
                path: path.to_path_buf(),
                span: Some(error.span),
                message: format!("{}; nothing that uses this file can be built", error.message),
            }));
        }
        let before = objects.len();
        self.make(stream.documents.iter().map(size).sum());
        self.afford(kustomization, reference.span)?;
        for document in &stream.documents {
            // A list counts as its items.
            let items = document
                .get("kind")
                .and_then(Node::as_str)
                .filter(|k| k.ends_with("List"))
                .and_then(|_| document.get("items"))
                .filter(|items| matches!(items.value, Value::Seq(_)));
            match items {
                Some(items) => objects.extend(items.items().iter().cloned().map(Object::new)),
                None => objects.push(Object::new(document.clone())),
            }
        }
        let nodes = objects[before..].iter_mut().map(|object| &mut object.node);
        self.chains().mark_all(nodes, &self.taken_in(reference.span));
        Ok(())
    }

    /// A path that leads to nothing that can be built here. Some of them stop the build, others leave a gap.
    pub(super) fn unresolved(
        &mut self,
        kustomization: &Kustomization<'_>,
        reference: &Reference<'_>,
    ) -> Result<(), Failure> {
        let written = reference.written;
        let gap = match &reference.target {
            Target::Remote => format!("`{written}` is remote and was not read; the rest of the build was"),
            Target::Outside => format!("`{written}` was not given and not read"),
            Target::Unread => format!("`{written}` was not read; the rest of the build was"),
            Target::ByDesign => format!("`{written}` is ignored by git, so it is absent here by design"),
            Target::Missing(path) => {
                let dangling = self.index.missing(written, path, reference.span);
                self.dangling.push(dangling);
                let message = format!("`{written}` does not exist, so kustomize cannot build this");
                return Err(self.fail(kustomization, reference.span, message));
            }
            Target::Plain(_) => {
                let message = format!(
                    "`{written}` is a directory without a kustomization, so kustomize cannot build this"
                );
                return Err(self.fail(kustomization, reference.span, message));
            }
            Target::File(_) => {
                let message = format!("`{written}` is a file; a component is a directory");
                return Err(self.fail(kustomization, reference.span, message));
            }
            Target::Base(_) => return Ok(()),
        };
        let brings = match &reference.target {
            Target::Remote => Brings::Remote,
            _ => Brings::Anything,
        };
        // A component and a transformer change what others bring; a resource only adds to it.
        let adds = |references: &[Reference<'_>]| references.iter().any(|r| r.span == reference.span);
        let changes = !(adds(&kustomization.resources) || adds(&kustomization.generators));
        self.gap(kustomization, reference.span, (brings, changes), gap.clone());
        self.note(kustomization, reference.span, gap);
        Ok(())
    }

    /// Remembers that something was not read.
    pub(super) fn gap(
        &mut self,
        kustomization: &Kustomization<'_>,
        span: Span,
        (brings, changes): (Brings, bool),
        reason: String,
    ) {
        self.complete = false;
        let gap = Gap {
            brings,
            changes,
            reason,
            path: kustomization.path.to_path_buf(),
            span,
        };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    pub(super) fn note(&mut self, kustomization: &Kustomization<'_>, span: Span, message: String) {
        self.notes.push(Unreadable {
            path: kustomization.path.to_path_buf(),
            span: Some(span),
            message,
        });
    }

    fn note_unsupported(&mut self, kustomization: &Kustomization<'_>) {
        for field in ["helmCharts", "helmChartInflationGenerator"] {
            if let Some((key, _)) = kustomization
                .node
                .as_map()
                .and_then(|m| m.entry(field))
                .filter(|(_, v)| !v.is_null())
            {
                let message = format!(
                    "`{field}` is not supported: charts are not rendered; their objects are missing from this build"
                );
                self.gap(
                    kustomization,
                    key.span,
                    (Brings::Anything, false),
                    message.clone(),
                );
                self.note(kustomization, key.span, message);
            }
        }
    }

    pub(super) fn transform(
        &mut self,
        kustomization: &Kustomization<'_>,
        objects: &mut Vec<Object>,
    ) -> Result<(), Failure> {
        let (node, chains) = (kustomization.node, self.chains());
        self.patches(kustomization, &["patchesStrategicMerge", "patches"], objects)?;
        // Each transformer looks at each object.
        let transformers = kustomization.node.entries().count();
        self.allowance
            .step(objects.len().saturating_mul(transformers * TOUCHED));
        self.afford(kustomization, kustomization.node.span)?;
        if let Some(namespace) = node
            .get("namespace")
            .filter(|n| n.as_str().is_some_and(|t| !t.is_empty()))
        {
            for object in objects.iter_mut() {
                transform::namespace(chains, object, namespace);
                self.config.set_namespace(chains, object, namespace);
            }
        }
        let text = |key: &str| {
            node.get(key)
                .filter(|n| n.as_str().is_some_and(|t| !t.is_empty()))
        };
        let affixes = (text("namePrefix"), text("nameSuffix"));
        if affixes != (None, None) {
            for object in objects.iter_mut() {
                transform::affix(chains, object, affixes);
                self.config.affix(chains, object, affixes);
            }
        }
        labels(chains, &self.config, node, objects);
        if let Some(pairs) = node.get("commonAnnotations") {
            for object in objects.iter_mut() {
                transform::annotations(chains, object, pairs);
                self.config.put_annotations(chains, object, pairs);
            }
        }
        self.patches(kustomization, &["patchesJson6902"], objects)?;
        self.replicas(node, objects);
        self.images(kustomization, objects);
        self.replace(kustomization, objects);
        self.afford(kustomization, kustomization.node.span)
    }

    fn replicas(&mut self, node: &Node, objects: &mut [Object]) {
        let entries = node.get("replicas").map_or(&[][..], Node::items);
        if entries.is_empty() {
            return;
        }
        let chains = self.chains();
        let by_name = index_names(objects);
        for entry in entries {
            let (Some(name), Some(count)) = (entry.get("name"), entry.get("count")) else {
                continue;
            };
            let wanted = name.as_str().unwrap_or("");
            let mut found = false;
            for at in by_name.get(wanted).into_iter().flatten() {
                found |= transform::replicas(chains, &mut objects[*at], count);
                found |= self.config.set_replicas(chains, &mut objects[*at], count);
            }
            if !found && self.complete && !self.configured_elsewhere {
                let scaled = objects
                    .iter()
                    .filter(|o| o.node.at("spec/template").is_some())
                    .map(Object::name);
                self.dangling.push(Dangling {
                    what: Named::Replicas,
                    name: wanted.to_owned(),
                    span: name.span,
                    nearest: nearest(wanted, scaled).map(str::to_owned),
                    refused: true,
                });
            }
        }
    }

    fn images(&mut self, kustomization: &Kustomization<'_>, objects: &mut [Object]) {
        let entries = kustomization.node.get("images").map_or(&[][..], Node::items);
        if entries.is_empty() {
            return;
        }
        let mut changes = ImageChanges::new(self.chains(), entries);
        for object in objects.iter_mut() {
            changes.apply(&mut object.node);
            self.config.change_images(&mut changes, object);
        }
        // A component changes objects of others, and they need not all be there each time.
        if kustomization.component || !self.complete || self.configured_elsewhere {
            return;
        }
        let unused = changes.unused();
        if unused.is_empty() {
            return;
        }
        let mut known = BTreeSet::new();
        for object in objects.iter() {
            names_in(&object.node, &mut known);
        }
        for name in unused {
            let wanted = name.as_str().unwrap_or("");
            self.dangling.push(Dangling {
                what: Named::Image,
                name: wanted.to_owned(),
                span: name.span,
                nearest: nearest(wanted, known.iter().map(String::as_str)).map(str::to_owned),
                refused: false,
            });
        }
    }

    /// Reports two objects with the same identity: kustomize refuses them.
    fn refuse_doubles(&self, objects: &[Object]) -> Result<(), Failure> {
        let mut seen: HashMap<(&str, &str, &str), Vec<Option<&str>>> = HashMap::default();
        for object in objects.iter().filter(|o| !o.name().is_empty()) {
            let identity = (object.group(), object.kind(), object.name());
            let namespaces = seen.entry(identity).or_default();
            if namespaces
                .iter()
                .any(|ns| same_namespace(*ns, object.namespace()))
            {
                let span = object
                    .node
                    .at("metadata/name")
                    .map_or(object.node.span, |n| n.span);
                let message = format!(
                    "{} `{}` is in this build twice, so kustomize cannot build it",
                    object.kind(),
                    object.name()
                );
                let path = self.index.repo.sources.path(span.file).to_path_buf();
                return Err(Box::new(Unreadable {
                    path,
                    span: Some(span),
                    message,
                }));
            }
            namespaces.push(object.namespace());
        }
        Ok(())
    }
}

fn labels(chains: &Chains, config: &Config, node: &Node, objects: &mut [Object]) {
    let flag = |entry: &Node, key: &str| entry.get(key).and_then(Node::as_bool).unwrap_or(false);
    if let Some(pairs) = node.get("commonLabels") {
        for object in objects.iter_mut() {
            transform::labels(chains, object, pairs, Reach::Selectors);
            config.put_labels(chains, object, pairs, true);
        }
    }
    for entry in node.get("labels").map_or(&[][..], Node::items) {
        let Some(pairs) = entry.get("pairs") else { continue };
        let reach = if flag(entry, "includeSelectors") {
            Reach::Selectors
        } else if flag(entry, "includeTemplates") {
            Reach::Templates
        } else {
            Reach::Metadata
        };
        for object in objects.iter_mut() {
            transform::labels(chains, object, pairs, reach);
            config.put_labels(chains, object, pairs, false);
            match reach {
                Reach::Selectors => config.put_labels(chains, object, pairs, true),
                Reach::Templates => config.put_template_labels(chains, object, pairs),
                Reach::Metadata => {}
            }
            for field in entry.get("fields").map_or(&[][..], Node::items) {
                let kind = field.get("kind").and_then(Node::as_str);
                let path = field.get("path").and_then(Node::as_str);
                if let Some(path) = path.filter(|_| kind.is_none_or(|k| k == object.kind())) {
                    transform::labels_at(chains, object, pairs, path, flag(field, "create"));
                }
            }
        }
    }
}

/// A directory as people read it; the root has a name too.
fn shown_dir(dir: &Path) -> String {
    if dir.as_os_str().is_empty() {
        ".".to_owned()
    } else {
        dir.display().to_string()
    }
}
