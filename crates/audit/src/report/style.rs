//! How a report is printed: with colours, how wide, how much.

/// How to print.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// Print only the findings' titles and the summary.
    pub brief: bool,
    /// Print everything that could not be judged, instead of each reason once.
    pub verbose: bool,
    /// Where the documentation is published, without a slash at the end.
    pub docs: Option<&'static str>,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            color: false,
            width: 110,
            brief: false,
            verbose: false,
            docs: None,
        }
    }
}

/// Breaks text at spaces; a word longer than the width gets its own line.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let options = textwrap::Options::new(width.max(40))
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    textwrap::fill(&lines.join("\n"), options)
}
