//! What a person accepts: suppressions in `cofferdam.yaml` and comments in files. They are applied before findings are
//! joined, since whoever accepts a finding at one place has not accepted it at the others.

use crate::finding::Finding;
use crate::rule_set::RuleSet;
use cofferdam_model::overlay::Ignore;
use cofferdam_model::units::count;
use cofferdam_model::{Platform, Span, Suppression};
use cofferdam_syntax::glob;
use globset::GlobMatcher;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

/// A suppression from the overlay, prepared for matching.
struct Accepted<'a> {
    ignore: &'a Ignore,
    path: Option<GlobMatcher>,
    subject: Option<GlobMatcher>,
    used: AtomicBool,
}

impl Accepted<'_> {
    fn matches(&self, finding: &Finding, platform: &Platform) -> bool {
        let is_path = |glob: &GlobMatcher| {
            finding
                .locations
                .first()
                .is_some_and(|l| glob.is_match(platform.overlay.sees(platform.sources.path(l.span.file))))
        };
        self.ignore.rule.as_ref().is_none_or(|rule| *rule == finding.rule)
            && (self.subject.as_ref()).is_none_or(|glob| glob.is_match(finding.subject.as_str()))
            && self.path.as_ref().is_none_or(is_path)
    }
}

/// Maps file and line to the suppressing comments there: their index and their rules.
type ByLine<'a> = BTreeMap<(u32, u32), Vec<(usize, &'a [String])>>;

/// How many unknown names of one comment are noted one by one.
const SHOWN: usize = 3;

/// What is wrong with suppressions, with their places.
pub(crate) type Notes = Vec<(Span, String)>;

/// Everything that a person accepts.
pub(crate) struct Suppressions<'a> {
    platform: &'a Platform,
    rules: &'a RuleSet<'a>,
    overlay: Vec<Accepted<'a>>,
    comments: ByLine<'a>,
    used_comments: Vec<AtomicBool>,
}

impl<'a> Suppressions<'a> {
    /// Prepares them; those that ended before `today` or do nothing are noted.
    pub(crate) fn new(
        platform: &'a Platform,
        rules: &'a RuleSet<'a>,
        today: Option<jiff::civil::Date>,
        notes: &mut Notes,
    ) -> Self {
        Suppressions {
            platform,
            rules,
            overlay: of_overlay(platform, today, notes),
            comments: of_comments(&platform.suppressions, rules, notes),
            used_comments: platform
                .suppressions
                .iter()
                .map(|_| AtomicBool::new(false))
                .collect(),
        }
    }

    /// Whether a person accepts the finding.
    pub(crate) fn accept(&self, finding: &Finding) -> bool {
        if let Some(by) = self.overlay.iter().find(|a| a.matches(finding, self.platform)) {
            by.used.store(true, Ordering::Relaxed);
            return true;
        }
        let Some(comment) = self.comment(finding) else {
            return false;
        };
        self.used_comments[comment].store(true, Ordering::Relaxed);
        true
    }

    /// The comment that accepts the finding.
    fn comment(&self, finding: &Finding) -> Option<usize> {
        if self.comments.is_empty() {
            return None;
        }
        finding.locations.iter().find_map(|l| {
            let line = self.platform.sources.position(l.span).line;
            let there = self.comments.get(&(l.span.file.0, line))?;
            there
                .iter()
                .find(|(_, rules)| rules.iter().any(|r| *r == finding.rule))
                .map(|(at, _)| *at)
        })
    }

    /// Notes those that matched no finding of a complete run.
    pub(crate) fn note_unused(&self, notes: &mut Notes) {
        let platform = self.platform;
        let is_used = |used: &AtomicBool| used.load(Ordering::Relaxed);
        let overlay = (self.overlay.iter())
            .filter(|a| !is_used(&a.used))
            .map(|a| a.ignore.span);
        let does_something = |s: &Suppression| {
            !s.reason.is_empty() && s.rules.iter().any(|rule| self.rules.find(rule).is_some())
        };
        let comments = (platform.suppressions.iter())
            .zip(&self.used_comments)
            .filter(|(s, used)| !is_used(used) && does_something(s))
            .map(|(s, _)| s.span);
        let note = "this suppression matches no finding; remove it";
        notes.extend(overlay.chain(comments).map(|span| (span, note.to_owned())));
    }
}

fn of_overlay<'a>(
    platform: &'a Platform,
    today: Option<jiff::civil::Date>,
    notes: &mut Notes,
) -> Vec<Accepted<'a>> {
    let mut accepted = Vec::new();
    for ignore in &platform.overlay.ignores {
        if let (Some(until), Some(today)) = (&ignore.until, today)
            && until.value < today
        {
            let note = format!("this suppression ended on {}", until.value);
            notes.push((ignore.span, note));
            continue;
        }
        let matcher = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => glob::of_texts(text).map(Some),
        };
        match (matcher(&ignore.path), matcher(&ignore.subject)) {
            (Ok(path), Ok(subject)) => accepted.push(Accepted {
                ignore,
                path,
                subject,
                used: AtomicBool::new(false),
            }),
            (Err(e), _) | (_, Err(e)) => {
                let note = format!("this suppression does nothing: {e}");
                notes.push((ignore.span, note));
            }
        }
    }
    accepted
}

fn of_comments<'a>(all: &'a [Suppression], known: &RuleSet<'_>, notes: &mut Notes) -> ByLine<'a> {
    let mut by_line = ByLine::new();
    for (at, s) in all.iter().enumerate() {
        if s.rules.is_empty() {
            let text = "this suppression names no rule; write `cofferdam: ignore[rule] reason`";
            notes.push((s.span, text.to_owned()));
        } else if s.reason.is_empty() {
            let text = "this suppression gives no reason and does nothing; write why after the bracket";
            notes.push((s.span, text.to_owned()));
        } else {
            let mut seen = BTreeSet::new();
            let unknown = s.rules.iter().map(String::as_str);
            let unknown = unknown.filter(|rule| known.find(rule).is_none() && seen.insert(*rule));
            let unknown: Vec<&str> = unknown.collect();
            let more = unknown.len().saturating_sub(SHOWN);
            for rule in unknown.into_iter().take(SHOWN) {
                let near = match known.nearest(rule) {
                    Some(near) => format!(", did you mean `{near}`?"),
                    None => "; `cofferdam rules` lists them all".to_owned(),
                };
                let text = format!("no such rule `{rule}`{near}");
                notes.push((s.span, text));
            }
            if more > 0 {
                let text = format!(
                    "this suppression has {} that no rule has",
                    count(more as u64, "more name")
                );
                notes.push((s.span, text));
            }
            by_line
                .entry((s.span.file.0, s.line))
                .or_default()
                .push((at, s.rules.as_slice()));
        }
    }
    by_line
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::FileId;

    #[test]
    fn of_many_unknown_names_the_first_are_noted_and_the_others_counted() {
        let names = ["w", "w", "x", "y", "z", "q", "single-replica"];
        let comment = Suppression {
            rules: names.map(str::to_owned).into(),
            reason: "enough".to_owned(),
            span: Span::new(FileId(0), 0, 1),
            line: 1,
        };
        let mut notes = Notes::new();
        of_comments(&[comment], &RuleSet::built_in(), &mut notes);
        let notes: Vec<&str> = notes.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(notes.len(), 4);
        assert!(notes[2].starts_with("no such rule `y`"), "{notes:?}");
        assert_eq!(notes[3], "this suppression has 2 more names that no rule has");
    }
}
