//! With one replica, every restart is an outage.

use super::disruption_budget_missing::is_kubernetes;
use super::{pods, stores};
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("single-replica"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a service runs one replica: every restart is an outage"),
    absences: &[Absence::Autoscaler],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/single-replica.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let (services, hosts) = (pods::Callers::new(cx.env), pods::Hosts::new(cx.env));
    for workload in pods::services(cx.env) {
        let (fewest, fact) = pods::fewest(cx.env, workload);
        if fewest != 1 || !is_kubernetes(&workload.id.kind) {
            continue;
        }
        let service = services.led_to(workload);
        let own = pods::service(cx.env, workload).map(|service| service.name.as_str());
        let callers = service.map_or_else(BTreeSet::new, |service| hosts.callers(service, own));
        let is_called = service.is_some();
        let depended = depended(is_called, &callers);
        let written = fact.filter(|f| !f.is_assumed());
        let store = stores::store(workload);
        let mut finding = Finding::new(&workload.id, format!("{}: one replica{depended}", workload.id))
            .severity(if is_called { Severity::Medium } else { Severity::Low })
            .explain(if is_called {
                "An upgrade of its node, its own crash and, with a volume that only one pod may use, every \
                 deploy are outages of the whole service."
            } else {
                "While its node is upgraded or it restarts after a crash, it does no work. Nothing in these \
                 files calls it, so its work may be able to wait."
            })
            .remedy(store.map_or(
                "Run at least two replicas on different nodes; if only one may work at a time, elect a leader among them.",
                |store| store.remedy,
            ))
            .cause("one replica").alike()
            .figure("replicas", 1, "replicas")
            .at(workload.span, "the workload");
        finding = match written.and_then(cofferdam_model::Fact::span) {
            Some(span) => finding.at(span, "one replica"),
            // If no file sets the number, an autoscaler may set it.
            None if !is_called => finding.absent(Absence::Autoscaler),
            None => finding.absent(Absence::Autoscaler).explain(
                "No number of replicas is set, so Kubernetes runs one. An upgrade of its node and its own \
                 crash are outages of the whole service.",
            ),
        };
        if let Some(store) = store {
            finding = finding.explain(format!(
                "An upgrade of its node and its own crash are outages of everything that needs its data. A second \
                 replica alone would be a second, empty {}: {} copies nothing between pods by itself.",
                match stores::database(workload) {
                    Some(_) => "database",
                    None => "server",
                },
                store.name
            ));
        }
        out.report(finding);
    }
    for autoscaler in pods::lone_autoscalers(cx).filter(|a| a.fewest == 1) {
        out.report(
            Finding::new(
                autoscaler.subject.clone(),
                format!("{} may scale down to one replica", autoscaler.subject),
            )
            .severity(Severity::Low)
            .explain(
                "Under low load one replica is left. An upgrade of its node and its own crash are \
                    then outages of the whole service, and it meets the first increase of load alone.",
            )
            .remedy("Set `minReplicas` to at least two, on different nodes.")
            .figure("replicas", 1, "replicas")
            .evidence(autoscaler.evidence)
            .likely(),
        );
    }
}

