//! A pod that no policy selects accepts connections from everywhere.

use super::{pods, reach};
use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use cofferdam_model::network::Policies;
use cofferdam_model::workload::{Completeness, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("network-no-default-deny"),
    group: Group::Network,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed(
        "no policy denies by default: unselected pods can talk to all others and be reached by all",
    ),
    absences: &[Absence::NetworkPolicy],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/network-no-default-deny.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let whole = || {
        cx.env
            .workloads
            .iter()
            .filter(|w| w.completeness == Completeness::Whole && is_governed(w))
    };
    // It is not known what the policies of a plugin select.
    if !cx.env.foreign_policies.is_empty() {
        return;
    }
    let (mut open, mut sends): (Vec<&Workload>, Vec<&Workload>) = (Vec::new(), Vec::new());
    let policies = Policies::of(&cx.env.network_policies);
    for workload in whole() {
        let reach = policies.possible_reach(workload);
        if reach.ingress.is_empty() {
            open.push(workload);
        } else if reach.egress.is_empty() {
            sends.push(workload);
        }
    }
    pods::once(&mut open);
    pods::once(&mut sends);
    if open.is_empty() {
        // If there are egress policies, metadata-reachable reports the workloads that none selects.
        if !sends.is_empty() && !cx.env.network_policies.iter().any(|p| p.egress) {
            out.report(sends_everywhere(&sends));
        }
        return;
    }
    let kept = !cx.env.network_policies.is_empty();
    let certain = match kept {
        true => reach::without_policy(cx, &open),
        false => None,
    };
    let is_certain = certain.is_some();
    let open = certain.unwrap_or(open);
    let free = open
        .iter()
        .filter(|w| policies.possible_reach(w).egress.is_empty())
        .count();
    let title = if kept {
        let them = if open.len() == 1 { "it" } else { "them" };
        format!(
            "{} may be reached from everywhere: no ingress policy selects {them}",
            reach::names(&open)
        )
    } else {
        "these files contain no network policy: every pod may be reached from every other".to_owned()
    };
    let mut finding = Finding::new(Subject::all("network policies"), title)
        .cause("may be reached from everywhere")
        .alike()
        .each()
        .severity(if kept { Severity::Medium } else { Severity::Low })
        .explain(match free {
            // What may be sent is limited by egress policies.
            0 => {
                "Without an ingress policy that selects it, a pod accepts connections from every pod of the \
                 cluster. An attacker who takes over one pod reaches these."
            }
            n if n == open.len() => {
                "Without a policy that selects it, a pod accepts connections from every pod of the cluster \
                 and can send to everywhere. An attacker who takes over one pod reaches all the others."
            }
            _ => {
                "Without an ingress policy that selects it, a pod accepts connections from every pod of the \
                 cluster, and without an egress policy it can send to everywhere. An attacker who takes over \
                 one pod reaches these."
            }
        })
        .remedy(
            "Add to each namespace a policy with an empty podSelector, `policyTypes: [Ingress, Egress]` \
            and no rules, and beside it policies that allow the connections that are really needed (DNS \
            first).",
        )
        .figure("workloads", open.len() as f64, "workloads");
    if !is_certain {
        finding = finding.absent(Absence::NetworkPolicy);
    }
    for workload in open.iter().take(4) {
        finding = finding.at(workload.span, "selected by no ingress policy");
    }
    out.report(if kept { finding } else { finding.likely() });
}

/// Pods that are protected from incoming connections but can reach all other pods.
fn sends_everywhere(open: &[&Workload]) -> Finding {
    let them = if open.len() == 1 { "it" } else { "them" };
    let mut finding = Finding::new(
        Subject::all("network policies"),
        format!(
            "{} may send to everywhere: no egress policy selects {them}",
            reach::names(open)
        ),
    )
    .severity(Severity::Low)
    .cause("may send to everywhere")
    .alike()
    .each()
    .explain(
        "The policies limit who may call these pods, but not which targets they may call. A pod \
            that is taken over, or that retries without end, reaches everything that does not block it.",
    )
    .remedy(
        "Add `Egress` to the `policyTypes` of a policy that selects all pods, and beside it policies \
            that allow the connections that are really needed (DNS first).",
    )
    .absent(Absence::NetworkPolicy)
    .figure("workloads", open.len() as f64, "workloads");
    for workload in open.iter().take(4) {
        finding = finding.at(workload.span, "selected by no egress policy");
    }
    finding
}

/// Whether the workload runs as pods to which network policies apply. They do not apply to pods on their
/// node's network (Kubernetes documentation, "Network Policies", section "NetworkPolicy and hostNetwork
/// pods").
fn is_governed(workload: &Workload) -> bool {
    let on_host = workload
        .fields
        .get("hostNetwork")
        .is_some_and(|h| h.value == "true");
    let elsewhere = workload.id.kind.starts_with("Cloud Run") || workload.id.kind == "Compose service";
    !on_host && !elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::egress_any_namespace::tests::{any_namespace, env};
    use crate::rules::{pods, testing};
    use cofferdam_model::Texts;
    use cofferdam_model::scaling::Selector;

    #[test]
    fn an_ingress_policy_for_all_pods_is_enough_and_no_policy_is_low() {
        assert_eq!(
            testing::only(&RULE, &pods::testing::env((1, 1, 1), |_| {})).severity,
            Some(Severity::Low)
        );
        let mut e = env(Some(any_namespace()), &["443"]);
        let open = testing::only(&RULE, &e);
        assert_eq!(open.severity, Some(Severity::Medium));
        assert!(
            !open.explanation.contains("send to everywhere"),
            "an egress policy selects it: {}",
            open.explanation
        );
        let mut deny = e.network_policies[0].clone();
        deny.selector = Selector::default();
        deny.ingress = true;
        let mut ingress_only = deny.clone();
        ingress_only.egress = false;
        e.network_policies.push(deny);
        assert!(testing::all(&RULE, &e).is_empty());
        e.network_policies = vec![ingress_only];
        let sends = testing::only(&RULE, &e);
        assert!(sends.title.contains("may send to everywhere"), "{}", sends.title);
        e.network_policies[0].id.namespace = Some("shop".to_owned());
        assert!(
            testing::only(&RULE, &e).title.contains("may send to everywhere"),
            "a policy that may select it is no absence"
        );
        e.network_policies.clear();
        e.workloads[0]
            .fields
            .insert("hostNetwork".to_owned(), testing::fact("true".to_owned(), 30));
        assert!(
            testing::all(&RULE, &e).is_empty(),
            "policies do not govern pods on the host's network"
        );
        e.workloads[0].fields = Texts::new();
        let kinds = [
            ("Compose service", false),
            ("Cloud Run service", false),
            ("Cloud Run job", false),
            ("CloneSet", true),
        ];
        for (kind, governed) in kinds {
            e.workloads[0].id.kind = kind.to_owned();
            assert_eq!(!testing::all(&RULE, &e).is_empty(), governed, "{kind}");
        }
        let id = e.workloads[0].id.clone();
        e.foreign_policies.push(id);
        assert!(
            testing::all(&RULE, &e).is_empty(),
            "what a plugin's policies select is not known"
        );
    }
}
