//! Manifests as people write them, without faults: a false alarm is worse than a miss.

use super::*;

/// Kubernetes' own kinds.
const BUILTIN: &str = include_str!("sound_builtin.yaml");
/// Well-known custom kinds.
const CUSTOM: &str = include_str!("sound_custom.yaml");

#[test]
fn valid_manifests_of_every_kind_have_no_problem() {
    assert_eq!(problems(BUILTIN), Vec::<String>::new());
    assert_eq!(problems(CUSTOM), Vec::<String>::new());
}

#[test]
fn every_kind_of_the_tables_has_a_valid_manifest() {
    let documents: Vec<Node> = documents(BUILTIN).into_iter().chain(documents(CUSTOM)).collect();
    let shown: Vec<(&str, &str)> = documents
        .iter()
        .filter_map(|d| Some((d.get("apiVersion")?.as_str()?, d.get("kind")?.as_str()?)))
        .collect();
    let left: Vec<_> = table::table()
        .kinds()
        .filter(|(version, kind)| !shown.contains(&(*version, *kind)))
        .collect();
    assert_eq!(left, Vec::<(&str, &str)>::new());
}

#[test]
fn values_filled_in_by_a_template_are_not_judged() {
    for text in [
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: '{{ .Release.Name }}'}\nspec:\n  replicas: ${REPLICAS}\n  \
         selector: {matchLabels: {app: $(APP)}}\n  template:\n    metadata: {labels: {app: $(NAME)}}\n    spec:\n      \
         containers: [{name: a, image: '<image>', env: [{name: A, value: $PORT}], resources: {limits: {cpu: '{{ cpu }}'}}}]\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: 'ENC[AES256_GCM,data:x]', b: '${B}', c: <base64>}\nsops: {kms: []}\n",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  type: {type}\n  ports:\n    - {port: {port}, targetPort: {port_in}}\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  replicas: REPLICAS\n  selector: {matchLabels: {a: b}}\n  \
         template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}\n",
    ] {
        assert_eq!(problems(text), Vec::<String>::new());
    }
}

#[test]
fn unknown_values_are_not_judged() {
    let mut object = documents(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  replicas: 1\n  selector: {matchLabels: {a: b}}\n  \
         template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}\n",
    )
    .remove(0);
    // Each value in turn becomes unknown; none of them turns another into a problem.
    let mut count = 0;
    loop {
        let mut copy = object.clone();
        if !blank(&mut copy, &mut count.clone()) {
            break;
        }
        if copy.get("kind").and_then(Node::as_str).is_some() {
            assert_eq!(validate(&copy), Vec::new(), "value {count}: {copy:?}");
        }
        count += 1;
    }
    assert!(count > 15);
    object.value = Value::Unknown("x".into());
    assert_eq!(validate(&object), Vec::new());
}

/// Makes the value at `index` (in the order of a walk) unknown; false if there are fewer values.
fn blank(node: &mut Node, index: &mut usize) -> bool {
    if *index == 0 {
        node.value = Value::Unknown("x".into());
        return true;
    }
    *index -= 1;
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().any(|n| blank(n, index)),
        Value::Map(map) => map.iter_mut().any(|(_, n)| blank(n, index)),
        _ => false,
    }
}

#[test]
fn null_counts_as_absent() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, creationTimestamp: null, annotations: null}\nspec:\n  \
                replicas: null\n  strategy: {}\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}, \
                creationTimestamp: null}\n    spec:\n      volumes: null\n      containers:\n      - name: a\n        image: b\n        \
                resources: {}\n        env:\n        - name: EMPTY\n          value:\n        livenessProbe: null\nstatus: {anything: 1}\n";
    assert_eq!(problems(text), Vec::<String>::new());
}

#[test]
fn fields_that_no_table_lists_are_not_judged() {
    for text in [
        "apiVersion: example.com/v1\nkind: Deployment\nspec: 5\n",
        "apiVersion: v1\nkind: Config\nclusters: []\n",
        "kind: Deployment\nspec: {nonsense: 1}\n",
        "apiVersion: apps/v1\nspec: {nonsense: 1}\n",
        "apiVersion: 1\nkind: [a]\n",
        "apiVersion: resource.k8s.io/v1alpha2\nkind: ResourceClaim\nmetadata: {name: x}\n",
        "- 1\n",
        "text\n",
    ] {
        assert_eq!(problems(text), Vec::<String>::new(), "{text}");
    }
}

/// A generous bound for the unoptimised build of the tests: 0.3 s for 10,000 in a release build is the
/// target; this fails when something becomes quadratic.
#[test]
fn ten_thousand_manifests_are_judged_quickly() {
    let documents = documents(BUILTIN);
    table::table();
    let start = std::time::Instant::now();
    let mut judged = 0;
    while judged < 10_000 {
        for document in &documents {
            assert!(validate(document).is_empty());
            judged += 1;
        }
    }
    let elapsed = start.elapsed();
    assert!(elapsed.as_secs() < 10, "{judged} manifests took {elapsed:?}");
}
