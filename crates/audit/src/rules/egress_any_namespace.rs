//! An empty namespace selector selects every namespace.

use super::reach;
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Span;
use cofferdam_model::network::{NetworkPolicy, PeerKind, PolicyRule};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("egress-any-namespace"),
    group: Group::Network,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("an egress rule lets pods talk to every pod of every namespace"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/egress-any-namespace.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let pods = reach::Pods::of(cx.env);
    for policy in cx.env.network_policies.iter().filter(|p| p.egress) {
        let mut places: Vec<(Span, String)> = Vec::new();
        for rule in policy.egress_rules.iter().filter(|r| !is_dns_only(r)) {
            for peer in &rule.peers {
                let PeerKind::Pods {
                    namespaces: Some(namespaces),
                    pods,
                } = &peer.kind
                else {
                    continue;
                };
                let any =
                    |s: &Option<cofferdam_model::scaling::Selector>| s.as_ref().is_none_or(|s| s.is_empty());
                if !namespaces.is_empty() || !any(pods) {
                    continue;
                }
                places.push((peer.span, reach::ports(rule)));
            }
        }
        if !places.is_empty() {
            out.report(finding(&pods, policy, &places));
        }
    }
}

/// One finding for each policy, however many of its rules are open.
fn finding(pods: &reach::Pods<'_>, policy: &NetworkPolicy, places: &[(Span, String)]) -> Finding {
    let governed = pods.governed(policy);
    let mut ports: Vec<&str> = places.iter().map(|(_, ports)| ports.as_str()).collect();
    ports.dedup();
    let ports = ports.join(" and ");
    let who = if governed.is_empty() {
        "the pods it selects".to_owned()
    } else {
        reach::names(&governed)
    };
    let mut finding = Finding::new(
        &policy.id,
        format!(
            "{}: {who} may talk to every pod of every namespace on {ports}",
            policy.id
        ),
    )
    .explain(
        "An empty namespaceSelector selects all namespaces, and without a podSelector all their \
            pods. An attacker who takes over one of these pods can reach every service of the cluster on \
            these ports. The selector selects pods only: addresses outside the cluster, and the metadata \
            service, are not included.",
    )
    .remedy("Name the namespaces (`kubernetes.io/metadata.name: NAME`) and the pods that are really called.")
    .figure("workloads", governed.len() as f64, "workloads");
    for (span, ports) in places {
        finding = finding.at(*span, format!("every namespace, {ports}"));
    }
    finding.at(policy.selector.span.unwrap_or(policy.span), "for these pods")
}

fn is_dns_only(rule: &PolicyRule) -> bool {
    !rule.ports.is_empty()
        && rule.ports.iter().all(|p| {
            p.port
                .as_deref()
                .is_some_and(|p| p == "53" || p.starts_with("dns"))
        })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rules::pods;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::Environment;
    use cofferdam_model::network::{NetworkPolicy, Peer, PortRange};
    use cofferdam_model::scaling::Selector;
    use cofferdam_model::workload::ObjectId;

    /// A workload `api` to which one egress policy with one rule applies: a peer on ports.
    pub(crate) fn env(peer: Option<PeerKind>, ports: &[&str]) -> Environment {
        let mut env = pods::testing::env((2, 2, 2), |_| {});
        env.network_policies.push(NetworkPolicy {
            id: ObjectId {
                kind: "NetworkPolicy".into(),
                namespace: None,
                deployment: None,
                name: "egress".into(),
            },
            span: span(20),
            selector: Selector {
                labels: [("app".to_owned(), fact("api".to_owned(), 21))].into(),
                ..Selector::default()
            },
            ingress: false,
            egress: true,
            ingress_rules: Vec::new(),
            egress_rules: vec![PolicyRule {
                span: span(22),
                peers: peer
                    .map(|kind| Peer { span: span(23), kind })
                    .into_iter()
                    .collect(),
                ports: ports
                    .iter()
                    .map(|p| {
                        let (port, protocol) = p.split_once('/').unwrap_or((p, "TCP"));
                        PortRange {
                            protocol: protocol.to_owned(),
                            port: Some(port.to_owned()),
                            end: None,
                        }
                    })
                    .collect(),
            }],
        });
        env
    }

    #[test]
    fn the_open_rules_of_one_policy_are_one_finding() {
        let mut e = env(Some(any_namespace()), &["443"]);
        let mut second = env(Some(any_namespace()), &["8443"]).network_policies[0].egress_rules[0].clone();
        second.peers[0].span = span(33);
        e.network_policies[0].egress_rules.push(second);
        let found = testing::only(&RULE, &e);
        assert!(
            found.title.ends_with("on 443/TCP and 8443/TCP"),
            "{}",
            found.title
        );
        assert_eq!(found.locations.len(), 3);
    }

    /// Every pod of every namespace.
    pub(crate) fn any_namespace() -> PeerKind {
        PeerKind::Pods {
            namespaces: Some(Selector::default()),
            pods: None,
        }
    }

    #[test]
    fn an_empty_selector_is_reported_unless_it_is_for_dns_or_limited_to_pods() {
        assert!(
            testing::only(&RULE, &env(Some(any_namespace()), &["443"]))
                .title
                .contains("443/TCP")
        );
        assert!(testing::all(&RULE, &env(Some(any_namespace()), &["53"])).is_empty());
        let narrowed = PeerKind::Pods {
            namespaces: Some(Selector::default()),
            pods: Some(Selector {
                labels: [("app".to_owned(), fact("vault".to_owned(), 9))].into(),
                ..Selector::default()
            }),
        };
        assert!(testing::all(&RULE, &env(Some(narrowed), &["443"])).is_empty());
        let own = PeerKind::Pods {
            namespaces: None,
            pods: Some(Selector::default()),
        };
        assert!(
            testing::all(&RULE, &env(Some(own), &["443"])).is_empty(),
            "its own namespace only"
        );
    }
}
