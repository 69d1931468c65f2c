//! Patches: which objects an entry changes, and how. An entry that matches no object is kept as a
//! dangling name, because kustomize either stops there or, worse, ignores it without a word.

use super::build::{Failure, Session};
use super::load::{Kustomization, Target};
use super::object::Object;
use super::select::{Selector, names_object};
use super::{Brings, Dangling, Named, merge};
use crate::measure::{size, widest};
use cofferdam_syntax::Span;
use cofferdam_syntax::nearest::nearest;
use cofferdam_syntax::repo::Unreadable;
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::yaml;
use std::collections::HashMap;

/// Parts of values that take as much work as it takes to find and change one object, about.
const APPLIED: usize = 4;

/// A patch entry.
struct Patch {
    target: Option<Selector>,
    documents: Vec<Node>,
    span: Span,
    of_component: bool,
    /// Whether it may change the name.
    rename: bool,
    /// Whether it may change the kind.
    rekind: bool,
}

impl<'r> Session<'r> {
    /// Applies the patches of these fields, in order.
    pub(super) fn patches(
        &mut self,
        kustomization: &Kustomization<'_>,
        fields: &[&str],
        objects: &mut Vec<Object>,
    ) -> Result<(), Failure> {
        let mut by_name: Option<HashMap<String, Vec<usize>>> = None;
        for field in fields {
            for entry in kustomization.node.get(field).map_or(&[][..], Node::items) {
                let patch = self.patch(kustomization, entry)?;
                for document in &patch.documents {
                    let by_name = by_name.get_or_insert_with(|| index_names(objects));
                    self.allowance.step(objects.len());
                    let chosen = self.chosen(&patch, document, objects, by_name);
                    for at in chosen {
                        self.charge(document, &objects[at]);
                        self.afford(kustomization, entry.span)?;
                        self.patch_object(&patch, document, &mut objects[at]);
                        // A JSON patch may rename; later patches then know the object by both names.
                        let named = by_name.entry(objects[at].name().to_owned()).or_default();
                        if !named.contains(&at) {
                            named.push(at);
                        }
                    }
                }
            }
        }
        // What a patch deleted is null.
        objects.retain(|object| !object.node.is_null());
        Ok(())
    }

    /// Reads a patch entry: a path or a text, with or without a target.
    fn patch(&mut self, kustomization: &Kustomization<'_>, entry: &Node) -> Result<Patch, Failure> {
        let allows = |option: &str| {
            entry
                .get("options")
                .and_then(|o| o.get(option))
                .and_then(Node::as_bool)
                .unwrap_or(false)
        };
        let mut patch = Patch {
            target: entry.get("target").map(Selector::new),
            documents: Vec::new(),
            span: entry.span,
            of_component: kustomization.component,
            rename: allows("allowNameChange"),
            rekind: allows("allowKindChange"),
        };
        // An entry of `patchesStrategicMerge` is a path or the patch itself.
        let (path, inline) = match entry.as_str() {
            Some(text) if text.contains('\n') || text.trim_start().starts_with('{') => (None, Some(entry)),
            Some(_) => (Some(entry), None),
            None => (entry.get("path"), entry.get("patch")),
        };
        if let Some(path) = path {
            patch.documents = self.patch_file(kustomization, path)?.to_vec();
            self.make(patch.documents.iter().map(size).sum());
            let links = self.taken_in(path.span);
            self.chains().mark_all(patch.documents.iter_mut(), &links);
        } else if let Some(inline) = inline {
            // The text is read again in each build.
            self.allowance.step(inline.as_str().map_or(0, str::len) / 4);
            self.afford(kustomization, inline.span)?;
            let file_text = self.index.repo.text(kustomization.path).unwrap_or("");
            let stream = yaml::parse_embedded(inline, file_text, self.chains()).unwrap_or_default();
            if let Some(error) = stream.errors.first() {
                let message = format!(
                    "{}; this patch cannot be read, so nothing is built",
                    error.message
                );
                return Err(self.fail(kustomization, error.span, message));
            }
            patch.documents = stream.documents;
        }
        Ok(patch)
    }

