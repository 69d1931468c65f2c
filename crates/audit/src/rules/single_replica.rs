//! With one replica, every restart is an outage.

use super::disruption_budget_missing::is_kubernetes;
use super::{pods, stores};
use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::Absence;

/// The rule.
pub const RULE: Rule = Rule {
    id: "single-replica",
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: "a service runs one replica: every restart is an outage",
    absences: &[Absence::Autoscaler],
    page: include_str!("../../../../docs/rules/single-replica.md"),
    check,
};

/// The fix for a database, of which more replicas are more databases.
const OF_DATABASE: &str = "Let an operator run it with streaming replication and a failover (CloudNativePG, Percona, the \
    MongoDB operator), or use a managed database; until then, test its backups.";

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let callers = pods::Callers::new(cx.env);
    for workload in pods::services(cx.env) {
        let (fewest, fact) = pods::fewest(cx.env, workload);
        if fewest != 1 || !is_kubernetes(&workload.id.kind) {
            continue;
        }
        let is_called = callers.call(workload);
        let written = fact.filter(|f| !f.is_assumed());
        let depended = match is_called {
            true => ", and other services depend on it",
            false => "",
        };
        let database = stores::database(workload);
        let mut finding = Finding::new(workload.id.to_string(), format!("{}: one replica{depended}", workload.id))
            .severity(if is_called { Severity::Medium } else { Severity::Low })
            .explain(if is_called {
                "An upgrade of its node, its own crash and, with a volume that only one pod may use, every \
                 deploy are outages of the whole service."
            } else {
                "While its node is upgraded or it restarts after a crash, it does no work. Nothing in these \
                 files calls it, so its work may be able to wait."
            })
            .remedy(match database {
                Some(_) => OF_DATABASE.to_owned(),
                None => "Run at least two replicas on different nodes; if only one may work at a time, elect a leader among them.".to_owned(),
            })
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
        if let Some(database) = database {
            finding = finding.explain(format!(
                "An upgrade of its node and its own crash are outages of everything that needs its data. A second \
                 replica alone would be a second, empty database: {database} copies nothing between pods by itself."
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

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
            kind: "Service".to_owned(),
            namespace: Some("shop".to_owned()),
            ..elsewhere.workloads[0].id.clone()
        };
        elsewhere.workloads[0].id.namespace = Some("jobs".to_owned());
        elsewhere
            .service_ports
            .push(cofferdam_model::workload::ServicePort {
                id,
                span: testing::span(40),
                labels: Default::default(),
                selector: [("app".to_owned(), testing::fact("api".to_owned(), 41))].into(),
                ports: Vec::new(),
                kind: None,
                address: None,
                external_name: None,
                completeness: cofferdam_model::workload::Completeness::Whole,
            });
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
