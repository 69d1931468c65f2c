//! `cofferdam init`.

use crate::input::{self, InputArgs, PATHS_HELP};
use crate::output::{self, Color};
use cofferdam_audit::{Options, audit, init};
use cofferdam_model::Platform;
use cofferdam_model::registry::Need;
use cofferdam_model::units::count;
use cofferdam_simulate::rehearse;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = format!("Examples:\n  cofferdam init .           write ./cofferdam.yaml\n  cofferdam init . --print   show what would be written\n  cofferdam init base/ overlays/production/\n  kustomize build . | cofferdam init - --print\n\n{PATHS_HELP}\n\nEvery statement in the file is commented out, with the reason and the default: remove the `# ` from those that apply.\nThe file is written to the root. An existing cofferdam.yaml is never changed; --print shows what it does not declare yet.")
)]
pub(crate) struct Args {
    /// Directories and files of the platform's configuration; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print the file instead of writing it.
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    input: InputArgs,
}

/// Writes the overlay to fill in.
pub(crate) fn run(args: &Args, color: Color) -> Result<ExitCode, String> {
    let platform = input::read(&args.paths, &args.input, &[], color)?;
    input::refuse_nothing(&args.paths, &args.input, &platform)?;
    input::name_config(&platform);
    let redactor = platform.redactor();
    let report = audit(&platform, &Options::default());
    let template = init::template(&platform, &report, &of_scenarios(&platform), &redactor);
    if args.print {
        output::print(&template.text, false, &[])?;
        return Ok(ExitCode::SUCCESS);
    }
    let root = root(&args.paths, &platform)?;
    if let Some(used) = &platform.reading.config {
        return Err(format!(
            "{} already exists and is not changed; with --print, `cofferdam init` shows what it does not \
             declare yet",
            root.join(used).display()
        ));
    }
    let file = root.join("cofferdam.yaml");
    create(&file, template.text.as_bytes()).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    let statements = count(template.statements as u64, "statement");
    let told = output::print(
        &format!(
            "wrote {}: {statements} to confirm, each commented out with its reason\n",
            file.display()
        ),
        false,
        &[],
    );
    // The file is what was asked for, and it is there: a second try would fail because of it.
    if let Err(why) = told {
        let line = format!("note: {} was written; {why}\n", file.display());
        output::complain(&line, &redactor);
    }
    Ok(ExitCode::SUCCESS)
}

/// The facts that rehearsals ask for, in every environment that counts.
fn of_scenarios(platform: &Platform) -> Vec<Need> {
    input::environments(platform, false)
        .flat_map(|environment| rehearse::needs((environment, &platform.overlay)))
        .collect()
}

/// Writes a new file. No existing one is overwritten, not even one that is created at this moment, and no half of a file
/// is left.
fn create(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = OpenOptions::new().write(true).create_new(true).open(file)?;
    let written = new.write_all(bytes);
    if written.is_err() {
        drop(new);
        // What is left of it would prevent a second try.
        let _ = std::fs::remove_file(file);
    }
    written
}

/// The directory to which the file is written.
fn root<'a>(paths: &'a [PathBuf], platform: &'a Platform) -> Result<&'a Path, String> {
    // If the root is not shown, it is the one given directory, alone or with standard input.
    let given = platform
        .reading
        .root
        .as_deref()
        .or(paths.iter().map(PathBuf::as_path).find(|path| path.is_dir()));
    given.ok_or_else(|| "standard input has no directory to write cofferdam.yaml to; add --print".to_owned())
}
