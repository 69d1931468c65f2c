//! A secret that a process reads only at its start, and of which only one version is valid, cannot be changed
//! without an outage.

use super::common;
use super::secret_in_environment::join;
use super::secret_shared::static_name;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::secrets::{Passage, SecretKind, SecretUse};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("secret-rotation-deadlock"),
    group: Group::Secrets,
    severity: Severity::Medium,
    fix: Fix::Advice,
    summary: Cow::Borrowed(
        "changing a secret needs a restart, and during the restart old and new pods need different values",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/secret-rotation-deadlock.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let at_start = |one: &&SecretUse| {
        matches!(
            one.passage,
            Passage::EnvironmentReference { .. } | Passage::EnvironmentAll { .. }
        )
    };
    let uses = cx.env.secret_uses.iter().filter(at_start);
    for common::OneSecret {
        subject,
        name,
        shown,
        uses,
    } in common::by_secret(uses, static_name)
    {
        let object = name.split('/').next().unwrap_or(&name);
        let store = cx
            .env
            .secret_stores
            .iter()
            .find(|s| s.name == object || s.name == name);
        let overlap = store.and_then(|s| s.overlap.as_ref());
        let reload = store.and_then(|s| s.reload.as_ref());
        if overlap.is_some_and(|o| o.value) || reload.is_some_and(|r| r.value) {
            continue;
        }
        let token = uses.iter().any(|u| u.kind == SecretKind::VaultToken);
        // A secret without a declaration is not judged, except the one that opens all the others.
        if overlap.is_none() && !token {
            continue;
        }
        let mut evidence = Evidence::new();
        match overlap {
            Some(overlap) => evidence.note(overlap, "only one version is valid at a time"),
            None => evidence.assume(format!(
                "only one version of {shown} is valid at a time; declare under secrets.{object}.overlap if \
                 this is not so"
            )),
        }
        let mut names: Vec<String> = uses.iter().map(|u| cx.env.owner_name(&u.owner)).collect();
        names.sort();
        names.dedup();
        let mut finding = Finding::new(
            subject,
            format!("{shown} cannot be changed without an outage of {}", join(&names)),
        )
        .explain(
            "Its processes get it as a variable, which is read once, at the start. If you change the \
            secret first, every pod that restarts works while the others fail; if you restart first, the new \
            pods have the old value. A pod that is killed in between does not come back, and when the secret \
            must be revoked quickly all pods fail at once.",
        )
        .remedy(
            "Keep two versions valid during a change (two database users in turn, Vault leases that \
            overlap), or deliver it as a file that the process reads again.",
        )
        .figure("services", names.len() as f64, "services")
        .evidence(evidence);
        for one in uses.iter().take(4) {
            finding = finding.at(one.span, "read once, at the start");
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

    fn store(overlap: Option<bool>) -> SecretStore {
        SecretStore {
            name: "vault-credentials".to_owned(),
            namespace: None,
            span: span(30),
            rotation: None,
            overlap: overlap.map(|o| fact(o, 31)),
            reload: None,
            said: Default::default(),
        }
    }

    #[test]
    fn two_valid_versions_or_a_reload_end_the_deadlock() {
        let mut e = env(SecretKind::VaultToken, &reference(), 2);
        assert!(!testing::only(&RULE, &e).assumptions.is_empty());
        e.secret_stores.push(store(Some(true)));
        assert!(testing::all(&RULE, &e).is_empty());
        e.secret_stores[0] = store(Some(false));
        assert!(testing::only(&RULE, &e).assumptions.is_empty());
        e.secret_stores[0].reload = Some(fact(true, 32));
        assert!(testing::all(&RULE, &e).is_empty());
    }

    #[test]
    fn a_password_without_rotation_is_not_judged() {
        assert!(testing::all(&RULE, &env(SecretKind::Password, &reference(), 2)).is_empty());
    }
}
