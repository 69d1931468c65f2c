//! Reports of a rehearsal, for people ([`text`], [`chart`]) and for programs ([`json`]).

pub mod chart;
pub mod compare;
pub mod json;
mod reporter;
pub mod text;

pub use reporter::Rehearsed;

use cofferdam_model::units::{show_number, singular};
use cofferdam_policy::Time;

use crate::outcome::Kind;
use crate::rehearse::FigureSummary;

/// A time of a run as people write it: `+00:32`, `+01:30.250` below ten minutes with a fraction, `+2:10:00`.
#[must_use]
pub fn moment(at: Time) -> String {
    let millis = at.as_nanos() / 1_000_000;
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    if hours > 0 {
        format!("+{hours}:{minutes:02}:{seconds:02}")
    } else if millis < 10_000 && !millis.is_multiple_of(1000) {
        format!("+{minutes:02}:{seconds:02}.{:03}", millis % 1000)
    } else {
        format!("+{minutes:02}:{seconds:02}")
    }
}

/// Value and interval of a figure, each with its unit: (`1,005 connections`, `1,003 … 1,007`).
#[must_use]
pub fn value(figure: &FigureSummary) -> (String, String) {
    let interval = figure.interval;
    let (scale, unit) = match figure.kind {
        Kind::Amount => (1.0, figure.unit),
        Kind::Whether => (100.0, "% of runs"),
    };
    let number = |n: f64| rounded(n * scale, (interval.high - interval.low) * scale);
    let with_unit = |text: String| {
        if unit.is_empty() {
            text
        } else {
            match text.as_str() {
                "1" => format!("1 {}", singular(unit)),
                _ => format!("{text} {unit}"),
            }
        }
    };
    let (low, high) = (number(interval.low), number(interval.high));
    let range = if low == high {
        String::new()
    } else {
        format!("{low} … {high}")
    };
    (with_unit(number(interval.mean)), range)
}

/// A number with no more digits than the width of its interval justifies.
fn rounded(n: f64, width: f64) -> String {
    if !n.is_finite() {
        return "unbounded".to_owned();
    }
    let whole = width >= 20.0 || n.abs() >= 1000.0;
    let small = n != 0.0 && n.abs() < 0.01;
    match (small, whole) {
        (true, _) => {
            // Two significant digits, the exponent written out: a run cannot determine more.
            let digits = (2.0 - libm::floor(libm::log10(n.abs())) - 1.0).clamp(0.0, 12.0) as usize;
            format!("{n:.digits$}")
        }
        (false, true) => show_number(n.round()),
        (false, false) => show_number(n),
    }
}

/// A column is not made wider than this for the longest of its texts: a name in a file may have any length, and one of
/// them would move every other line out of sight. A longer text is not cut, and moves only what follows in its line.
const WIDEST: usize = 100;

/// The width of a column with these texts.
fn column<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    let longest = texts.map(|text| text.chars().count()).max();
    longest.unwrap_or(0).min(WIDEST)
}

/// Breaks text into lines of at most `width` columns, at spaces; a longer word gets its own line.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let options = textwrap::Options::new(width)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let words: Vec<&str> = text.split_whitespace().collect();
    textwrap::wrap(&words.join(" "), options)
        .into_iter()
        .map(std::borrow::Cow::into_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Interval;
    use std::collections::BTreeMap;

    #[test]
    fn times_are_shown_as_minutes_and_seconds() {
        let of = |seconds: f64| moment(Time::from_secs_f64(seconds));
        assert_eq!(
            [of(0.0), of(0.25), of(32.0), of(90.4), of(7800.0)],
            ["+00:00", "+00:00.250", "+00:32", "+01:30", "+2:10:00"]
        );
    }

    #[test]
    fn a_line_stays_within_the_maximum_width() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
        assert_eq!(wrap("half-open", 5), ["half-open"]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn the_unit_of_one_is_singular() {
        let shown = |mean: f64, unit: &'static str| {
            let interval = Interval {
                mean,
                low: mean,
                high: mean,
                runs: 1,
            };
            let figure = FigureSummary {
                name: "",
                unit,
                kind: Kind::Amount,
                interval,
                values: BTreeMap::new(),
            };
            value(&figure).0
        };
        assert_eq!(shown(1.0, "replicas"), "1 replica");
        assert_eq!(shown(2.0, "replicas"), "2 replicas");
        assert_eq!(shown(1.0, "s"), "1 s");
    }

    #[test]
    fn a_column_is_as_wide_as_its_longest_text_up_to_a_maximum() {
        let long = "x".repeat(70_000);
        assert_eq!(column(["a", "éé", ""].into_iter()), 2);
        assert_eq!(column(["a", long.as_str()].into_iter()), WIDEST);
        assert_eq!(column(std::iter::empty()), 0);
    }

    #[test]
    fn small_numbers_keep_two_digits() {
        assert_eq!(rounded(0.001_234, 0.0), "0.0012");
        assert_eq!(rounded(1005.4, 0.0), "1,005");
        assert_eq!(rounded(f64::INFINITY, 0.0), "unbounded");
    }
}
