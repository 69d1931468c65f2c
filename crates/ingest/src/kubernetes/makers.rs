//! Secrets and ConfigMaps that controllers create or fill for an object, by its kind or its annotations, so that a
//! reference to one of them is not dangling. Their contents are unknown.

use super::object::Object;
use cofferdam_model::workload::{ConfigObject, ObjectId};
use cofferdam_model::{Parts, Texts};
use cofferdam_syntax::tree::Node;

/// Annotations of a Service that ask OpenShift for a certificate, in a Secret of this name.
const SERVING: &[&str] = &[
    "service.beta.openshift.io/serving-cert-secret-name",
    "service.alpha.openshift.io/serving-cert-secret-name",
];
/// Annotations and labels that make a controller write a bundle of certificates into a ConfigMap.
const BUNDLES: &[&str] = &[
    "service.beta.openshift.io/inject-cabundle",
    "service.alpha.openshift.io/inject-cabundle",
    "config.openshift.io/inject-trusted-cabundle",
];
/// Annotations that copy an object into other namespaces; the value names them, an empty one means all.
const COPIES: &[&str] = &[
    "reflector.v1.k8s.emberstack.com/reflection-auto-namespaces",
    "replicator.v1.mittwald.de/replicate-to",
    "replicator.v1.mittwald.de/replicate-to-matching",
    "kubed.appscode.com/sync",
];
/// Annotations that say that an object is a copy of another, so that its own content is not all.
const COPIED: &[&str] = &[
    "reflector.v1.k8s.emberstack.com/reflects",
    "replicator.v1.mittwald.de/replicate-from",
];
/// The kind of Secrets that controllers make for their own objects. They say nothing of those that people keep.
pub(crate) const MADE: &str = "Secret of a controller";
const REFLECTED: &str = "reflector.v1.k8s.emberstack.com/reflection-auto-enabled";

/// Kinds of operators, and the ends of the names of the Secrets that they create.
const SUFFIXES: &[(&str, &str, &[&str])] = &[
    (
        "kafka.strimzi.io",
        "Kafka",
        &[
            "-cluster-ca",
            "-cluster-ca-cert",
            "-clients-ca",
            "-clients-ca-cert",
            "-cluster-operator-certs",
        ],
    ),
    (
        "rabbitmq.com",
        "RabbitmqCluster",
        &["-default-user", "-erlang-cookie"],
    ),
    (
        "elasticsearch.k8s.elastic.co",
        "Elasticsearch",
        &[
            "-es-elastic-user",
            "-es-http-certs-public",
            "-es-http-certs-internal",
        ],
    ),
    (
        "kibana.k8s.elastic.co",
        "Kibana",
        &["-kb-http-certs-public", "-kb-http-certs-internal"],
    ),
    ("k8s.keycloak.org", "Keycloak", &["-initial-admin"]),
    ("argoproj.io", "ArgoCD", &["-cluster", "-ca", "-tls"]),
    ("objectbucket.io", "ObjectBucketClaim", &[""]),
    ("ricoberger.de", "VaultSecret", &[""]),
    ("secretgenerator.mittwald.de", "", &[""]),
    ("secretgen.k14s.io", "", &[""]),
    ("secretgen.carvel.dev", "SecretImport", &[""]),
];

/// Fields of operators that name a Secret to create.
const FIELDS: &[(&str, &str, &str)] = &[
    ("redhatcop.redhat.io", "VaultSecret", "spec/output/name"),
    ("spv.no", "AzureKeyVaultSecret", "spec/output/secret/name"),
    ("", "", "spec/writeConnectionSecretToRef/name"),
    ("", "", "spec/writeConnectionSecretsToRef/name"),
];

/// Records what controllers make of an object besides what the object is.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) {
    let (group, kind) = (object.group, object.id.kind.as_str());
    if (group, kind) == ("", "Service") {
        for name in SERVING.iter().filter_map(|key| object.annotation(key)?.as_str()) {
            made(object, "Secret", name, parts);
        }
    }
    for (of, maker, suffixes) in SUFFIXES {
        if *of == group && (maker.is_empty() || *maker == kind) {
            for suffix in *suffixes {
                made(object, "Secret", &format!("{}{suffix}", object.id.name), parts);
            }
        }
    }
    match (group, kind) {
        ("objectbucket.io", "ObjectBucketClaim") => made(object, "ConfigMap", &object.id.name, parts),
        // The bundle goes into every namespace that its selector chooses.
        ("trust.cert-manager.io", "Bundle") => anywhere(object, "ConfigMap", &object.id.name, parts),
        ("postgres-operator.crunchydata.com", "PostgresCluster") => crunchy(object, parts),
        _ => {}
    }
    for (of, maker, path) in FIELDS {
        let fits = of.is_empty() && group.contains('.') || *of == group && *maker == kind;
        if let Some(name) = object.at(path).and_then(Node::as_str).filter(|_| fits) {
            let namespace = path
                .rsplit_once('/')
                .and_then(|(above, _)| object.at(above)?.get("namespace"));
            match namespace.and_then(Node::as_str) {
                Some(namespace) => within(object, "Secret", name, Some(namespace), parts),
                None => made(object, "Secret", name, parts),
            }
        }
    }
    copies(object, parts);
}

