//! Network policies only add permissions: one rule that allows every address cancels every allow list beside
//! it.

use super::{common, reach};
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Span;
use cofferdam_model::network::{NetworkPolicy, Peer, PeerKind, Policies, PolicyRule};
use cofferdam_model::workload::Workload;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("egress-any-address"),
    group: Group::Network,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("an egress rule opens every address and so cancels the allow list beside it"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/egress-any-address.md")),
    check: Check::BuiltIn(check),
};

/// The private ranges of RFC 1918.
const PRIVATE: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let near = (reach::Pods::of(cx.env), Policies::of(&cx.env.network_policies));
    for policy in cx.env.network_policies.iter().filter(|p| p.egress) {
        // One finding for each policy: its widest rule, with the places of the other rules.
        let open = policy.egress_rules.iter().filter_map(|rule| {
            let opening = opening(rule)?;
            // HTTPS to the internet without the private ranges is what most services need.
            (rule.ports.is_empty() || opening.2).then_some((rule, opening))
        });
        let mut open: Vec<_> = open.collect();
        open.sort_by_key(|(rule, _)| !rule.ports.is_empty());
        let mut open = open.into_iter();
        if let Some((rule, opening)) = open.next() {
            let others = open.map(|(_, (place, label, _))| (place, label)).collect();
            judge(&near, policy, rule, (opening, others), out);
        }
    }
}

/// Words for the place to which a rule opens everything, and whether private addresses are part of it.
fn opening(rule: &PolicyRule) -> Option<(Span, String, bool)> {
    if rule.peers.is_empty() {
        return Some((rule.span, "to everywhere".to_owned(), true));
    }
    rule.peers.iter().find_map(|peer| match &peer.kind {
        PeerKind::Addresses { cidr, except } if reach::is_everything(cidr) => {
            let inside = !PRIVATE.iter().all(|private| reach::covers(except, private));
            Some((peer.span, cidr.clone(), inside))
        }
        _ => None,
    })
}

/// Whether a rule allows requests to the metadata service's address.
fn reaches_metadata(rule: &PolicyRule) -> bool {
    rule.peers.is_empty()
        || rule
            .peers
            .iter()
            .any(|peer| reach::reaches(peer, reach::METADATA))
}