    fn patch_file(&mut self, kustomization: &Kustomization<'_>, path: &Node) -> Result<&'r [Node], Failure> {
        let written = path.as_str().unwrap_or("");
        match self.index.resolve(&kustomization.dir, written) {
            Target::File(file) => {
                let Some(stream) = self.index.repo.yaml.get(&file) else {
                    let message = format!("`{written}` is no YAML or JSON file");
                    return Err(self.fail(kustomization, path.span, message));
                };
                if let Some(error) = stream.errors.first() {
                    return Err(Box::new(Unreadable {
                        path: file,
                        span: Some(error.span),
                        message: format!("{}; nothing that uses this patch can be built", error.message),
                    }));
                }
                Ok(&stream.documents)
            }
            Target::Missing(file) => {
                let dangling = self.index.missing(written, &file, path.span);
                self.dangling.push(dangling);
                let message = format!("`{written}` does not exist, so kustomize cannot build this");
                Err(self.fail(kustomization, path.span, message))
            }
            _ => {
                let reason = format!("the patch `{written}` was not read; the rest of the build was");
                self.gap(kustomization, path.span, (Brings::Changes, true), reason.clone());
                self.note(kustomization, path.span, reason);
                Ok(&[])
            }
        }
    }

    /// Which objects a patch document changes; reported when there is none.
    fn chosen(
        &mut self,
        patch: &Patch,
        document: &Node,
        objects: &[Object],
        by_name: &HashMap<String, Vec<usize>>,
    ) -> Vec<usize> {
        let fits = |at: &usize| {
            !objects[*at].node.is_null()
                && match &patch.target {
                    Some(selector) => selector.matches(&objects[*at]),
                    None => names_object(document, &objects[*at]),
                }
        };
        let name = match &patch.target {
            Some(selector) => selector.literal_name(),
            None => Some(document.at("metadata/name").and_then(Node::as_str).unwrap_or("")),
        };
        let chosen: Vec<usize> = match name {
            Some(name) => {
                let named = by_name.get(name).map_or(&[][..], Vec::as_slice);
                named.iter().copied().filter(fits).collect()
            }
            None => (0..objects.len()).filter(fits).collect(),
        };
        if chosen.is_empty() {
            match &patch.target {
                // A component serves any kustomization that uses it, and a selector without a name
                // matches whatever exists. Neither names something that has to exist.
                Some(selector) if patch.of_component || !selector.names_one => {}
                Some(selector) => {
                    self.unmatched(Named::PatchTarget, selector.shown.clone(), selector, objects);
                }
                None => self.unmatched_patch(document, patch.span, objects),
            }
        }
        chosen
    }

    /// Reports a selector that matches nothing.
    pub(super) fn unmatched(&mut self, what: Named, shown: String, selector: &Selector, objects: &[Object]) {
        if self.complete {
            let likely = selector
                .literal_name()
                .and_then(|name| nearest(name, objects.iter().map(Object::name)));
            self.dangling.push(Dangling {
                what,
                name: shown,
                span: selector.span,
                nearest: likely.map(str::to_owned),
                // kustomize ignores a patch or a replacement whose target matches nothing. It refuses a patch without a target,
                // and a replacement without a source.
                refused: !matches!(what, Named::PatchTarget | Named::ReplacementTarget),
            });
        }
    }

    fn unmatched_patch(&mut self, document: &Node, entry: Span, objects: &[Object]) {
        let text = |key: &str| document.get(key).and_then(Node::as_str).unwrap_or("");
        let name = document.at("metadata/name");
        let wanted = name.and_then(Node::as_str).unwrap_or("");
        if self.complete {
            let alike = objects
                .iter()
                .filter(|o| o.kind() == text("kind"))
                .map(Object::name);
            self.dangling.push(Dangling {
                what: Named::PatchedObject,
                name: format!("{} {wanted}", text("kind")).trim().to_owned(),
                span: name.map_or(entry, |n| n.span),
                nearest: nearest(wanted, alike).map(str::to_owned),
                refused: true,
            });
        }
    }

    /// Takes what it costs to change an object.
    fn charge(&self, document: &Node, object: &Object) {
        const LARGE: usize = 256;
        let size = size(document);
        // Each entry is searched for among those of the object.
        let among = if size > LARGE {
            widest(&object.node) / 64
        } else {
            0
        };
        self.make(APPLIED + size);
        self.allowance.step(size.saturating_mul(among));
    }

    /// Changes one object; an object that the patch deletes becomes null.
    fn patch_object(&mut self, patch: &Patch, document: &Node, object: &mut Object) {
        if let Value::Seq(operations) = &document.value {
            object.remember();
            let with = (self.chains(), self.allowance);
            for operation in operations {
                if self.allowance.is_spent() {
                    return;
                }
                if let Err(refused) = super::json_patch::apply(with, &mut object.node, operation) {
                    self.dangling.push(Dangling {
                        what: Named::PatchPath,
                        name: refused.path,
                        span: refused.span,
                        nearest: None,
                        refused: true,
                    });
                }
            }
            if object
                .before
                .last()
                .is_some_and(|(name, ns)| **name == *object.name() && ns.as_deref() == object.namespace())
            {
                object.before.pop();
            }
            return;
        }
        let kept = ["kind", "apiVersion"].map(|key| object.node.get(key).cloned());
        let name = object.node.at("metadata/name").cloned();
        let namespace = object.node.at("metadata/namespace").cloned();
        if patch.rename {
            object.remember();
        }
        let keyed = object.is_built_in() || self.schema;
        if merge::strategic(self.chains(), &mut object.node, document, keyed) == merge::Outcome::Deleted {
            object.node.value = Value::Null;
            return;
        }
        if !patch.rekind
            && let Some(map) = object.node.as_map_mut()
        {
            for (key, value) in ["kind", "apiVersion"].into_iter().zip(kept) {
                if let Some(value) = value {
                    super::object::set(map, key, value);
                }
            }
        }
        if let (Some(name), false) = (name, patch.rename) {
            object.set_name(name);
        }
        if let Some(namespace) = namespace {
            object.set_metadata("namespace", namespace);
        }
    }
}

/// Places of the objects by every name that they have or had.
pub(super) fn index_names(objects: &[Object]) -> HashMap<String, Vec<usize>> {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, object) in objects.iter().enumerate() {
        for name in object.names() {
            let all = by_name.entry(name.to_owned()).or_default();
            if all.last() != Some(&at) {
                all.push(at);
            }
        }
    }
    by_name
}
