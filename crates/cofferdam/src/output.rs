//! Writing to the terminal: colours only if they are wanted, and a closed pipe is not an error.
//!
//! This is the only place where the command prints. Text that may come from files passes through the
//! redactors here; callers whose output contains no text from files pass none.

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use cofferdam_model::redact::{self, Redacted, Redactor};
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

/// Whether a character changes the direction of the text after it, or begins a line that is none: a name with one could
/// show another name than it is.
fn turns(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// `text` with every control character shown as a symbol, except line breaks, tabs and, in a coloured text, colours: a
/// name in a file may contain sequences that control the terminal.
fn visible(text: &str, coloured: bool) -> Cow<'_, str> {
    let harmless = |c: char| !(c.is_control() || turns(c)) || matches!(c, '\n' | '\t');
    // Most text is plain ASCII, which is seen faster byte by byte.
    let is_plain = |b: u8| (b' '..=b'~').contains(&b) || matches!(b, b'\n' | b'\t');
    if text.bytes().all(is_plain) || text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
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
            None if harmless(c) => out.push(c),
            // The symbols for the control characters are in the same order from U+2400.
            None => out.push(
                char::from_u32(0x2400 + u32::from(c))
                    .filter(|_| c < ' ')
                    .unwrap_or('\u{FFFD}'),
            ),
        }
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

/// The same for output that is made piece by piece.
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

/// Prints errors to standard error, without the secrets of the files.
pub(crate) fn complain(text: &str, redactor: &Redactor<'_>) {
    // If standard error is closed, nothing more can be done.
    let _ = io::stderr().write_all(visible(&redactor.text(text), true).as_bytes());
}

/// A message that may repeat an argument, without the secrets in arguments.
pub(crate) fn without_arguments(message: &str) -> String {
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
    let message = without_arguments(message);
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
    use super::visible;

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
