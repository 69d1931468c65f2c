//! Before and after, side by side: the same scenarios on two platforms with the same random numbers.

use std::fmt::Write;

use cofferdam_model::units::count;

use super::text::{Style, labelled, not_run};
use super::{column, moment, rounded};
use crate::outcome::{Kind, Role};
use crate::rehearse::{FigureSummary, Happening, Rehearsal, Summary};
use crate::statistics::{Interval, paired};

/// Prints the differences between two platforms. Cases are matched by scenario and subject; a scenario with
/// one case on each side is matched whatever the subjects are called.
#[must_use]
pub fn render(before: &[Rehearsal], after: &[Rehearsal], style: Style) -> String {
    let mut out = String::new();
    for one in before {
        let Some(other) = after.iter().find(|r| r.scenario.name == one.scenario.name) else {
            continue;
        };
        for summary in &one.results {
            let partner = match (one.results.as_slice(), other.results.as_slice()) {
                ([_], [only]) => Some(only),
                (_, many) => many.iter().find(|s| s.subject == summary.subject),
            };
            match partner {
                Some(partner) => side_by_side(&mut out, one, summary, partner, style),
                None => alone(
                    &mut out,
                    one,
                    summary,
                    "gone after the change, or no longer known",
                    style,
                ),
            }
        }
        let matched = |s: &Summary| {
            (one.results.len() == 1 && other.results.len() == 1)
                || one.results.iter().any(|b| b.subject == s.subject)
        };
        for summary in other.results.iter().filter(|s| !matched(s)) {
            alone(&mut out, other, summary, "only after the change", style);
        }
    }
    let mut missing = String::new();
    not_run(&mut missing, before, style);
    if !missing.is_empty() {
        let _ = writeln!(out, "{}\n{missing}", style.bold("before the change"));
    }
    let mut missing = String::new();
    not_run(&mut missing, after, style);
    if !missing.is_empty() {
        let _ = writeln!(out, "{}\n{missing}", style.bold("after the change"));
    }
    out
}

fn alone(out: &mut String, rehearsal: &Rehearsal, summary: &Summary, why: &str, style: Style) {
    let headline = format!("{}: {}", rehearsal.scenario.name, summary.subject);
    let _ = writeln!(out, "{}: {why}\n", style.paint("1;36", &headline));
}

fn side_by_side(out: &mut String, rehearsal: &Rehearsal, before: &Summary, after: &Summary, style: Style) {
    let subject = if before.subject == after.subject {
        before.subject.clone()
    } else {
        format!("{} → {}", before.subject, after.subject)
    };
    let headline = format!("{}: {subject}", rehearsal.scenario.name);
    let _ = writeln!(out, "{}", style.paint("1;36", &headline));
    let _ = writeln!(
        out,
        "  {} · {} each, same random numbers, seed {}\n",
        rehearsal.scenario.title,
        count(before.runs.into(), "run"),
        before.seed
    );
    for (name, role) in [
        ("first cause", Role::Cause),
        ("why it does not end", Role::Loop),
        ("recovered", Role::Recovery),
    ] {
        for (side, summary) in [("before", before), ("after", after)] {
            let text = summary
                .first(role)
                .map_or_else(|| "none".to_owned(), |happening| told(happening, summary.runs));
            labelled(out, &format!("{name}, {side}"), &text, style);
        }
    }
    out.push('\n');
    table(out, before, after, style);
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

fn table(out: &mut String, before: &Summary, after: &Summary, style: Style) {
    let mut rows: Vec<[String; 4]> = vec![[
        "figure".into(),
        "before".into(),
        "after".into(),
        "difference (95 %)".into(),
    ]];
    for figure in &before.figures {
        let other = after.figure(figure.name);
        rows.push([
            named(figure),
            shown(Some(figure)),
            shown(other),
            other.map_or_else(String::new, |other| difference(figure, other)),
        ]);
    }
    for figure in after.figures.iter().filter(|f| before.figure(f.name).is_none()) {
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
