//! `cofferdam rules` and `cofferdam explain`.

use crate::output;
use cofferdam_audit::{Rule, RuleSet};
use cofferdam_simulate::scenarios;
use std::fmt::Write;
use std::process::ExitCode;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cofferdam explain pooler-overcommit\n  cofferdam explain connection-storm         a scenario of `cofferdam simulate`"
)]
pub(crate) struct Args {
    /// Id of the rule, or name of the scenario.
    #[arg(value_name = "RULE")]
    name: String,
}

/// Arguments of `rules`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cofferdam rules\n  cofferdam rules --format json | jq '.[].id'")]
pub(crate) struct RulesArgs {
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Prints the page of a rule or a scenario.
pub(crate) fn run(args: &Args) -> Result<ExitCode, String> {
    let name = args.name.as_str();
    let rules = RuleSet::built_in();
    let page = rules.find(name).map(|rule| &*rule.page);
    let page = page.or_else(|| scenarios::find(name).map(|scenario| scenario.text));
    let page = page.ok_or_else(|| {
        let near = match (rules.nearest(name), nearest_scenario(name)) {
            (Some(rule), Some(scenario)) => {
                format!("did you mean the rule `{rule}` or the scenario `{scenario}`? ")
            }
            (Some(rule), None) => format!("did you mean the rule `{rule}`? "),
            (None, Some(scenario)) => format!("did you mean the scenario `{scenario}`? "),
            (None, None) => String::new(),
        };
        format!(
            "there is no rule or scenario `{name}`; {near}`cofferdam rules` lists the rules, `cofferdam \
             simulate --list` the scenarios"
        )
    })?;
    output::print(page, false, &[])?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the list of rules.
pub(crate) fn rules(args: &RulesArgs) -> Result<ExitCode, String> {
    let rules = RuleSet::built_in();
    let text = match args.format {
        Format::Text => list(&rules),
        Format::Json => json(&rules)?,
    };
    output::print(&text, false, &[])?;
    Ok(ExitCode::SUCCESS)
}

fn list(rules: &RuleSet<'_>) -> String {
    let mut out = String::new();
    let mut group = None;
    let width = rules.iter().map(|r| r.id.len()).max().unwrap_or(0);
    let mut sorted: Vec<&Rule> = rules.iter().collect();
    sorted.sort_by_key(|r| r.group);
    for rule in sorted {
        if group != Some(rule.group) {
            let _ = writeln!(
                out,
                "{}{}",
                if group.is_some() { "\n" } else { "" },
                rule.group.title()
            );
            group = Some(rule.group);
        }
        let _ = writeln!(out, "  {:width$}  {:8}  {}", rule.id, rule.severity, rule.summary);
    }
    out
}

fn json(rules: &RuleSet<'_>) -> Result<String, String> {
    let all: Vec<serde_json::Value> = (rules.iter())
        .map(|r| {
            serde_json::json!({
                "id": r.id.as_str(),
                "group": r.group.title(),
                "severity": r.severity.name(),
                "fix": r.fix.name(),
                "summary": r.summary,
                "settings": r.settings.iter().map(|setting| serde_json::json!({
                    "name": setting.name,
                    "value": setting.default.expected(),
                    "default": setting.default.to_string(),
                    "sentence": setting.sentence,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    serde_json::to_string_pretty(&all)
        .map(|t| t + "\n")
        .map_err(|e| e.to_string())
}

fn nearest_scenario(name: &str) -> Option<&'static str> {
    cofferdam_syntax::nearest::nearest(name, scenarios::ALL.iter().map(|s| s.name))
}
