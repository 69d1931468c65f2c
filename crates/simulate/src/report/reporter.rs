//! Rehearsals as one of the reports that the command prints.

use super::{chart, compare, json, text};
use crate::rehearse::Rehearsal;
use cofferdam_model::Platform;
use cofferdam_model::report::{Reporter, Run, Style};
use std::io;

/// The rehearsals of a platform, or of two that are compared.
pub struct Rehearsed<'a> {
    /// The rehearsals.
    pub rehearsals: &'a [Rehearsal],
    /// The platform.
    pub platform: &'a Platform,
    /// The other platform, after a change.
    pub after: Option<(&'a [Rehearsal], &'a Platform)>,
}

impl Reporter for Rehearsed<'_> {
    fn text(&self, style: Style) -> String {
        match self.after {
            Some((after, _)) => compare::render(self.rehearsals, after, style.into()),
            None => text::render(self.rehearsals, self.platform, style.into()),
        }
    }

    fn json(&self, run: &Run<'_>, out: &mut dyn io::Write) -> io::Result<()> {
        let own = (self.rehearsals, self.platform);
        match self.after {
            Some(after) => json::write_comparison(own, after, run, out),
            None => json::write(own, run, out),
        }
    }

    fn svg(&self) -> Option<String> {
        match self.after {
            Some((after, _)) => chart::render(&[("before", self.rehearsals), ("after", after)]),
            None => chart::render(&[("", self.rehearsals)]),
        }
    }
}
