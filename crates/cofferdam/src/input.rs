//! What `check`, `simulate` and `init` are given: paths, standard input, an overlay.

use crate::output::{self, Color};
use cofferdam_audit::report::text;
use cofferdam_audit::rules;
use cofferdam_ingest::Input;
use cofferdam_model::redact::Redactor;
use cofferdam_model::{Environment, Platform, UnreadableFile};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Options that go with the paths.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct InputArgs {
    /// Use this overlay instead of the cofferdam.yaml that is found at the root of what is given, or above it in the same
    /// repository.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Go on where there is nothing to check (otherwise that is an error).
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

/// How paths are given, for the help of each command.
pub(crate) const PATHS_HELP: &str = "Paths: directories and single files, and `-` for a stream of manifests on standard input. Several paths are one platform: \
its root is their nearest common directory, and only what is below the given paths is read, each file once.\n\
Config: the cofferdam.yaml at the root is used, else the nearest one above it, up to the directory with .git. Paths in it are \
relative to its own directory. One from elsewhere (--config) has its paths relative to the root.";

/// The path that stands for standard input.
const STDIN: &str = "-";

/// Standard input above this size is cut off; the readers then report it as too large.
const MAX_STDIN: u64 = cofferdam_syntax::repo::MAX_FILE_BYTES + 1;

/// Reads what was given.
///
/// # Errors
/// A sentence: what cannot be read, or what is wrong in the overlay (printed before, each at its line).
pub(crate) fn read(
    paths: &[PathBuf],
    args: &InputArgs,
    statements: &[String],
    color: Color,
) -> Result<Platform, String> {
    refuse_two_streams(paths)?;
    let (stdin, paths): (Vec<PathBuf>, Vec<PathBuf>) = paths.iter().cloned().partition(|path| is_stdin(path));
    let input = Input {
        paths,
        stdin: stdin.first().map(|_| standard_input()).transpose()?,
        config: args.config.clone(),
        statements: statements.to_vec(),
    };
    let platform = cofferdam_ingest::read_input(&input).map_err(|e| e.to_string())?;
    refuse_overlay_problems(&platform, color)?;
    Ok(platform)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new(STDIN)
}

/// Refuses `-` where it is given more than once.
///
/// # Errors
/// A sentence that says so.
pub(crate) fn refuse_two_streams<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), String> {
    match paths.into_iter().filter(|path| is_stdin(path)).count() {
        0 | 1 => Ok(()),
        _ => Err("`-` is given twice, but standard input can be read only once".to_owned()),
    }
}

fn standard_input() -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_STDIN)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("cannot read standard input: {e}"))?;
    Ok(bytes)
}

/// Prints what is wrong in the overlay, if anything is.
///
/// # Errors
/// The sentence to end with, when something is.
fn refuse_overlay_problems(platform: &Platform, color: Color) -> Result<(), String> {
    let problems = overlay_problems(platform);
    if problems.is_empty() {
        return Ok(());
    }
    let style = text::Style {
        color: color.on_stderr(),
        width: output::width(),
        ..text::Style::default()
    };
    let redactor = Redactor::new(platform);
    output::complain(
        &text::overlay_problems(&problems, platform, &redactor, style),
        &redactor,
    );
    let things = match problems.len() {
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    let config = (platform.reading.config.as_deref()).unwrap_or(Path::new("cofferdam.yaml"));
    Err(format!(
        "{} has {things}; nothing was checked, because figures would rest on what it does not say",
        config.display()
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

/// The environments that count: those of the platform, and with `all` those of places apart.
pub(crate) fn environments(platform: &Platform, all: bool) -> impl Iterator<Item = &Environment> {
    platform
        .environments
        .iter()
        .filter(move |e| all || platform.scope.project_apart(e.project).is_none())
}

/// The message for an environment that is not there.
pub(crate) fn no_environment(platform: &Platform, name: &str, all: bool) -> String {
    let full = cofferdam_syntax::environment::name(name);
    let mut message = if environments(platform, true).any(|e| e.name == full) {
        format!("the environment `{name}` is only in places apart (add --all, or give their path)")
    } else {
        format!("there is no environment `{name}` here")
    };
    let known: BTreeSet<&str> = environments(platform, all).map(|e| e.name.as_str()).collect();
    if !known.is_empty() {
        let known: Vec<&str> = known.into_iter().collect();
        let _ = write!(message, "; there are: {}", known.join(", "));
    }
    message
}

/// The message for paths with nothing to check.
pub(crate) fn nothing(paths: &[PathBuf], platform: &Platform) -> String {
    let there = match platform.reading.passed_over {
        1 if matches!(paths, [one] if is_stdin(one)) => {
            "no document in it is configuration that Cofferdam reads".to_owned()
        }
        0 => "there is no file (what git ignores is not read)".to_owned(),
        1 => "the one file there is not configuration that Cofferdam reads".to_owned(),
        n => format!("none of the {n} files there is configuration that Cofferdam reads"),
    };
    format!(
        "nothing to check in {}: {there}\nlooked for: {}\nif nothing is right here, add --allow-empty",
        shown(paths),
        cofferdam_ingest::looked_for()
    )
}

/// Refuses to go on with nothing, for commands whose output would look like an answer.
///
/// # Errors
/// What is missing, or what could not be read where nothing could.
pub(crate) fn refuse_nothing(paths: &[PathBuf], args: &InputArgs, platform: &Platform) -> Result<(), String> {
    let reading = &platform.reading;
    if reading.is_nothing() && !args.allow_empty {
        return Err(nothing(paths, platform));
    }
    if reading.formats.is_empty() && !reading.stated && !reading.unreadable.is_empty() {
        let mut message = format!("nothing in {} could be read:", shown(paths));
        for unreadable in reading.unreadable.iter().take(3) {
            let _ = write!(message, "\n{}: {}", unreadable.path.display(), unreadable.message);
        }
        return Err(message);
    }
    Ok(())
}

/// Names the overlay on standard error where it is not plain which one is used, for commands whose report does not.
pub(crate) fn name_config(platform: &Platform) {
    let reading = &platform.reading;
    if let Some(config) = &reading.config
        && config.parent() != Some(Path::new(""))
    {
        eprintln!("note: {} is used", config.display());
    }
    print_notes(platform);
}

/// Prints on standard error what there is to say of overlays that are not used, or not in full.
pub(crate) fn print_notes(platform: &Platform) {
    let is_overlay = |note: &&UnreadableFile| {
        cofferdam_ingest::overlay::NAMES
            .iter()
            .any(|name| note.path.ends_with(name))
    };
    for note in platform.reading.notes.iter().filter(is_overlay) {
        let line = format!("note: {}: {}\n", note.path.display(), note.message);
        output::complain(&line, &Redactor::new(platform));
    }
}

/// Paths as they were given.
pub(crate) fn shown(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| match path.to_str() {
        Some(STDIN) => "standard input".to_owned(),
        _ => path.display().to_string(),
    };
    let mut names: Vec<String> = paths.iter().take(3).map(name).collect();
    if paths.len() > names.len() {
        names.push(format!("{} more", paths.len() - names.len()));
    }
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.join(""),
    }
}
