//! Selectors that select nothing: of Services, budgets and network policies, and of the peers of policies.

use super::{Index, NAMESPACE_NAME, in_namespace};
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::scaling::Selector;
use cofferdam_model::workload::{ObjectId, Workload};
use cofferdam_model::{ByHome, Fact, Home, Parts};

/// Labels that controllers give to pods, with values that are in no file.
const CONTROLLERS_OWN: &[&str] = &[
    "controller-uid",
    "controller-revision-hash",
    "pod-template-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
];

impl<'a> Index<'a> {
    /// Workloads that a selector with labels selects, in its namespace.
    pub(super) fn selected(&self, selector: &Selector, home: Home<'_>) -> Vec<&'a Workload> {
        let near = |same: &ByHome<&'a Workload>| same.near(home.namespace).copied().collect::<Vec<_>>();
        let by_label = selector
            .labels
            .iter()
            .map(|(key, value)| {
                let same = self.labels.get(&(key.as_str(), value.value.as_str()));
                same.map_or_else(Vec::new, near)
            })
            .min_by_key(Vec::len);
        // Without labels, those that have one of the values that an expression requires.
        let of_expression = || {
            let (key, _, values) = selector.expressions.iter().find(|(_, op, _)| op == "In")?;
            let found = values
                .iter()
                .filter_map(|value| self.labels.get(&(key.as_str(), value.as_str())));
            Some(found.flat_map(near).collect())
        };
        let candidates: Vec<&'a Workload> = (by_label.or_else(of_expression))
            .unwrap_or_else(|| self.pods.near(home.namespace).copied().collect());
        (candidates.into_iter())
            .filter(|w| selector.matches(&w.labels))
            .collect()
    }

    /// A selector that selects no pods of the declared ones. Pods of operators and charts are not in the
    /// files, so labels in someone else's domain are not judged; and it is certain only if the intended pods
    /// exist.
    pub(super) fn selector(&self, id: &ObjectId, selector: &Selector, found: &mut Vec<Dangling>) {
        let meant = self.workloads.contains_key(id.name.as_str());
        found.extend(self.selects_nothing(id, selector, meant));
    }

    /// The pods that a peer of a policy names: likely, because they may be in other files.
    pub(super) fn peer(&self, id: &ObjectId, selector: &Selector, found: &mut Vec<Dangling>) {
        if let Some(dangling) = self.selects_nothing(id, selector, false) {
            found.push(Dangling {
                subject: format!("a peer of {id}"),
                certain: false,
                ..dangling
            });
        }
    }

    fn selects_nothing(&self, id: &ObjectId, selector: &Selector, meant: bool) -> Option<Dangling> {
        let home = id.home();
        let foreign = |key: &str| {
            let domain = key.split_once('/').map(|(domain, _)| domain);
            let made = CONTROLLERS_OWN.contains(&key);
            made || domain.is_some_and(|d| d != "app.kubernetes.io") && !self.values.contains_key(key)
        };
        let wants = |operator: &str| matches!(operator, "In" | "Exists");
        let mut keys = selector
            .labels
            .keys()
            .chain(selector.expressions.iter().map(|(key, ..)| key));
        let asks = !selector.labels.is_empty() || selector.expressions.iter().any(|(_, op, _)| wants(op));
        if !asks || keys.any(|key| foreign(key)) || !self.selected(selector, home).is_empty() {
            return None;
        }
        let missing = selector
            .labels
            .iter()
            .find(|(key, value)| !self.labels.contains_key(&(key.as_str(), value.value.as_str())))
            .or_else(|| selector.labels.iter().next());
        let nearest = missing.and_then(|(key, value)| {
            let values = self.values.get(key.as_str())?;
            let near = self.nearest(&value.value, in_namespace(values, home))?;
            Some(format!("{key}={near}"))
        });
        // The pods may be in what could not be built.
        if self.has_fragments && nearest.is_none() && !meant {
            return None;
        }
        let span = missing.and_then(|(_, value)| value.span()).or(selector.span)?;
        Some(Dangling {
            subject: id.to_string(),
            kind: DanglingKind::Selector,
            name: Fact::declared(shown(selector), span),
            certain: !self.has_fragments && (nearest.is_some() || meant),
            nearest,
        })
    }
}

/// A selector as `kubectl` writes it: `app=web,tier in (front,edge)`.
fn shown(selector: &Selector) -> String {
    let labels = selector.labels.iter().map(|(k, v)| format!("{k}={}", v.value));
    let expressions = selector.expressions.iter().map(|(key, operator, values)| {
        let values = values.join(",");
        match operator.as_str() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.clone(),
        }
    });
    labels.chain(expressions).collect::<Vec<_>>().join(",")
}

/// A namespace selector that refers to a declared namespace by its name, under a label that it does not have.
/// Namespaces that the files do not declare may have any labels.
pub(super) fn namespace_selector(parts: &Parts, id: &ObjectId, selector: &Selector) -> Option<Dangling> {
    let (key, value) = selector.labels.iter().find(|(key, value)| {
        *key != NAMESPACE_NAME && parts.namespaces.iter().any(|n| n.name == value.value)
    })?;
    let selects = |namespace: &cofferdam_model::network::Namespace| {
        selector.matches_with(|label| match namespace.labels.get(label) {
            Some(value) => Some(value.value.as_str()),
            None => (label == NAMESPACE_NAME).then_some(namespace.name.as_str()),
        })
    };
    if parts.namespaces.iter().any(selects) {
        return None;
    }
    Some(Dangling {
        subject: id.to_string(),
        kind: DanglingKind::Selector,
        name: value.clone().map(|v| format!("namespaces with {key}={v}")),
        nearest: Some(format!("{NAMESPACE_NAME}={}", value.value)),
        certain: true,
    })
}
