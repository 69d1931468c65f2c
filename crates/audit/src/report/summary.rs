//! The end of a report: a summary of what was found, what was put apart, what could not be judged, and what
//! was read.

use super::deployed::{Deployed, Judged, PlaceCount, deployed, places};
use super::names::{Names, listed};
use super::style::{Style, wrap};

use super::unread::{Unread, in_part_line, not_judged_line, notes};
use crate::engine::{Report, severity_of};
use crate::finding::Severity;
use cofferdam_model::scope::none_of;
use cofferdam_model::units::count;
use cofferdam_model::{Absence, Apart, Opening, Platform, ProjectId, UnreadableFile};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

/// How many names are listed before the rest is only counted.
const SHOWN: usize = 12;

/// The last lines of the report.
pub(super) fn summary(out: &mut String, report: &Report, platform: &Platform, style: Style) {
    let reading = &platform.reading;
    let files: usize = reading.formats.values().sum();
    let mut line = |text: &str| {
        let wrapped = wrap(text, style.width.saturating_sub(4)).replace('\n', "\n    ");
        let _ = writeln!(out, "{wrapped}");
    };
    if report.is_nothing(platform) && !report.is_unread(platform) {
        line("nothing to check: no file here is configuration that Cofferdam reads");
    } else if files == 0 && report.findings.is_empty() && !reading.unreadable.is_empty() {
        line("nothing was checked: the configuration here cannot be read");
    } else {
        match report.is_unread(platform) {
            true => line("nothing was judged: no deployment here could be read"),
            false => line(&counts(report)),
        }
        for text in [
            apart_line(report, platform),
            deployments_line(report, platform),
            environments_line(report, platform),
            not_judged_line(report, platform),
            in_part_line(report, platform),
            open_line(report, platform),
        ] {
            text.iter().for_each(|text| line(text));
        }
        let formats = reading.formats.iter();
        // One of the `helm commands` is a `helm command`.
        let of_format = |(name, n): (&String, &usize)| match (n, name.strip_suffix(" commands")) {
            (1, Some(tool)) => format!("1 {tool} command"),
            _ => format!("{n} {name}"),
        };
        let formats: Vec<String> = formats.map(of_format).collect();
        line(&match files {
            0 => "read: only the overlay".to_owned(),
            _ => format!("read: {} ({})", count(files as u64, "file"), formats.join(", ")),
        });
    }
    if let Some(root) = &reading.root {
        let _ = writeln!(out, "root: {}", root.display());
    }
    if let Some(config) = &reading.config {
        let _ = writeln!(out, "config: {}{}", config.display(), relative_to(platform));
    }
    let besides = besides(report, platform);
    if !besides.is_empty() {
        let _ = writeln!(out, "besides: {}", besides.join(", "));
    }
    if style.verbose {
        skipped(out, &reading.skipped);
    }
    for (note, more) in notes(&reading.notes, style.verbose) {
        let more = match more {
            0 => String::new(),
            n => format!(" (and {n} more like this; --verbose lists them)"),
        };
        let _ = writeln!(out, "note: {}: {}{more}", place(note, platform), note.message);
    }
}

/// How many skipped files are listed before the rest is only counted.
const LISTED: usize = 40;

/// The files that no reader knows, one a line.
fn skipped(out: &mut String, files: &[PathBuf]) {
    if files.is_empty() {
        return;
    }
    out.push_str("skipped (no configuration):\n");
    let shown = match files.len() == LISTED + 1 {
        true => files.len(),
        false => LISTED,
    };
    for path in files.iter().take(shown) {
        let _ = writeln!(out, "    - {}", path.display());
    }
    if files.len() > shown {
        let _ = writeln!(out, "    - and {} more", files.len() - shown);
    }
}

fn counts(report: &Report) -> String {
    let counts: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .map(|s| (s, report.findings.iter().filter(|f| severity_of(f) == s).count()))
        .filter(|(_, n)| *n > 0)
        .map(|(s, n)| format!("{n} {s}"))
        .collect();
    match counts.is_empty() {
        true => "no findings".to_owned(),
        false => format!(
            "{}: {}",
            count(report.findings.len() as u64, "finding"),
            counts.join(", ")
        ),
    }
}

/// `apart: 12 findings in examples (examples/), 3 in tests (deploy/tests/); --all shows them`
fn apart_line(report: &Report, platform: &Platform) -> Option<String> {
    let mut by_reason: BTreeMap<Apart, Vec<PlaceCount<'_>>> = BTreeMap::new();
    for place in places(report, platform) {
        by_reason.entry(place.place.why).or_default().push(place);
    }
    let mut total = 0;
    let mut parts: Vec<(usize, String)> = Vec::new();
    for (why, mut places) in by_reason {
        places.sort_by_key(|p| std::cmp::Reverse(p.findings));
        let directories: Vec<String> = places.iter().map(|p| p.place.shown()).collect();
        let findings = places.iter().map(|p| p.findings).sum();
        total += findings;
        parts.push((findings, format!("{} ({})", why.name(), listed(&directories, 3))));
    }
    parts.sort_by_key(|(findings, _)| std::cmp::Reverse(*findings));
    let text = |(at, (findings, place)): (usize, &(usize, String))| match (at, findings) {
        (_, 0) if total == 0 => place.clone(),
        (_, 0) => format!("none in {place}"),
        (0, n) => format!("{} in {place}", count(*n as u64, "finding")),
        (_, n) => format!("{n} in {place}"),
    };
    let texts: Vec<String> = parts.iter().enumerate().map(text).collect();
    let end = match total {
        0 => ": no findings",
        _ if report.all => "",
        1 => "; --all shows it",
        _ => "; --all shows them",
    };
    (!texts.is_empty()).then(|| format!("apart: {}{end}", texts.join(", ")))
}

