//! The `images` entries of a kustomization: new names, tags and digests for the images of containers. A
//! changed image is at the place of the entry, because a person would change it there again.

use crate::image::parse_image;
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::tree::{Node, Scalar, Style, Value};
use cofferdam_syntax::{Chains, Layer, Span};
use std::collections::BTreeSet;

/// All entries, by the name that each looks for.
#[derive(Debug)]
pub(super) struct ImageChanges<'r> {
    chains: &'r Chains,
    changes: Vec<ImageChange<'r>>,
    by_name: HashMap<&'r str, Vec<usize>>,
}

#[derive(Debug)]
struct ImageChange<'r> {
    /// The name that it looks for, without tag and digest.
    name: &'r Node,
    new_name: Option<&'r Node>,
    new_tag: Option<&'r Node>,
    digest: Option<&'r Node>,
    tag_suffix: Option<&'r Node>,
    used: bool,
}

impl<'r> ImageChanges<'r> {
    /// Reads the entries; those without a name are left out.
    pub(super) fn new(chains: &'r Chains, entries: &'r [Node]) -> Self {
        let mut all = ImageChanges {
            chains,
            changes: Vec::new(),
            by_name: HashMap::default(),
        };
        for entry in entries {
            let some = |key: &str| {
                entry
                    .get(key)
                    .filter(|n| n.as_str().is_some_and(|t| !t.is_empty()))
            };
            let Some(name) = some("name") else { continue };
            let Some(text) = name.as_str() else { continue };
            all.by_name.entry(text).or_default().push(all.changes.len());
            all.changes.push(ImageChange {
                name,
                new_name: some("newName"),
                new_tag: some("newTag"),
                digest: some("digest"),
                tag_suffix: some("tagSuffix"),
                used: false,
            });
        }
        all
    }

    /// Names of the entries that matched no image.
    pub(super) fn unused(&self) -> Vec<&'r Node> {
        self.changes.iter().filter(|c| !c.used).map(|c| c.name).collect()
    }

    /// Changes the images of every container in `node`, at any depth, as kustomize does for any kind.
    pub(super) fn apply(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::Map(map) => {
                for (key, value) in map.iter_mut() {
                    if matches!(&*key.text, "containers" | "initContainers")
                        && let Value::Seq(containers) = &mut value.value
                    {
                        for container in containers {
                            if let Some(image) = container.as_map_mut().and_then(|m| m.get_mut("image")) {
                                self.change(image);
                            }
                        }
                    } else {
                        self.apply(value);
                    }
                }
            }
            Value::Seq(items) => items.iter_mut().for_each(|item| self.apply(item)),
            _ => {}
        }
    }

    /// Applies the entries in their order; a later one may change what an earlier one made.
    pub(super) fn change(&mut self, image: &mut Node) {
        let mut next = 0;
        while let Some(text) = image.as_str() {
            let name = parse_image(text).name();
            let fitting = self.by_name.get(name.as_str());
            let Some(at) = fitting.and_then(|all| all.iter().copied().find(|at| *at >= next)) else {
                return;
            };
            self.changes[at].used = true;
            *image = self.changes[at].changed(self.chains, text, image.span);
            next = at + 1;
        }
    }
}

impl<'r> ImageChange<'r> {
    /// The new image for `text`, at the place of the entry's field that decides it.
    fn changed(&self, chains: &Chains, text: &str, span: Span) -> Node {
        let image = parse_image(text);
        let text_of = |node: Option<&'r Node>| node.and_then(Node::as_str);
        let mut name = text_of(self.new_name).map_or_else(|| image.name(), str::to_owned);
        let (mut tag, mut digest) = (image.tag.as_deref(), image.digest.as_deref());
        // A new tag or digest replaces both the old tag and the old digest.
        if self.new_tag.is_some() || self.digest.is_some() {
            (tag, digest) = (text_of(self.new_tag), text_of(self.digest));
        }
        if let Some(tag) = tag {
            name.push(':');
            name.push_str(tag);
            name.push_str(text_of(self.tag_suffix).unwrap_or(""));
        }
        if let Some(digest) = digest {
            name.push('@');
            name.push_str(digest);
        }
        let span = match (self.new_tag.or(self.digest).or(self.new_name), self.tag_suffix) {
            (Some(place), _) => chains.over(place.span, span),
            (None, Some(suffix)) => chains.through(span, Layer::Change, suffix.span),
            (None, None) => span,
        };
        Node {
            span,
            value: Value::Scalar(Scalar {
                text: name.into(),
                style: Style::Quoted,
            }),
        }
    }
}

/// Names of all images in a tree.
pub(super) fn names_in(node: &Node, known: &mut BTreeSet<String>) {
    match &node.value {
        Value::Map(map) => {
            for (key, value) in map.iter() {
                if *key.text == *"image"
                    && let Some(text) = value.as_str()
                {
                    known.insert(parse_image(text).name());
                }
                names_in(value, known);
            }
        }
        Value::Seq(items) => items.iter().for_each(|item| names_in(item, known)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;

    fn tree(text: &str, file: u32) -> Node {
        yaml::parse(text, FileId(file), 0)
            .documents
            .into_iter()
            .next()
            .unwrap()
    }

    fn changed(entries: &Node, image: &str) -> Node {
        let mut pod = tree(&format!("spec: {{containers: [{{image: \"{image}\"}}]}}"), 0);
        let chains = Chains::default();
        ImageChanges::new(&chains, entries.items()).apply(&mut pod);
        let containers = pod.at("spec/containers").unwrap().items();
        containers[0].get("image").unwrap().clone()
    }

    #[test]
    fn images_change_by_their_entries() {
        for (entries, before, after) in [
            ("[{name: nginx, newTag: '2'}]", "nginx", "nginx:2"),
            ("[{name: nginx, newTag: '2'}]", "nginx:1", "nginx:2"),
            ("[{name: nginx, newTag: '2'}]", "nginx@sha256:aa", "nginx:2"),
            ("[{name: nginx, newTag: '2'}]", "my/nginx:1", "my/nginx:1"),
            ("[{name: nginx, newName: r.io/nginx}]", "nginx:1", "r.io/nginx:1"),
            (
                "[{name: nginx, digest: 'sha256:bb'}]",
                "nginx:1",
                "nginx@sha256:bb",
            ),
            (
                "[{name: nginx, newTag: '2', digest: 'sha256:bb'}]",
                "nginx:1",
                "nginx:2@sha256:bb",
            ),
            (
                "[{name: 'r.io:5000/a', newName: b, newTag: '3'}]",
                "r.io:5000/a:1",
                "b:3",
            ),
            ("[{name: nginx, tagSuffix: -x}]", "nginx:1", "nginx:1-x"),
            // An entry sees the results of those before it, and no entry is used twice.
            ("[{name: a, newName: b}, {name: b, newName: c}]", "a", "c"),
            ("[{name: b, newName: c}, {name: a, newName: b}]", "a", "b"),
            ("[{name: a, newName: a}]", "a", "a"),
        ] {
            let entries = tree(entries, 1);
            assert_eq!(changed(&entries, before).as_str(), Some(after), "{entries:?}");
        }
    }

    #[test]
    fn a_changed_image_has_the_location_of_its_new_tag() {
        let entries = tree("[{name: nginx, newName: x, newTag: '2'}]", 1);
        let tag = entries.items()[0].get("newTag").unwrap();
        assert_eq!(changed(&entries, "nginx").span, tag.span);
    }
}
