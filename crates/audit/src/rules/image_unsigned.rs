//! Without verified signatures, only an image's name shows where it comes from.

use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("image-unsigned"),
    group: Group::Images,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("admission policies check images by name and none verifies a signature"),
    absences: &[Absence::AdmissionPolicy],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/image-unsigned.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let policies = &cx.env.admission_policies;
    let about_images: Vec<_> = policies.iter().filter(|p| !p.allowed_images.is_empty()).collect();
    let verified = policies
        .iter()
        .any(|p| p.verifies_signatures.as_ref().is_some_and(|v| v.value));
    // If the files contain no policy about images, admission is decided elsewhere or not at all.
    let Some(first) = about_images.first().filter(|_| !verified) else {
        return;
    };
    let mut finding = Finding::new(
        Subject::all("image signatures"),
        format!("{} checks images by their name only; no policy verifies a signature", first.name),
    )
    .explain("A name shows from where an image was pulled. Anyone who can push there, or take over an \
        account that can, decides what runs. Nothing ties the image to the build that should have made it.")
    .remedy("Sign in the build (cosign) and add a policy with `verifyImages` for these patterns, first with Audit, then Enforce.")
    .absent(Absence::AdmissionPolicy)
    .figure("policies", about_images.len() as f64, "policies");
    for policy in about_images.iter().take(3) {
        finding = finding.at(policy.span, "by name only");
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::images::AdmissionPolicy;
    use cofferdam_model::{Environment, Parts};

    #[test]
    fn one_policy_that_verifies_is_enough() {
        let policy = |verifies| AdmissionPolicy {
            name: "p".to_owned(),
            span: span(1),
            enforced: None,
            allowed_images: vec![fact("cr.example.net/*".to_owned(), 2)],
            verifies_signatures: verifies,
            verified_images: Vec::new(),
            message: None,
        };
        let mut env = Environment {
            parts: Parts {
                admission_policies: vec![policy(None)],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert_eq!(testing::all(&RULE, &env).len(), 1);
        env.admission_policies.push(policy(Some(fact(true, 3))));
        assert!(testing::all(&RULE, &env).is_empty());
        assert!(testing::all(&RULE, &Environment::default()).is_empty());
    }
}
