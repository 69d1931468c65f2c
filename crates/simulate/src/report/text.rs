//! The report for people: first what happens in words, then figures, then inputs and assumptions.

use std::fmt::Write;

use cofferdam_model::units::count;
use cofferdam_model::{Platform, Span};
use cofferdam_policy::Time;

use super::{column, moment, value, wrap};
use crate::outcome::Role;
use crate::rehearse::{Rehearsal, Summary, worst};

/// How to print.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// Where the documentation is published, without a slash at the end.
    pub docs: Option<&'static str>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            color: false,
            width: 110,
            docs: None,
        }
    }
}

impl From<cofferdam_model::report::Style> for Style {
    fn from(style: cofferdam_model::report::Style) -> Self {
        Self {
            color: style.color,
            width: style.width,
            docs: style.docs,
        }
    }
}

impl Style {
    /// Text in a colour, given as the parameters of the terminal's sequence.
    pub(super) fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }
}

/// Prints all rehearsals of a platform.
#[must_use]
pub fn render(rehearsals: &[Rehearsal], platform: &Platform, style: Style) -> String {
    let mut out = String::new();
    for rehearsal in rehearsals {
        for summary in &rehearsal.results {
            one(&mut out, rehearsal, summary, platform, style);
            out.push('\n');
        }
    }
    not_run(&mut out, rehearsals, style);
    out
}

/// The worst of the rehearsed cascades, to begin another report; empty if none lost any work.
#[must_use]
pub fn lead(rehearsals: &[Rehearsal], style: Style) -> String {
    let Some((rehearsal, summary)) = worst(rehearsals) else {
        return String::new();
    };
    let mut out = String::new();
    let headline = format!(
        "worst cascade rehearsed: {}, {}",
        rehearsal.scenario.name, summary.subject
    );
    let _ = writeln!(out, "{}", style.paint("1;36", &headline));
    let _ = writeln!(
        out,
        "  {} · {}\n",
        rehearsal.scenario.title, rehearsal.environment
    );
    timeline(&mut out, summary, style);
    why(&mut out, summary, style);
    let others = rehearsals.iter().flat_map(|r| &r.results).count() - 1;
    let others = match others {
        0 => String::new(),
        1 => " (one more was rehearsed)".to_owned(),
        n => format!(" ({n} more were rehearsed)"),
    };
    let _ = writeln!(
        out,
        "  with figures: cofferdam simulate PATH --scenario {}{others}\n",
        rehearsal.scenario.name
    );
    out
}

/// What is too large to be run, each reason once with its scenarios.
fn beyond(out: &mut String, rehearsals: &[Rehearsal], style: Style) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for rehearsal in rehearsals {
        for why in &rehearsal.beyond {
            match reasons.iter_mut().find(|(known, _)| known == why) {
                Some((_, scenarios)) => scenarios.push(rehearsal.scenario.name),
                None => reasons.push((why, vec![rehearsal.scenario.name])),
            }
        }
    }
    for (why, scenarios) in reasons {
        let _ = writeln!(out, "{}: {why}", style.paint("1;33", "not rehearsed"));
        labelled(out, "in", &scenarios.join(", "), style);
    }
}

/// Scenarios that could not be run because a fact is missing or a value is too large, and those that do not apply here.
pub(super) fn not_run(out: &mut String, rehearsals: &[Rehearsal], style: Style) {
    for rehearsal in rehearsals.iter().filter(|r| !r.needs.is_empty()) {
        let name = rehearsal.scenario.name;
        let _ = writeln!(
            out,
            "{}: not run in full, because these facts are missing:",
            style.paint("1;33", name)
        );
        for need in &rehearsal.needs {
            let path = need.path();
            let _ = writeln!(out, "  {} ({})", style.bold(&path), need.reason());
            let example = need.example();
            let _ = writeln!(out, "    --set {path}={example}   or in cofferdam.yaml:");
            for line in need.lines().lines() {
                let _ = writeln!(out, "      {line}");
            }
        }
        out.push('\n');
    }
    beyond(out, rehearsals, style);
    for rehearsal in rehearsals {
        if let Some(why) = &rehearsal.nothing {
            let _ = writeln!(
                out,
                "{}: nothing to rehearse here: {why}",
                style.bold(rehearsal.scenario.name)
            );
        }
    }
}

fn one(out: &mut String, rehearsal: &Rehearsal, summary: &Summary, platform: &Platform, style: Style) {
    let headline = format!("{}: {}", rehearsal.scenario.name, summary.subject);
    let _ = writeln!(out, "{}", style.paint("1;36", &headline));
    let runs = count(summary.runs.into(), "run");
    let _ = writeln!(
        out,
        "  {} · {} · {runs} · seed {}\n",
        rehearsal.scenario.title, rehearsal.environment, summary.seed
    );
    timeline(out, summary, style);
    why(out, summary, style);
    figures(out, summary, style);
    inputs(out, summary, platform, style);
    let name = rehearsal.scenario.name;
    let published = style
        .docs
        .map_or_else(String::new, |docs| format!(", {docs}/scenarios/{name}.md"));
    let _ = writeln!(
        out,
        "  {} cofferdam explain {name}{published}",
        style.bold("page:")
    );
}

