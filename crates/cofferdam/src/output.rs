//! Writing to the terminal: colours only if they are wanted, and a closed pipe is not an error.
//!
//! This is the only place where the command prints. Text that may come from files passes through the
//! redactors here; callers whose output contains no text from files pass none.

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use cofferdam_model::redact::{self, Redacted, Redactor};
use cofferdam_model::report::{Format, Reporter, Run};
use std::borrow::Cow;
use std::io::{self, Write};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that supports them, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether to colour standard output.
    pub(crate) fn on_stdout(self) -> bool {
        self.choice(&io::stdout()) != ColorChoice::Never
    }

    /// Whether to colour standard error.
    pub(crate) fn on_stderr(self) -> bool {
        self.choice(&io::stderr()) != ColorChoice::Never
    }

    fn choice(self, stream: &impl RawStream) -> ColorChoice {
        match self {
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
            Color::Auto => AutoStream::choice(stream),
        }
    }
}

/// Whether reports themselves use this code: bold, dim, italic, underlined, the colours of text, and their ends. Others
/// could hide text.
fn is_own(code: &str) -> bool {
    matches!(code.parse(), Ok(0..=4u8 | 22..=24 | 30..=37 | 39 | 90..=97)) || code.is_empty()
}

/// Whether a character changes the direction of the text after it, begins a line that is none, or is not shown at all: a
/// name with one could show another name than it is.
fn deceives(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
        || matches!(
            c,
            '\u{AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'
                ..='\u{180E}'
        )
        || matches!(
            c,
            '\u{200B}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
        )
        || matches!(c, '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether a character joins or separates those beside it. Between others than ASCII it is a part of how people write: in
/// some alphabets, and in emoji that consist of several.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// `text` with every control character shown as a symbol, except line breaks, tabs and, in a coloured text, colours: a
/// name in a file may contain sequences that control the terminal.
fn visible(text: &str, coloured: bool) -> Cow<'_, str> {
    let harmless = |c: char| !(c.is_control() || deceives(c)) || matches!(c, '\n' | '\t');
    // Most text is plain ASCII, which is seen faster byte by byte.
    let is_plain = |b: u8| (b' '..=b'~').contains(&b) || matches!(b, b'\n' | b'\t');
    if text.bytes().all(is_plain) || text.chars().all(|c| harmless(c) && !is_joiner(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Whether the character before is one that a joiner may join.
    let mut joined = false;
    let may_join = |c: char| !c.is_ascii() && harmless(c) && !is_joiner(c);
    while let Some(c) = rest.chars().next() {
        let colour = rest.strip_prefix("\x1b[").and_then(|codes| {
            let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            let own = coloured && codes[..end].split(';').all(is_own);
            (own && codes[end..].starts_with('m')).then_some(end + 3)
        });
        match colour {
            Some(length) => {
                out.push_str(&rest[..length]);
                rest = &rest[length..];
                continue;
            }
            None if is_joiner(c) => {
                let after = rest.chars().nth(1);
                let shown = joined && after.is_some_and(may_join);
                out.push(if shown { c } else { '\u{FFFD}' });
            }
            None if harmless(c) => out.push(c),
            // The symbols for the control characters are in the same order from U+2400.
            None => out.push(
                char::from_u32(0x2400 + u32::from(c))
                    .filter(|_| c < ' ')
                    .unwrap_or('\u{FFFD}'),
            ),
        }
        joined = may_join(c);
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(out)
}

/// Columns of the terminal, between 60 and 140; 110 without a terminal.
pub(crate) fn width() -> usize {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse::<usize>().ok());
    columns
        .or_else(|| terminal_size::terminal_size().map(|(w, _)| usize::from(w.0)))
        .map_or(110, |w| w.clamp(60, 140))
}

/// Prints to standard output, without the secrets of the files that the redactors know.
///
/// # Errors
/// The system's reason, except when the reader closed the pipe.
pub(crate) fn print(text: &str, coloured: bool, redactors: &[&Redactor<'_>]) -> Result<(), String> {
    print_with(redactors, |out| out.write_all(visible(text, coloured).as_bytes()))
}

/// A line of a report with more characters is cut: a name in a file may have any length, and one line of a megabyte
/// hides all others.
const LONGEST_LINE: usize = 4_000;

/// Prints a report for people, in which lines that are too long are cut. They are cut after the secrets are hidden,
/// because a part of a secret would not be recognised.
///
/// # Errors
/// The system's reason, except when the reader closed the pipe.
pub(crate) fn print_report(text: &str, coloured: bool, redactors: &[&Redactor<'_>]) -> Result<(), String> {
    if text.lines().all(|line| line.len() <= LONGEST_LINE) {
        return print(text, coloured, redactors);
    }
    let hidden = redactors.iter().fold(Cow::Borrowed(text), |text, redactor| {
        Cow::Owned(redactor.text(&text).into_owned())
    });
    let cut: String = hidden.split_inclusive('\n').map(cut).collect();
    print(&cut, coloured, redactors)
}

/// A line without its middle if it is too long.
fn cut(line: &str) -> Cow<'_, str> {
    let length = line.chars().count();
    if length <= LONGEST_LINE {
        return Cow::Borrowed(line);
    }
    let (start, end) = (LONGEST_LINE * 3 / 4, LONGEST_LINE / 4);
    let head: String = line.chars().take(start).collect();
    let tail: String = line.chars().skip(length - end).collect();
    Cow::Owned(format!(
        "{head}… ({} characters left out) …{tail}",
        length - start - end
    ))
}

/// The same as [`print()`] for output that is made piece by piece.
///
/// # Errors
/// The system's reason, except when the reader closed the pipe.
pub(crate) fn print_with(
    redactors: &[&Redactor<'_>],
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), String> {
    let out = io::BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let mut out = Redacted::new(redactors, out);
    match write(&mut out).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(format!("cannot write to standard output: {e}")),
        Ok(()) => Ok(()),
    }
}

/// This run of the command, for a report. `docs` is where the documentation is published, if that was said.
pub(crate) fn run(exit_status: u8, docs: Option<&'static str>) -> Run<'static> {
    Run {
        version: env!("CARGO_PKG_VERSION"),
        exit_status,
        docs_url: docs,
    }
}

/// Prints a report in one of its formats, without the secrets of the files. Every report of a command goes this way.
/// Returns whether the report has this format.
///
/// # Errors
/// The system's reason, except when the reader closed the pipe.
pub(crate) fn report(
    report: &dyn Reporter,
    format: Format,
    run: &Run<'_>,
    redactors: &[&Redactor<'_>],
) -> Result<bool, String> {
    match format {
        Format::Text(style) => print_report(&report.text(style), style.color, redactors)?,
        Format::Json => print_with(redactors, |out| report.json(run, out))?,
        Format::Svg => match report.svg() {
            Some(svg) => print(&svg, false, redactors)?,
            None => return Ok(false),
        },
    }
    Ok(true)
}

/// Prints errors to standard error, without the secrets of the files.
pub(crate) fn complain(text: &str, redactor: &Redactor<'_>) {
    // If standard error is closed, nothing more can be done.
    let _ = io::stderr().write_all(visible(&redactor.text(text), true).as_bytes());
}

/// A text without a colour of its own, for a message that may repeat an argument or a name.
pub(crate) fn plain(text: &str) -> String {
    visible(text, false).into_owned()
}

/// An answer of the command line's parser, which has colours if the terminal is to show some.
pub(crate) fn parser_text(text: &str) -> String {
    visible(&without_arguments(text), true).into_owned()
}

/// A message that may repeat an argument, without the secrets in arguments.
fn without_arguments(message: &str) -> String {
    let mut message = redact::statement(message);
    // An argument need not be UTF-8; a message shows it with signs in place of what is not.
    let arguments = std::env::args_os().skip(1);
    for argument in arguments.map(|argument| argument.to_string_lossy().into_owned()) {
        let shown = redact::argument(&argument);
        if shown != argument {
            message = message.replace(&argument, &shown);
        }
    }
    message
}

/// Prints an error message to standard error. It may repeat an argument, which may contain a secret.
pub(crate) fn error(message: &str, color: Color) {
    let message = plain(&without_arguments(message));
    let stderr = io::stderr();
    let choice = color.choice(&stderr);
    // If standard error is closed, nothing more can be done.
    let _ = writeln!(
        AutoStream::new(stderr, choice),
        "\x1b[1;31merror\x1b[0m: {message}"
    );
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_LINE, cut, visible};

    #[test]
    fn characters_that_are_not_shown_become_visible_unless_they_are_a_part_of_writing() {
        for hidden in [
            '\u{200B}',
            '\u{200C}',
            '\u{200D}',
            '\u{FEFF}',
            '\u{E0041}',
            '\u{AD}',
            '\u{2060}',
        ] {
            assert_eq!(visible(&format!("a{hidden}b"), false), "a\u{FFFD}b", "{hidden:?}");
            assert_eq!(visible(&format!("é{hidden}"), false), "é\u{FFFD}", "{hidden:?}");
        }
        for written in ["👩\u{200D}💻 ❤\u{FE0F}\u{200D}🔥", "می\u{200C}خواهم"] {
            assert_eq!(visible(written, false), written);
        }
        assert_eq!(visible("é\u{200D}\u{200D}é", false), "é\u{FFFD}\u{FFFD}é");
    }

    #[test]
    fn a_long_line_keeps_its_beginning_and_end() {
        let line = format!("begin {} end\n", "é".repeat(600_000));
        let short = cut(&line);
        assert!(short.chars().count() < LONGEST_LINE + 50);
        assert!(
            short.starts_with("begin é") && short.ends_with("é end\n"),
            "{short}"
        );
        assert_eq!(cut("short\n"), "short\n");
    }

    #[test]
    fn escape_sequences_become_visible_and_colours_stay() {
        assert_eq!(visible("a\tb\n", false), "a\tb\n");
        assert_eq!(visible("\x1b[1;31mred\x1b[0m", true), "\x1b[1;31mred\x1b[0m");
        assert_eq!(visible("\x1b[31mred\x1b[0m", false), "␛[31mred␛[0m");
        // A colour that no report uses may hide text.
        assert_eq!(visible("\x1b[8mhidden\x1b[1;7m", true), "␛[8mhidden␛[1;7m");
        // The direction of the text, and lines that are none.
        assert_eq!(
            visible("a\u{202E}b\u{2066}c\u{2028}d", false),
            "a\u{FFFD}b\u{FFFD}c\u{FFFD}d"
        );
        assert_eq!(
            visible("\x1b]0;title\x07 \x1b[2J \u{9b}2J \x7f é", true),
            "␛]0;title␇ ␛[2J \u{FFFD}2J \u{FFFD} é"
        );
    }
}
