//! An egress policy that omits DNS breaks every name lookup, and therefore almost every connection.

use super::reach;
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use cofferdam_model::network::{NetworkPolicy, PeerKind, Policies, PolicyRule};
use cofferdam_model::workload::Workload;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("egress-blocks-dns"),
    group: Group::Network,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("egress policies let a workload send traffic, but block its DNS lookups"),
    absences: &[Absence::NetworkPolicy],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/egress-blocks-dns.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let all = Policies::of(&cx.env.network_policies);
    for workload in &cx.env.workloads {
        let policies = all.reach(workload).egress;
        // A policy that allows no egress at all is intended; one that allows some egress needs DNS for it.
        let lets_out = policies.iter().any(|p| !p.egress_rules.is_empty());
        // Another policy that may apply to the workload may also be the one that allows DNS.
        let allowed = || {
            let possible = all.possible_reach(workload).egress;
            possible
                .iter()
                .flat_map(|p| &p.egress_rules)
                .any(|r| allows_dns(r, "UDP"))
        };
        if lets_out && !allowed() {
            report(workload, &policies, out);
        }
    }
}

/// Usual addresses of DNS: the cluster's service, and the cache on each node. Source: Kubernetes
/// documentation, "Customizing DNS Service" (kubeadm's default range of services) and "Using NodeLocal
/// DNSCache".
const DNS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 96, 0, 10)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 20, 10)),
];

/// Port 53 by name, or every port to the places where the cluster's DNS may be. Resolvers ask by UDP, and by TCP only after
/// an answer that was cut off (RFC 7766), so a rule for TCP alone does not allow lookups. A port without a protocol is one
/// of TCP (Kubernetes API reference, `NetworkPolicyPort`).
fn allows_dns(rule: &PolicyRule, protocol: &str) -> bool {
    if !reach::opens(rule, 53, protocol) {
        return false;
    }
    if !rule.ports.is_empty() || rule.peers.is_empty() {
        return true;
    }
    rule.peers.iter().any(|peer| match &peer.kind {
        PeerKind::Addresses { cidr, .. } => {
            reach::is_everything(cidr) || DNS.iter().any(|address| reach::holds(cidr, *address))
        }
        PeerKind::Pods {
            namespaces: Some(namespaces),
            ..
        } => {
            namespaces.is_empty()
                || !namespaces.expressions.is_empty()
                || namespaces
                    .labels
                    .values()
                    .any(|v| v.value == "kube-system" || v.value.contains("dns"))
        }
        PeerKind::Pods { namespaces: None, .. } => false,
    })
}

/// Whether a rule lets out only to single addresses, which a process may have without a lookup.
fn is_to_hosts(rule: &PolicyRule) -> bool {
    let is_host = |cidr: &str| cidr.ends_with("/32") || cidr.ends_with("/128");
    let is_one = |kind: &PeerKind| matches!(kind, PeerKind::Addresses { cidr, .. } if is_host(cidr));
    !rule.peers.is_empty() && rule.peers.iter().all(|peer| is_one(&peer.kind))
}

