//! Before and after, side by side: the same scenarios on two platforms with the same random numbers.

use std::collections::BTreeMap;
use std::fmt::Write;

use cofferdam_model::units::count;

use super::text::{Style, labelled, not_run};
use super::{column, moment, rounded};
use crate::outcome::{Kind, Role};
use crate::rehearse::{FigureSummary, Happening, Rehearsal, Summary, worst};
use crate::statistics::{Interval, paired};

/// Prints the differences between two platforms: the worst case of each, then every case of either, in each scenario the
/// worst first. Cases are matched by scenario and subject; a scenario with one case on each side is matched whatever the
/// subjects are called.
#[must_use]
pub fn render(before: &[Rehearsal], after: &[Rehearsal], style: Style) -> String {
    let mut out = String::new();
    lead(&mut out, (before, after), style);
    for one in before {
        let other = after.iter().find(|r| r.scenario.name == one.scenario.name);
        for sides in matched(&one.results, other.map_or(&[], |other| other.results.as_slice())) {
            side_by_side(&mut out, one, &sides, style);
        }
    }
    for (name, rehearsals) in [("before the change", before), ("after the change", after)] {
        let mut missing = String::new();
        not_run(&mut missing, rehearsals, style);
        if !missing.is_empty() {
            let _ = writeln!(out, "{}\n{missing}", style.bold(name));
        }
    }
    out
}

/// The worst case of each side.
fn lead(out: &mut String, (before, after): (&[Rehearsal], &[Rehearsal]), style: Style) {
    for (side, rehearsals) in [("before", before), ("after", after)] {
        if rehearsals.iter().all(|rehearsal| rehearsal.results.is_empty()) {
            continue;
        }
        let text = match worst(rehearsals) {
            Some((rehearsal, summary)) => format!(
                "{}, {}: {} % of the work is lost while it lasts",
                rehearsal.scenario.name,
                summary.subject,
                rounded(summary.harm * 100.0, 10.0)
            ),
            None => "nothing is lost in any case".to_owned(),
        };
        labelled(out, &format!("worst case, {side}"), &text, style);
    }
    if !out.is_empty() {
        out.push('\n');
    }
}

/// A case before and after the change; at least one of them exists.
#[derive(Debug, Clone, Copy)]
struct Sides<'s> {
    before: Option<&'s Summary>,
    after: Option<&'s Summary>,
}

impl<'s> Sides<'s> {
    fn each(self) -> [(&'static str, Option<&'s Summary>); 2] {
        [("before", self.before), ("after", self.after)]
    }

    fn harm(self) -> f64 {
        let harms = self.each().into_iter().filter_map(|(_, summary)| summary);
        harms.map(|summary| summary.harm).fold(0.0, f64::max)
    }
}

/// The cases of a scenario on both sides, the worst first.
fn matched<'s>(before: &'s [Summary], after: &'s [Summary]) -> Vec<Sides<'s>> {
    if let ([one], [other]) = (before, after) {
        return vec![Sides {
            before: Some(one),
            after: Some(other),
        }];
    }
    let of = |all: &'s [Summary]| -> BTreeMap<&'s str, &'s Summary> {
        all.iter()
            .map(|summary| (summary.subject.as_str(), summary))
            .collect()
    };
    let (known_before, known_after) = (of(before), of(after));
    let only_after = after
        .iter()
        .filter(|summary| !known_before.contains_key(summary.subject.as_str()));
    let mut cases: Vec<Sides<'s>> = before
        .iter()
        .map(|summary| Sides {
            before: Some(summary),
            after: known_after.get(summary.subject.as_str()).copied(),
        })
        .collect();
    cases.extend(only_after.map(|summary| Sides {
        before: None,
        after: Some(summary),
    }));
    cases.sort_by(|a, b| b.harm().total_cmp(&a.harm()));
    cases
}

fn side_by_side(out: &mut String, rehearsal: &Rehearsal, sides: &Sides<'_>, style: Style) {
    let (subject, runs) = match (sides.before, sides.after) {
        (Some(before), Some(after)) if before.subject != after.subject => {
            (format!("{} → {}", before.subject, after.subject), before)
        }
        (Some(both), Some(_)) => (both.subject.clone(), both),
        (Some(only), None) => (
            format!("{} (gone after the change, or no longer known)", only.subject),
            only,
        ),
        (None, Some(only)) => (format!("{} (only after the change)", only.subject), only),
        (None, None) => return,
    };
    let headline = format!("{}: {subject}", rehearsal.scenario.name);
    let _ = writeln!(out, "{}", style.paint("1;36", &headline));
    let _ = writeln!(
        out,
        "  {} · {} each, same random numbers, seed {}\n",
        rehearsal.scenario.title,
        count(runs.runs.into(), "run"),
        runs.seed
    );
    for (name, role) in [
        ("first cause", Role::Cause),
        ("why it does not end", Role::Loop),
        ("recovered", Role::Recovery),
    ] {
        for (side, summary) in sides.each() {
            let text = summary.map_or_else(|| "there is no such case".to_owned(), |one| answer(one, role));
            labelled(out, &format!("{name}, {side}"), &text, style);
        }
    }
    out.push('\n');
    table(out, sides, style);
}

