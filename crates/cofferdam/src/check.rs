//! `cofferdam check`.

use crate::exit::{BAD_INPUT, FINDINGS};
use crate::input::{self, InputArgs, PATHS_HELP};
use crate::output::{self, Color};
use clap::ValueEnum;
use cofferdam_audit::report::{Checked, scope};
use cofferdam_audit::{Options, Report, RuleSet, Severity, audit_with, severity_of};
use cofferdam_model::Platform;
use cofferdam_model::report::{self, Style};
use cofferdam_simulate::rehearse::Rehearsal;
use cofferdam_simulate::report as simulated;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = format!("Examples:\n  cofferdam check .\n  cofferdam check platform/ --environment production --min-severity high\n  cofferdam check . --rule database-connection-exhaustion --rule pooler-overcommit\n  cofferdam check . --simulate --min-severity high\n  cofferdam check . --all                         count examples, tests and other separate places too\n  cofferdam check . --explain-scope               which deployments exist, and what was not read\n  cofferdam check . --format json | jq '.findings[] | select(.severity == \"critical\") | .title'\n  cofferdam check base/ overlays/production/      several paths are one platform\n  cofferdam check k8s/api.yaml                    one file\n  kustomize build overlays/production | cofferdam check -\n  cofferdam check services/api                    with the cofferdam.yaml of the repository\n  cofferdam check . --config ../ops/cofferdam.yaml\n\n{PATHS_HELP}\n\nSeparate places (directories called examples, tests, docs, archive, templates, vendor and similar) are read, but their findings are \
only counted in the summary. If it is given by its own path (`cofferdam check examples/shop`), such a directory is checked like any other.\n\n\
Facts that no file contains (request rates, connection limits, capacities) go into cofferdam.yaml; `cofferdam init` writes one.\nTo accept a finding, add a comment on its line, `# cofferdam: ignore[rule] reason`, or an entry under `ignore` in cofferdam.yaml.\nExit codes: 0 clean, 1 findings at or above --fail-on, 2 bad usage, nothing to check or judge, or, without findings, input that cannot be read.")
)]
pub(crate) struct Args {
    /// Directories and files to check; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
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
    /// Rehearse the scenarios that findings point at, and begin the report with the worst cascade.
    #[arg(long)]
    simulate: bool,
    /// Count findings in separate places (examples, tests, archives …) like others: they are printed after
    /// the others, and affect the exit code too.
    #[arg(long)]
    all: bool,
    /// Print which deployments and environments were found and why, which places are separate, and what was
    /// not read; judge nothing.
    #[arg(long, conflicts_with_all = ["min_severity", "rule", "simulate", "quiet"])]
    explain_scope: bool,
    /// In JSON, give each place its route: the path to the value in its document, which stays when lines move.
    #[arg(long)]
    routes: bool,
    /// Print one line for each finding.
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,
    /// Print everything that could not be judged, instead of each reason once, what the values of a finding passed
    /// through, and the files that were skipped.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    input: InputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs (schemas/report.schema.json; with --explain-scope, schemas/scope.schema.json).
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

/// Runs the check on a thread of the pool that reads and judges, so that the code between the parallel parts
/// uses memory that is already mapped, instead of touching new pages on its own thread.
pub(crate) fn run(args: &Args, color: Color, docs: Option<&'static str>) -> Result<ExitCode, String> {
    rayon::scope(|_| check(args, color, docs))
}

fn check(args: &Args, color: Color, docs: Option<&'static str>) -> Result<ExitCode, String> {
    let rules = RuleSet::built_in();
    if let Some(unknown) = args.rule.iter().find(|id| rules.find(id).is_none()) {
        return Err(rules.unknown(unknown));
    }
    let progress = progress(&args.paths);
    let platform =
        input::read(&args.paths, &args.input, &[], color).inspect_err(|_| progress.finish_and_clear())?;
    let redactor = platform.redactor();
    check_environments(args, &platform)?;
    if args.explain_scope {
        progress.finish_and_clear();
        return explain_scope(args, &platform, color);
    }
    let options = Options {
        min_severity: args.min_severity.map(Severity::from),
        rules: args.rule.clone(),
        environments: environments(args),
        all: args.all,
        today: Some(jiff::Zoned::now().date()),
    };
    let report = audit_with(&platform, &rules, &options);
    let nothing = report.is_nothing(&platform) && !args.input.allow_empty;
    let exit_status = exit_status(args, &report, &platform);
    let run = output::run(exit_status, docs);
    let rehearsals = rehearse(args, (&report, &platform))?;
    progress.finish_and_clear();
    match args.format {
        // The error below explains the rest.
        Format::Text if nothing => input::print_notes(&platform),
        _ => {
            let style = Style {
                docs,
                ..style(args, color)
            };
            let value = args
                .simulate
                .then(|| simulated::json::value(&rehearsals, &platform, &run))
                .transpose()
                .map_err(|e| format!("cannot write the report: {e}"))?;
            let checked = Checked {
                report: &report,
                platform: &platform,
                redactor: &redactor,
                rehearsals: value,
                routes: args.routes,
                lead: simulated::text::lead(&rehearsals, style.into()),
            };
            let format = match args.format {
                Format::Text => report::Format::Text(style),
                Format::Json => report::Format::Json,
            };
            output::report(&checked, format, &run, &[&redactor])?;
        }
    }
    if nothing {
        return Err(match report.is_unread(&platform) {
            true => input::unread(&args.paths, &platform),
            false => input::nothing(&args.paths, &platform),
        });
    }
    // The process ends now, and the system frees the memory at once: freeing a large platform value by value
    // would only cost time.
    std::mem::forget((report, redactor));
    std::mem::forget(platform);
    Ok(ExitCode::from(exit_status))
}

/// The rehearsals that the findings point at, with --simulate.
fn rehearse(args: &Args, (report, platform): (&Report, &Platform)) -> Result<Vec<Rehearsal>, String> {
    if !args.simulate {
        return Ok(Vec::new());
    }
    let wanted = crate::simulate::Wanted {
        name: args.environment.first().map(String::as_str),
        all: args.all,
    };
    crate::simulate::pointed_at(report, platform, wanted)
}

/// The status with which the process ends, unless printing fails.
fn exit_status(args: &Args, report: &Report, platform: &Platform) -> u8 {
    let fail_on = Severity::from(args.fail_on);
    let failed = report.findings.iter().any(|f| severity_of(f) >= fail_on);
    let unreadable = !platform.reading.unreadable.is_empty();
    let nothing = report.is_nothing(platform) && !args.input.allow_empty;
    match (failed, unreadable) {
        _ if nothing => BAD_INPUT,
        (true, _) => FINDINGS,
        (false, true) => BAD_INPUT,
        (false, false) => 0,
    }
}

fn style(args: &Args, color: Color) -> Style {
    Style {
        color: color.on_stdout(),
        width: output::width(),
        brief: args.quiet,
        verbose: args.verbose,
        docs: None,
    }
}

/// Prints which things belong together, and why.
fn explain_scope(args: &Args, platform: &Platform, color: Color) -> Result<ExitCode, String> {
    input::refuse_nothing(&args.paths, &args.input, platform)?;
    let selection = scope::Selection {
        environments: environments(args),
        all: args.all,
    };
    let redactor = platform.redactor();
    let explanation = scope::explain(platform, &selection);
    match args.format {
        Format::Json => output::print_with(&[&redactor], |out| explanation.write_json(out))?,
        Format::Text => {
            let style = style(args, color);
            output::print_report(&explanation.text(style), style.color, &[&redactor])?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The requested environments, by their full names.
fn environments(args: &Args) -> Vec<String> {
    args.environment.iter().map(|e| full_name(e)).collect()
}

/// Shows a spinner on a terminal once the work takes longer than a second. Reading and judging are one call
/// each, so there is no count to show.
fn progress(paths: &[PathBuf]) -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner();
    bar.set_message(output::plain(&format!("checking {}", input::shown(paths))));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// `prod` is `production`, on the command line as in files; if a name exists as typed, it stays as typed.
fn full_name(name: &str) -> String {
    cofferdam_syntax::environment::name(name)
}

fn check_environments(args: &Args, platform: &Platform) -> Result<(), String> {
    match args.environment.iter().find(|e| {
        let name = full_name(e);
        !input::environments(platform, args.all).any(|env| env.name == name)
    }) {
        Some(unknown) => Err(input::no_environment(platform, unknown, args.all)),
        None => Ok(()),
    }
}
