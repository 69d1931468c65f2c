//! The command: parse arguments, call a crate, print. It makes no decisions itself.

mod check;
mod docs;
mod exit;
mod explain;
mod facts;
mod init;
mod input;
mod new_file;
mod output;
mod replay;
mod simulate;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Reading a platform is mostly small allocations on several threads; with the system's allocator they take a
/// quarter of the total time (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Find how a platform will fail, from its own configuration.
#[derive(Debug, Parser)]
#[command(
    name = "cofferdam",
    version,
    about = "Find how a platform will fail, from its own configuration",
    after_help = "Examples:\n  cofferdam check .                       everything below this directory\n  cofferdam check . --min-severity high   only what can take the platform down\n  cofferdam init .                        write cofferdam.yaml: what check assumes, to confirm\n  kustomize build . | cofferdam check -   a stream of manifests\n  cofferdam explain database-connection-exhaustion\n\nExit codes: 0 clean, 1 findings at or above --fail-on, 2 bad usage, nothing to check or judge, or, without findings, input that cannot be read."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = output::Color::Auto)]
    color: output::Color,

    /// Where docs/ is published: reports print the address of each page after its command.
    #[arg(long, global = true, value_name = "URL")]
    docs_url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a platform's configuration for failures.
    Check(check::Args),
    /// Rehearse failures of a platform under virtual time.
    Simulate(simulate::Args),
    /// Write a cofferdam.yaml with every assumption that check makes, to confirm.
    Init(init::Args),
    /// List the facts that people can state, with what is known.
    Facts(facts::Args),
    /// List the rules.
    Rules(explain::RulesArgs),
    /// Show the page of a rule or a scenario.
    Explain(explain::Args),
    /// Write completions for a shell to standard output.
    #[command(
        after_help = "Example:\n  cofferdam completions bash > ~/.local/share/bash-completion/completions/cofferdam"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What a panic prints: its place, and its message only if that was written in the source, because a message
/// made at run time may quote a file.
fn describe(place: &str, payload: &dyn std::any::Any) -> String {
    let words = payload.downcast_ref::<&'static str>().copied();
    format!(
        "cofferdam has a bug at {place}: {}\nplease report it with the version ({}) and what you ran",
        words.unwrap_or("its message is not shown, because it may quote a file"),
        env!("CARGO_PKG_VERSION")
    )
}

/// The command with the ids of rules and the names of scenarios as possible values, for completions. A run
/// does not have them: its error for an unknown name offers the nearest instead of all.
fn with_names() -> clap::Command {
    let rules = || cofferdam_audit::rules::ALL.iter().map(|rule| rule.id.as_str());
    let scenarios = || {
        cofferdam_simulate::scenarios::ALL
            .iter()
            .map(|scenario| scenario.name)
    };
    let of = |names: Vec<&'static str>| clap::builder::PossibleValuesParser::new(names);
    Cli::command()
        .mut_subcommand("explain", |explain| {
            explain.mut_arg("name", |name| {
                name.value_parser(of(rules().chain(scenarios()).collect()))
            })
        })
        .mut_subcommand("check", |check| {
            check.mut_arg("rule", |rule| rule.value_parser(of(rules().collect())))
        })
        .mut_subcommand("simulate", |simulate| {
            simulate.mut_arg("scenario", |name| name.value_parser(of(scenarios().collect())))
        })
}

/// Prints the help or the version. The parser itself would not notice that nobody gets it.
fn show(answer: &clap::Error) -> ExitCode {
    let text = answer.render();
    let coloured = output::Color::Auto.on_stdout();
    let text = match coloured {
        true => text.ansi().to_string(),
        false => text.to_string(),
    };
    match output::print(&text, coloured, &[]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            output::error(&message, output::Color::Auto);
            ExitCode::from(exit::BAD_INPUT)
        }
    }
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        eprintln!("{}", describe(&place, info.payload()));
    }));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) if !answer.use_stderr() => return show(&answer),
        Err(refusal) => {
            let text = refusal.render();
            let text = match output::Color::Auto.on_stderr() {
                true => text.ansi().to_string(),
                false => text.to_string(),
            };
            eprint!("{}", output::parser_text(&text));
            return ExitCode::from(exit::BAD_INPUT);
        }
    };
    let result = docs::address(cli.docs_url.as_deref()).and_then(|docs| match cli.command {
        Command::Check(args) => check::run(&args, cli.color, docs),
        Command::Simulate(args) => simulate::run(&args, cli.color, docs),
        Command::Init(args) => init::run(&args, cli.color),
        Command::Facts(args) => facts::run(&args, cli.color),
        Command::Rules(args) => explain::rules(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions { shell } => {
            let mut buffer = Vec::new();
            clap_complete::generate(shell, &mut with_names(), "cofferdam", &mut buffer);
            output::print(&String::from_utf8_lossy(&buffer), false, &[]).map(|()| ExitCode::SUCCESS)
        }
    });
    result.unwrap_or_else(|message| {
        output::error(&message, cli.color);
        ExitCode::from(exit::BAD_INPUT)
    })
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn a_panic_never_prints_text_built_at_run_time() {
        let made: Box<dyn std::any::Any + Send> = Box::new(format!("cannot slice `{}`", "hunter2"));
        let told = describe("a.rs:1:2", &*made);
        assert!(told.contains("a.rs:1:2") && !told.contains("hunter2"), "{told}");
        assert!(describe("a.rs:1:2", &"the list is empty").contains("the list is empty"));
    }
}
