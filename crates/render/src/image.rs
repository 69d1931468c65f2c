//! Names of container images: as one text, or as `{repository, tag}` pairs in
//! values of charts, Argo applications and custom resources. No defaults are added: an image without a
//! registry has none here, although a runtime would ask its default registry.

use cofferdam_syntax::tree::{Node, Value};
use cofferdam_syntax::{Span, Spanned};
use std::fmt;

/// The parts of an image's name as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ImageName {
    /// Host of the registry with its port (`localhost:5000`), where written.
    pub registry: Option<String>,
    /// Path without registry, tag and digest (`library/nginx`).
    pub repository: String,
    /// Tag, without its `:`.
    pub tag: Option<String>,
    /// Digest with its algorithm (`sha256:…`), without its `@`.
    pub digest: Option<String>,
}

impl ImageName {
    /// Registry and path, without tag and digest.
    pub fn name(&self) -> String {
        match &self.registry {
            Some(registry) => format!("{registry}/{}", self.repository),
            None => self.repository.clone(),
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Splits an image's name. Any text is accepted, because a rule says what a registry would refuse. An
/// empty part counts as absent. The first component is a registry if it has a dot or a
/// port, or is `localhost` (the rule of the distribution reference grammar).
pub fn parse_image(text: &str) -> ImageName {
    let text = text.trim();
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let after_slash = rest.rfind('/').map_or(0, |i| i + 1);
    let (path, tag) = match rest[after_slash..].rfind(':') {
        Some(colon) => (
            &rest[..after_slash + colon],
            Some(&rest[after_slash + colon + 1..]),
        ),
        None => (rest, None),
    };
    let (registry, repository) = match path.split_once('/') {
        Some((host, below)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), below),
        _ => (None, path),
    };
    let present = |part: Option<&str>| part.map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned);
    ImageName {
        registry: present(registry),
        repository: repository.trim().to_owned(),
        tag: present(tag),
        digest: present(digest),
    }
}

/// An image that a tree names, as one text or in parts.
#[derive(Debug, Clone, PartialEq)]
pub struct ImagePair {
    /// Keys from the root to the place, joined by `.`: `web.image`. Items of a list count from 0.
    pub path: String,
    /// The name that the parts give.
    pub image: ImageName,
    /// Where the repository is written.
    pub repository: Spanned<String>,
    /// The tag, where one is written.
    pub tag: Option<Spanned<String>>,
    /// The digest, where one is written.
    pub digest: Option<Spanned<String>>,
    /// The whole place.
    pub span: Span,
}

/// Every image named anywhere in `root`: maps with `repository` and at least one of `tag`, `digest`,
/// `registry` (in any case and spelling, also under a key that ends in `image`), and texts under a key
/// `image`. Values that cannot be known are left out. In the order written.
pub fn image_pairs(root: &Node) -> Vec<ImagePair> {
    let mut found = Vec::new();
    walk(root, &mut Vec::new(), &mut found);
    found
}

fn walk(node: &Node, path: &mut Vec<String>, found: &mut Vec<ImagePair>) {
    match &node.value {
        Value::Map(map) => {
            if let Some(pair) = pair(node, path) {
                found.push(pair);
            }
            for (key, value) in map.iter() {
                path.push(key.text.to_string());
                if is_image_key(&key.text)
                    && let Some(text) = value.as_str().filter(|t| !t.trim().is_empty())
                    && !has_part(node)
                {
                    found.push(whole(text, value.span, path));
                }
                walk(value, path, found);
                path.pop();
            }
        }
        Value::Seq(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                walk(item, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

fn is_image_key(key: &str) -> bool {
    cofferdam_syntax::tree::folds_to(key, "image")
}

/// Whether a map gives its image in parts (`image: nginx` beside `tag: "1.27"`).
fn has_part(map: &Node) -> bool {
    ["tag", "imagetag", "digest", "imagedigest"]
        .iter()
        .any(|part| map.like(part).is_some())
}

fn whole(text: &str, span: Span, path: &[String]) -> ImagePair {
    let image = parse_image(text);
    let fact = |part: &Option<String>| part.clone().map(|p| Spanned::new(p, span));
    ImagePair {
        path: path.join("."),
        repository: Spanned::new(image.name(), span),
        tag: fact(&image.tag),
        digest: fact(&image.digest),
        image,
        span,
    }
}

fn pair(map: &Node, path: &[String]) -> Option<ImagePair> {
    let under_image = path
        .last()
        .is_some_and(|key| cofferdam_syntax::tree::fold(key).ends_with("image"));
    let (key, repository) = map.like_any(&["repository", "imagerepository", "image", "imagename"])?;
    let text = |node: &Node| {
        node.as_str()
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    let written = text(repository)?;
    let part = |names: &[&str]| {
        let (_, node) = map.like_any(names)?;
        Some(Spanned::new(text(node)?, node.span))
    };
    let tag = part(&["tag", "imagetag"]);
    let digest = part(&["digest", "imagedigest"]);
    let registry = part(&["registry", "imageregistry"]);
    let named_parts = tag.is_some() || digest.is_some() || registry.is_some();
    let has_parts = named_parts || has_part(map);
    // `repository` alone is an image only if its path says so: a chart's dependency has that key too.
    let repository_only = cofferdam_syntax::tree::folds_to(&key.text, "repository") && under_image;
    if !(has_parts || repository_only) || written.contains("://") {
        return None;
    }
    let mut image = parse_image(&written);
    if let Some(registry) = &registry
        && image.registry.is_none()
    {
        image.registry = Some(registry.value.trim_end_matches('/').to_owned());
    }
    if let Some(tag) = &tag {
        image.tag = Some(tag.value.clone());
    }
    if let Some(digest) = &digest {
        image.digest = Some(digest.value.clone());
    }
    Some(ImagePair {
        path: path.join("."),
        repository: Spanned::new(image.name(), repository.span),
        tag: tag.or_else(|| image.tag.clone().map(|t| Spanned::new(t, repository.span))),
        digest: digest.or_else(|| image.digest.clone().map(|d| Spanned::new(d, repository.span))),
        image,
        span: map.span,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;
    use proptest::prelude::*;

    fn parts(text: &str) -> [Option<String>; 4] {
        let i = parse_image(text);
        [i.registry, Some(i.repository), i.tag, i.digest]
    }

    fn expect(parts: [Option<&str>; 4]) -> [Option<String>; 4] {
        parts.map(|p| p.map(str::to_owned))
    }

    #[test]
    fn names_are_split_and_nothing_is_invented() {
        let table = [
            ("nginx", [None, Some("nginx"), None, None]),
            ("nginx:1.27", [None, Some("nginx"), Some("1.27"), None]),
            ("library/nginx:1", [None, Some("library/nginx"), Some("1"), None]),
            ("docker.io/nginx", [Some("docker.io"), Some("nginx"), None, None]),
            (
                "localhost:5000/a",
                [Some("localhost:5000"), Some("a"), None, None],
            ),
            ("localhost/a:b", [Some("localhost"), Some("a"), Some("b"), None]),
            ("a@sha256:00ff", [None, Some("a"), None, Some("sha256:00ff")]),
            (
                "a:1@sha256:00ff",
                [None, Some("a"), Some("1"), Some("sha256:00ff")],
            ),
            (
                "r.example:8443/x/y:1.2@sha256:aa",
                [
                    Some("r.example:8443"),
                    Some("x/y"),
                    Some("1.2"),
                    Some("sha256:aa"),
                ],
            ),
            (" a:1 ", [None, Some("a"), Some("1"), None]),
            ("a:", [None, Some("a"), None, None]),
            ("", [None, Some(""), None, None]),
        ];
        for (text, wanted) in table {
            assert_eq!(parts(text), expect(wanted), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_printed_as_written() {
        for text in ["nginx", "r.io/x/y:1@sha256:aa", "localhost:5000/a:b"] {
            assert_eq!(parse_image(text).to_string(), text);
        }
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        let stream = yaml::parse(text, FileId(0), 0);
        image_pairs(&stream.documents[0])
            .into_iter()
            .map(|p| (p.path, p.image.to_string()))
            .collect()
    }

    #[test]
    fn pairs_are_found_at_any_depth() {
        let found = pairs(
            "image: {repository: r.io/web, tag: \"1.0\"}\nsidecars:\n  - imageRepository: log\n    imageTag: latest\n\
             proxy: {image: {registry: q.io, repository: envoy, digest: 'sha256:aa'}}\njob: {image: 'busybox:1'}\n\
             side: {image: nginx, tag: v2}\n",
        );
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            found,
            [
                ("image", "r.io/web:1.0"),
                ("sidecars.0", "log:latest"),
                ("proxy.image", "q.io/envoy@sha256:aa"),
                ("job.image", "busybox:1"),
                ("side", "nginx:v2"),
            ]
        );
    }

    #[test]
    fn an_empty_tag_is_absent_and_other_repositories_are_not_images() {
        assert_eq!(
            pairs(
                "image: {repository: web, tag: \"\"}\ndependency: {name: redis, repository: stable}\n\
                   chart: {repository: 'https://charts.example', tag: x}\n"
            ),
            [("image".to_owned(), "web".to_owned())]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics_and_printing_reads_back(text in "[a-z0-9:/@.é -]{0,40}") {
            let image = parse_image(&text);
            let again = parse_image(&image.to_string());
            // Blanks at the ends do not belong to a name.
            let plain = image.repository.trim() == image.repository;
            if plain && !image.repository.contains([':', '@']) && !image.repository.starts_with('/') && image.registry.is_some() {
                prop_assert_eq!(image, again);
            }
        }
    }
}
