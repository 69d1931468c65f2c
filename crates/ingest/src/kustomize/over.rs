//! What an Argo CD application lays over a build (`source.kustomize`): images and numbers of replicas, as
//! `kustomize edit` would write them into the kustomization before it is built.

use super::Build;
use super::images::ImageChanges;
use super::object::Object;
use super::transform;
use crate::image::parse_image;
use crate::tree::{Key, Map, Node, Value};
use cofferdam_model::Span;

/// Changes the objects of `build` as `kustomize` (the section of an application) says.
pub fn lay_over(build: &mut Build, kustomize: &Node) {
    let entries: Vec<Node> = kustomize
        .get("images")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(entry)
        .collect();
    let mut images = ImageChanges::new(&entries);
    let counts: Vec<(&str, &Node)> = kustomize
        .get("replicas")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(|item| Some((item.get("name")?.as_str()?, item.get("count")?)))
        .collect();
    for node in &mut build.objects {
        images.apply(node);
        let mut object = Object::new(std::mem::replace(node, Node::plain("", node.span)));
        if let Some((_, count)) = counts.iter().find(|(name, _)| *name == object.name()) {
            transform::replicas(&mut object, count);
        }
        *node = object.node;
    }
}

/// `old=new:tag`, `name:tag` or `name@digest` as an entry of `images`.
fn entry(node: &Node) -> Option<Node> {
    let text = node.as_str().filter(|t| !t.is_empty() && !t.contains("{{"))?;
    let (old, new) = match text.split_once('=') {
        Some((old, new)) => (parse_image(old).name(), new),
        None => (parse_image(text).name(), text),
    };
    let image = parse_image(new);
    let mut map = Map::default();
    let mut put = |key: &str, text: &str| map.insert(named(key, node.span), Node::text(text, node.span));
    put("name", &old);
    put("newName", &image.name());
    if let Some(tag) = &image.tag {
        put("newTag", tag);
    }
    if let Some(digest) = &image.digest {
        put("digest", digest);
    }
    Some(Node {
        span: node.span,
        value: Value::Map(map),
    })
}

fn named(text: &str, span: Span) -> Key {
    Key {
        text: text.into(),
        span,
    }
}

#[cfg(test)]
mod tests {
    use crate::pipeline::read_files;

    #[test]
    fn an_application_sets_images_and_replicas_of_what_it_deploys() {
        let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n  source:\n    repoURL: git\n    path: k8s/overlays/prod\n    kustomize:\n      images: ['web=r.io/team/web:9', 'r.io/other:3']\n      replicas: [{name: web, count: 20}]\n";
        let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n  template: {spec: {containers: [{name: c, image: web}, {name: d, image: 'r.io/other:1'}]}}\n";
        let files = [
            ("apps/a.yaml", app),
            ("k8s/overlays/prod/kustomization.yaml", "resources: [web.yaml]\n"),
            ("k8s/overlays/prod/web.yaml", web),
        ];
        let platform = read_files(files.map(|(p, t)| (p.into(), t.as_bytes().to_vec())));
        let workload = &platform.environments[0].workloads[0];
        assert_eq!(workload.replicas.as_ref().unwrap().value, 20);
        let place = workload.replicas.as_ref().unwrap().span().unwrap();
        assert_eq!(platform.sources.text(place), "20");
        let images: Vec<(String, Option<String>)> = workload
            .containers
            .iter()
            .filter_map(|c| c.image.as_ref())
            .map(|i| (i.repository.clone(), i.tag.as_ref().map(|t| t.value.clone())))
            .collect();
        assert_eq!(images[0].1.as_deref(), Some("9"));
        assert!(images[0].0.ends_with("team/web"), "{images:?}");
        assert_eq!(images[1].1.as_deref(), Some("3"));
    }
}
