//! References by name follow the objects that they name: when a prefix, a suffix or a namespace changes an
//! object, the fields of Kubernetes' own kinds that name it change with it. Custom resources stay as
//! they are, because kustomize does not know their fields, unless a configuration names them.

use super::fields::NameReference;
use super::object::{Object, same_namespace, set};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::{ChainId, Chains, Layer, Link, Span};
use std::sync::Arc;

/// Fields that hold a name, at any depth of an object of Kubernetes' own kinds: the key, the key
/// below it that has the name (empty: the field is the name itself), and the kind of what is named.
const FIELDS: &[(&str, &str, &str)] = &[
    ("configMapRef", "name", "ConfigMap"),
    ("configMapKeyRef", "name", "ConfigMap"),
    ("configMap", "name", "ConfigMap"),
    ("secretRef", "name", "Secret"),
    ("secretKeyRef", "name", "Secret"),
    ("secret", "name", "Secret"),
    ("secret", "secretName", "Secret"),
    ("nodePublishSecretRef", "name", "Secret"),
    ("imagePullSecrets", "name", "Secret"),
    ("secrets", "name", "Secret"),
    ("tls", "secretName", "Secret"),
    ("serviceAccountName", "", "ServiceAccount"),
    ("serviceAccount", "", "ServiceAccount"),
    ("persistentVolumeClaim", "claimName", "PersistentVolumeClaim"),
    ("priorityClassName", "", "PriorityClass"),
    ("storageClassName", "", "StorageClass"),
    ("ingressClassName", "", "IngressClass"),
    ("runtimeClassName", "", "RuntimeClass"),
    ("volumeName", "", "PersistentVolume"),
    ("serviceName", "", "Service"),
    ("service", "name", "Service"),
    ("policyName", "", "ValidatingAdmissionPolicy"),
];

/// Fields that name an object by kind and name.
const BY_KIND: &[&str] = &["scaleTargetRef", "roleRef", "subjects"];

/// Kinds with free content, so that a key in it means nothing.
const FREE_CONTENT: &[&str] = &["ConfigMap", "Secret", "CustomResourceDefinition"];
/// Maps whose keys people choose.
const FREE_KEYS: &[&str] = &["labels", "annotations", "matchLabels", "selector", "nodeSelector"];

/// Objects by kind and any name that they had before.
type Renamed = HashMap<(String, String), Vec<usize>>;

/// The object that refers, as far as it decides which object is meant.
struct Referrer {
    namespaces: Vec<Option<String>>,
    affixes: Vec<(Arc<str>, Arc<str>)>,
}

/// An object after its changes.
struct New {
    name: String,
    /// What its name passed through, its prefixes and suffixes included.
    links: Vec<Link>,
    namespace: Option<String>,
    affixes: Vec<(Arc<str>, Arc<str>)>,
    before: Vec<(Arc<str>, Option<Arc<str>>)>,
}

/// Changes every reference to an object whose name or namespace has changed.
pub(super) fn follow(chains: &Chains, objects: &mut [Object], configured: &[NameReference]) {
    let mut renamed: Renamed = HashMap::default();
    let mut news = Vec::new();
    for object in objects.iter().filter(|o| !o.before.is_empty()) {
        let new = New {
            name: object.name().to_owned(),
            links: (object.node.at("metadata/name")).map_or_else(Vec::new, |name| chains.of(name.span)),
            namespace: object.namespace().map(str::to_owned),
            affixes: object.affixes.clone(),
            before: object.before.clone(),
        };
        let mut names: Vec<&str> = object.before.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let key = (object.kind().to_owned(), name.to_owned());
            renamed.entry(key).or_default().push(news.len());
        }
        news.push(new);
    }
    if renamed.is_empty() {
        return;
    }
    for object in objects.iter_mut() {
        let walked = object.is_built_in() && !FREE_CONTENT.contains(&object.kind());
        let fields = configured.iter().flat_map(|reference| {
            let fields = reference
                .fields
                .iter()
                .map(|field| (reference.kind.as_str(), field));
            fields.filter(|(_, field)| field.is_for(object))
        });
        let fields: Vec<_> = fields.collect();
        if !walked && fields.is_empty() {
            continue;
        }
        let referrer = Referrer {
            namespaces: object.identities().map(|(_, ns)| ns.map(str::to_owned)).collect(),
            affixes: object.affixes.clone(),
        };
        let lookup = Lookup {
            chains,
            renamed: &renamed,
            news: &news,
            referrer: &referrer,
        };
        if walked {
            walk(&mut object.node, &lookup);
        }
        for (kind, field) in fields {
            let span = object.node.span;
            field.each(object, span, &mut |slot| {
                let below = if slot.as_map().is_some() { "name" } else { "" };
                rename(slot, below, kind, &lookup);
            });
        }
    }
}

struct Lookup<'a> {
    chains: &'a Chains,
    renamed: &'a Renamed,
    news: &'a [New],
    referrer: &'a Referrer,
}