/// What a block leaves out, after "every address".
fn excluded(peer: &Peer) -> Option<String> {
    match &peer.kind {
        PeerKind::Addresses { except, .. } if !except.is_empty() => {
            let shown = except
                .iter()
                .take(3)
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            let more = match except.len().saturating_sub(3) {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            Some(format!(" but {shown}{more}"))
        }
        _ => None,
    }
}

/// How many other egress rules apply to the pods of a policy.
fn others(policies: &Policies<'_>, policy: &NetworkPolicy, governed: &[&Workload]) -> usize {
    let beside = policies
        .beside(policy)
        .filter(|p| p.egress && p.id != policy.id && governed.iter().any(|w| p.selector.matches(&w.labels)));
    policy.egress_rules.len().saturating_sub(1) + beside.map(|p| p.egress_rules.len()).sum::<usize>()
}

/// Whether a rule of a policy allows everything, and so cancels the other rules for its pods.
pub(super) fn cancels(pods: &reach::Pods<'_>, policies: &Policies<'_>, policy: &NetworkPolicy) -> bool {
    let opens = |rule: &PolicyRule| rule.ports.is_empty() && opening(rule).is_some();
    policy.egress_rules.iter().any(opens) && others(policies, policy, &pods.governed(policy)) > 0
}

fn judge(
    (pods, policies): &(reach::Pods<'_>, Policies<'_>),
    policy: &NetworkPolicy,
    rule: &PolicyRule,
    (opening, more): ((Span, String, bool), Vec<(Span, String)>),
    out: &mut Verdicts,
) {
    let (place, label, _) = opening;
    let every_port = rule.ports.is_empty();
    let governed = pods.governed(policy);
    let who = if governed.is_empty() {
        "the pods it selects".to_owned()
    } else {
        reach::names(&governed)
    };
    let others = others(policies, policy, &governed);
    let ports = reach::ports(rule);
    let undone = if every_port && others > 0 {
        format!(
            " {} for these pods no longer {} anything.",
            common::count(others as u64, "other egress rule"),
            if others == 1 { "limits" } else { "limit" }
        )
    } else {
        String::new()
    };
    // If it is the only rule it cancels nothing: it is as if no egress policy applied.
    let has_block = !rule.peers.is_empty();
    let severity = if every_port && others > 0 {
        Severity::High
    } else if reach::opens(rule, 80, "TCP") && reaches_metadata(rule) {
        // metadata-reachable says more of the same line.
        return;
    } else {
        Severity::Low
    };
    let without = rule
        .peers
        .iter()
        .find(|peer| peer.span == place)
        .and_then(excluded);
    let without = without.unwrap_or_default();
    let mut finding = Finding::new(
        &policy.id,
        format!(
            "{}: {who} may send to every address{without} on {ports}{}",
            policy.id,
            if every_port && others > 0 {
                ", which cancels its allow list"
            } else {
                ""
            }
        ),
    )
    .severity(severity)
    .explain(match has_block {
        true => format!(
            "Network policies only add permissions: traffic that any rule allows is allowed. With {label}{without} on \
             {ports}, data can leave to anywhere{}. `except` removes addresses from this one block only.{undone}",
            match without.is_empty() {
                true => ", and with most network plugins the block also covers the pods of the cluster",
                false => " else, private addresses that are not excluded among them",
            }
        ),
        false => format!(
            "Network policies only add permissions: traffic that any rule allows is allowed. A rule without `to` \
             allows every address, those of the cluster's pods too: on {ports} data can leave to anywhere.{undone}"
        ),
    })
    .remedy(if !has_block {
        "Say in `to` where this traffic goes (for DNS the namespace kube-system, for others an `ipBlock` or pods)."
    } else if every_port {
        "Restrict the rule to its ports (443) and exclude the private ranges (`except: [10.0.0.0/8, \
             172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16]`), or list the addresses; send other traffic \
             through an egress proxy."
    } else {
        "Exclude the private and link-local ranges from the block with `except`."
    })
    .figure("workloads", governed.len() as f64, "workloads")
    .at(place, label);
    if every_port && others > 0 {
        finding = finding.figure("rules_undone", others as f64, "rules");
    }
    for (place, label) in more {
        finding = finding.at(place, label);
    }
    for other in policy
        .egress_rules
        .iter()
        .filter(|r| r.span != rule.span && every_port)
        .take(3)
    {
        finding = finding.at(other.span, "undone");
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::egress_any_namespace::tests::env;
    use crate::rules::testing;
    use cofferdam_model::Environment;

    fn everything(except: &[&str]) -> PeerKind {
        PeerKind::Addresses {
            cidr: "0.0.0.0/0".to_owned(),
            except: except.iter().map(|e| (*e).to_owned()).collect(),
        }
    }

    #[test]
    fn every_port_to_every_address_is_high_and_a_narrow_rule_is_not() {
        let with_another = |mut e: Environment| {
            let mut narrow = e.network_policies[0].egress_rules[0].clone();
            narrow.span = testing::span(60);
            narrow.ports = env(None, &["5432"]).network_policies[0].egress_rules[0]
                .ports
                .clone();
            narrow.peers.clear();
            narrow.peers.push(cofferdam_model::network::Peer {
                span: testing::span(61),
                kind: PeerKind::Addresses {
                    cidr: "10.1.2.0/24".to_owned(),
                    except: Vec::new(),
                },
            });
            e.network_policies[0].egress_rules.push(narrow);
            e
        };
        let open = env(Some(everything(&["169.254.169.254/32"])), &[]);
        assert_eq!(
            testing::only(&RULE, &open).severity,
            Some(Severity::Low),
            "it undoes nothing"
        );
        assert_eq!(
            testing::only(&RULE, &with_another(open)).severity,
            Some(Severity::High)
        );
        assert_eq!(
            testing::only(&RULE, &with_another(env(None, &[]))).severity,
            Some(Severity::High)
        );
        assert_eq!(
            testing::only(&RULE, &env(Some(everything(&[])), &["443"])).severity,
            Some(Severity::Low)
        );
        let sound = everything(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]);
        assert!(testing::all(&RULE, &env(Some(sound), &["443"])).is_empty());
    }

    #[test]
    fn the_rules_that_it_cancels_are_counted() {
        let mut e = env(Some(everything(&[])), &[]);
        let narrow = env(None, &["5432"]).network_policies[0].egress_rules[0].clone();
        e.network_policies[0].egress_rules.insert(
            0,
            PolicyRule {
                span: testing::span(40),
                ..narrow
            },
        );
        // Both rules are open on the same port: they are one finding, about the wider rule.
        let found = testing::only(&RULE, &e);
        assert_eq!(found.figures["rules_undone"].value, 1.0);
        let text = found.explanation;
        assert!(
            text.contains("1 other egress rule for these pods no longer limits anything."),
            "{text}"
        );
    }
}