/// Copies that a replicator makes of a Secret, a ConfigMap, or of the Secret of a certificate.
fn copies(object: &Object<'_>, parts: &mut Parts) {
    let own = object.at("metadata/annotations");
    let (kind, name, annotations) = match object.id.kind.as_str() {
        kind @ ("Secret" | "ConfigMap") if object.group.is_empty() => (kind, object.id.name.as_str(), own),
        "Certificate" => {
            let name = object.at("spec/secretName").and_then(Node::as_str);
            let template = object.at("spec/secretTemplate/annotations");
            ("Secret", name.unwrap_or(&object.id.name), template)
        }
        "ExternalSecret" => {
            let name = object.at("spec/target/name").and_then(Node::as_str);
            let template = object.at("spec/target/template/metadata/annotations");
            ("Secret", name.unwrap_or(&object.id.name), template)
        }
        "SealedSecret" => (
            "Secret",
            object.id.name.as_str(),
            object.at("spec/template/metadata/annotations"),
        ),
        "ClusterExternalSecret" => {
            let name = ["spec/externalSecretSpec/target/name", "spec/externalSecretName"]
                .iter()
                .find_map(|path| object.at(path)?.as_str());
            anywhere(object, "Secret", name.unwrap_or(&object.id.name), parts);
            return;
        }
        _ => return,
    };
    let Some(annotations) = annotations else { return };
    let has = |key: &&&str| annotations.get(key).is_some();
    if COPIES.iter().any(|key| has(&key)) || annotations.get(REFLECTED).and_then(Node::as_bool) == Some(true)
    {
        // The namespaces may be patterns, so any may have a copy.
        anywhere(object, kind, name, parts);
    }
    if COPIED.iter().any(|key| has(&key)) {
        made(object, kind, name, parts);
    }
}

/// Whether a controller writes certificates into a ConfigMap.
pub(super) fn is_filled(object: &Object<'_>) -> bool {
    let labels = object.at("metadata/labels");
    BUNDLES.iter().chain(COPIED).any(|key| {
        let label = labels.and_then(|labels| labels.get(key));
        let value = object.annotation(key).or(label);
        value.is_some_and(|v| v.as_bool() != Some(false))
    })
}

/// The users of a cluster of Crunchy's operator; one has the cluster's name unless others are listed.
fn crunchy(object: &Object<'_>, parts: &mut Parts) {
    let cluster = &object.id.name;
    let users = object.at("spec/users").map_or(&[][..], Node::items);
    let named = users.iter().filter_map(|user| user.get("name")?.as_str());
    for user in named.chain([cluster.as_str(), "postgres"]) {
        made(object, "Secret", &format!("{cluster}-pguser-{user}"), parts);
    }
    made(object, "Secret", &format!("{cluster}-cluster-cert"), parts);
}

fn made(object: &Object<'_>, kind: &str, name: &str, parts: &mut Parts) {
    within(object, kind, name, object.id.namespace.as_deref(), parts);
}

fn anywhere(object: &Object<'_>, kind: &str, name: &str, parts: &mut Parts) {
    within(object, kind, name, None, parts);
}

