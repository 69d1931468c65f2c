//! The overlay's statements about the check itself: targets, rules, pins, prices, filters, suppressions.

use super::fields::Fields;
use super::pins::{Selected, Selector};
use super::sections::statements;
use cofferdam_model::Fact;
use cofferdam_model::overlay::{Ignore, Overlay, Pin, PinValue, RequiredVariable, RuleSettings};
use cofferdam_model::registry::{Part, Section};
use std::path::PathBuf;

const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];

/// The settings of the check, as read.
#[derive(Debug, Clone, Default)]
pub(super) struct Steering {
    pub(super) overlay: Overlay,
    pub(super) pins: Vec<Selected>,
    /// Globs of paths that are not read as configuration.
    pub(super) exclude: Vec<Fact<String>>,
}

/// Takes the sections about the check out of `top`.
pub(super) fn read(top: &mut Fields<'_>, path: PathBuf) -> Steering {
    let mut overlay = Overlay {
        path: Some(path),
        min_severity: severity(top, "min_severity"),
        ..Overlay::default()
    };
    for section in [Section::Targets, Section::Registries] {
        if let Some(mut fields) = top.map(section.key()) {
            for said in statements(section, &mut fields) {
                overlay.state(said.entry, &said.value);
            }
            fields.finish();
        }
    }
    // Any name is a price; the registry has those that something reads.
    if let Some(prices) = top.map(Section::Prices.key()) {
        for (name, node) in prices.rest() {
            if let Some(price) = prices.money_of(name, node) {
                overlay.prices.insert(name.text.to_string(), price);
            }
        }
    }
    for (id, mut fields) in top.named("rules") {
        let mut settings = RuleSettings {
            span: Some(id.span),
            enabled: fields.bool("enabled"),
            severity: severity(&mut fields, "severity"),
            ..RuleSettings::default()
        };
        // Each rule's page names its own settings.
        for (name, node) in fields.rest() {
            match node.as_str() {
                Some(text) => {
                    let fact = Fact::stated(text.to_owned(), node.span);
                    settings.settings.insert(name.text.to_string(), fact);
                }
                None => {
                    let message = format!("`{}` must be a text or a number", fields.path_of(&name.text));
                    fields.problems().add(node.span, message);
                }
            }
        }
        overlay.rules.insert(id.text.to_string(), settings);
    }
    overlay.ignores = ignores(top);
    overlay.required_variables = required_variables(top);
    overlay.disparity_allowed = top.texts("may_differ");
    let exclude = top.map("paths").map_or_else(Vec::new, |mut paths| {
        let exclude = paths.texts("exclude");
        for glob in &exclude {
            check_glob(glob, &paths);
        }
        paths.finish();
        exclude
    });
    Steering {
        overlay,
        pins: pins(top),
        exclude,
    }
}

fn severity(fields: &mut Fields<'_>, key: &'static str) -> Option<Fact<String>> {
    fields.word(key, SEVERITIES).map(|f| f.map(str::to_owned))
}

fn check_glob(glob: &Fact<String>, fields: &Fields<'_>) {
    if let (Err(error), Some(span)) = (cofferdam_syntax::glob::of_texts(&glob.value), glob.span()) {
        fields.problems().add(
            span,
            format!("`{}` is not a valid pattern of paths: {error}", glob.value),
        );
    }
}

fn ignores(top: &mut Fields<'_>) -> Vec<Ignore> {
    let mut all = Vec::new();
    for mut f in top.list("ignore") {
        let (rule, path, subject) = (f.text("rule"), f.text("path"), f.text("subject"));
        for glob in [&path, &subject].into_iter().flatten() {
            check_glob(glob, &f);
        }
        let reason = f.text("reason");
        let until = f.text("until").and_then(|text| {
            let day = text.value.parse::<jiff::civil::Date>().ok();
            if day.is_none() {
                let message = format!("`{}` is not a date; write `2027-03-31`", text.value);
                f.problems().add(text.span().unwrap_or(f.span), message);
            }
            day.map(|d| text.map(|_| d))
        });
        if rule.is_none() && path.is_none() && subject.is_none() {
            f.problems().add(
                f.span,
                "this would ignore everything; give a `rule`, `path` or `subject`",
            );
        }
        match reason {
            Some(reason) => all.push(Ignore {
                span: f.span,
                rule: rule.map(|f| f.value),
                path: path.map(|f| f.value),
                subject: subject.map(|f| f.value),
                reason: reason.value,
                until,
            }),
            None => f.missing("reason"),
        }
        f.finish();
    }
    all
}

fn required_variables(top: &mut Fields<'_>) -> Vec<RequiredVariable> {
    let mut all = Vec::new();
    for mut f in top.list("required_variables") {
        let name = f.text("name");
        let variable = |name| RequiredVariable {
            name,
            service: f.text("service").map(|s| s.value),
            environments: environments(&mut f),
            shape: f.text("shape"),
        };
        match name.map(variable) {
            Some(variable) => {
                if let Some(shape) = &variable.shape {
                    check_glob(shape, &f);
                }
                all.push(variable);
            }
            None => f.missing("name"),
        }
        f.finish();
    }
    all
}

fn environments(f: &mut Fields<'_>) -> Vec<String> {
    f.texts("environments")
        .into_iter()
        .map(|e| cofferdam_syntax::environment::name(&e.value))
        .collect()
}

fn pins(top: &mut Fields<'_>) -> Vec<Selected> {
    let mut all = Vec::new();
    for mut f in top.list("pins") {
        let name = f.text("name");
        let select = f.text("select").filter(|select| {
            let wrong = Selector::parse(&select.value).err();
            if let Some(message) = &wrong {
                f.problems()
                    .add(select.span().unwrap_or(f.span), message.as_str());
            }
            wrong.is_none()
        });
        let reason = f.text("reason");
        let issue = f.scalar("issue").map(|i| i.value);
        let environments = environments(&mut f);
        let expected = pin_value(&mut f);
        match (name, select, reason, expected) {
            (Some(name), Some(select), Some(reason), Some(expected)) => all.push(Selected {
                pin: Pin {
                    span: name.span().unwrap_or(f.span),
                    name: name.value,
                    reason: reason.value,
                    issue,
                    expected,
                    environments,
                    found: Vec::new(),
                },
                select,
            }),
            (name, select, reason, expected) => {
                if name.is_none() {
                    f.missing("name");
                }
                if select.is_none() && f.get("select").is_none() {
                    f.missing("select");
                }
                if reason.is_none() {
                    f.missing("reason");
                }
                if expected.is_none() {
                    f.problems()
                        .add(f.span, "a pin needs `equals`, or `min` or `max` or both");
                }
            }
        }
        f.finish();
    }
    all
}

fn pin_value(f: &mut Fields<'_>) -> Option<PinValue> {
    let equals = f.scalar("equals");
    let (min, max) = (f.f64("min"), f.f64("max"));
    match (equals, min, max) {
        (Some(equals), None, None) => Some(PinValue::Equal(equals.value)),
        (None, None, None) => None,
        (None, min, max) => Some(PinValue::Range {
            min: min.map(|f| f.value),
            max: max.map(|f| f.value),
        }),
        (Some(_), ..) => {
            f.problems().add(f.span, "`equals` and bounds exclude each other");
            None
        }
    }
}
