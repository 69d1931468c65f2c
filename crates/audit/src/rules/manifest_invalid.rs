//! Configuration that its consumer refuses or silently ignores. The readers know each format's fields; this
//! rule explains the consequence.

use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::delivery::DefectEffect;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("manifest-invalid"),
    group: Group::Delivery,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "configuration that Kubernetes, the provider or the image would refuse or silently ignore",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/manifest-invalid.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for defect in &cx.env.defects {
        let scope = &cx.platform.scope;
        let (severity, verb, what_happens) = match defect.effect {
            DefectEffect::Unknown if scope.drops_unknown_fields(defect.span.file) => (
                Severity::Medium,
                " loses a field",
                "Helm (since 3.9) and Argo CD without server-side apply do not ask for strict validation: the API server only \
                 warns and drops the field, and the object works as if it were not there. Kubectl and \
                 server-side apply refuse the object.",
            ),
            DefectEffect::Refused | DefectEffect::Unknown => (
                Severity::High,
                " is refused",
                "It is rejected when applied: the change is not made, and other changes of the same deploy \
                 may stop half-way.",
            ),
            DefectEffect::RefusedIfNew => (
                Severity::Medium,
                " is refused unless it exists already",
                "It is rejected when applied, unless it changes an object of this name that something else makes, such as an \
                 operator: nothing in these files shows that.",
            ),
            DefectEffect::RefusedByVersion => (
                Severity::Medium,
                "",
                "A cluster of such a version rejects it: the change is not made, and other changes of the same deploy \
                 may stop half-way. An older cluster takes it until it is upgraded. These files do not show the version.",
            ),
            DefectEffect::Ignored => (
                Severity::Medium,
                " is ignored",
                "Nothing fails and nothing changes: the platform uses a default that the file seems to have \
                 replaced.",
            ),
        };
        let label = defect.problem.clone();
        let finding = Finding::new(
            &defect.subject,
            format!("{}{verb}: {}", defect.subject, defect.problem),
        )
        .cause(("field", defect.path.as_str()))
        .severity(severity)
        .explain(what_happens)
        .at(defect.span, label)
        .remedy(&defect.remedy);
        out.report(match defect.effect {
            DefectEffect::RefusedByVersion | DefectEffect::RefusedIfNew => finding.likely(),
            _ => finding,
        });
    }
}