/// Who depends on a workload, after "one replica".
fn depended(is_served: bool, callers: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = callers.iter().take(3).copied().collect();
    match (names.as_slice(), callers.len()) {
        ([], _) if is_served => " behind a Service".to_owned(),
        ([], _) => String::new(),
        ([one], _) => format!(", and {one} calls it"),
        (_, n) if n <= 3 => format!(", and {} call it", names.join(", ")),
        (_, n) => format!(
            ", and {n} services call it ({} and {} more)",
            names.join(", "),
            n - 3
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;
    use cofferdam_model::calls::CallSite;

    #[test]
    fn a_title_names_the_services_that_call_it() {
        let title = |callers: &[&str], host: &str| {
            let mut env = pods::testing::env((1, 1, 1), |_| {});
            let workload = env.workloads[0].clone();
            let mut service = testing::service_port(workload.id.clone(), &workload.labels);
            service.id.name = "api".to_owned();
            env.service_ports.push(service);
            for name in callers {
                env.services.push(testing::service(name, (2, 2, 2)));
                let mut call = testing::call(env.services.len() - 1, CallSite::Service);
                call.target_name = Some(testing::fact(host.to_owned(), 51));
                env.calls.push(call);
            }
            let title = testing::only(&RULE, &env).title;
            title
                .split_once(": ")
                .map(|(_, rest)| rest.to_owned())
                .unwrap_or_default()
        };
        assert_eq!(title(&[], ""), "one replica behind a Service");
        assert_eq!(
            title(&["shop"], "http://api:8080/x"),
            "one replica, and shop calls it"
        );
        assert_eq!(title(&["a", "b"], "api"), "one replica, and a, b call it");
        assert_eq!(
            title(&["a", "b", "c", "d"], "api"),
            "one replica, and 4 services call it (a, b, c and 1 more)"
        );
        assert_eq!(title(&["shop"], "other"), "one replica behind a Service");
    }

    #[test]
    fn a_server_that_keeps_data_is_not_told_to_run_two_replicas() {
        let remedy = |repository: &str| {
            let env = pods::testing::env((1, 1, 1), |w| {
                w.containers[0].image = Some(cofferdam_model::images::Image {
                    text: testing::fact(repository.to_owned(), 9),
                    registry: None,
                    repository: repository.to_owned(),
                    tag: None,
                    digest: None,
                });
            });
            let finding = testing::only(&RULE, &env);
            (finding.remedy, finding.explanation)
        };
        let (fix, happens) = remedy("redis");
        assert!(fix.contains("Sentinel"), "{fix}");
        assert!(happens.contains("a second, empty server: Redis"), "{happens}");
        let (fix, happens) = remedy("postgres");
        assert!(
            fix.contains("CloudNativePG") && happens.contains("a second, empty database"),
            "{fix} {happens}"
        );
        assert!(remedy("acme/api").0.starts_with("Run at least two replicas"));
    }

    #[test]
    fn a_missing_replica_count_may_belong_to_an_autoscaler() {
        let mut unset = pods::testing::env((1, 1, 1), |w| w.replicas = None);
        unset.services[0].scale.min = Some(cofferdam_model::Fact::assumed(1, "replicas is not set"));
        assert_eq!(testing::only(&RULE, &unset).absence, Some(Absence::Autoscaler));
        let written = pods::testing::env((1, 1, 1), |_| {});
        assert_eq!(testing::only(&RULE, &written).absence, None);
    }

    #[test]
    fn the_minimum_of_the_autoscaler_counts_and_a_service_without_callers_is_low() {
        assert_eq!(
            testing::all(&RULE, &pods::testing::env((1, 1, 5), |_| {})).len(),
            1
        );
        assert!(testing::all(&RULE, &pods::testing::env((2, 1, 5), |_| {})).is_empty());
        let worker = pods::testing::env((1, 1, 1), |w| w.containers[0].ports.clear());
        assert_eq!(testing::only(&RULE, &worker).severity, Some(Severity::Low));
        assert!(
            testing::all(&RULE, &pods::testing::env((0, 0, 0), |_| {})).is_empty(),
            "switched off on purpose"
        );
        let mut elsewhere = worker;
        let id = cofferdam_model::workload::ObjectId {
            namespace: Some("shop".to_owned()),
            ..elsewhere.workloads[0].id.clone()
        };
        elsewhere.workloads[0].id.namespace = Some("jobs".to_owned());
        let selector = [("app".to_owned(), testing::fact("api".to_owned(), 41))].into();
        elsewhere.service_ports.push(testing::service_port(id, &selector));
        let called = |env: &cofferdam_model::Environment| testing::only(&RULE, env).severity;
        assert_eq!(
            called(&elsewhere),
            Some(Severity::Low),
            "a Service selects in its own namespace"
        );
        elsewhere.service_ports[0].id.namespace = Some("jobs".to_owned());
        assert_eq!(called(&elsewhere), Some(Severity::Medium));
        let mut dev = pods::testing::env((1, 1, 1), |_| {});
        dev.name = "development".to_owned();
        assert!(testing::all(&RULE, &dev).is_empty());
    }
}
