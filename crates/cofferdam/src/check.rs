//! `cofferdam check`.

use crate::output::{self, Color};
use crate::{BAD_INPUT, FINDINGS};
use clap::ValueEnum;
use cofferdam_audit::report::{json, text};
use cofferdam_audit::{Options, Severity, audit, rules, severity_of};
use cofferdam_model::redact::Redactor;
use cofferdam_model::{Platform, UnreadableFile};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cofferdam check .\n  cofferdam check platform/ --environment production --min-severity high\n  cofferdam check . --rule database-connection-exhaustion --rule pooler-overcommit\n  cofferdam check . --simulate --min-severity high\n  cofferdam check . --format json | jq '.findings[] | select(.severity == \"critical\") | .title'\n\nWhat no file says (request rates, connection limits, capacities) goes into cofferdam.yaml; `cofferdam init` writes one.\nA finding is accepted by a comment on its line, `# cofferdam: ignore[rule] reason`, or under `ignore` in cofferdam.yaml.\nExit codes: 0 clean, 1 findings at or above --fail-on, 2 bad usage or unreadable input."
)]
pub(crate) struct Args {
    /// Directory or file to check.
    path: PathBuf,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Report only findings of this severity or worse.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    min_severity: Option<Level>,
    /// Exit with 1 only for findings of this severity or worse.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = Level::Low)]
    fail_on: Level,
    /// Run only this rule (may be given more than once).
    #[arg(long, value_name = "RULE")]
    rule: Vec<String>,
    /// Judge only this environment (may be given more than once).
    #[arg(long, value_name = "NAME")]
    environment: Vec<String>,
    /// Rehearse the scenarios that findings point at, and lead the report with the worst cascade.
    #[arg(long)]
    simulate: bool,
    /// Print one line a finding.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs (schemas/report.schema.json).
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    Low,
    Medium,
    High,
    Critical,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Low => Severity::Low,
            Level::Medium => Severity::Medium,
            Level::High => Severity::High,
            Level::Critical => Severity::Critical,
        }
    }
}

/// Runs the check, on a thread of the pool that reads and judges: what stands between the parallel parts then finds
/// memory that is in use already, instead of touching new pages on a thread of its own.
pub(crate) fn run(args: &Args, color: Color) -> Result<ExitCode, String> {
    rayon::scope(|_| check(args, color))
}

fn check(args: &Args, color: Color) -> Result<ExitCode, String> {
    for rule in &args.rule {
        if rules::find(rule).is_none() {
            return Err(crate::explain::unknown_rule(rule));
        }
    }
    let progress = progress(&args.path);
    let platform = cofferdam_ingest::read(&args.path).map_err(|e| e.to_string())?;
    let redactor = Redactor::new(&platform);
    refuse_overlay_problems(&platform, &redactor, color).inspect_err(|_| progress.finish_and_clear())?;
    check_environments(args, &platform)?;
    let options = Options {
        min_severity: args.min_severity.map(Severity::from),
        rules: args.rule.clone(),
        environments: args.environment.iter().map(|e| full_name(e)).collect(),
        today: Some(jiff::Zoned::now().date()),
    };
    let report = audit(&platform, &options);
    let rehearsals = if args.simulate {
        crate::simulate::pointed_at(&report, &platform, args.environment.first().map(String::as_str))?
    } else {
        Vec::new()
    };
    progress.finish_and_clear();
    match args.format {
        Format::Json => {
            let value = args
                .simulate
                .then(|| cofferdam_simulate::report::json::value(&rehearsals, &platform))
                .transpose()
                .map_err(|e| format!("cannot write the report: {e}"))?;
            output::print_with(&[&redactor], |out| json::write(&report, &platform, value, out))?;
        }
        Format::Text => {
            let style = text::Style {
                color: color.on_stdout(),
                width: output::width(),
                brief: args.quiet,
            };
            let lead = cofferdam_simulate::report::text::Style {
                color: style.color,
                width: style.width,
            };
            let lead = cofferdam_simulate::report::text::lead(&rehearsals, lead);
            let report = text::render(&report, &platform, &redactor, style);
            output::print(&format!("{lead}{report}"), &[&redactor])?;
        }
    }
    let fail_on = Severity::from(args.fail_on);
    let failed = report.findings.iter().any(|f| severity_of(f) >= fail_on);
    let unreadable = !platform.reading.unreadable.is_empty();
    // The process ends now, and the system takes memory back at once: freeing a large platform value by
    // value would only make people wait.
    std::mem::forget((report, redactor));
    std::mem::forget(platform);
    Ok(match (failed, unreadable) {
        (true, _) => ExitCode::from(FINDINGS),
        (false, true) => ExitCode::from(BAD_INPUT),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// Prints what is wrong in the overlay, if anything is.
///
/// # Errors
/// The sentence to end with, when something is.
pub(crate) fn refuse_overlay_problems(
    platform: &Platform,
    redactor: &Redactor<'_>,
    color: Color,
) -> Result<(), String> {
    let problems = overlay_problems(platform);
    if problems.is_empty() {
        return Ok(());
    }
    let style = text::Style {
        color: color.on_stderr(),
        width: output::width(),
        brief: false,
    };
    output::complain(
        &text::overlay_problems(&problems, platform, redactor, style),
        redactor,
    );
    let things = match problems.len() {
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    Err(format!(
        "cofferdam.yaml has {things}; nothing was checked, because figures would rest on what it does not say"
    ))
}

/// What is wrong in the overlay, rules that do not exist included.
fn overlay_problems(platform: &Platform) -> Vec<UnreadableFile> {
    let mut problems = platform.reading.overlay_problems.clone();
    let overlay = &platform.overlay;
    let settings = overlay
        .rules
        .iter()
        .filter_map(|(id, s)| Some((id.as_str(), s.span?)));
    let ignores = overlay
        .ignores
        .iter()
        .filter_map(|i| Some((i.rule.as_deref()?, i.span)));
    for (id, span) in settings.chain(ignores) {
        if rules::find(id).is_none() {
            problems.push(UnreadableFile {
                path: platform.sources.path(span.file).to_path_buf(),
                span: Some(span),
                message: crate::explain::unknown_rule(id),
            });
        }
    }
    problems
}

/// A spinner on a terminal once the work takes longer than a second; the work itself is one call each
/// for reading and judging, so there is no count to show.
fn progress(path: &std::path::Path) -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner();
    bar.set_message(format!("checking {}", path.display()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// `prod` is `production`, on the command line as in files; a name that is there as typed stays as typed.
fn full_name(name: &str) -> String {
    cofferdam_syntax::environment::name(name)
}

fn check_environments(args: &Args, platform: &Platform) -> Result<(), String> {
    let known: Vec<&str> = platform.environments.iter().map(|e| e.name.as_str()).collect();
    match args
        .environment
        .iter()
        .find(|e| !known.contains(&full_name(e).as_str()))
    {
        Some(unknown) => Err(format!(
            "there is no environment `{unknown}` here; there are: {}",
            known.join(", ")
        )),
        None => Ok(()),
    }
}
