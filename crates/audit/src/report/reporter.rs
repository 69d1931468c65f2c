//! The report of a check as one of the reports that the command prints.

use super::{json, text};
use crate::engine::Report;
use cofferdam_model::Platform;
use cofferdam_model::redact::Redactor;
use cofferdam_model::report::{Reporter, Run, Style};
use std::io;

/// The results of a check, ready to be written.
pub struct Checked<'a> {
    /// The results.
    pub report: &'a Report,
    /// The platform that was checked.
    pub platform: &'a Platform,
    /// Hides the secrets in the source lines.
    pub redactor: &'a Redactor<'a>,
    /// The simulations that the findings refer to, if they were run: for programs.
    pub rehearsals: Option<serde_json::Value>,
    /// Whether programs get the routes of places.
    pub routes: bool,
    /// The simulations for people.
    pub lead: String,
}

impl Reporter for Checked<'_> {
    fn text(&self, style: Style) -> String {
        let report = text::render(self.report, self.platform, self.redactor, style);
        format!("{}{report}", self.lead)
    }

    fn json(&self, run: &Run<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        let more = json::More {
            rehearsals: self.rehearsals.as_ref(),
            routes: self.routes,
        };
        json::write(self.report, self.platform, more, run, out)
    }
}
