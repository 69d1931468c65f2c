//! `cofferdam simulate`.

use crate::exit::{BAD_INPUT, FINDINGS};
use crate::input::{self, InputArgs, PATHS_HELP};
use crate::new_file;
use crate::output::{self, Color};
use crate::replay;
use clap::ValueEnum;
use cofferdam_audit::Report;
use cofferdam_model::redact::Redactor;
use cofferdam_model::report::{self, Reporter, Style};
use cofferdam_model::{Environment, Platform};
use cofferdam_policy::trace::{self, Header};
use cofferdam_simulate::rehearse::{Rehearsal, Settings, rehearse};
use cofferdam_simulate::report::Rehearsed;
use cofferdam_simulate::scenarios::{self, Scenario};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Examples, and how paths and facts work.
fn help() -> String {
    format!(
        "Examples:\n  cofferdam simulate .                                    what each scenario needs, and those that can run\n  cofferdam simulate . --scenario connection-storm\n  cofferdam simulate . --scenario retry-storm --set services.api.requests_per_second=500\n  cofferdam simulate examples/clean-platform --compare examples/clean-platform-mitigated\n  cofferdam simulate . --scenario cell-failover --format svg > failover.svg\n  cofferdam simulate . --trace decisions.jsonl            every decision of every policy\n  cofferdam simulate --replay decisions.jsonl             the same decisions again, byte for byte\n  cofferdam simulate base/ overlays/production/           several paths are one platform\n  kustomize build overlays/production | cofferdam simulate - --config cofferdam.yaml\n\n{PATHS_HELP}\n\nIf a fact that decides the outcome is missing, the command asks for it by name; nothing is run on a guess.\nThe same seed gives the same figures, byte for byte.\nExit codes: 0 rehearsed, 1 a scenario could not be run because a fact is missing or a value is too large, 2 bad usage, unreadable input, or nothing to rehearse.\nOf --replay: 0 every decision is the same, 1 one differs, 2 the trace cannot be read."
    )
}

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = help(),
    after_long_help = format!("{}\n\n{}", help(), input::facts_help())
)]
pub(crate) struct Args {
    /// Directories and files of the platform's configuration; `-` is standard input.
    #[arg(required_unless_present_any = ["list", "replay"], value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// List the scenarios.
    #[arg(long)]
    list: bool,
    /// Rehearse only this scenario, instead of all (may be given more than once).
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// Include everything: all scenarios, if none is named, and the environments of separate places
    /// (examples, tests, archives …), which are otherwise not rehearsed unless their path is given.
    #[arg(long)]
    all: bool,
    /// Declare a fact for this run, as in cofferdam.yaml (may be given more than once).
    #[arg(long, value_name = "FACT=VALUE")]
    set: Vec<String>,
    /// Rehearse the same on another platform, and show both side by side.
    #[arg(long, value_name = "PATH")]
    compare: Option<PathBuf>,
    /// The environment; production if there is one, otherwise the first.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Runs of each case.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write every input and decision of every policy in the first run of each case to this file
    /// (schemas/trace.schema.json).
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Replay the file of an earlier --trace: compute every decision again from settings and inputs, and compare.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "list", "scenario", "all", "set", "compare", "environment", "trace"])]
    replay: Option<PathBuf>,
    /// Print every decision of --replay in words, those that a policy takes in a row for the same reason as one line.
    #[arg(long, short, requires = "replay")]
    verbose: bool,
    /// Replace the file of --trace if it exists.
    #[arg(long, requires = "trace")]
    force: bool,
    #[command(flatten)]
    input: InputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs (schemas/rehearsal.schema.json).
    Json,
    /// Charts, with the figures as a table.
    Svg,
}