/// The moment of a role, or what it means that there is none.
fn answer(summary: &Summary, role: Role) -> String {
    if let Some(happening) = summary.first(role) {
        return told(happening, summary.runs);
    }
    let failed = summary.first(Role::Cause).is_some();
    match role {
        _ if !failed => "nothing fails",
        Role::Loop => "nothing keeps it going; it ends with its cause",
        Role::Recovery => "never in the time that is rehearsed",
        _ => "none",
    }
    .to_owned()
}

/// A moment in a line, and in how many runs it happened if not in all.
fn told(happening: &Happening, runs: u32) -> String {
    let part = if happening.runs < runs {
        format!(" (in {} of {runs} runs)", happening.runs)
    } else {
        String::new()
    };
    format!("{} {}{part}", moment(happening.at), happening.text)
}

fn table(out: &mut String, sides: &Sides<'_>, style: Style) {
    let mut rows: Vec<[String; 4]> = vec![[
        "figure".into(),
        "before".into(),
        "after".into(),
        "difference (95 %)".into(),
    ]];
    for figure in figures(sides.before) {
        let other = sides.after.and_then(|after| after.figure(figure.name));
        rows.push([
            named(figure),
            shown(Some(figure)),
            shown(other),
            other.map_or_else(String::new, |other| difference(figure, other)),
        ]);
    }
    let known = |figure: &&FigureSummary| {
        sides
            .before
            .is_some_and(|before| before.figure(figure.name).is_some())
    };
    for figure in figures(sides.after).iter().filter(|figure| !known(figure)) {
        rows.push([named(figure), shown(None), shown(Some(figure)), String::new()]);
    }
    let widths: Vec<usize> = (0..4)
        .map(|place| column(rows.iter().map(|row| row[place].as_str())))
        .collect();
    for (number, row) in rows.iter().enumerate() {
        let line = format!(
            "  {:<name$}  {:>before$}  {:>after$}  {}",
            row[0],
            row[1],
            row[2],
            row[3],
            name = widths[0],
            before = widths[1],
            after = widths[2]
        );
        let line = line.trim_end();
        let _ = writeln!(
            out,
            "{}",
            if number == 0 {
                style.bold(line)
            } else {
                line.to_owned()
            }
        );
    }
    out.push('\n');
}

fn figures(side: Option<&Summary>) -> &[FigureSummary] {
    side.map_or(&[], |side| &side.figures)
}

fn named(figure: &FigureSummary) -> String {
    match (figure.kind, figure.unit) {
        (Kind::Whether, _) => format!("{} (% of runs)", figure.name),
        (Kind::Amount, "") => figure.name.to_owned(),
        (Kind::Amount, unit) => format!("{} ({unit})", figure.name),
    }
}

const fn scale(figure: &FigureSummary) -> f64 {
    match figure.kind {
        Kind::Amount => 1.0,
        Kind::Whether => 100.0,
    }
}

fn shown(figure: Option<&FigureSummary>) -> String {
    figure.map_or_else(
        || "–".to_owned(),
        |figure| {
            let Interval { mean, low, high, .. } = figure.interval;
            rounded(mean * scale(figure), (high - low) * scale(figure))
        },
    )
}

/// After less before over the runs that have both, with the interval of pairs.
fn difference(before: &FigureSummary, after: &FigureSummary) -> String {
    let pairs: Vec<(f64, f64)> = before
        .values
        .iter()
        .filter_map(|(run, value)| Some((*value, *after.values.get(run)?)))
        .collect();
    let (first, second): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let Some(interval) = paired(&first, &second) else {
        return String::new();
    };
    let by = scale(before);
    let width = (interval.high - interval.low) * by;
    let signed = |n: f64| {
        let text = rounded((n * by).abs(), width);
        if n < 0.0 {
            format!("−{text}")
        } else {
            format!("+{text}")
        }
    };
    // A difference only in the last digits of sums of fractions is not a difference.
    let size = before.interval.mean.abs().max(after.interval.mean.abs());
    let nothing = |n: f64| n.abs() <= 1e-9 * size;
    let (mean, low, high) = (signed(interval.mean), signed(interval.low), signed(interval.high));
    if nothing(interval.low) && nothing(interval.high) {
        "none".to_owned()
    } else if low == high {
        mean
    } else {
        format!("{mean} ({low} … {high})")
    }
}
