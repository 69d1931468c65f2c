//! Pods of a StatefulSet find each other by names that only a headless Service gives them.

use super::pods;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::ByHome;
use cofferdam_model::workload::{Completeness, ServicePort, Workload};
use cofferdam_syntax::hash::HashMap;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("statefulset-service"),
    group: Group::Delivery,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a StatefulSet has no headless Service: its pods have no names by which to find each other",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/statefulset-service.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut services: HashMap<&str, ByHome<&ServicePort>> = HashMap::default();
    for service in &cx.env.service_ports {
        let same_name = services.entry(&service.id.name).or_default();
        same_name.push(service.id.home(), service);
    }
    for workload in pods::whole(cx.env).filter(|w| w.id.kind == "StatefulSet") {
        judge(&services, workload, out);
    }
}

fn judge(services: &HashMap<&str, ByHome<&ServicePort>>, workload: &Workload, out: &mut Verdicts) {
    let mut evidence = Evidence::new();
    let what = match workload.fields.get("serviceName").filter(|n| !n.value.is_empty()) {
        None => "names no Service".to_owned(),
        Some(name) => {
            let same_name = services.get(name.value.as_str());
            let service = same_name.and_then(|s| s.related(workload.id.home()).next());
            // A Service that does not exist is a dangling reference.
            let Some(service) = service else { return };
            let address = service.address.as_ref().map(|a| a.value.as_str());
            if address == Some("None") || service.completeness == Completeness::Fragment {
                return;
            }
            evidence.note(name, "its Service");
            evidence.place(service.span, "not headless");
            format!("names the Service `{}`, which is not headless", name.value)
        }
    };
    evidence.place(workload.span, "the workload");
    let example = workload
        .fields
        .get("serviceName")
        .map_or(workload.id.name.as_str(), |n| n.value.as_str());
    out.report(
        Finding::new(
            &workload.id,
            format!("{}: {what}: its pods cannot be called by name", workload.id),
        )
        .explain(format!(
            "Only a headless Service gives each pod a name (`{}-0.{example}`). Members that look for \
                 each other by such names (a quorum, a replica for its primary) do not find each other, and \
                 a client cannot choose one.",
            workload.id.name
        ))
        .remedy(
            "Add a Service with `clusterIP: None` that selects the pods and set it in `serviceName`; \
                keep a second one with an address for clients that may use any pod. If nothing needs the \
                names, no change is needed.",
        )
        .likely()
        .evidence(evidence),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::workload::{ObjectId, ServicePort};

    fn env(named: Option<&str>, address: Option<&str>) -> cofferdam_model::Environment {
        let mut env = pods::testing::env((3, 3, 3), |w| {
            w.id.kind = "StatefulSet".to_owned();
            if let Some(name) = named {
                w.fields
                    .insert("serviceName".to_owned(), fact(name.to_owned(), 9));
            }
        });
        let id = ObjectId {
            kind: "Service".into(),
            namespace: None,
            deployment: None,
            name: "api".into(),
        };
        env.service_ports.push(ServicePort {
            address: address.map(|a| fact(a.to_owned(), 21)),
            ..testing::service_port(id, &cofferdam_model::Texts::new())
        });
        env
    }

    #[test]
    fn a_statefulset_needs_a_headless_service() {
        assert!(
            testing::only(&RULE, &env(None, Some("None")))
                .title
                .contains("names no Service")
        );
        assert!(
            testing::only(&RULE, &env(Some("api"), None))
                .title
                .contains("not headless")
        );
        assert!(testing::all(&RULE, &env(Some("api"), Some("None"))).is_empty());
        assert!(
            testing::all(&RULE, &env(Some("gone"), None)).is_empty(),
            "reported as a dangling reference"
        );
        let mut template = env(Some("api"), None);
        template.service_ports[0].completeness = Completeness::Fragment;
        assert!(
            testing::all(&RULE, &template).is_empty(),
            "a template may set it elsewhere"
        );
        assert!(testing::all(&RULE, &pods::testing::env((3, 3, 3), |_| {})).is_empty());
    }
}
