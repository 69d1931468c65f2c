//! Trees of any shape, with and without sense.

use super::*;
use cofferdam_model::Span;
use proptest::prelude::*;

const WORDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "labels",
    "spec",
    "selector",
    "matchLabels",
    "template",
    "containers",
    "initContainers",
    "image",
    "ports",
    "containerPort",
    "env",
    "value",
    "valueFrom",
    "livenessProbe",
    "httpGet",
    "port",
    "resources",
    "limits",
    "cpu",
    "rules",
    "http",
    "paths",
    "pathType",
    "backend",
    "service",
    "number",
    "schedule",
    "jobTemplate",
    "strategy",
    "rollingUpdate",
    "maxSurge",
    "maxUnavailable",
    "egress",
    "to",
    "ipBlock",
    "cidr",
    "except",
    "metrics",
    "type",
    "resource",
    "target",
    "data",
    "stringData",
    "volumes",
    "tolerations",
    "subjects",
    "roleRef",
];
const VALUES: &[&str] = &[
    "",
    "0",
    "-1",
    "70000",
    "1.5",
    "true",
    "yes",
    "a",
    "A b",
    "10%",
    "150%",
    "10.0.0.0/8",
    "::/0",
    "/",
    "*",
    "0 3 * * *",
    "512MB",
    "1Gi",
    "${X}",
    "Resource",
    "Always",
    "99999999999999999999999999999999999999999999",
    "é",
    "1e400",
    "0x",
    "_",
    "1_",
    "-",
    ".",
    "+",
    "0o8",
    "Recreate",
    "ExternalName",
    "None",
    "In",
];
const KINDS: &[(&str, &str)] = &[
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "Secret"),
    ("v1", "ConfigMap"),
    ("v1", "List"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("v1", "PersistentVolumeClaim"),
    ("kyverno.io/v1", "ClusterPolicy"),
    ("keda.sh/v1alpha1", "ScaledObject"),
];

fn node(value: Value) -> Node {
    Node {
        span: Span::new(FileId(0), 0, 0),
        value,
    }
}

fn key(text: &str) -> Key {
    Key {
        text: text.into(),
        span: Span::new(FileId(0), 0, 0),
    }
}

fn any_tree() -> impl Strategy<Value = Node> {
    let text = prop_oneof![
        proptest::sample::select(VALUES).prop_map(str::to_owned),
        ".{0,8}",
        "[0-9.eE_+-]{0,12}",
    ];
    let leaf = prop_oneof![
        Just(node(Value::Null)),
        Just(node(Value::Unknown("x".into()))),
        (text, any::<bool>()).prop_map(|(text, quoted)| {
            node(Value::Scalar(cofferdam_syntax::tree::Scalar {
                text: text.into(),
                style: if quoted { Style::Quoted } else { Style::Plain },
            }))
        }),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let word = prop_oneof![proptest::sample::select(WORDS).prop_map(str::to_owned), ".{0,6}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| node(Value::Seq(items))),
            proptest::collection::vec((word, inner), 0..6).prop_map(|entries| {
                node(Value::Map(
                    entries.into_iter().map(|(k, v)| (key(&k), v)).collect(),
                ))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_tree_panics_the_schema_check((version, kind) in proptest::sample::select(KINDS), spec in any_tree(), rest in any_tree()) {
        let mut map = rest.as_map().cloned().unwrap_or_default();
        let span = Span::new(FileId(0), 0, 0);
        map.insert(key("apiVersion"), Node::plain(version, span));
        map.insert(key("kind"), Node::plain(kind, span));
        map.insert(key("spec"), spec);
        let object = node(Value::Map(map));
        for problem in validate(&object) {
            prop_assert!(!problem.problem().is_empty() && !problem.remedy().is_empty());
        }
        // A fragment never has more problems than the whole.
        prop_assert!(validate_fragment(&object).len() <= validate(&object).len());
    }

    #[test]
    fn no_scalar_panics(text in ".{0,40}") {
        scalar::quantity(&text);
        let _ = text.parse::<ipnet::IpNet>();
        scalar::is_base64(&text);
        scalar::is_qualified_name(&text, true);
        scalar::templated(&text);
        let plain = cofferdam_syntax::tree::Scalar { text: text.into(), style: Style::Plain };
        scalar::resolve(&plain);
    }

    /// Every manifest of the sound ones stays within its tables when one of its keys is dropped: only
    /// `Missing` and rules of values may follow, never an unknown field.
    #[test]
    fn removing_a_key_makes_no_other_field_unknown(index in 0usize..400) {
        let documents = documents(include_str!("sound_builtin.yaml"));
        let mut left = index;
        for mut document in documents {
            if drop_key(&mut document, &mut left) {
                for problem in validate(&document) {
                    let other = matches!(problem.kind, ProblemKind::Unknown { .. } | ProblemKind::Misplaced { .. });
                    prop_assert!(!other, "{problem:?}");
                }
                break;
            }
        }
    }
}

fn drop_key(node: &mut Node, index: &mut usize) -> bool {
    match &mut node.value {
        Value::Map(map) => {
            let keys: Vec<String> = map.iter().map(|(k, _)| k.text.to_string()).collect();
            for key in keys {
                if *index == 0 {
                    map.remove(&key);
                    return true;
                }
                *index -= 1;
                if map.get_mut(&key).is_some_and(|n| drop_key(n, index)) {
                    return true;
                }
            }
            false
        }
        Value::Seq(items) => items.iter_mut().any(|n| drop_key(n, index)),
        _ => false,
    }
}
