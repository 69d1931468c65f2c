//! Writing to the terminal: colours only where they are wanted, and a closed pipe is no error.

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use std::io::{self, Write};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that shows them, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether to colour what goes to standard output.
    pub(crate) fn on_stdout(self) -> bool {
        self.choice(&io::stdout()) != ColorChoice::Never
    }

    /// Whether to colour what goes to standard error.
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

/// Columns of the terminal, between 60 and 140; 110 where there is none.
pub(crate) fn width() -> usize {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse::<usize>().ok());
    columns
        .or_else(|| terminal_size::terminal_size().map(|(w, _)| usize::from(w.0)))
        .map_or(110, |w| w.clamp(60, 140))
}

/// Prints to standard output.
///
/// # Errors
/// The system's reason, except when the reader closed the pipe.
pub(crate) fn print(text: &str) -> Result<(), String> {
    print_with(|out| out.write_all(text.as_bytes()))
}

/// The same for what is made piece by piece.
///
/// # Errors
/// The system's reason, except when the reader closed the pipe.
pub(crate) fn print_with(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), String> {
    let mut out = io::BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(e) => Err(format!("cannot write to standard output: {e}")),
        Ok(()) => Ok(()),
    }
}

/// Prints an error message to standard error.
pub(crate) fn error(message: &str, color: Color) {
    let stderr = io::stderr();
    let choice = color.choice(&stderr);
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(
        AutoStream::new(stderr, choice),
        "\x1b[1;31merror\x1b[0m: {message}"
    );
}
