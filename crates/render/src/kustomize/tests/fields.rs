//! Fields that a kustomization configures itself, variables, and what becomes text. The expected values are those
//! that `kubectl kustomize` 5.5 printed.

use super::{build, object, repo, text};
use crate::kustomize::{Brings, Build, Built};
use cofferdam_syntax::tree::{Scalar, Style, Value};

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n";
const VARS: &str = "vars:\n- {name: SVC, objref: {kind: Service, name: web, apiVersion: v1}}\n- {name: NS, objref: {kind: Service, name: web, apiVersion: v1}, fieldref: {fieldpath: metadata.namespace}}\n- {name: PORT, objref: {kind: Service, name: web, apiVersion: v1}, fieldref: {fieldpath: 'spec.ports[0].port'}}\n";

fn built(kustomization: &str, config: &str, objects: &str) -> Built {
    let kustomization = format!("resources: [svc.yaml, a.yaml]\nconfigurations: [c.yaml]\n{kustomization}");
    build(&repo(&[
        ("k/kustomization.yaml", kustomization.as_str()),
        ("k/c.yaml", config),
        ("k/svc.yaml", SERVICE),
        ("k/a.yaml", objects),
    ]))
}

fn only(built: &Built) -> &Build {
    assert_eq!(built.builds.len(), 1);
    assert!(built.builds[0].failed.is_none(), "{:?}", built.builds[0].failed);
    &built.builds[0]
}

#[test]
fn variables_are_replaced_in_the_fields_that_are_known_or_configured() {
    let built = built(
        &format!("namePrefix: pre-\nnamespace: shop\n{VARS}"),
        "varReference:\n- {kind: VirtualService, path: spec/http/route/destination/host}\n- {kind: VirtualService, path: spec/port}\n- {kind: VirtualService, path: 'data/a\\/b'}\n",
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, annotations: {at: '$(SVC).$(NS)'}}\nspec: {http: [{route: [{destination: {host: $(SVC).$(NS).svc.cluster.local}}]}], port: $(PORT), other: $(SVC)}\ndata: {a/b: $(SVC)}\n",
    );
    let route = object(only(&built), "VirtualService");
    let http = &route.at("spec/http").unwrap().items()[0];
    let destination = &http.get("route").unwrap().items()[0];
    assert_eq!(
        text(destination, "destination/host"),
        "pre-web.shop.svc.cluster.local"
    );
    assert_eq!(text(route, "metadata/annotations/at"), "pre-web.shop");
    assert_eq!(
        route.at("data").unwrap().get("a/b").unwrap().as_str(),
        Some("pre-web")
    );
    let port = route.at("spec/port").unwrap();
    assert!(matches!(&port.value, Value::Scalar(Scalar { text, style: Style::Plain }) if **text == *"80"));
    let other = route.at("spec/other").unwrap();
    assert!(matches!(other.value, Value::Unknown(_)), "{other:?}");
    assert!(built.notes.is_empty(), "{:?}", built.notes);
}

#[test]
fn a_variable_without_a_known_value_leaves_unknown_text() {
    for objref in [
        "{kind: Service, name: elsewhere, apiVersion: v1}",
        "{kind: Service, name: web, apiVersion: v1, namespace: x}",
    ] {
        let built = built(
            &format!("vars: [{{name: GONE, objref: {objref}}}]\n"),
            "{}",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: a, args: [$(GONE), $(OWN), plain]}]}}}\n",
        );
        let deployment = object(only(&built), "Deployment");
        let args = deployment.at("spec/template/spec/containers").unwrap().items()[0]
            .get("args")
            .unwrap()
            .items();
        assert!(matches!(args[0].value, Value::Unknown(_)));
        // Kubernetes itself fills in what no kustomization declares.
        assert_eq!(
            (args[1].as_str(), args[2].as_str()),
            (Some("$(OWN)"), Some("plain"))
        );
        assert_eq!(built.notes.len(), 1, "{:?}", built.notes);
    }
}

#[test]
fn a_variable_of_a_base_has_the_name_that_the_overlay_gives() {
    let base = format!("resources: [svc.yaml, a.yaml]\n{VARS}");
    let repo = repo(&[
        ("base/kustomization.yaml", base.as_str()),
        ("base/svc.yaml", SERVICE),
        (
            "base/a.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: a, args: ['--to=$(SVC).$(NS)', '$$(SVC)']}]}}}\n",
        ),
        (
            "over/kustomization.yaml",
            "resources: [../base]\nnameSuffix: -eu\nnamespace: shop\n",
        ),
    ]);
    let built = build(&repo);
    let deployment = object(only(&built), "Deployment");
    let args = deployment.at("spec/template/spec/containers").unwrap().items()[0]
        .get("args")
        .unwrap()
        .items();
    assert_eq!(args[0].as_str(), Some("--to=web-eu.shop"));
    assert!(repo.sources.chains().of(args[0].span).len() > 1);
}

