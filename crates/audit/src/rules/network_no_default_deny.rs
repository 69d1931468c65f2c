//! A pod that no policy selects takes connections from everywhere.

use super::reach;
use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::workload::{Completeness, Workload};

/// The rule.
pub const RULE: Rule = Rule {
    id: "network-no-default-deny",
    group: Group::Network,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: "no policy denies by default: pods that nobody thought of talk to all and are reached by all",
    page: include_str!("../../../../docs/rules/network-no-default-deny.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let whole = || cx.env.workloads.iter().filter(|w| w.completeness == Completeness::Whole && is_pod(&w.id.kind));
    let open: Vec<&Workload> = whole().filter(|w| cx.env.reach(w).ingress.is_empty()).collect();
    if open.is_empty() {
        return;
    }
    let kept = !cx.env.network_policies.is_empty();
    let title = if kept {
        let them = if open.len() == 1 { "it" } else { "them" };
        format!("{} may be reached from everywhere: no ingress policy selects {them}", reach::names(&open))
    } else {
        "no network policy stands in these files: every pod may be reached from every other".to_owned()
    };
    let mut finding = Finding::new("network policies", title)
        .severity(if kept { Severity::Medium } else { Severity::Low })
        .explain("Without a policy that selects it, a pod takes connections from every pod of the cluster and sends to everywhere: one that is taken over reaches all the others.")
        .remedy("Add to each namespace a policy with an empty podSelector, `policyTypes: [Ingress, Egress]` and no rules, and allow beside it what is really called (DNS first).")
        .figure("workloads", open.len() as f64, "workloads");
    for workload in open.iter().take(4) {
        finding = finding.at(workload.span, "selected by no ingress policy");
    }
    out.report(if kept { finding } else { finding.likely() });
}

/// Whether the workload runs as pods of a cluster that has network policies.
fn is_pod(kind: &str) -> bool {
    !matches!(kind, "Service" | "Compose" | "CloudRunService" | "CloudRun")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::egress_any_namespace::tests::{any_namespace, env};
    use crate::rules::{pods, testing};
    use cofferdam_model::scaling::Selector;

    #[test]
    fn an_ingress_policy_for_all_is_enough_and_none_at_all_is_told_low() {
        assert_eq!(testing::only(&RULE, &pods::testing::env((1, 1, 1), |_| {})).severity, Some(Severity::Low));
        let mut e = env(Some(any_namespace()), &["443"]);
        assert_eq!(testing::only(&RULE, &e).severity, Some(Severity::Medium));
        let mut deny = e.network_policies[0].clone();
        deny.selector = Selector::default();
        deny.ingress = true;
        e.network_policies.push(deny);
        assert!(testing::all(&RULE, &e).is_empty());
    }
}
