//! A credential that never changes stays valid for everyone who ever had it.

use super::common;
use super::secret_shared::static_name;
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use cofferdam_model::secrets::{SecretKind, SecretUse};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("secret-no-expiry"),
    group: Group::Secrets,
    severity: Severity::Medium,
    fix: Fix::Advice,
    summary: Cow::Borrowed("a static credential without rotation"),
    absences: &[Absence::Secret],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/secret-no-expiry.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let is_credential = |one: &&SecretUse| {
        matches!(
            one.kind,
            SecretKind::VaultToken | SecretKind::Password | SecretKind::Token
        )
    };
    let credentials = cx.env.secret_uses.iter().filter(is_credential);
    for common::OneSecret {
        subject,
        name,
        shown,
        uses,
    } in common::by_secret(credentials, static_name)
    {
        let object = name.split('/').next().unwrap_or(&name);
        let store = cx
            .env
            .secret_stores
            .iter()
            .find(|s| s.name == object || s.name == name);
        if store.is_some_and(|s| s.rotation.is_some()) {
            continue;
        }
        let is_token = uses.iter().any(|u| u.kind == SecretKind::VaultToken);
        let mut finding = Finding::new(subject, format!("nothing here rotates the secret {shown}"))
            .severity(if is_token { Severity::Medium } else { Severity::Low })
            .likely()
            .absent(Absence::Secret)
            .explain(
                "Everyone who ever had it (a former colleague, a laptop, a backup, the log of a build) \
                still has it, and it stays valid after its pod is gone.",
            )
            .remedy(format!(
                "Use credentials with a lease (Vault database roles, workload identity), or \
                rotate it on a schedule and declare that under secrets.{object}.rotation."
            ))
            .figure("uses", uses.len() as f64, "uses");
        for one in uses.iter().take(4) {
            finding = finding.at(one.span, "static");
        }
        if let Some(store) = store {
            finding = finding.at(store.span, "without rotation");
        }
        out.report(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::secret_in_environment::tests::{env, reference};
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::secrets::SecretStore;
    use std::time::Duration;

    #[test]
    fn a_stated_rotation_is_enough() {
        let mut e = env(SecretKind::VaultToken, &reference(), 2);
        assert_eq!(testing::only(&RULE, &e).severity, Some(Severity::Medium));
        e.secret_stores.push(SecretStore {
            name: "vault-credentials".to_owned(),
            namespace: None,
            span: span(30),
            rotation: Some(fact(Duration::from_secs(86_400), 31)),
            overlap: None,
            reload: None,
            said: Default::default(),
        });
        assert!(testing::all(&RULE, &e).is_empty());
    }
}