/// Runs the simulation.
pub(crate) fn run(args: &Args, color: Color, docs: Option<&'static str>) -> Result<ExitCode, String> {
    if args.list {
        return list();
    }
    if let Some(file) = &args.replay {
        return replay::run(file, args.verbose);
    }
    let chosen = chosen(&args.scenario)?;
    if let Some(file) = &args.trace {
        new_file::check(file, args.force)?;
    }
    let compared = args.compare.as_slice();
    input::refuse_two_streams(args.paths.iter().chain(compared))?;
    let platform = read(&args.paths, args, color)?;
    let settings = Settings {
        runs: args.runs,
        seed: args.seed,
        trace: args.trace.is_some(),
    };
    let wanted = Wanted {
        name: args.environment.as_deref(),
        all: args.all,
    };
    let rehearsals = simulate(&chosen, &platform, wanted, settings)?;
    let other = match &args.compare {
        Some(_) => {
            let platform = read(compared, args, color)?;
            let rehearsals = simulate(&chosen, &platform, wanted, settings)?;
            Some((platform, rehearsals))
        }
        None => None,
    };
    let mut redactors = vec![platform.redactor()];
    redactors.extend(other.iter().map(|(platform, _)| platform.redactor()));
    let redactors: Vec<&Redactor<'_>> = redactors.iter().collect();
    if let Some(file) = &args.trace {
        let sides: &[(Option<&'static str>, &[Rehearsal])] = match &other {
            Some((_, after)) => &[(Some("before"), &rehearsals), (Some("after"), after)],
            None => &[(None, &rehearsals)],
        };
        new_file::write(file, args.force, |out| {
            write_trace(out, args.seed, sides, &redactors)
        })?;
    }
    let outcome = Outcome::of(&rehearsals, other.as_ref().map_or(&[], |(_, after)| after));
    let report = Rehearsed {
        rehearsals: &rehearsals,
        platform: &platform,
        after: other
            .as_ref()
            .map(|(platform, after)| (after.as_slice(), platform)),
    };
    let refusal = outcome.refusal(args, &redactors);
    let exit_status = match &refusal {
        Some(_) => BAD_INPUT,
        None if outcome.is_wanting || outcome.beyond.is_some() => FINDINGS,
        None => 0,
    };
    let style = Style {
        color: color.on_stdout(),
        width: output::width(),
        docs,
        ..Style::default()
    };
    print(args, &report, (exit_status, style), &redactors)?;
    match refusal {
        Some(message) => Err(message),
        None => Ok(ExitCode::from(exit_status)),
    }
}

/// What became of all rehearsals.
struct Outcome<'a> {
    /// Whether a fact is missing.
    is_wanting: bool,
    /// Whether there was nothing to rehearse.
    is_nothing: bool,
    /// What is too large to be run.
    beyond: Option<&'a String>,
}

impl<'a> Outcome<'a> {
    fn of(rehearsals: &'a [Rehearsal], after: &'a [Rehearsal]) -> Self {
        let all = || rehearsals.iter().chain(after);
        Outcome {
            is_wanting: all().any(|r| !r.needs.is_empty()),
            is_nothing: all().all(|r| r.results.is_empty() && r.needs.is_empty()),
            beyond: all().find_map(|r| r.beyond.first()),
        }
    }

