//! The interface of reports: what a command found is written in one of these formats, by whoever found it. A command that
//! prints one writes it through [`crate::redact::Redacted`], so that no format has a way around it.

use std::io;

/// The formats of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text(Style),
    /// For programs.
    Json,
    /// Charts.
    Svg,
}

/// How a text for people is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The run that a report is of.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The version of the tool.
    pub version: &'a str,
    /// The status with which the process ends.
    pub exit_status: u8,
    /// Where the documentation is published, if that was said: the directory that has `rules/` and `scenarios/`.
    pub docs_url: Option<&'a str>,
}

impl Run<'_> {
    /// The published page with this path below the documentation's root (`rules/single-replica.md`). `None` if nobody said
    /// where it is published.
    pub fn page(&self, path: &str) -> Option<String> {
        self.docs_url
            .map(|url| format!("{}/{path}", url.trim_end_matches('/')))
    }
}

/// What can be written as a report: the findings of a check, the rehearsals of a simulation.
pub trait Reporter {
    /// For people.
    fn text(&self, style: Style) -> String;

    /// For programs, in a stream because it may be large.
    ///
    /// # Errors
    /// The writer's errors.
    fn json(&self, run: &Run<'_>, out: &mut dyn io::Write) -> io::Result<()>;

    /// As charts; `None` if there is nothing to draw.
    fn svg(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_an_address_only_where_one_was_said() {
        let run = |docs_url| Run {
            version: "1.0.0",
            exit_status: 0,
            docs_url,
        };
        assert_eq!(run(None).page("rules/single-replica.md"), None);
        for url in [
            "https://docs.example.net/cofferdam",
            "https://docs.example.net/cofferdam/",
        ] {
            let page = run(Some(url)).page("rules/single-replica.md");
            let wanted = "https://docs.example.net/cofferdam/rules/single-replica.md";
            assert_eq!(page.as_deref(), Some(wanted));
        }
    }
}
