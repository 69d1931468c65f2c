//! If several services share one credential, its theft opens all of them at once.

use super::secret_in_environment::join;
use super::{common, state_in_pod};
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::secrets::{Passage, SecretKind, SecretUse};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("secret-shared"),
    group: Group::Secrets,
    severity: Severity::High,
    fix: Fix::Advice,
    summary: Cow::Borrowed(
        "several services use one static credential: a thief who gets it from one has access to all",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/secret-shared.md")),
    check: Check::BuiltIn(check),
};

/// The secret and key of a static credential.
pub(crate) fn static_name(one: &SecretUse) -> Option<String> {
    if one.dynamic.as_ref().is_some_and(|d| d.value) {
        return None;
    }
    match &one.passage {
        Passage::EnvironmentReference { secret, key } => Some(common::secret_key(secret, key)),
        Passage::EnvironmentAll { secret } | Passage::File { secret } => Some(secret.clone()),
        Passage::EnvironmentLiteral | Passage::Agent { .. } => None,
    }
}

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    // A certificate or a file of unknown content is often shared on purpose.
    let is_credential = |one: &&SecretUse| {
        matches!(
            one.kind,
            SecretKind::VaultToken | SecretKind::Password | SecretKind::Token
        )
    };
    // A database has to know the passwords of its own users.
    let is_database = |one: &SecretUse| {
        let workloads = cx.env.owner_service(&one.owner).into_iter();
        let mut workloads = workloads.flat_map(|service| &service.workloads);
        workloads.any(|id| {
            cx.env.workloads[id.0]
                .containers
                .iter()
                .any(state_in_pod::is_server)
        })
    };
    let credentials = cx.env.secret_uses.iter().filter(is_credential);
    let credentials = credentials.filter(|one| !is_database(one));
    for one in common::by_secret(credentials, static_name) {
        let (subject, secret, uses) = (one.subject, one.shown, one.uses);
        let mut names: Vec<String> = uses.iter().map(|u| cx.env.owner_name(&u.owner)).collect();
        names.sort();
        names.dedup();
        if names.len() < 2 {
            continue;
        }
        let is_store = uses.iter().any(|u| u.kind == SecretKind::VaultToken);
        let mut finding = Finding::new(
            subject,
            format!(
                "{} services share the secret {secret}: {}",
                names.len(),
                join(&names)
            ),
        )
        .severity(if is_store { Severity::High } else { Severity::Low })
        .cause("is shared")
        .alike()
        .explain(
            "Anyone who steals it from one service has access to all of them. No log can show which \
                of them used it, and a change requires a restart of all of them together.",
        )
        .remedy(
            "Give each service its own credential: a separate database user, or a role of Vault for each.",
        )
        .figure("services", names.len() as f64, "services");
        for one in uses.iter().take(6) {
            finding = finding.at(one.span, cx.env.owner_name(&one.owner));
        }
        out.report(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::secret_in_environment::tests::{env, reference};
    use crate::rules::testing::{self, fact};

    #[test]
    fn three_services_with_one_token_are_reported_and_dynamic_secrets_are_not() {
        let mut shared = env(SecretKind::VaultToken, &reference(), 3);
        assert_eq!(testing::only(&RULE, &shared).figures["services"].value, 3.0);
        for one in &mut shared.secret_uses {
            one.dynamic = Some(fact(true, 9));
        }
        assert!(testing::all(&RULE, &shared).is_empty());
        assert!(testing::all(&RULE, &env(SecretKind::VaultToken, &reference(), 1)).is_empty());
    }

    #[test]
    fn a_database_knows_the_password_of_its_user() {
        let mut shared = env(SecretKind::Password, &reference(), 2);
        assert_eq!(testing::only(&RULE, &shared).figures["services"].value, 2.0);
        let server = crate::rules::pods::testing::env((1, 1, 1), |w| {
            w.containers[0].image = Some(cofferdam_model::images::Image {
                text: fact("postgres:16".to_owned(), 9),
                registry: None,
                repository: "postgres".to_owned(),
                tag: Some(fact("16".to_owned(), 9)),
                digest: None,
            });
        });
        let id = shared.secret_uses[0].owner.service.expect("a service");
        shared.workloads = server.workloads.clone();
        shared.services[id.0].workloads = vec![cofferdam_model::WorkloadId(0)];
        assert!(testing::all(&RULE, &shared).is_empty());
    }

    #[test]
    fn secrets_with_one_name_in_two_namespaces_are_two_secrets() {
        let mut apart = env(SecretKind::VaultToken, &reference(), 4);
        for (at, one) in apart.secret_uses.iter_mut().enumerate() {
            one.owner.namespace = Some(if at < 3 { "shop" } else { "jobs" }.to_owned());
        }
        let found = testing::only(&RULE, &apart);
        assert_eq!(found.figures["services"].value, 3.0);
        assert!(found.subject.ends_with("of shop"), "{}", found.subject);
    }
}
