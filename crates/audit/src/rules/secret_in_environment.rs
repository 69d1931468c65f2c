//! All code of the process, its children and its dumps can see a variable; a file can be protected from them.

use super::common;
use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::secrets::{Passage, SecretKind, SecretUse};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("secret-in-environment"),
    group: Group::Secrets,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a process gets a token or password through its environment although a file or agent can deliver it",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/secret-in-environment.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    // One finding for each secret and key, however many services get it.
    let name = |one: &SecretUse| match &one.passage {
        Passage::EnvironmentReference { secret, key } => Some(common::secret_key(secret, key)),
        Passage::EnvironmentAll { secret } => Some(secret.clone()),
        _ => None,
    };
    for one in common::by_secret(cx.env.secret_uses.iter(), name) {
        let (subject, secret, uses) = (one.subject, one.shown, one.uses);
        let worst = uses.iter().map(|u| u.kind).min().unwrap_or(SecretKind::Other);
        let mut names: Vec<String> = uses.iter().map(|u| cx.env.owner_name(&u.owner)).collect();
        names.sort();
        names.dedup();
        let every_key = uses
            .iter()
            .all(|u| matches!(u.passage, Passage::EnvironmentAll { .. }));
        let variable = if every_key {
            "a variable for each of its keys".to_owned()
        } else {
            format!("the variable `{}`", uses[0].name)
        };
        let (severity, opens) = match worst {
            SecretKind::VaultToken => (
                Severity::High,
                " It is a token of the secret store: it opens every secret that its policy covers, and the \
                 store's log cannot show which pod used it.",
            ),
            _ => (Severity::Low, ""),
        };
        let mut finding = Finding::new(
            subject,
            format!("{} {} the secret {secret} as {variable}", join(&names), if names.len() == 1 { "gets" } else { "get" }),
        )
        .severity(severity)
        .cause("gets it as a variable").alike()
        .explain(format!(
            "Every process of the container can read a variable, its children inherit it, and it appears in \
             crash dumps and debug pages. `get pods` shows only the reference; `exec`, the node and /proc \
             show the value.{opens}"
        ))
        .remedy("Deliver it as a file: a Secret or CSI volume, or Vault Agent (`vault.hashicorp.com/agent-inject`) with the pod's own service account, and read the file.")
        .figure("services", names.len() as f64, "services");
        for one in uses.iter().take(4) {
            finding = finding.at(one.span, "through the environment");
        }
        out.report(finding);
    }
}

/// Names for a sentence.
pub(crate) fn join(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        [rest @ .., last] if rest.len() < 4 => format!("{} and {last}", rest.join(", ")),
        [a, b, rest @ ..] => format!("{a}, {b} and {} more", rest.len()),
        [] => "nobody".to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rules::testing::{self, owned_by, service, span};
    use cofferdam_model::{Environment, Parts};

    /// Services that all get one secret in this way.
    pub(crate) fn env(kind: SecretKind, passage: &Passage, services: usize) -> Environment {
        Environment {
            name: "production".to_owned(),
            parts: Parts {
                services: (0..services)
                    .map(|i| service(&format!("s{i}"), (2, 2, 2)))
                    .collect(),
                secret_uses: (0..services)
                    .map(|i| SecretUse {
                        owner: owned_by(i),
                        span: span(10 + i),
                        name: "VAULT_TOKEN".to_owned(),
                        kind,
                        passage: passage.clone(),
                        dynamic: None,
                    })
                    .collect(),
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    /// By reference to one key.
    pub(crate) fn reference() -> Passage {
        Passage::EnvironmentReference {
            secret: "vault-credentials".to_owned(),
            key: "token".to_owned(),
        }
    }

    #[test]
    fn a_vault_token_is_worse_than_a_password_and_a_file_is_silent() {
        let finding = testing::only(&RULE, &env(SecretKind::VaultToken, &reference(), 3));
        assert_eq!(
            (finding.severity, finding.figures["services"].value),
            (Some(Severity::High), 3.0)
        );
        assert_eq!(
            testing::only(&RULE, &env(SecretKind::Password, &reference(), 1)).severity,
            Some(Severity::Low)
        );
        let file = Passage::File {
            secret: "vault-credentials".to_owned(),
        };
        assert!(testing::all(&RULE, &env(SecretKind::VaultToken, &file, 1)).is_empty());
    }
}
