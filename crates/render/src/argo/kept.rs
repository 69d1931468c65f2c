//! What a sync leaves alone: numbers of replicas that an application ignores.

use super::known;
use cofferdam_syntax::tree::Node;

/// Objects of a rule of `ignoreDifferences`; what is `None` is any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Their kind.
    pub kind: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// Their namespace.
    pub namespace: Option<String>,
}

/// Objects whose number of replicas a sync leaves alone. Without `RespectIgnoreDifferences` a difference is only not
/// shown, and the next sync sets the number all the same (Argo CD documentation, Diff customization and Sync options).
pub(super) fn replicas(application: &Node) -> Vec<Kept> {
    let options = application
        .at("spec/syncPolicy/syncOptions")
        .map_or(&[][..], Node::items);
    let respects = |option: &Node| option.as_str() == Some("RespectIgnoreDifferences=true");
    if !options.iter().any(respects) {
        return Vec::new();
    }
    let rules = application
        .at("spec/ignoreDifferences")
        .map_or(&[][..], Node::items);
    rules
        .iter()
        .filter(|rule| ignores_replicas(rule))
        .map(|rule| {
            let text = |key: &str| {
                let text = rule.get(key).and_then(known)?.value;
                (text != "*").then_some(text)
            };
            Kept {
                kind: text("kind"),
                name: text("name"),
                namespace: text("namespace"),
            }
        })
        .collect()
}

/// Whether a rule covers `spec.replicas`: by its path, or by who changes it. An autoscaler changes it as the
/// controller manager.
fn ignores_replicas(rule: &Node) -> bool {
    let has = |key: &str, wanted: &[&str]| {
        let listed = rule.get(key).map_or(&[][..], Node::items);
        let is_wanted = |item: &Node| item.as_str().is_some_and(|text| wanted.contains(&text.trim()));
        listed.iter().any(is_wanted)
    };
    has("jsonPointers", &["/spec/replicas", "/spec", ""])
        || has(
            "jqPathExpressions",
            &[".spec.replicas", ".spec?.replicas", ".spec"],
        )
        || has("managedFieldsManagers", &["kube-controller-manager"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;

    #[test]
    fn a_sync_keeps_replicas_if_a_rule_ignores_them_and_is_respected() {
        let of = |rule: &str, option: &str| {
            let text = format!(
                "spec: {{syncPolicy: {{syncOptions: [CreateNamespace=true, '{option}']}}, ignoreDifferences: [{{{rule}}}]}}\n"
            );
            let kept = replicas(&yaml::parse(&text, FileId(0), 0).documents[0]);
            let show = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            kept.iter()
                .map(|k| format!("{} {} {}", show(&k.kind), show(&k.name), show(&k.namespace)))
                .collect::<Vec<_>>()
        };
        let respects = "RespectIgnoreDifferences=true";
        for covers in [
            "jsonPointers: [/metadata, /spec/replicas]",
            "jqPathExpressions: [.spec.replicas]",
            "managedFieldsManagers: [kube-controller-manager]",
        ] {
            let rule = format!("group: apps, kind: Deployment, name: web, namespace: shop, {covers}");
            assert_eq!(of(&rule, respects), ["Deployment web shop"], "{covers}");
            assert_eq!(of(&rule, "RespectIgnoreDifferences=false"), [""; 0], "{covers}");
            let any = format!("group: '*', kind: '*', {covers}");
            assert_eq!(of(&any, respects), ["- - -"], "{covers}");
        }
        for other in [
            "jsonPointers: [/spec/template]",
            "jqPathExpressions: [.spec.template]",
            "managedFieldsManagers: [kubectl]",
        ] {
            assert_eq!(
                of(&format!("kind: Deployment, {other}"), respects),
                [""; 0],
                "{other}"
            );
        }
    }
}
