//! A required variable that is missing is noticed only at the start, in production.

use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::overlay::RequiredVariable;
use cofferdam_model::{Absence, Service, VariableValue};
use cofferdam_syntax::glob;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("variable-missing"),
    group: Group::Delivery,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a required variable is missing, or has the wrong format, in an environment"),
    absences: &[Absence::Variable],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/variable-missing.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for required in &cx.platform.overlay.required_variables {
        if !required.environments.is_empty() && !required.environments.contains(&cx.env.name) {
            continue;
        }
        let services = cx
            .env
            .services
            .iter()
            .filter(|s| required.service.as_ref().is_none_or(|name| *name == s.name));
        for service in services {
            judge(required, service, out);
        }
    }
}

fn judge(required: &RequiredVariable, service: &Service, out: &mut Verdicts) {
    let name = &required.name.value;
    let shown = format!("variable {name} of {}", service.name);
    let subject = Subject::shown_as("variable", &format!("{}/{name}", service.name), &shown)
        .in_namespace(service.namespace.as_deref());
    let mut finding = match service.variables.get(name) {
        None => Finding::new(
            subject,
            format!("{}: the required variable {name} is not set", service.name),
        )
        .absent(Absence::Variable),
        Some(variable) => {
            let (Some(shape), Some(text)) = (&required.shape, variable.value.value.text()) else {
                return;
            };
            if glob::of_texts(&shape.value).is_ok_and(|glob| glob.is_match(text)) {
                return;
            }
            let place = variable.value.span().unwrap_or(variable.name_span);
            // A ConfigMap or a literal is not a place for secrets, but the variable's name may show that it
            // is one.
            let is_plain = matches!(
                variable.value.value,
                VariableValue::Literal(_) | VariableValue::Config { .. }
            );
            debug_assert!(is_plain, "only these have a text");
            Finding::new(
                subject,
                format!(
                    "{}: {name} does not have the format {}",
                    service.name, shape.value
                ),
            )
            .at(place, "not in that format")
        }
    };
    if let Some(span) = required.name.span() {
        finding = finding.at(span, "required here");
    }
    for span in service.declared.iter().take(1) {
        finding = finding.at(*span, "the service");
    }
    out.report(
        finding
            .explain("The process stops at its start, or runs with a default that is meant for another environment.")
            .remedy(format!("Set {name} where the environment's other variables are set.")),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, service, span};
    use cofferdam_model::{Environment, Parts, Platform, Variable};

    fn run(value: Option<&str>, shape: Option<&str>) -> Vec<Finding> {
        let mut api = service("api", (1, 1, 1));
        if let Some(value) = value {
            let variable = Variable {
                value: fact(VariableValue::Literal(value.to_owned()), 1),
                name_span: span(2),
            };
            api.variables.insert("ENVIRONMENT".to_owned(), variable.into());
        }
        let env = Environment {
            name: "staging".to_owned(),
            parts: Parts {
                services: vec![api],
                ..Parts::default()
            },
            ..Environment::default()
        };
        let mut platform = Platform::default();
        platform.overlay.required_variables.push(RequiredVariable {
            name: fact("ENVIRONMENT".to_owned(), 3),
            service: None,
            environments: vec!["staging".to_owned()],
            shape: shape.map(|s| fact(s.to_owned(), 4)),
        });
        testing::verdicts_in(&RULE, &env, &platform).findings
    }

    #[test]
    fn a_missing_variable_and_a_wrong_format_are_reported() {
        assert_eq!(run(None, None).len(), 1);
        assert!(run(Some("staging"), None).is_empty());
        assert!(run(Some("staging"), Some("stag*")).is_empty());
        assert_eq!(run(Some("prod"), Some("stag*")).len(), 1);
    }
}
