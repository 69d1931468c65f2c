//! The input of `check`, `simulate`, `init` and `facts`: paths, standard input, an overlay.

use crate::output::{self, Color};
use cofferdam_audit::RuleSet;
use cofferdam_audit::report::text;
use cofferdam_ingest::Input;
use cofferdam_model::registry::{self, Form, Section};
use cofferdam_model::units::count;
use cofferdam_model::{Environment, Platform, UnreadableFile};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Options that go with the paths.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct InputArgs {
    /// Use this overlay instead of the cofferdam.yaml found at the root, or above it in the same repository.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Continue if there is nothing to check (otherwise that is an error).
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

/// How paths work, for the help of each command.
pub(crate) const PATHS_HELP: &str = "Paths: directories and single files, and `-` for a stream of manifests on standard input. Several paths are one platform: \
its root is their nearest common directory, and only what is below the given paths is read, each file once.\n\
Config: the cofferdam.yaml at the root is used, otherwise the nearest one above it, up to the directory with .git. Paths in it are \
relative to its own directory. Paths in a file from elsewhere (--config) are relative to the root.";

/// The facts that `--set` can declare, for the long help of a command.
pub(crate) fn facts_help() -> String {
    let mut help = "Facts that --set can declare:".to_owned();
    // A list has no names in a path.
    for section in Section::ALL
        .into_iter()
        .filter(|section| section.form() != Form::Listed)
    {
        let name = match section.form() {
            Form::Named => ".NAME",
            _ => "",
        };
        let facts = registry::entries(section).iter().filter(|entry| entry.is_fact());
        let keys: Vec<&str> = facts.map(|entry| entry.key).collect();
        let _ = write!(help, "\n  {}{name}: {}", section.path(), keys.join(", "));
    }
    help
}

/// The path that stands for standard input.
const STDIN: &str = "-";

/// Standard input above this size is cut off; the readers then report it as too large.
const MAX_STDIN: u64 = cofferdam_syntax::repo::MAX_FILE_BYTES + 1;

/// Reads the given input.
///
/// # Errors
/// A sentence: what cannot be read, or what is wrong in the overlay (printed before, each problem at its
/// line).
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

/// Refuses `-` if it is given more than once.
///
/// # Errors
/// A sentence about this.
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

/// Prints the errors in the overlay, if there are any.
///
/// # Errors
/// The final sentence, if there are any.
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
    let redactor = platform.redactor();
    output::complain(
        &text::overlay_problems(&problems, platform, &redactor, style),
        &redactor,
    );
    let things = count(problems.len() as u64, "problem");
    // A statement of the command line is wrong even if there is no file.
    let given = |problem: &UnreadableFile| problem.path == Path::new(cofferdam_ingest::overlay::GIVEN);
    let config = platform.reading.config.as_deref();
    let place = match problems.iter().filter(|problem| given(problem)).count() {
        n if n == problems.len() => cofferdam_ingest::overlay::GIVEN.to_owned(),
        0 => config
            .unwrap_or(Path::new("cofferdam.yaml"))
            .display()
            .to_string(),
        _ => format!(
            "{} with {}",
            config.unwrap_or(Path::new("cofferdam.yaml")).display(),
            cofferdam_ingest::overlay::GIVEN
        ),
    };
    Err(format!(
        "{place} has {things}; nothing was checked, because the figures would be wrong without these statements"
    ))
}

/// The errors in the overlay, including those in what it says about rules.
fn overlay_problems(platform: &Platform) -> Vec<UnreadableFile> {
    let of_rules = RuleSet::built_in().problems(&platform.overlay).into_iter();
    let of_rules = of_rules.map(|problem| UnreadableFile {
        path: problem.span.map_or_else(PathBuf::new, |span| {
            platform.sources.path(span.file).to_path_buf()
        }),
        span: problem.span,
        message: problem.message,
    });
    (platform.reading.overlay_problems.iter().cloned())
        .chain(of_rules)
        .collect()
}

/// The environments that count: those of the platform, and with `all` those of separate places.
pub(crate) fn environments(platform: &Platform, all: bool) -> impl Iterator<Item = &Environment> {
    platform
        .environments
        .iter()
        .filter(move |e| all || platform.scope.project_apart(e.project).is_none())
}

