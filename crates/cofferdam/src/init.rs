//! `cofferdam init`.

use crate::output::{self, Color};
use cofferdam_audit::{Options, audit, init};
use cofferdam_model::redact::Redactor;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cofferdam init .           write ./cofferdam.yaml\n  cofferdam init . --print   show what would be written\n\nEvery statement in the file is commented out, with the reason and the default: take the `# ` away from those that are right.\nAn existing cofferdam.yaml is never changed; --print shows what it does not say yet."
)]
pub(crate) struct Args {
    /// Directory of the platform's configuration.
    path: PathBuf,
    /// Print the file instead of writing it.
    #[arg(long)]
    print: bool,
}

/// Writes the overlay to fill in.
pub(crate) fn run(args: &Args, color: Color) -> Result<ExitCode, String> {
    let platform = cofferdam_ingest::read(&args.path).map_err(|e| e.to_string())?;
    let redactor = Redactor::new(&platform);
    crate::check::refuse_overlay_problems(&platform, &redactor, color)?;
    let report = audit(&platform, &Options::default());
    let text = init::template(&platform, &report);
    let text = redactor.text(&text);
    if args.print {
        output::print(&text, &[])?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.path.is_dir() {
        return Err(format!(
            "{} is not a directory; cofferdam.yaml stands at the root of the platform's configuration",
            args.path.display()
        ));
    }
    if let Some(there) = &platform.overlay.path {
        return Err(format!(
            "{} is there already and is not changed; `cofferdam init {} --print` shows what it does not say yet",
            args.path.join(there).display(),
            args.path.display()
        ));
    }
    let file = args.path.join("cofferdam.yaml");
    // Nobody's file is overwritten, not even one that appears now.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&file)
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    let count = match init::statements(&platform, &report) {
        1 => "1 statement".to_owned(),
        n => format!("{n} statements"),
    };
    output::print(
        &format!(
            "wrote {}: {count} to confirm, each commented out with its reason\n",
            file.display()
        ),
        &[],
    )?;
    Ok(ExitCode::SUCCESS)
}