pub(super) fn within(
    object: &Object<'_>,
    kind: &str,
    name: &str,
    namespace: Option<&str>,
    parts: &mut Parts,
) {
    let kind = if kind == "Secret" { MADE } else { kind };
    parts.config_objects.push(ConfigObject {
        withheld: false,
        id: ObjectId {
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            ..object.id.clone()
        },
        span: object.span,
        data: Texts::new(),
        complete: false,
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::finished;

    const POD: &str = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {containers: [{name: c, image: r.io/a:1, REF}]}\n";

    fn dangling(maker: &str, reference: &str) -> Vec<String> {
        let pod = POD.replace("REF", reference);
        let env = finished(&format!("{maker}\n{pod}"));
        let names = env.dangling.iter().map(|d| d.name.value.clone());
        names.collect()
    }

    fn secret(name: &str) -> String {
        format!("envFrom: [{{secretRef: {{name: {name}}}}}]")
    }

    #[test]
    fn what_a_controller_creates_is_not_missing() {
        for (maker, name) in [
            (
                "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, annotations: {service.beta.openshift.io/serving-cert-secret-name: web-tls}}\nspec: {ports: [{port: 80}]}",
                "web-tls",
            ),
            (
                "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, annotations: {service.alpha.openshift.io/serving-cert-secret-name: web-tls}}\nspec: {ports: [{port: 80}]}",
                "web-tls",
            ),
            (
                "apiVersion: kafka.strimzi.io/v1beta2\nkind: Kafka\nmetadata: {name: main, namespace: shop}\nspec: {}",
                "main-cluster-ca-cert",
            ),
            (
                "apiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaUser\nmetadata: {name: app, namespace: shop}\nspec: {}",
                "app",
            ),
            (
                "apiVersion: v1\nkind: Secret\nmetadata: {name: pull, namespace: infra, annotations: {reflector.v1.k8s.emberstack.com/reflection-auto-enabled: 'true'}}\ndata: {}",
                "pull",
            ),
            (
                "apiVersion: v1\nkind: Secret\nmetadata: {name: pull, namespace: infra, annotations: {replicator.v1.mittwald.de/replicate-to: 'shop,team-.*'}}\ndata: {}",
                "pull",
            ),
            (
                "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: wild, namespace: infra}\nspec: {secretName: wild-tls, secretTemplate: {annotations: {reflector.v1.k8s.emberstack.com/reflection-auto-enabled: 'true'}}}",
                "wild-tls",
            ),
            (
                "apiVersion: database.example.org/v1\nkind: Instance\nmetadata: {name: db}\nspec: {writeConnectionSecretToRef: {name: db-conn, namespace: shop}}",
                "db-conn",
            ),
            (
                "apiVersion: objectbucket.io/v1alpha1\nkind: ObjectBucketClaim\nmetadata: {name: files, namespace: shop}\nspec: {}",
                "files",
            ),
            (
                "apiVersion: rabbitmq.com/v1beta1\nkind: RabbitmqCluster\nmetadata: {name: mq, namespace: shop}\nspec: {}",
                "mq-default-user",
            ),
            (
                "apiVersion: postgres-operator.crunchydata.com/v1beta1\nkind: PostgresCluster\nmetadata: {name: pg, namespace: shop}\nspec: {users: [{name: app}]}",
                "pg-pguser-app",
            ),
        ] {
            assert!(dangling(maker, &secret(name)).is_empty(), "{maker}");
            assert_eq!(dangling(maker, &secret("other-one")), ["other-one"], "{maker}");
        }
    }

    #[test]
    fn a_copy_that_is_not_asked_for_is_missing() {
        let elsewhere = "apiVersion: v1\nkind: Secret\nmetadata: {name: pull, namespace: infra}\ndata: {}";
        assert_eq!(dangling(elsewhere, &secret("pull")), ["pull"]);
        let elsewhere = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: infra, annotations: {service.beta.openshift.io/serving-cert-secret-name: web-tls}}\nspec: {ports: [{port: 80}]}";
        assert_eq!(dangling(elsewhere, &secret("web-tls")), ["web-tls"]);
    }

    #[test]
    fn a_controller_writes_keys_into_a_bundle() {
        let key = "env: [{name: CA, valueFrom: {configMapKeyRef: {name: ca, key: service-ca.crt}}}]";
        let map = |metadata: &str| {
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca, namespace: shop, {metadata}}}\ndata: {{a: b}}"
            )
        };
        for filled in [
            "annotations: {service.beta.openshift.io/inject-cabundle: 'true'}",
            "labels: {config.openshift.io/inject-trusted-cabundle: 'true'}",
            "annotations: {reflector.v1.k8s.emberstack.com/reflects: infra/ca}",
        ] {
            assert!(dangling(&map(filled), key).is_empty(), "{filled}");
        }
        for not in [
            "labels: {a: b}",
            "annotations: {service.beta.openshift.io/inject-cabundle: 'false'}",
        ] {
            assert_eq!(dangling(&map(not), key), ["service-ca.crt"]);
        }
    }
}