/// The error for an environment that does not exist.
pub(crate) fn no_environment(platform: &Platform, name: &str, all: bool) -> String {
    let full = cofferdam_syntax::environment::name(name);
    let mut message = if environments(platform, true).any(|e| e.name == full) {
        format!(
            "the environment `{name}` is only in separate places such as examples or tests (add --all, \
            or give their path)"
        )
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

/// Why files that were skipped could not be read, a line each for the first three.
fn causes(platform: &Platform) -> String {
    let reading = &platform.reading;
    let is_skipped = |note: &&UnreadableFile| reading.skipped.contains(&note.path);
    let line = |note: &UnreadableFile| format!("\n{}: {}", note.path.display(), note.message);
    let lines: String = reading
        .notes
        .iter()
        .filter(is_skipped)
        .take(3)
        .map(line)
        .collect();
    platform.redactor().text(&lines).into_owned()
}

/// The error for paths with nothing to check.
pub(crate) fn nothing(paths: &[PathBuf], platform: &Platform) -> String {
    let there = match platform.reading.skipped.len() {
        1 if matches!(paths, [one] if is_stdin(one)) => {
            "no document in it is configuration that Cofferdam reads".to_owned()
        }
        0 => "there is no file (files that git ignores are not read)".to_owned(),
        1 => "the only file there is not configuration that Cofferdam reads".to_owned(),
        n => format!("none of the {n} files there is configuration that Cofferdam reads"),
    };
    let causes = causes(platform);
    let there = match causes.is_empty() {
        true => there,
        // A file that cannot be read is not one of another kind.
        false => format!("nothing there could be read as configuration or code{causes}"),
    };
    format!(
        "nothing to check in {}: {there}\nlooked for: {}\nif this is expected, add --allow-empty",
        shown(paths),
        cofferdam_ingest::looked_for()
    )
}

/// The error for deployments of which nothing could be read.
pub(crate) fn unread(paths: &[PathBuf], platform: &Platform) -> String {
    let scope = &platform.scope;
    let mut message = format!(
        "nothing was judged in {}: no deployment there could be read",
        shown(paths)
    );
    let mut told = Vec::new();
    for (id, reasons) in &scope.in_part {
        let Some(deployment) = scope.deployments.get(id.0 as usize) else {
            continue;
        };
        let root = match (paths, platform.reading.root.as_deref()) {
            (_, Some(root)) => root.join(&deployment.root),
            ([one], None) => one.join(&deployment.root),
            _ => deployment.root.clone(),
        };
        // Joined with an empty path, a directory ends with a slash.
        let root = root.components().collect::<PathBuf>();
        // A deployment is there once for each of its environments.
        let why = format!("{}; {}", root.display(), reasons.join("; "));
        if !told.contains(&why) {
            told.push(why);
        }
    }
    for why in told.iter().take(3) {
        let _ = write!(message, "\nnot judged: {why}");
    }
    if told.len() > 3 {
        let _ = write!(message, "\nnot judged: {} more", told.len() - 3);
    }
    platform.redactor().text(&message).into_owned()
        + "\ncorrect what is named above, or check the directory that also contains what they name; if this is \
           expected, add --allow-empty"
}

/// Refuses to continue without input, for commands whose output would look like an answer.
///
/// # Errors
/// What is missing, or what could not be read if nothing could.
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
        return Err(platform.redactor().text(&message).into_owned());
    }
    Ok(())
}

/// Names the overlay on standard error if it is not obvious which one is used, for commands whose report does
/// not name it.
pub(crate) fn name_config(platform: &Platform) {
    let reading = &platform.reading;
    if let Some(config) = &reading.config
        && config.parent() != Some(Path::new(""))
    {
        let line = format!("note: {} is used\n", config.display());
        output::complain(&line, &platform.redactor());
    }
    print_notes(platform);
}

/// Prints notes on standard error about overlays that are not used, or only in part.
pub(crate) fn print_notes(platform: &Platform) {
    let is_overlay = |note: &&UnreadableFile| {
        cofferdam_ingest::overlay::NAMES
            .iter()
            .any(|name| note.path.ends_with(name))
    };
    for note in platform.reading.notes.iter().filter(is_overlay) {
        let line = format!("note: {}: {}\n", note.path.display(), note.message);
        output::complain(&line, &platform.redactor());
    }
}

/// The paths as given.
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