/// `9 deployments: 3 kustomize (development, production, staging), 1 Terraform`
fn deployments_line(report: &Report, platform: &Platform) -> Option<String> {
    let kinds = deployed(report, platform);
    let total: usize = kinds.iter().map(|d| d.count).sum();
    let of_kind = |d: &Deployed<'_>| {
        let names: Vec<&str> = d.environments.iter().copied().collect();
        match names.is_empty() {
            true => d.kind.count(d.count),
            false => format!("{} ({})", d.kind.count(d.count), listed(&names, SHOWN)),
        }
    };
    let texts: Vec<String> = kinds.iter().map(of_kind).collect();
    (total > 0).then(|| format!("{}: {}", count(total as u64, "deployment"), texts.join(", ")))
}

fn environments_line(report: &Report, platform: &Platform) -> Option<String> {
    let mut names = Names::of(report, platform).judged(report);
    let unread = Unread::of(report, platform);
    for name in &mut names {
        if unread.has(name) {
            name.push_str(" (not judged)");
        }
    }
    (!names.is_empty()).then(|| format!("environments: {}", listed(&names, SHOWN)))
}

/// How many sources could add things that were not read.
fn open_line(report: &Report, platform: &Platform) -> Option<String> {
    let scope = &platform.scope;
    let judged = Judged::of(report, platform);
    let openings = scope.openings.iter().filter(|opening| {
        (report.all || scope.project_apart(opening.project).is_none())
            && judged.is_chosen(opening.environment.as_deref())
    });
    let (unrecognised, unread): (Vec<&Opening>, Vec<&Opening>) = openings.partition(|o| o.is_unrecognised());
    let reasons: BTreeSet<&str> = unread.iter().map(|o| o.reason.as_str()).collect();
    match (reasons.first(), reasons.len()) {
        (Some(reason), 1) => {
            let only = match unread.as_slice() {
                [one] => one.shown(),
                _ => (*reason).to_owned(),
            };
            Some(format!("open: {only}; missing things may be there"))
        }
        (Some(_), n) => Some(format!(
            "open: {n} things were not read; missing things may be there (--explain-scope lists them)"
        )),
        (None, _) => {
            let kinds = in_no_project(&unrecognised, report, platform);
            (!kinds.is_empty()).then(|| format!("open: {}", none_of(&kinds)))
        }
    }
}

/// Kinds of which nothing was recognised in any project that is deployed. What examples lack says nothing about the rest.
fn in_no_project(unrecognised: &[&Opening], report: &Report, platform: &Platform) -> BTreeSet<Absence> {
    let scope = &platform.scope;
    let judged = Judged::of(report, platform);
    let deployed = scope.deployments.iter().filter(|d| judged.has(d));
    let mut projects: BTreeSet<ProjectId> = deployed.map(|d| d.project).collect();
    if projects
        .iter()
        .any(|project| scope.project_apart(*project).is_none())
    {
        projects.retain(|project| scope.project_apart(*project).is_none());
    }
    if projects.is_empty() {
        projects.extend(unrecognised.iter().map(|opening| opening.project));
    }
    // In how many of those projects each kind was not recognised.
    let mut lacking: BTreeMap<Absence, BTreeSet<ProjectId>> = BTreeMap::new();
    for opening in unrecognised.iter().filter(|o| projects.contains(&o.project)) {
        for kind in &opening.kinds {
            lacking.entry(*kind).or_default().insert(opening.project);
        }
    }
    let everywhere = lacking.into_iter().filter(|(_, of)| of.len() == projects.len());
    everywhere.map(|(kind, _)| kind).collect()
}

fn besides(report: &Report, platform: &Platform) -> Vec<String> {
    let reading = &platform.reading;
    let mut rest = Vec::new();
    let unreadable = report.unreadable(platform).len();
    if unreadable > 0 {
        rest.push(format!("{unreadable} unreadable"));
    }
    if !report.unjudged.is_empty() {
        rest.push(format!(
            "{} not judged because a fact is missing",
            report.unjudged.len()
        ));
    }
    if report.suppressed > 0 {
        rest.push(format!("{} suppressed", report.suppressed));
    }
    if report.below > 0 {
        rest.push(format!("{} below the requested severity", report.below));
    }
    if report.only_stated > 0 {
        rest.push(format!(
            "{} on things that only the config names (a part was checked)",
            report.only_stated
        ));
    }
    if !reading.skipped.is_empty() {
        rest.push(format!(
            "{} skipped (no configuration)",
            count(reading.skipped.len() as u64, "file")
        ));
    }
    rest
}

/// The directory to which paths in the overlay are relative, if that is not obvious.
fn relative_to(platform: &Platform) -> &'static str {
    let beside = |path: &std::path::Path| path.parent() == Some(std::path::Path::new(""));
    if !platform.overlay.above.as_os_str().is_empty() {
        " (paths in it are relative to its own directory)"
    } else if platform.reading.config.as_deref().is_some_and(beside) {
        ""
    } else {
        " (paths in it are relative to the root of the check)"
    }
}

/// `path:line:column`, or only the path if no place in it is known.
fn place(note: &UnreadableFile, platform: &Platform) -> String {
    let path = note.path.display();
    note.span.map_or_else(
        || path.to_string(),
        |span| {
            let at = platform.sources.position(span);
            format!("{path}:{}:{}", at.line, at.column)
        },
    )
}

#[cfg(test)]
mod tests;
