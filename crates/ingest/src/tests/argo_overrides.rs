//! What an Argo application overrides in the kustomization that it deploys.

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
