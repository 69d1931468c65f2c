//! Kustomize's own transformers and generators where they are configured in files of their own (`transformers`,
//! `generators`) instead of in fields of the kustomization. Each does what its field does. What others wrote (functions
//! in containers, programs) is not run, and what it could change or bring is kept as a gap.

use super::Brings;
use super::build::{Failure, Session};
use super::load::{Kustomization, Reference, Target};
use super::object::Object;
use super::over::put_into;
use super::transform;
use cofferdam_syntax::Chains;
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use cofferdam_syntax::yaml;
use std::borrow::Cow;

/// Generators of others that only bring secrets.
const OF_SECRETS: &[&str] = &["ksops", "SopsSecretGenerator", "SopsSecret", "SecretsFromVault"];

/// Paths that a configuration of a builtin names, as seen from the kustomization that lists it.
pub(super) fn named_files(document: &Node) -> Vec<&str> {
    if !is_builtin(document) {
        return Vec::new();
    }
    let lists = ["paths", "files", "envs"].into_iter();
    let lists = lists.flat_map(|key| document.get(key).map_or(&[][..], Node::items));
    let single = ["path", "env"].into_iter().filter_map(|key| document.get(key));
    let of_replacements = document.get("replacements").map_or(&[][..], Node::items);
    let of_replacements = of_replacements.iter().filter_map(|r| r.get("path"));
    let all = lists.chain(single).chain(of_replacements);
    all.filter_map(Node::as_str)
        .map(|written| written.split_once('=').map_or(written, |(_, path)| path))
        .collect()
}

fn is_builtin(document: &Node) -> bool {
    document.get("apiVersion").and_then(Node::as_str) == Some("builtin")
}

fn kind_of(document: &Node) -> &str {
    document.get("kind").and_then(Node::as_str).unwrap_or("")
}

impl<'r> Session<'r> {
    /// The configurations that `references` and the texts of `field` are.
    pub(super) fn plugins(
        &mut self,
        kustomization: &Kustomization<'_>,
        references: &[Reference<'_>],
        field: &str,
    ) -> Result<Vec<Cow<'r, Node>>, Failure> {
        let mut documents = Vec::new();
        for reference in references {
            match &reference.target {
                Target::File(_) => {
                    documents.extend(self.index.documents_of(reference).iter().map(Cow::Borrowed));
                }
                Target::Base(base) => {
                    let outer = std::mem::take(&mut self.components);
                    let objects = self.apply(*base, Vec::new(), reference.span)?;
                    self.components = outer;
                    documents.extend(objects.into_iter().map(|object| Cow::Owned(object.node)));
                }
                _ => self.unresolved(kustomization, reference)?,
            }
        }
        let file_text = self.index.repo.text(kustomization.path).unwrap_or("");
        for item in kustomization.node.get(field).map_or(&[][..], Node::items) {
            if item.as_str().is_some_and(|text| text.contains('\n')) {
                let stream = yaml::parse_embedded(item, file_text, self.chains()).unwrap_or_default();
                documents.extend(stream.documents.into_iter().map(Cow::Owned));
            }
        }
        Ok(documents)
    }

    /// Adds what a generator makes.
    pub(super) fn run_generator(
        &mut self,
        kustomization: &Kustomization<'_>,
        document: &Node,
        objects: &mut Vec<Object>,
    ) {
        let kind = kind_of(document);
        let made = match kind {
            "ConfigMapGenerator" => "ConfigMap",
            "SecretGenerator" => "Secret",
            _ => "",
        };
        if is_builtin(document) && !made.is_empty() {
            let entry = entry_of(document);
            self.generate_one(kustomization, made, &entry, objects);
            return;
        }
        let (brings, what) = match kind {
            _ if OF_SECRETS.contains(&kind) => (Brings::Secrets, "the secrets that it makes are not here"),
            _ => (Brings::Anything, "its objects are missing from this build"),
        };
        let reason = format!("the generator `{kind}` is not run; {what}");
        self.gap(kustomization, document.span, (brings, false), reason.clone());
        self.note(kustomization, document.span, reason);
    }