const fn colour(role: Role) -> &'static str {
    match role {
        Role::Trigger => "1;34",
        Role::Cause => "1;31",
        Role::Loop => "1;35",
        Role::Effect => "0",
        Role::Detection => "1;33",
        Role::Action => "1;36",
        Role::Over => "1;34",
        Role::Recovery => "1;32",
    }
}

fn timeline(out: &mut String, summary: &Summary, style: Style) {
    for happening in &summary.timeline {
        let mut text = happening.text.clone();
        let (first, last) = happening.range;
        if moment(first) != moment(last) {
            let _ = write!(text, " ({} to {} over the runs)", moment(first), moment(last));
        }
        if happening.runs < summary.runs {
            let _ = write!(text, " (in {} of {} runs)", happening.runs, summary.runs);
        }
        let indent = 2 + 11 + 11;
        for (number, line) in wrap(&text, style.width.saturating_sub(indent).max(30))
            .iter()
            .enumerate()
        {
            if number == 0 {
                let role = style.paint(colour(happening.role), &format!("{:<11}", happening.role.name()));
                let _ = writeln!(out, "  {:<11}{role}{line}", moment(happening.at));
            } else {
                let _ = writeln!(out, "{}{line}", " ".repeat(indent));
            }
        }
    }
    out.push('\n');
}

/// The answer to "why": first cause, what sustains it, what would have stopped it.
fn why(out: &mut String, summary: &Summary, style: Style) {
    for (name, role) in [
        ("first cause", Role::Cause),
        ("why it does not end", Role::Loop),
        ("earliest action that would have stopped it", Role::Action),
    ] {
        if let Some(happening) = summary.first(role) {
            let text = match role {
                Role::Action if happening.at == Time::ZERO => format!("{}, before it begins", happening.text),
                Role::Action => format!("{} (until {})", happening.text, moment(happening.at)),
                _ => happening.text.clone(),
            };
            labelled(out, name, &text, style);
        } else if role == Role::Loop && summary.first(Role::Cause).is_some() {
            labelled(out, name, "nothing; it ends with its cause", style);
        }
    }
    out.push('\n');
}

pub(super) fn labelled(out: &mut String, name: &str, text: &str, style: Style) {
    let lines = wrap(text, style.width.saturating_sub(4 + name.chars().count()).max(30));
    for (number, line) in lines.iter().enumerate() {
        if number == 0 {
            let _ = writeln!(out, "  {} {line}", style.bold(&format!("{name}:")));
        } else {
            let _ = writeln!(out, "  {}{line}", " ".repeat(name.chars().count() + 2));
        }
    }
}

fn figures(out: &mut String, summary: &Summary, style: Style) {
    let rows: Vec<(String, String, String)> = summary
        .figures
        .iter()
        .map(|figure| {
            let (value, range) = value(figure);
            let missing = if figure.interval.runs < summary.runs as usize && figure.interval.runs > 0 {
                match figure.interval.runs {
                    1 => "  (of the only run that has it)".to_owned(),
                    n => format!("  (of the {n} runs that have it)"),
                }
            } else {
                String::new()
            };
            (figure.name.to_owned(), value, format!("{range}{missing}"))
        })
        .collect();
    let names = column(rows.iter().map(|row| row.0.as_str())).max(7);
    let values = column(rows.iter().map(|row| row.1.as_str())).max(4);
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "  {}",
        style.bold(&format!(
            "{:<names$}  {:>values$}  95 % interval",
            "figure", "mean"
        ))
    );
    for (name, value, range) in rows {
        let line = format!("  {name:<names$}  {value:>values$}  {range}");
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out.push('\n');
}

fn inputs(out: &mut String, summary: &Summary, platform: &Platform, style: Style) {
    let names = column(summary.inputs.iter().map(|input| input.name.as_str()));
    let values = column(summary.inputs.iter().map(|input| input.value.as_str()));
    if !summary.inputs.is_empty() {
        let _ = writeln!(out, "  {}", style.bold("from"));
    }
    for input in &summary.inputs {
        let place = input
            .place
            .map_or_else(|| "assumed".to_owned(), |span| place(platform, span));
        let _ = writeln!(out, "  {:<names$}  {:>values$}  {place}", input.name, input.value);
    }
    for assumption in &summary.assumptions {
        labelled(out, "assumes", assumption, style);
    }
}

/// A place as `path:line`.
pub(super) fn place(platform: &Platform, span: Span) -> String {
    let path = platform.sources.path(span.file).display().to_string();
    if path == GIVEN {
        return path;
    }
    format!("{path}:{}", platform.sources.position(span).line)
}

/// The path under which statements of the command line are listed among the sources.
const GIVEN: &str = "--set";