fn report(workload: &Workload, policies: &[&NetworkPolicy], out: &mut Verdicts) {
    // Clusters of one environment have policies of one name.
    let names: Vec<String> = policies
        .iter()
        .map(|p| p.id.name.clone())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut finding = Finding::new(&workload.id, format!("{}: no egress rule allows DNS", workload.id))
        .explain(format!(
            "Once any egress policy selects a pod ({}), the pod may send only what its policies allow, and \
             none allows port 53. Every name that the process looks up fails after a timeout, including the \
             name of the database.",
            super::secret_in_environment::join(&names)
        ))
        .remedy("Add an egress rule to the namespace kube-system (`kubernetes.io/metadata.name: kube-system`) for ports 53/UDP and 53/TCP.")
        .absent(Absence::NetworkPolicy)
        .figure("policies", names.len() as f64, "policies");
    let by_tcp = policies
        .iter()
        .flat_map(|p| &p.egress_rules)
        .find(|r| !r.ports.is_empty() && allows_dns(r, "TCP"));
    if let Some(rule) = by_tcp {
        finding.title = format!("{}: egress rules allow DNS by TCP only", workload.id);
        finding = finding
            .explain(format!(
                "Once any egress policy selects a pod ({}), the pod may send only what its policies allow. They \
                 allow port 53 by TCP only, which is the protocol of a port that names none, and lookups use UDP. \
                 Every name that the process looks up fails after a timeout, including the name of the database.",
                super::secret_in_environment::join(&names)
            ))
            .remedy("Add `{protocol: UDP, port: 53}` to the ports of this rule.")
            .at(rule.span, "port 53 by TCP");
    } else if policies.iter().flat_map(|p| &p.egress_rules).all(is_to_hosts) {
        finding = finding.severity(Severity::Low).likely().explain(
            "Its policies let it send to single addresses only, and none allows port 53. If it is given addresses, it \
             needs no names; if it is given a name, every lookup fails after a timeout.",
        );
    }
    for policy in policies.iter().take(3) {
        finding = finding.at(policy.span, "selects it, without DNS");
    }
    out.report(finding.at(workload.span, "the workload"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::egress_any_namespace::tests::{any_namespace, env};
    use crate::rules::testing;

    #[test]
    fn port_53_or_every_port_to_the_cluster_is_enough() {
        assert_eq!(
            testing::all(&RULE, &env(Some(any_namespace()), &["443"])).len(),
            1
        );
        assert!(testing::all(&RULE, &env(Some(any_namespace()), &["53/UDP"])).is_empty());
        assert!(testing::all(&RULE, &env(Some(any_namespace()), &[])).is_empty());
        assert!(testing::all(&RULE, &env(None, &[])).is_empty());
    }

    #[test]
    fn lookups_use_udp() {
        let finding = testing::only(&RULE, &env(Some(any_namespace()), &["53"]));
        assert!(finding.title.ends_with("DNS by TCP only"), "{}", finding.title);
        assert_eq!(finding.severity, None, "the rule's own");
        assert!(testing::all(&RULE, &env(Some(any_namespace()), &["53", "53/UDP"])).is_empty());
    }

    #[test]
    fn a_policy_to_single_addresses_may_need_no_names() {
        let to = |cidr: &str| {
            let block = PeerKind::Addresses {
                cidr: cidr.to_owned(),
                except: Vec::new(),
            };
            testing::only(&RULE, &env(Some(block), &["443"])).severity
        };
        assert_eq!(to("192.0.2.7/32"), Some(Severity::Low));
        assert_eq!(to("10.0.0.0/8"), None, "the rule's own");
    }

    #[test]
    fn a_policy_that_denies_everything_is_intended() {
        let mut e = env(None, &[]);
        e.network_policies[0].egress_rules.clear();
        assert!(testing::all(&RULE, &e).is_empty());
    }

    #[test]
    fn a_policy_in_a_namespace_does_not_apply_to_a_pod_of_unknown_namespace() {
        let mut e = env(Some(any_namespace()), &["443"]);
        e.network_policies[0].id.namespace = Some("lockers".to_owned());
        assert!(testing::all(&RULE, &e).is_empty());
        e.workloads[0].id.namespace = Some("lockers".to_owned());
        assert_eq!(testing::only(&RULE, &e).absence, Some(Absence::NetworkPolicy));
        // A policy that may apply to it may be the one that allows DNS.
        let mut dns = e.network_policies[0].clone();
        dns.id.namespace = None;
        dns.id.name = "dns".to_owned();
        dns.egress_rules[0].ports[0].port = Some("53".to_owned());
        dns.egress_rules[0].ports[0].protocol = "UDP".to_owned();
        e.network_policies.push(dns);
        assert!(testing::all(&RULE, &e).is_empty());
    }
}
