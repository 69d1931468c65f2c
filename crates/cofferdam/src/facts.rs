//! `cofferdam facts`.

use crate::input::{self, InputArgs, PATHS_HELP};
use crate::output::{self, Color};
use cofferdam_audit::report::facts;
use cofferdam_model::Environment;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `facts`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = format!("Examples:\n  cofferdam facts .                            what is known, with its place\n  cofferdam facts . --missing                  what people can state, why, and how\n  cofferdam facts . --environment production --format json | jq '.environments[].facts[] | select(.value == null) | .path'\n\n{PATHS_HELP}\n\nA fact that no file contains is stated in cofferdam.yaml; `cofferdam init` writes one with those that a check or a rehearsal asks for.")
)]
pub(crate) struct Args {
    /// Directories and files of the platform's configuration; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Also list the facts that are not known: what depends on each, and how it is stated.
    #[arg(long)]
    missing: bool,
    /// Only this environment (may be given more than once).
    #[arg(long, value_name = "NAME")]
    environment: Vec<String>,
    /// Include the environments of separate places (examples, tests, archives …).
    #[arg(long)]
    all: bool,
    /// Declare a fact, as in cofferdam.yaml (may be given more than once).
    #[arg(long, value_name = "FACT=VALUE")]
    set: Vec<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    input: InputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs (schemas/facts.schema.json).
    Json,
}

/// Lists the facts.
pub(crate) fn run(args: &Args, color: Color) -> Result<ExitCode, String> {
    let platform = input::read(&args.paths, &args.input, &args.set, color)?;
    input::refuse_nothing(&args.paths, &args.input, &platform)?;
    input::name_config(&platform);
    let mut wanted = Vec::new();
    for name in &args.environment {
        let full = cofferdam_syntax::environment::name(name);
        if !input::environments(&platform, args.all).any(|env| env.name == full) {
            return Err(input::no_environment(&platform, name, args.all));
        }
        wanted.push(full);
    }
    let chosen = |env: &&Environment| wanted.is_empty() || wanted.contains(&env.name);
    let environments = input::environments(&platform, args.all).filter(chosen);
    let redactor = platform.redactor();
    match args.format {
        Format::Text => {
            let text = facts::render(environments, &platform, args.missing);
            output::print_report(&text, false, &[&redactor])?;
        }
        Format::Json => {
            output::print_with(&[&redactor], |out| facts::write(environments, &platform, out))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