#[test]
fn configured_fields_are_changed_like_those_that_are_known() {
    let config = "nameReference:\n- {kind: Service, fieldSpecs: [{kind: Foo, path: spec/svc}, {kind: Foo, path: spec/refs/name}]}\nnamePrefix: [{kind: Foo, path: spec/pre}]\nnamespace: [{kind: Foo, path: spec/ns, create: true}, {kind: Bar, path: spec/ns, create: true}]\nimages: [{kind: Foo, path: spec/runner/image}]\nreplicas: [{kind: Foo, path: spec/size, create: true}]\ncommonLabels: [{kind: Foo, path: spec/selector, create: true}]\ncommonAnnotations: [{group: other.io, kind: Foo, path: spec/notes, create: true}]\n";
    let built = built(
        "namePrefix: pre-\nnamespace: shop\ncommonLabels: {app: z}\ncommonAnnotations: {x: '1'}\nimages: [{name: nginx, newTag: '2'}]\nreplicas: [{name: foo, count: 3}]\n",
        config,
        "apiVersion: x.io/v1\nkind: Foo\nmetadata: {name: foo}\nspec: {svc: web, refs: [{name: web}, {name: other}], pre: abc, runner: {image: 'nginx:1'}}\n---\napiVersion: x.io/v1\nkind: Baz\nmetadata: {name: baz}\nspec: {svc: web}\n",
    );
    let foo = object(only(&built), "Foo");
    for (path, wanted) in [
        ("spec/svc", "pre-web"),
        ("spec/pre", "pre-abc"),
        ("spec/ns", "shop"),
        ("spec/runner/image", "nginx:2"),
        ("spec/size", "3"),
        ("spec/selector/app", "z"),
    ] {
        assert_eq!(text(foo, path), wanted, "{path}");
    }
    let refs = foo.at("spec/refs").unwrap().items();
    let names: Vec<_> = refs.iter().map(|r| text(r, "name")).collect();
    assert_eq!(names, ["pre-web", "other"]);
    assert!(foo.at("spec/notes").is_none(), "of another group");
    assert_eq!(text(object(only(&built), "Baz"), "spec/svc"), "web");
    assert!(built.dangling.is_empty() && only(&built).complete);
}

#[test]
fn the_services_of_definitions_and_apis_follow_the_namespace() {
    let built = built(
        "namespace: shop\n",
        "{}",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.x}\nspec: {conversion: {webhook: {clientConfig: {service: {name: q, namespace: x}}}}}\n---\napiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.x}\nspec: {service: {name: a, namespace: b}}\n",
    );
    let definition = object(only(&built), "CustomResourceDefinition");
    let path = "spec/conversion/webhook/clientConfig/service/namespace";
    assert_eq!(text(definition, path), "shop");
    assert_eq!(
        text(object(only(&built), "APIService"), "spec/service/namespace"),
        "shop"
    );
}

#[test]
fn a_configuration_of_a_base_counts_above_it_and_not_beside_it() {
    let foo = |name: &str| {
        format!("apiVersion: x.io/v1\nkind: Foo{name}\nmetadata: {{name: foo}}\nspec: {{ns: old}}\n")
    };
    let (a, b, c) = (foo("A"), foo("B"), foo("C"));
    let config = ["A", "B", "C"]
        .map(|kind| format!("- {{kind: Foo{kind}, path: spec/ns}}\n"))
        .concat();
    let config = format!("namespace:\n{config}");
    let built = build(&repo(&[
        (
            "a/kustomization.yaml",
            "resources: [o.yaml]\nconfigurations: [c.yaml]\n",
        ),
        ("a/c.yaml", config.as_str()),
        ("a/o.yaml", a.as_str()),
        ("b/kustomization.yaml", "resources: [o.yaml]\nnamespace: of-b\n"),
        ("b/o.yaml", b.as_str()),
        (
            "over/kustomization.yaml",
            "resources: [../a, ../b, o.yaml]\nnamespace: shop\n",
        ),
        ("over/o.yaml", c.as_str()),
        ("other/kustomization.yaml", "resources: [../b]\n"),
    ]));
    let over = built.builds.iter().find(|b| b.dir.ends_with("over")).unwrap();
    assert_eq!(text(object(over, "FooA"), "spec/ns"), "shop");
    assert_eq!(text(object(over, "FooC"), "spec/ns"), "shop");
    let other = built.builds.iter().find(|b| b.dir.ends_with("other")).unwrap();
    assert_eq!(text(object(other, "FooB"), "spec/ns"), "old");
}

#[test]
fn a_configuration_that_was_not_read_may_change_anything() {
    let built = build(&repo(&[
        (
            "k/kustomization.yaml",
            "resources: [svc.yaml]\nconfigurations: ['https://example.com/c.yaml']\nreplicas: [{name: foo, count: 3}]\n",
        ),
        ("k/svc.yaml", SERVICE),
    ]));
    let gaps: Vec<_> = only(&built).gaps.iter().map(|g| (g.brings, g.changes)).collect();
    assert_eq!(gaps, [(Brings::Changes, true)]);
    assert!(built.dangling.is_empty());
}

#[test]
fn annotations_become_text_and_labels_do_not() {
    let built = built(
        "",
        "{}",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {l: 5}, annotations: {n: 1440, b: true, m: }}\nspec: {template: {metadata: {annotations: {n: 7}}}}\n",
    );
    let deployment = object(only(&built), "Deployment");
    let style = |path: &str| match &deployment.at(path).unwrap().value {
        Value::Scalar(scalar) => Some(scalar.style),
        _ => None,
    };
    assert_eq!(style("metadata/annotations/n"), Some(Style::Quoted));
    assert_eq!(style("metadata/annotations/b"), Some(Style::Quoted));
    assert_eq!(style("metadata/labels/l"), Some(Style::Plain));
    assert_eq!(style("spec/template/metadata/annotations/n"), Some(Style::Plain));
    assert_eq!(text(deployment, "metadata/annotations/m"), "");
}
