//! What Flux puts into the objects that it deploys: the variables of a Kustomization's `postBuild` take the place of
//! `${name}` in every text. Source: Flux's documentation of the Kustomization, "Post build variable substitution".

use cofferdam_syntax::expand::{Expansion, Known, name_length};
use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::{Node, Scalar, Style, Value};
use cofferdam_syntax::{Chains, Layer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Objects with this label or annotation are left as they are.
const OPT_OUT: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// The variables of the directories that Flux deploys.
#[derive(Debug, Default)]
pub struct Flux {
    by_directory: BTreeMap<PathBuf, Variables>,
}

/// What is known of the variables of one directory.
#[derive(Debug, Clone, Default)]
struct Variables {
    /// Whether texts are changed at all.
    substitutes: bool,
    /// The values; `None` where Kustomizations of one directory set different ones.
    values: BTreeMap<String, Option<Node>>,
    /// Whether other variables may be set by what is not read: a ConfigMap or a Secret in the cluster, a patch.
    open: bool,
}

/// Reads the Kustomizations of Flux.
pub fn read(repo: &Repo) -> Flux {
    let of_flux = |node: &&Node| {
        let api = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
        api.starts_with("kustomize.toolkit.fluxcd.io/")
    };
    let documents = || {
        repo.yaml
            .values()
            .flat_map(|stream| &stream.documents)
            .filter(of_flux)
    };
    // One Kustomization may patch the others, so that each of them substitutes.
    let are_patched = documents().any(|node| {
        let patches = node.at("spec/patches").map_or(&[][..], Node::items);
        let texts = patches.iter().filter_map(|patch| patch.get("patch")?.as_str());
        texts.into_iter().any(|text| text.contains("postBuild"))
    });
    let mut flux = Flux::default();
    for node in documents() {
        let Some(path) = node.at("spec/path").and_then(Node::as_str) else {
            continue;
        };
        let directory = normalise(Path::new(path.trim_start_matches('/')));
        let own = of_kustomization(node, are_patched);
        match flux.by_directory.get_mut(&directory) {
            Some(known) => known.join(own),
            None => drop(flux.by_directory.insert(directory, own)),
        }
    }
    flux
}

fn of_kustomization(node: &Node, are_patched: bool) -> Variables {
    let section = node.at("spec/postBuild").filter(|section| !section.is_null());
    let given = section.and_then(|section| section.get("substitute"));
    let from = section.and_then(|section| section.get("substituteFrom"));
    Variables {
        substitutes: section.is_some() || are_patched,
        values: (given.into_iter().flat_map(Node::entries))
            .map(|(key, value)| (key.text.to_string(), Some(value.clone())))
            .collect(),
        open: are_patched || from.is_some_and(|from| !from.items().is_empty()),
    }
}

impl Variables {
    /// Those of another Kustomization of the same directory: what the two do not agree on is not known.
    fn join(&mut self, other: Variables) {
        let text = |node: &Option<Node>| node.as_ref().and_then(Node::as_str).map(str::to_owned);
        let names: Vec<String> = self.values.keys().chain(other.values.keys()).cloned().collect();
        for name in names {
            let own = self.values.get(&name).and_then(text);
            if own.is_none() || own != other.values.get(&name).and_then(text) {
                self.values.insert(name, None);
            }
        }
        self.open |= other.open || self.substitutes != other.substitutes;
        self.substitutes |= other.substitutes;
    }

    /// A text with the values of its variables; `None` if one of them is not known.
    fn filled(&self, text: &str) -> Option<String> {
        let value = |name: &str| match self.values.get(name) {
            Some(value) => (value.as_ref().and_then(Node::as_str)).map_or(Known::Unknown, Known::Set),
            None if self.open => Known::Unknown,
            None => Known::Unset,
        };
        Expansion {
            value: &value,
            bare: false,
            defaults: "-=",
            unset: Some(""),
            keeps: false,
        }
        .of(text)
    }

    /// The value whose place is that of a text which is one variable and nothing else.
    fn only(&self, text: &str) -> Option<&Node> {
        let inside = text.strip_prefix("${")?.strip_suffix('}')?;
        self.values.get(&inside[..name_length(inside)])?.as_ref()
    }

    fn put_into(&self, chains: &Chains, node: &mut Node) {
        match &mut node.value {
            Value::Map(map) => map.iter_mut().for_each(|(_, below)| self.put_into(chains, below)),
            Value::Seq(items) => items.iter_mut().for_each(|below| self.put_into(chains, below)),
            Value::Scalar(scalar) if scalar.text.contains("${") => {
                let (written, style) = (scalar.text.clone(), scalar.style);
                node.value = match self.filled(&written) {
                    None => Value::Unknown("a variable that Flux fills in".into()),
                    Some(text) if text.is_empty() && style == Style::Plain => Value::Null,
                    Some(text) => {
                        let value = self.only(&written).filter(|value| value.as_str() == Some(&text));
                        if let Some(value) = value {
                            node.span = chains.through(value.span, Layer::Reference, node.span);
                        }
                        let text = text.into();
                        Value::Scalar(Scalar { text, style })
                    }
                };
            }
            _ => {}
        }
    }
}

impl Flux {
    /// The directories that Kustomizations of Flux deploy, in order.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.by_directory.keys().map(PathBuf::as_path)
    }

    /// Whether a Kustomization of Flux deploys this directory.
    pub fn deploys(&self, directory: &Path) -> bool {
        self.by_directory.contains_key(directory)
    }

    /// The variables of what lies in a directory: those of the nearest directory that Flux deploys.
    fn of(&self, directory: &Path) -> Option<&Variables> {
        let mut above = directory.ancestors();
        let found = above.find_map(|above| self.by_directory.get(above));
        found.filter(|variables| variables.substitutes)
    }

    /// Whether texts of what lies in a directory are changed.
    pub fn fills(&self, directory: &Path) -> bool {
        self.of(directory).is_some()
    }

    /// Puts the variables of a directory into objects that are built there.
    pub fn fill(&self, chains: &Chains, directory: &Path, objects: &mut [Node]) {
        let Some(variables) = self.of(directory) else {
            return;
        };
        for object in objects {
            let has = |section: &str| {
                let value = object
                    .get("metadata")
                    .and_then(|m| m.get(section)?.get(OPT_OUT)?.as_str());
                value == Some("disabled")
            };
            if !has("labels") && !has("annotations") {
                variables.put_into(chains, object);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the object in `dir` after Flux has filled it: `?` is one that is not known.
    fn filled(kustomizations: &[&str], dir: &str, object: &str) -> Vec<String> {
        let text = kustomizations
            .iter()
            .map(|spec| {
                format!("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {spec}\n")
            })
            .collect::<Vec<_>>()
            .join("---\n");
        let path = format!("{dir}/object.yaml");
        let repo = Repo::from_texts(&[("clusters/main.yaml", text.as_str()), (path.as_str(), object)]);
        let flux = read(&repo);
        let mut objects = repo.yaml[Path::new(&path)].documents.clone();
        flux.fill(repo.sources.chains(), Path::new(dir), &mut objects);
        let shown = |node: &Node| match &node.value {
            Value::Unknown(_) => "?".to_owned(),
            Value::Null => "null".to_owned(),
            _ => node.as_str().unwrap_or("-").to_owned(),
        };
        objects[0].entries().map(|(_, value)| shown(value)).collect()
    }

    #[test]
    fn known_variables_take_their_place_and_others_are_not_known() {
        let own = "{path: ./apps/web, postBuild: {substitute: {count: '3', name: web}}}";
        let object = "a: ${count}\nb: x-${name}-y\nc: ${other}\nd: ${other:=7}\ne: $${count}\nf: ${name:0:1}\ng: ${name:-z}\n";
        assert_eq!(
            filled(&[own], "apps/web", object),
            ["3", "x-web-y", "null", "7", "${count}", "?", "web"]
        );
        let open = "{path: apps/web, postBuild: {substitute: {count: '3'}, substituteFrom: [{kind: Secret, name: s}]}}";
        assert_eq!(filled(&[open], "apps/web", object)[..4], ["3", "?", "?", "?"]);
    }

    #[test]
    fn without_a_section_nothing_is_filled_in() {
        let object = "a: ${count}\n";
        assert_eq!(filled(&["{path: ./apps}"], "apps/web", object), ["${count}"]);
        assert_eq!(
            filled(
                &["{path: ./other, postBuild: {substitute: {count: '3'}}}"],
                "apps/web",
                object
            ),
            ["${count}"]
        );
        let disabled =
            "a: ${count}\nmetadata: {labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}}\n";
        let own = "{path: ./apps, postBuild: {substitute: {count: '3'}}}";
        assert_eq!(filled(&[own], "apps/web", disabled)[0], "${count}");
        assert_eq!(filled(&[own], "apps/web", object), ["3"]);
    }

    #[test]
    fn what_two_kustomizations_set_differently_is_not_known() {
        let of = |count: u32| {
            format!("{{path: ./apps, postBuild: {{substitute: {{count: '{count}', same: x}}}}}}")
        };
        let object = "a: ${count}\nb: ${same}\n";
        assert_eq!(filled(&[&of(1), &of(1)], "apps", object), ["1", "x"]);
        assert_eq!(filled(&[&of(1), &of(2)], "apps", object), ["?", "x"]);
        // A patch of the cluster's Kustomization may give variables to all.
        let patched = "{path: ./clusters, patches: [{patch: 'spec: {postBuild: {substituteFrom: []}}'}]}";
        assert_eq!(filled(&[patched, "{path: ./apps}"], "apps", object), ["?", "?"]);
    }
}
