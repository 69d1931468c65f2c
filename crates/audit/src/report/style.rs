//! How a report is printed.

pub use cofferdam_model::report::Style;

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