    /// Changes the objects as a transformer does.
    pub(super) fn run_transformer(
        &mut self,
        kustomization: &Kustomization<'_>,
        document: &Node,
        objects: &mut Vec<Object>,
    ) -> Result<(), Failure> {
        let kind = kind_of(document);
        if is_builtin(document) {
            if is_transformed_here(self.chains(), document, objects) {
                return Ok(());
            }
            if let Some(fields) = fields_of(document) {
                let alone = Kustomization {
                    path: kustomization.path,
                    dir: kustomization.dir.clone(),
                    node: &fields,
                    component: kustomization.component,
                    broken: None,
                    resources: Vec::new(),
                    components: Vec::new(),
                    generators: Vec::new(),
                    transformers: Vec::new(),
                };
                return self.transform(&alone, objects);
            }
        }
        let reason = format!("the transformer `{kind}` is not run; what it changes is read as it was");
        self.gap(
            kustomization,
            document.span,
            (Brings::Anything, true),
            reason.clone(),
        );
        self.note(kustomization, document.span, reason);
        Ok(())
    }
}

/// Applies a transformer that names the fields that it reaches. Returns whether it is one.
fn is_transformed_here(chains: &Chains, document: &Node, objects: &mut [Object]) -> bool {
    let pairs = match kind_of(document) {
        "LabelTransformer" => document.get("labels"),
        "AnnotationsTransformer" => document.get("annotations"),
        "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" => {
            affix(chains, document, objects);
            return true;
        }
        "NamespaceTransformer" => {
            namespace(chains, document, objects);
            return true;
        }
        // The hash on generated names is left out everywhere.
        "HashTransformer" => return true,
        _ => return false,
    };
    let Some(pairs) = pairs else { return true };
    for field in document.get("fieldSpecs").map_or(&[][..], Node::items) {
        let Some(path) = field.get("path").and_then(Node::as_str) else {
            continue;
        };
        let create = field.get("create").and_then(Node::as_bool).unwrap_or(false);
        for object in objects.iter_mut().filter(|object| reaches(field, object)) {
            transform::labels_at(chains, object, pairs, path, create);
        }
    }
    true
}

/// Whether a field specification is for objects like this one.
fn reaches(field: &Node, object: &Object) -> bool {
    let is = |key: &str, own: &str| {
        let wanted = field.get(key).and_then(Node::as_str).unwrap_or("");
        wanted.is_empty() || wanted == own
    };
    is("kind", object.kind()) && is("group", object.group())
}

fn affix(chains: &Chains, document: &Node, objects: &mut [Object]) {
    let text = |key: &str| {
        document
            .get(key)
            .filter(|n| n.as_str().is_some_and(|t| !t.is_empty()))
    };
    let affixes = (text("prefix"), text("suffix"));
    let fields = document.get("fieldSpecs").map_or(&[][..], Node::items);
    let of_names: Vec<&Node> = fields
        .iter()
        .filter(|field| field.get("path").and_then(Node::as_str) == Some("metadata/name"))
        .collect();
    for object in objects {
        if of_names.iter().any(|field| reaches(field, object)) {
            transform::affix(chains, object, affixes);
        }
    }
}

fn namespace(chains: &Chains, document: &Node, objects: &mut [Object]) {
    let Some(namespace) = document.at("metadata/namespace") else {
        return;
    };
    let only_unset = document.get("unsetOnly").and_then(Node::as_bool).unwrap_or(false);
    for object in objects {
        match only_unset {
            true => put_into(&mut object.node, namespace),
            false => transform::namespace(chains, object, namespace),
        }
    }
}

/// A transformer as the fields of a kustomization that do the same.
fn fields_of(document: &Node) -> Option<Node> {
    let span = document.span;
    let list = |items: Vec<Node>| Node {
        span,
        value: Value::Seq(items),
    };
    let own = |key: &str| document.get(key).cloned();
    let (field, value) = match kind_of(document) {
        "ImageTagTransformer" => ("images", list(own("imageTag").into_iter().collect())),
        "ReplicaCountTransformer" => ("replicas", list(own("replica").into_iter().collect())),
        "PatchTransformer" => ("patches", list(vec![document.clone()])),
        "PatchJson6902Transformer" => {
            let mut entry = document.clone();
            if let (Some(map), Some(operations)) = (entry.as_map_mut(), own("jsonOp")) {
                map.insert(key("patch", &operations), operations);
            }
            ("patchesJson6902", list(vec![entry]))
        }
        "PatchStrategicMergeTransformer" => {
            let mut all: Vec<Node> = document.get("paths").map_or(&[][..], Node::items).to_vec();
            // A text of several patches.
            all.extend(own("patches").into_iter().map(|text| Node {
                span: text.span,
                value: Value::Map(Map::from_iter([(key("patch", &text), text)])),
            }));
            ("patchesStrategicMerge", list(all))
        }
        "ReplacementTransformer" => ("replacements", own("replacements")?),
        _ => return None,
    };
    let map = Map::from_iter([(key(field, &value), value)]);
    Some(Node {
        span,
        value: Value::Map(map),
    })
}

