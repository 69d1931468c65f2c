//! The metadata service gives the node's credentials to every process that can reach it.

use super::{egress_any_address, pods, reach};
use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::network::{Policies, PolicyRule};
use cofferdam_model::workload::{Completeness, Workload};
use cofferdam_model::{Absence, Span};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("metadata-reachable"),
    group: Group::Network,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("pods can reach the cloud's metadata service and with it the node's credentials"),
    absences: &[Absence::NetworkPolicy],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/metadata-reachable.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    // If the files contain no egress policy, no restriction was intended: network-no-default-deny reports
    // that.
    if !cx.env.network_policies.iter().any(|p| p.egress) {
        return;
    }
    let (pods, policies) = (reach::Pods::of(cx.env), Policies::of(&cx.env.network_policies));
    for policy in cx.env.network_policies.iter().filter(|p| p.egress) {
        let places: Vec<Span> = policy.egress_rules.iter().filter_map(opening).collect();
        // egress-any-address says more of the same line.
        if egress_any_address::cancels(&pods, &policies, policy) {
            continue;
        }
        if !places.is_empty() {
            let governed = pods.governed(policy);
            let who = if governed.is_empty() {
                "the pods it selects".to_owned()
            } else {
                reach::names(&governed)
            };
            let mut finding = base(
                Subject::from(&policy.id),
                format!(
                    "{}: {who} can reach the metadata service at {}",
                    policy.id,
                    reach::METADATA
                ),
            )
            .figure("workloads", governed.len() as f64, "workloads");
            for place in places {
                finding = finding.at(place, "covers the metadata address");
            }
            out.report(finding);
        }
    }
    let mut unselected: Vec<&Workload> = cx
        .env
        .workloads
        .iter()
        .filter(|w| w.completeness == Completeness::Whole && policies.possible_reach(w).egress.is_empty())
        .collect();
    pods::once(&mut unselected);
    if unselected.is_empty() {
        return;
    }
    let certain = reach::without_policy(cx, &unselected);
    let is_certain = certain.is_some();
    let unselected = certain.unwrap_or(unselected);
    let mut finding = base(
        Subject::all("workloads without an egress policy"),
        format!(
            "{} can reach the metadata service: no egress policy selects {}",
            reach::names(&unselected),
            if unselected.len() == 1 { "it" } else { "them" }
        ),
    )
    .each()
    .figure("workloads", unselected.len() as f64, "workloads");
    for workload in unselected.iter().take(4) {
        finding = finding.at(workload.span, "no egress policy");
    }
    out.report(match is_certain {
        true => finding,
        false => finding.absent(Absence::NetworkPolicy),
    });
}

/// The place where a rule allows requests to the metadata service.
fn opening(rule: &PolicyRule) -> Option<Span> {
    let peer = rule.peers.iter().find(|p| reach::reaches(p, reach::METADATA));
    let opens = (rule.peers.is_empty() || peer.is_some()) && reach::opens(rule, 80, "TCP");
    opens.then(|| peer.map_or(rule.span, |p| p.span))
}

fn base(subject: Subject, title: String) -> Finding {
    Finding::new(subject, title)
        .cause("can be reached")
        .alike()
        .explain(
            "A request that an attacker makes a pod send (by a forged URL, or from a shell in it) gets \
            the credentials of the node, and with them all the node's permissions. A selector of namespaces \
            never covers this address: it can be reached if no egress policy selects the pod, or if an \
            address block covers it.",
        )
        .remedy(
            "Select every pod by an egress policy, and exclude 169.254.169.254/32 from blocks that cover \
            it (`except`); require IMDSv2 with a hop limit of 1, or Workload Identity.",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::egress_any_namespace::tests::{any_namespace, env};
    use crate::rules::{pods, testing};
    use cofferdam_model::Texts;
    use cofferdam_model::network::PeerKind;

    fn block(except: &[&str]) -> Option<PeerKind> {
        Some(PeerKind::Addresses {
            cidr: "0.0.0.0/0".to_owned(),
            except: except.iter().map(|e| (*e).to_owned()).collect(),
        })
    }

    #[test]
    fn a_namespace_selector_does_not_allow_the_metadata_address_and_an_address_block_does() {
        assert!(testing::all(&RULE, &env(Some(any_namespace()), &["443"])).is_empty());
        assert_eq!(testing::all(&RULE, &env(block(&[]), &[])).len(), 1);
        assert!(testing::all(&RULE, &env(block(&["169.254.169.254/32"]), &[])).is_empty());
        assert!(
            testing::all(&RULE, &env(block(&[]), &["443"])).is_empty(),
            "it answers on port 80"
        );
    }

    #[test]
    fn the_open_rules_of_one_policy_are_one_finding() {
        let mut e = env(block(&[]), &["80"]);
        let mut second = e.network_policies[0].egress_rules[0].clone();
        second.peers[0].span = testing::span(33);
        e.network_policies[0].egress_rules.push(second);
        assert_eq!(testing::only(&RULE, &e).locations.len(), 2);
        for rule in &mut e.network_policies[0].egress_rules {
            rule.ports.clear();
        }
        assert!(testing::all(&RULE, &e).is_empty(), "egress-any-address says more");
    }

    #[test]
    fn a_pod_that_no_policy_selects_is_reported_if_policies_are_here() {
        let mut e = env(Some(any_namespace()), &["443"]);
        let mut other = e.workloads[0].clone();
        other.id.name = "worker".to_owned();
        other.labels = Texts::new();
        e.workloads.push(other);
        assert!(testing::only(&RULE, &e).title.starts_with("worker can reach"));
        assert!(testing::all(&RULE, &pods::testing::env((1, 1, 1), |_| {})).is_empty());
    }
}
