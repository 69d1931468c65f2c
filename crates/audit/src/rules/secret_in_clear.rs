//! A secret in a file is also in the history of the repository.

use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("secret-in-clear"),
    group: Group::Secrets,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a file contains a secret in clear text"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/secret-in-clear.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    // The same value in several places is one secret.
    let mut by_value: BTreeMap<(u64, &str), Vec<_>> = BTreeMap::new();
    for literal in &cx.env.secret_literals {
        by_value
            .entry((literal.fingerprint, literal.name.as_str()))
            .or_default()
            .push(literal);
    }
    for ((_, name), mut literals) in by_value {
        // A base that several builds use is one place.
        literals.sort_by_key(|literal| literal.span);
        literals.dedup_by_key(|literal| literal.span);
        let first = literals[0];
        let places = if literals.len() == 1 {
            String::new()
        } else {
            format!(", in {} places", literals.len())
        };
        let why = match first.evidence.as_str() {
            "" => String::new(),
            evidence => format!(" ({evidence})"),
        };
        let title = format!("the value of `{name}` is written in clear text{places}{why}");
        let mut finding = Finding::new(Subject::named("secret", name), title)
            .cause("is written in clear text").alike()
            .explain("Everyone who can read the repository, now or later, has it. Deleting the line leaves \
                it in the history. The value is not printed here.")
            .remedy("Revoke it first, then deliver a new one from a secret store (External Secrets, Vault, Secret Manager) and keep only the reference in the file.")
            .figure("places", literals.len() as f64, "places");
        if literals.iter().all(|l| l.doubtful) {
            finding = finding.severity(Severity::Low).likely().remedy(
                "If it is a secret, revoke it, and deliver a new one from a secret store; keep only \
                    the reference in the file. If it is not a secret, give it a name without `secret` or \
                    `token`.",
            );
        }
        if literals
            .iter()
            .all(|l| l.evidence.starts_with("one of the first passwords"))
        {
            finding = finding.remedy("Set a random password where this is deployed, deliver it from a secret store (External Secrets, Vault, Secret Manager) and keep only the reference in the file.");
        }
        for literal in literals.iter().take(4) {
            finding = finding.at(literal.span, "in clear text (not shown)");
        }
        out.report(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, span};
    use cofferdam_model::secrets::{SecretKind, SecretLiteral};
    use cofferdam_model::{Environment, Parts};

    #[test]
    fn one_value_in_two_places_is_one_finding() {
        let literal = |n, fingerprint| SecretLiteral {
            name: "password".to_owned(),
            span: span(n),
            kind: SecretKind::Password,
            evidence: "looks like a random key".to_owned(),
            fingerprint,
            doubtful: false,
        };
        let env = Environment {
            parts: Parts {
                secret_literals: vec![literal(1, 7), literal(2, 7), literal(3, 8)],
                ..Parts::default()
            },
            ..Environment::default()
        };
        let found = testing::all(&RULE, &env);
        assert_eq!(
            found[0].title,
            "the value of `password` is written in clear text, in 2 places (looks like a random key)"
        );
        assert_eq!(
            found
                .iter()
                .map(|f| f.figures["places"].value)
                .collect::<Vec<_>>(),
            [2.0, 1.0]
        );
        let twice = Environment {
            parts: Parts {
                secret_literals: vec![literal(1, 7), literal(1, 7)],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert!((testing::only(&RULE, &twice).figures["places"].value - 1.0).abs() < 1e-9);
        let named = Environment {
            parts: Parts {
                secret_literals: vec![SecretLiteral {
                    evidence: String::new(),
                    ..literal(1, 7)
                }],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert_eq!(
            testing::only(&RULE, &named).title,
            "the value of `password` is written in clear text"
        );
        let plain = Environment {
            parts: Parts {
                secret_literals: vec![SecretLiteral {
                    doubtful: true,
                    ..literal(1, 7)
                }],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert_eq!(testing::only(&RULE, &plain).severity, Some(Severity::Low));
    }
}