    /// Why nothing was rehearsed, if that is an error.
    fn refusal(&self, args: &Args, redactors: &[&Redactor<'_>]) -> Option<String> {
        if !self.is_nothing {
            return None;
        }
        if let Some(beyond) = self.beyond {
            // A name in it comes from a file, and so may a secret in the name.
            let beyond = redactors
                .iter()
                .fold(beyond.clone(), |text, r| r.text(&text).into_owned());
            return Some(format!("nothing was rehearsed: {beyond}"));
        }
        (!args.input.allow_empty).then(|| {
            format!(
                "nothing to rehearse in {}; if this is expected, add --allow-empty",
                input::shown(&args.paths)
            )
        })
    }
}

fn print(
    args: &Args,
    report: &Rehearsed<'_>,
    (exit_status, style): (u8, Style),
    redactors: &[&Redactor<'_>],
) -> Result<(), String> {
    let format = match args.format {
        Format::Text => report::Format::Text(style),
        Format::Json => report::Format::Json,
        Format::Svg => report::Format::Svg,
    };
    if output::report(report, format, &output::run(exit_status, style.docs), redactors)? {
        return Ok(());
    }
    if let Some(redactor) = redactors.first() {
        // It says what is missing.
        let own = Rehearsed {
            after: None,
            ..*report
        };
        output::complain(&own.text(style), redactor);
    }
    Err("nothing was run, so there is nothing to draw".to_owned())
}

fn list() -> Result<ExitCode, String> {
    let width = scenarios::ALL.iter().map(|s| s.name.len()).max().unwrap_or(0);
    let lines: String = scenarios::ALL
        .iter()
        .map(|s| format!("{:<width$}  {}\n", s.name, s.title))
        .collect();
    output::print(&lines, false, &[]).map(|()| ExitCode::SUCCESS)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>, String> {
    if names.is_empty() {
        return Ok(scenarios::ALL.iter().collect());
    }
    let one = |name: &String| {
        scenarios::find(name).ok_or_else(|| {
            let known: Vec<&str> = scenarios::ALL.iter().map(|s| s.name).collect();
            let near = cofferdam_syntax::nearest::nearest(name, known.iter().copied());
            match near {
                Some(near) => format!("there is no scenario `{name}`; did you mean `{near}`?"),
                None => format!("there is no scenario `{name}`; there are: {}", known.join(", ")),
            }
        })
    };
    names.iter().map(one).collect()
}

fn read(paths: &[PathBuf], args: &Args, color: Color) -> Result<Platform, String> {
    let platform = input::read(paths, &args.input, &args.set, color)?;
    input::refuse_nothing(paths, &args.input, &platform)?;
    input::name_config(&platform);
    Ok(platform)
}

/// Which environment to rehearse.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Its name; without one, production if there is one, otherwise the first.
    pub(crate) name: Option<&'a str>,
    /// Whether environments of separate places count.
    pub(crate) all: bool,
}

fn environment<'a>(platform: &'a Platform, wanted: Wanted<'_>) -> Result<&'a Environment, String> {
    let mut known = input::environments(platform, wanted.all);
    let Some(name) = wanted.name else {
        let all: Vec<&Environment> = known.collect();
        let production = all.iter().find(|e| e.name == "production");
        return production.or(all.first()).copied().ok_or_else(|| {
            if platform.environments.is_empty() {
                return "there is no environment here".to_owned();
            }
            "everything here is in separate places (examples, tests …): add --all, or give the path of one"
                .to_owned()
        });
    };
    let full = cofferdam_syntax::environment::name(name);
    known
        .find(|e| e.name == full)
        .ok_or_else(|| input::no_environment(platform, name, wanted.all))
}

fn simulate(
    chosen: &[&'static Scenario],
    platform: &Platform,
    wanted: Wanted<'_>,
    settings: Settings,
) -> Result<Vec<Rehearsal>, String> {
    let environment = environment(platform, wanted)?;
    let bar = progress();
    let rehearsals = rehearse(
        chosen,
        (environment, &platform.overlay),
        settings,
        &|done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        },
    );
    bar.finish_and_clear();
    Ok(rehearsals)
}

/// Runs of a case for the check: enough for the order of magnitude, in a few seconds.
const QUICK_RUNS: u32 = 5;

/// Rehearses the scenarios that a report's findings point at.
pub(crate) fn pointed_at(
    report: &Report,
    platform: &Platform,
    wanted: Wanted<'_>,
) -> Result<Vec<Rehearsal>, String> {
    let shows = |scenario: &&Scenario| {
        let found = |rule: &&str| report.findings.iter().any(|finding| finding.rule == *rule);
        scenario.rules.iter().any(found)
    };
    let chosen: Vec<&'static Scenario> = scenarios::ALL.iter().filter(shows).collect();
    let settings = Settings {
        runs: QUICK_RUNS,
        seed: 1,
        trace: false,
    };
    simulate(&chosen, platform, wanted, settings)
}

/// Runs done and time left, on a terminal.
fn progress() -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new(0);
    if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:40} {pos}/{len} runs, {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Writes the decisions of every case. Names come from files and are shown as the redactors allow; the steps of policies
/// contain only numbers and words of their own, and must stay as they are to be replayed.
fn write_trace(
    out: &mut dyn Write,
    seed: u64,
    sides: &[(Option<&'static str>, &[Rehearsal])],
    redactors: &[&Redactor<'_>],
) -> std::io::Result<()> {
    let header = Header {
        version: trace::VERSION,
        by: "cofferdam simulate".to_owned(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        seed: Some(seed),
    };
    let shown = |text: &str| {
        redactors.iter().fold(text.to_owned(), |text, redactor| {
            redactor.text(&text).into_owned()
        })
    };
    out.write_all(header.line().as_bytes())?;
    let mut decisions = 0;
    for (side, rehearsals) in sides {
        let results = rehearsals
            .iter()
            .flat_map(|one| one.results.iter().map(move |r| (one, r)));
        for (rehearsal, summary) in results.filter(|(_, summary)| !summary.trace.is_empty()) {
            let case = trace::Case {
                scenario: rehearsal.scenario.name.to_owned(),
                subject: summary.subject.clone(),
                side: side.map(str::to_owned),
            };
            for lines in summary.trace.lines(&case, &shown) {
                out.write_all(lines.as_bytes())?;
            }
            decisions += summary.trace.decisions();
        }
    }
    out.write_all(trace::last_line(decisions).as_bytes())
}