/// A generator as an entry of the field that does the same: its name stands in its metadata.
fn entry_of(document: &Node) -> Node {
    let mut entry = document.clone();
    for field in ["name", "namespace"] {
        if let (Some(map), Some(value)) = (entry.as_map_mut(), document.at(&format!("metadata/{field}"))) {
            map.insert(key(field, value), value.clone());
        }
    }
    entry
}

fn key(text: &str, value: &Node) -> Key {
    Key {
        text: text.into(),
        span: value.span,
    }
}

#[cfg(test)]
mod tests {
    use crate::kustomize::{Brings, Build, Built, build};
    use cofferdam_syntax::repo::Repo;
    use cofferdam_syntax::tree::Node;
    use std::path::PathBuf;

    const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'r.io/web:1'}]}\n";

    /// One overlay with a field and more files beside it.
    fn built(field: &str, more: &[(&str, &str)]) -> Built {
        let kustomization = format!("resources: [web.yaml]\n{field}\n");
        let mut files = vec![
            ("k/kustomization.yaml", kustomization.as_str()),
            ("k/web.yaml", WEB),
        ];
        files.extend(more);
        let files = files.into_iter();
        build(&Repo::from_files(files.map(|(path, text)| {
            (PathBuf::from(path), text.as_bytes().to_vec())
        })))
    }

    fn only(built: &Built) -> &Build {
        assert_eq!(built.builds.len(), 1, "{:?}", built.builds);
        assert!(built.builds[0].failed.is_none(), "{:?}", built.builds[0].failed);
        &built.builds[0]
    }

    fn at<'n>(build: &'n Build, kind: &str, path: &str) -> Option<&'n str> {
        let is_kind = |o: &&Node| o.get("kind").and_then(Node::as_str) == Some(kind);
        build.objects.iter().find(is_kind)?.at(path)?.as_str()
    }

    #[test]
    fn transformers_in_files_act_like_the_fields() {
        let image = "spec/template/spec/containers/0/image";
        for (configuration, path, wanted) in [
            (
                "kind: LabelTransformer\nmetadata: {name: x}\nlabels: {env: prod}\nfieldSpecs: [{path: metadata/labels, create: true}]",
                "metadata/labels/env",
                Some("prod"),
            ),
            (
                "kind: LabelTransformer\nmetadata: {name: x}\nlabels: {env: prod}\nfieldSpecs: [{path: spec/template/metadata/labels, kind: StatefulSet}]",
                "spec/template/metadata/labels/env",
                None,
            ),
            (
                "kind: AnnotationsTransformer\nmetadata: {name: x}\nannotations: {team: a}\nfieldSpecs: [{path: metadata/annotations, create: true}]",
                "metadata/annotations/team",
                Some("a"),
            ),
            (
                "kind: NamespaceTransformer\nmetadata: {name: x, namespace: shop}\nfieldSpecs: [{path: metadata/namespace, create: true}]",
                "metadata/namespace",
                Some("shop"),
            ),
            (
                "kind: NamespaceTransformer\nmetadata: {name: x, namespace: shop}\nunsetOnly: true",
                "metadata/namespace",
                Some("shop"),
            ),
            (
                "kind: PrefixTransformer\nmetadata: {name: x}\nprefix: eu-\nfieldSpecs: [{path: metadata/name}]",
                "metadata/name",
                Some("eu-web"),
            ),
            (
                "kind: SuffixTransformer\nmetadata: {name: x}\nsuffix: -2\nfieldSpecs: [{path: metadata/name}]",
                "metadata/name",
                Some("web-2"),
            ),
            (
                "kind: ImageTagTransformer\nmetadata: {name: x}\nimageTag: {name: r.io/web, newTag: '7'}",
                image,
                Some("r.io/web:7"),
            ),
            (
                "kind: ReplicaCountTransformer\nmetadata: {name: x}\nreplica: {name: web, count: 3}\nfieldSpecs: [{path: spec/replicas, create: true, kind: Deployment}]",
                "spec/replicas",
                Some("3"),
            ),
            (
                "kind: PatchTransformer\nmetadata: {name: x}\ntarget: {name: web}\npatch: |-\n  - {op: replace, path: /spec/replicas, value: 4}",
                "spec/replicas",
                Some("4"),
            ),
            (
                "kind: PatchTransformer\nmetadata: {name: x}\npath: patch.yaml",
                "spec/replicas",
                Some("9"),
            ),
            (
                "kind: PatchStrategicMergeTransformer\nmetadata: {name: x}\npaths: [patch.yaml]",
                "spec/replicas",
                Some("9"),
            ),
            (
                "kind: PatchJson6902Transformer\nmetadata: {name: x}\ntarget: {kind: Deployment, name: web}\njsonOp: '[{\"op\": \"replace\", \"path\": \"/spec/replicas\", \"value\": 5}]'",
                "spec/replicas",
                Some("5"),
            ),
            (
                "kind: ReplacementTransformer\nmetadata: {name: x}\nreplacements: [{source: {kind: Deployment, fieldPath: metadata.name}, targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.metadata.labels.app]}]}]",
                "spec/template/metadata/labels/app",
                Some("web"),
            ),
        ] {
            let configuration = format!("apiVersion: builtin\n{configuration}\n");
            let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 9}\n";
            let files = [("k/t.yaml", configuration.as_str()), ("k/patch.yaml", patch)];
            let built = built("transformers: [t.yaml]", &files);
            let build = only(&built);
            let found = match path.strip_suffix("/0/image") {
                Some(containers) => build.objects[0]
                    .at(containers)
                    .and_then(|list| list.items()[0].get("image")?.as_str()),
                None => at(build, "Deployment", path),
            };
            assert_eq!(found, wanted, "{configuration}");
            assert!(
                build.complete && build.gaps.is_empty() && built.notes.is_empty(),
                "{configuration}"
            );
            assert!(
                configuration.contains("patch.yaml")
                    == built.consumed.contains(&PathBuf::from("k/patch.yaml"))
            );
        }
    }

    #[test]
    fn generators_in_files_act_like_the_fields() {
        let configuration = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: conf}\nliterals: [A=1]\n---\napiVersion: builtin\nkind: SecretGenerator\nmetadata: {name: key, namespace: shop}\nfiles: [key.txt]\n";
        let files = [("k/g.yaml", configuration), ("k/key.txt", "abc")];
        let built = built("generators: [g.yaml]", &files);
        let build = only(&built);
        assert_eq!(at(build, "ConfigMap", "metadata/name"), Some("conf"));
        assert_eq!(at(build, "ConfigMap", "data/A"), Some("1"));
        assert_eq!(at(build, "Secret", "metadata/namespace"), Some("shop"));
        assert!(build.complete && build.generated.len() == 2);
    }

    #[test]
    fn transformer_configurations_may_be_inline_or_built() {
        let inline = "transformers:\n  - |-\n    apiVersion: builtin\n    kind: ReplicaCountTransformer\n    metadata: {name: x}\n    replica: {name: web, count: 3}";
        assert_eq!(
            at(only(&built(inline, &[])), "Deployment", "spec/replicas"),
            Some("3")
        );
        let files = [
            ("k/t/kustomization.yaml", "resources: [t.yaml]\n"),
            (
                "k/t/t.yaml",
                "apiVersion: builtin\nkind: ReplicaCountTransformer\nmetadata: {name: x}\nreplica: {name: web, count: 3}\n",
            ),
        ];
        // The directory of configurations is no deployment of its own.
        assert_eq!(
            at(
                only(&built("transformers: [t]", &files)),
                "Deployment",
                "spec/replicas"
            ),
            Some("3")
        );
    }

    #[test]
    fn plugins_of_others_leave_a_gap_that_lists_their_possible_effects() {
        let other = |kind: &str| format!("apiVersion: example.com/v1\nkind: {kind}\nmetadata: {{name: x}}\n");
        for (field, kind, brings, changes) in [
            ("transformers: [p.yaml]", "SetAll", Brings::Anything, true),
            ("generators: [p.yaml]", "MakeAll", Brings::Anything, false),
            ("generators: [p.yaml]", "ksops", Brings::Secrets, false),
        ] {
            let built = built(field, &[("k/p.yaml", &other(kind))]);
            let build = only(&built);
            assert_eq!(build.objects.len(), 1);
            let gaps: Vec<_> = build.gaps.iter().map(|g| (g.brings, g.changes)).collect();
            assert_eq!((gaps, build.complete), (vec![(brings, changes)], false), "{kind}");
            assert!(built.notes[0].message.contains(kind), "{:?}", built.notes);
        }
        let remote = built("components: ['https://example.com/c?ref=1']", &[]);
        assert!(only(&remote).gaps[0].changes);
        let remote = built("resources: [web.yaml, 'https://example.com/r?ref=1']", &[]);
        assert!(!only(&remote).gaps[0].changes);
    }
}
