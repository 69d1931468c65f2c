//! How much of an object is known. An unknown value makes the object a fragment, because what it lacks may be in that
//! value; but some fields have a value that says nothing of the others.

use cofferdam_syntax::tree::{Node, Value};

/// Fields whose values nothing else depends on, under the key above them; an empty key is any. A value that is unknown
/// there is unknown itself, and the rest of the object is as it is written.
const ALONE: &[(&str, &str)] = &[
    ("env", "value"),
    ("configMapKeyRef", "name"),
    ("configMapKeyRef", "key"),
    ("secretKeyRef", "name"),
    ("secretKeyRef", "key"),
    ("configMapRef", "name"),
    ("secretRef", "name"),
    ("configMap", "name"),
    ("secret", "secretName"),
    ("secret", "name"),
    ("persistentVolumeClaim", "claimName"),
    ("imagePullSecrets", "name"),
    ("containers", "image"),
    ("initContainers", "image"),
    ("metadata", "namespace"),
    ("requests", "storage"),
    ("tls", "secretName"),
    ("rules", "host"),
    ("data", ""),
    ("stringData", ""),
    ("annotations", ""),
    ("", "serviceAccountName"),
    ("", "storageClassName"),
];

/// Whether an object is known, except for values that stand alone.
pub(crate) fn is_known(object: &Node) -> bool {
    known("", object)
}

/// Whether a value below `parent` is known.
fn known(parent: &str, node: &Node) -> bool {
    match &node.value {
        Value::Unknown(_) => false,
        // The items of a list are below the list's name.
        Value::Seq(items) => items.iter().all(|item| known(parent, item)),
        Value::Map(map) => map.iter().all(|(key, value)| {
            let fits = |(above, name): &(&str, &str)| {
                (above.is_empty() || *above == parent) && (name.is_empty() || *name == &*key.text)
            };
            match &value.value {
                Value::Unknown(_) => ALONE.iter().any(fits),
                _ => known(&key.text, value),
            }
        }),
        Value::Null | Value::Scalar(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;

    fn is_known_without(text: &str) -> bool {
        let mut stream = yaml::parse(text, FileId(0), 0);
        let mut node = stream.documents.remove(0);
        forget(&mut node);
        is_known(&node)
    }

    /// Makes the values unknown that are `?`.
    fn forget(node: &mut Node) {
        match &mut node.value {
            Value::Map(map) => map.iter_mut().for_each(|(_, value)| forget(value)),
            Value::Seq(items) => items.iter_mut().for_each(forget),
            Value::Scalar(scalar) if &*scalar.text == "?" => node.value = Value::Unknown("x".into()),
            _ => {}
        }
    }

    #[test]
    fn only_values_that_stand_alone_may_be_unknown() {
        for (text, known) in [
            (
                "spec: {containers: [{name: a, image: '?', env: [{name: X, value: '?'}]}]}",
                true,
            ),
            (
                "spec: {containers: [{name: a, env: [{name: X, valueFrom: {secretKeyRef: {name: '?', key: k}}}]}]}",
                true,
            ),
            ("metadata: {namespace: '?', annotations: {checksum: '?'}}", true),
            ("data: {a: '?'}", true),
            ("data: '?'", false),
            ("metadata: {name: '?'}", false),
            ("metadata: {labels: {app: '?'}}", false),
            ("spec: {replicas: '?'}", false),
            ("spec: {containers: [{name: a, resources: '?'}]}", false),
            ("spec: {containers: [{name: a, args: ['?']}]}", false),
            ("spec: {containers: [{name: a, env: ['?']}]}", false),
            ("spec: {containers: '?'}", false),
        ] {
            assert_eq!(is_known_without(text), known, "{text}");
        }
    }
}