impl Lookup<'_> {
    /// The span of a reference that follows `new`: what changed the name changed the reference as well.
    fn followed(&self, span: Span, new: &New) -> Span {
        let changes = |link: &&Link| link.layer == Layer::Change;
        let others = new.links.iter().filter(|link| !changes(link));
        if others.eq(&self.chains.of(span)) {
            // Both came the same way, so the changes stand at the same places between.
            let written = Span {
                chain: ChainId::NONE,
                ..span
            };
            return self.chains.extended(written, &new.links);
        }
        let changes: Vec<Link> = new.links.iter().filter(changes).copied().collect();
        self.chains.extended(span, &changes)
    }

    /// The object of `kind` that `name` meant when it was written; `namespace` where the reference has one.
    fn find(&self, kind: &str, name: &str, namespace: Option<&str>) -> Option<&New> {
        let candidates = self.renamed.get(&(kind.to_owned(), name.to_owned()))?;
        let fits = |new: &&New| {
            new.before
                .iter()
                .filter(|(n, _)| &**n == name)
                .any(|(_, ns)| match namespace {
                    Some(written) => same_namespace(ns.as_deref(), Some(written)),
                    None => self
                        .referrer
                        .namespaces
                        .iter()
                        .any(|own| same_namespace(ns.as_deref(), own.as_deref())),
                })
        };
        let mut fitting = candidates.iter().map(|i| &self.news[*i]).filter(fits);
        let first = fitting.next();
        let others: Vec<&New> = fitting.collect();
        if others.is_empty() {
            // Where only one object has the name, it is meant, if it has no namespace.
            return first.or_else(|| match candidates[..] {
                [only] if namespace.is_none() && self.news[only].namespace.is_none() => {
                    Some(&self.news[only])
                }
                _ => None,
            });
        }
        // The same base is used twice: the copy with the same prefixes as the referrer is meant.
        let mut alike = first
            .into_iter()
            .chain(others)
            .filter(|new| new.affixes == self.referrer.affixes);
        match (alike.next(), alike.next()) {
            (Some(new), None) => Some(new),
            _ => None,
        }
    }
}

fn walk(node: &mut Node, lookup: &Lookup<'_>) {
    match &mut node.value {
        Value::Map(map) => {
            for (key, value) in map.iter_mut() {
                if FREE_KEYS.contains(&&*key.text) {
                    continue;
                }
                for (field, below, kind) in FIELDS {
                    if **field == *key.text {
                        rename(value, below, kind, lookup);
                    }
                }
                if BY_KIND.contains(&&*key.text) {
                    rename_by_kind(value, lookup);
                }
                walk(value, lookup);
            }
        }
        Value::Seq(items) => items.iter_mut().for_each(|item| walk(item, lookup)),
        _ => {}
    }
}

fn rename(value: &mut Node, below: &str, kind: &str, lookup: &Lookup<'_>) {
    if let Value::Seq(items) = &mut value.value {
        for item in items {
            if matches!(item.value, Value::Map(_)) {
                rename(item, below, kind, lookup);
            }
        }
        return;
    }
    let namespace = if below.is_empty() {
        None
    } else {
        value.get("namespace").and_then(Node::as_str).map(str::to_owned)
    };
    let slot = if below.is_empty() {
        Some(&mut *value)
    } else {
        value.as_map_mut().and_then(|m| m.get_mut(below))
    };
    let Some(slot) = slot else { return };
    let Some(name) = slot.as_str() else { return };
    let Some(new) = lookup.find(kind, name, namespace.as_deref()) else {
        return;
    };
    *slot = Node::text(&new.name, lookup.followed(slot.span, new));
    move_namespace(value, namespace, new);
}

fn rename_by_kind(value: &mut Node, lookup: &Lookup<'_>) {
    if let Value::Seq(items) = &mut value.value {
        items.iter_mut().for_each(|item| rename_by_kind(item, lookup));
        return;
    }
    let text = |key: &str| value.get(key).and_then(Node::as_str).map(str::to_owned);
    let (Some(kind), Some(name)) = (text("kind"), text("name")) else {
        return;
    };
    let namespace = text("namespace");
    let Some(new) = lookup.find(&kind, &name, namespace.as_deref()) else {
        return;
    };
    if let Some(slot) = value.as_map_mut().and_then(|m| m.get_mut("name")) {
        *slot = Node::text(&new.name, lookup.followed(slot.span, new));
    }
    if kind == "ServiceAccount"
        && let (None, Some(own)) = (&namespace, &new.namespace)
        && let span = value.span
        && let Some(map) = value.as_map_mut()
    {
        // A subject without a namespace gets the account's.
        set(map, "namespace", Node::text(own, span));
        return;
    }
    move_namespace(value, namespace, new);
}

/// A reference that names a namespace follows into the new one.
fn move_namespace(value: &mut Node, written: Option<String>, new: &New) {
    if let (Some(_), Some(namespace)) = (written, &new.namespace)
        && let Some(map) = value.as_map_mut()
        && let Some(span) = map.get("namespace").map(|n| n.span)
    {
        set(map, "namespace", Node::text(namespace, span));
    }
}
