//! Units as types. Durations are [`std::time::Duration`]; every other unit of configuration files has a type
//! here, with a parser for the usual notations.

use std::fmt;
use std::time::Duration;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

/// CPU in thousandths of a core, as Kubernetes counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cpu(pub u64);

/// Events a second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(pub f64);

/// A part of a whole, 0 to 1 (it may exceed 1 if a resource is overcommitted).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Share(pub f64);

/// An amount of money in US dollars, the currency that providers publish their prices in.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Money(pub f64);

impl Bytes {
    /// Reads a Kubernetes quantity (`512Mi`, `1.5G`, `1e9`) or a plain number of bytes; `GB`, `MB`, `KB`
    /// (PostgreSQL and people) count in powers of 1024 as PostgreSQL does. `None` if it is neither.
    pub fn parse(text: &str) -> Option<Bytes> {
        let (number, suffix) = split_number(text)?;
        let factor = match suffix {
            "" | "B" => 1.0,
            "m" => 1e-3,
            "k" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            "P" => 1e15,
            "Ki" | "KB" | "kB" | "KiB" => 1024.0,
            "Mi" | "MB" | "MiB" => 1024f64.powi(2),
            "Gi" | "GB" | "GiB" => 1024f64.powi(3),
            "Ti" | "TB" | "TiB" => 1024f64.powi(4),
            "Pi" => 1024f64.powi(5),
            _ => return None,
        };
        let bytes = number * factor;
        // Above 2^63 an f64 is no longer exact in bytes; nobody has that much memory.
        (bytes.is_finite() && (0.0..9.2e18).contains(&bytes)).then_some(Bytes(bytes.ceil() as u64))
    }
}

impl Cpu {
    /// Reads a Kubernetes CPU quantity: `500m`, `1`, `0.5`, `2e0`. `None` if it is not one.
    pub fn parse(text: &str) -> Option<Cpu> {
        let (number, suffix) = split_number(text)?;
        let factor = match suffix {
            "" => 1e3,
            "m" => 1.0,
            "u" => 1e-3,
            "n" => 1e-6,
            "k" => 1e6,
            _ => return None,
        };
        let milli = number * factor;
        (milli.is_finite() && (0.0..1e12).contains(&milli)).then_some(Cpu(milli.ceil() as u64))
    }

    /// Cores as a number.
    pub fn cores(self) -> f64 {
        self.0 as f64 / 1e3
    }
}

/// Splits `1.5Gi` into 1.5 and `Gi`; exponents belong to the number (`1e3`, but `1E` is not read as exa).
fn split_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let mut end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '+' || c == '-'))
        .unwrap_or(text.len());
    let rest = &text[end..];
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let digits = exponent.trim_start_matches(['+', '-']);
        let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if length > 0 {
            end = text.len() - digits.len() + length;
        }
    }
    let number: f64 = text[..end].parse().ok()?;
    Some((number, text[end..].trim_start()))
}

/// Parses a duration with a unit: `30s`, `5m`, `1h30m`, `250ms`, `7d`, `2w`, `1.5h`, `PT30S`, `30 seconds`. A
/// day has 24 hours; months and years have no fixed length. A bare number has no unit and gives `None`: the
/// caller knows its unit (see [`seconds`], [`millis`]).
pub fn duration(text: &str) -> Option<Duration> {
    let lower = text.trim().to_ascii_lowercase();
    // `01:30` may be a duration or a time of day.
    if lower.contains(':') {
        return None;
    }
    let span: jiff::Span = lower.parse().ok()?;
    let exact = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours());
    Duration::try_from(exact.ok()?).ok()
}

/// A duration whose bare numbers are seconds.
pub fn seconds(text: &str) -> Option<Duration> {
    bare(text, 1.0)
}

/// A duration whose bare numbers are milliseconds.
pub fn millis(text: &str) -> Option<Duration> {
    bare(text, 1e-3)
}

fn bare(text: &str, unit: f64) -> Option<Duration> {
    match text.trim().parse::<f64>() {
        Ok(number) => Duration::try_from_secs_f64(number * unit).ok(),
        Err(_) => duration(text),
    }
}

/// Reads `60%`, `60` or `0.6`: a number above 1 or with a percent sign is hundredths.
pub fn share(text: &str) -> Option<Share> {
    let text = text.trim();
    let (number, percent) = match text.strip_suffix('%') {
        Some(rest) => (rest.trim().parse::<f64>().ok()?, true),
        None => (text.parse::<f64>().ok()?, false),
    };
    if !number.is_finite() || number < 0.0 {
        return None;
    }
    Some(Share(if percent || number > 1.0 {
        number / 100.0
    } else {
        number
    }))
}

/// A duration in readable form: `360 s` below ten minutes, then `12 min`, `64.5 h`, `7 d`.
pub fn show_duration(duration: Duration) -> String {
    shown_duration(duration, f64::round)
}

/// The same, rounded up: a value that is at least this long, for a limit to be set.
pub fn show_duration_up(duration: Duration) -> String {
    shown_duration(duration, ceil)
}

/// The same, rounded down: a value that is at most this long.
pub fn show_duration_down(duration: Duration) -> String {
    shown_duration(duration, floor)
}

/// Up to the next whole number, but for the last digits of a binary fraction.
fn ceil(n: f64) -> f64 {
    (n - 1e-12 * n.abs().max(1.0)).ceil()
}

fn floor(n: f64) -> f64 {
    (n + 1e-12 * n.abs().max(1.0)).floor()
}

fn shown_duration(duration: Duration, whole: fn(f64) -> f64) -> String {
    let s = duration.as_secs_f64();
    let trim = |n: f64| {
        let text = format!("{:.1}", whole(n * 10.0) / 10.0);
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    if s == 0.0 {
        "0 s".to_owned()
    } else if s < 1.0 {
        format!("{} ms", trim(s * 1e3))
    } else if s < 600.0 {
        format!("{} s", trim(s))
    } else if s < 2.0 * 3600.0 {
        format!("{} min", trim(s / 60.0))
    } else if s < 7.0 * 86_400.0 {
        format!("{} h", trim(s / 3600.0))
    } else {
        format!("{} d", trim(s / 86_400.0))
    }
}

/// A number as [`show_number`] shows it, rounded up: at least this much.
pub fn show_number_up(n: f64) -> String {
    show_number(ceil(n * 100.0) / 100.0)
}

/// A number as [`show_number`] shows it, rounded down: at most this much.
pub fn show_number_down(n: f64) -> String {
    show_number(floor(n * 100.0) / 100.0)
}

/// A number with thousands separated by commas and at most two decimals: `12,000`, `1.71`.
pub fn show_number(n: f64) -> String {
    if !n.is_finite() {
        return "unbounded".to_owned();
    }
    let rounded = (n.abs() * 100.0).round() / 100.0;
    let text = format!("{rounded:.2}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    let sign = if n < 0.0 && rounded != 0.0 { "-" } else { "" };
    if fraction.is_empty() {
        format!("{sign}{grouped}")
    } else {
        format!("{sign}{grouped}.{fraction}")
    }
}

/// A number with its noun, which is plural unless the number is 1: `1 replica`, `2 retries`, `1,005 connections`.
pub fn count(n: u64, noun: &str) -> String {
    amount(n as f64, noun)
}

/// The same for a number that may have a fraction: `1 member`, `1.5 members`.
pub fn amount(n: f64, noun: &str) -> String {
    let number = show_number(n);
    match number.as_str() {
        "1" => format!("1 {noun}"),
        _ => format!("{number} {}", plural(noun)),
    }
}

/// How often something happens: `once`, `100 times`.
pub fn times(n: u64) -> String {
    match n {
        1 => "once".to_owned(),
        _ => count(n, "time"),
    }
}

/// The plural of a noun, or of a phrase that ends with one: `retries`, `processes`, `other files`.
fn plural(noun: &str) -> String {
    let vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u');
    if let Some(stem) = noun.strip_suffix('y').filter(|stem| !stem.ends_with(vowel)) {
        format!("{stem}ies")
    } else if ["s", "x", "ch", "sh"].iter().any(|end| noun.ends_with(end)) {
        format!("{noun}es")
    } else {
        format!("{noun}s")
    }
}

/// The unit of a figure after the number 1: `replica` for `replicas`. Units that are not words (`s`, `MiB`,
/// `requests/s`) do not change.
pub fn singular(unit: &str) -> String {
    if unit.len() <= 3 || !unit.bytes().all(|b| b.is_ascii_lowercase()) {
        return unit.to_owned();
    }
    match (unit.strip_suffix("ies"), unit.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) => stem.to_owned(),
        (None, None) => unit.to_owned(),
    }
}

impl Bytes {
    /// The amount, rounded down to what is shown: at most this much.
    pub fn show_down(self) -> String {
        self.shown(show_number_down)
    }

    fn shown(self, show: fn(f64) -> String) -> String {
        let n = self.0 as f64;
        let (value, unit) = match self.0 {
            0..1024 => return format!("{} B", self.0),
            1024..1_048_576 => (n / 1024.0, "KiB"),
            1_048_576..1_073_741_824 => (n / 1_048_576.0, "MiB"),
            _ => (n / 1_073_741_824.0, "GiB"),
        };
        format!("{} {unit}", show(value))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(show_number))
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) {
            write!(f, "{} CPU", self.0 / 1000)
        } else {
            write!(f, "{}m CPU", self.0)
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", show_number(self.0))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", show_number(self.0 * 100.0))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", show_number(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_limit_is_on_its_safe_side() {
        for ms in (1..5_000_000u64).step_by(4_321) {
            let exact = Duration::from_millis(ms);
            let read = |text: String| duration(&text.replace(' ', "")).unwrap();
            let up = read(show_duration_up(exact));
            let down = read(show_duration_down(exact));
            assert!(down <= exact && exact <= up, "{down:?} {exact:?} {up:?}");
        }
        assert_eq!(show_duration_up(Duration::from_secs(90)), "90 s");
        assert_eq!(show_duration_up(Duration::from_millis(601_000)), "10.1 min");
        assert_eq!(show_duration_down(Duration::from_millis(601_000)), "10 min");
        assert_eq!(
            (show_number_up(1.001), show_number_down(1.009)),
            ("1.01".into(), "1".into())
        );
        assert_eq!(
            (show_number_up(0.1 + 0.2), show_number_down(0.3)),
            ("0.3".into(), "0.3".into())
        );
        assert_eq!(Bytes(1_073_741_824 * 2 - 1_000_000).show_down(), "1.99 GiB");
    }
    use proptest::prelude::*;

    #[test]
    fn quantities_read_as_kubernetes_reads_them() {
        // Kubernetes' documentation of resource units: 128974848, 129e6, 129M, 123Mi are about the same.
        for (text, bytes) in [
            ("128974848", 128_974_848),
            ("129e6", 129_000_000),
            ("129M", 129_000_000),
            ("123Mi", 128_974_848),
            ("1.5Gi", 1_610_612_736),
            ("128974848000m", 128_974_848),
        ] {
            assert_eq!(Bytes::parse(text), Some(Bytes(bytes)), "{text}");
        }
        for (text, milli) in [("500m", 500), ("1", 1000), ("0.1", 100), ("2.5", 2500)] {
            assert_eq!(Cpu::parse(text), Some(Cpu(milli)), "{text}");
        }
        for bad in ["", "Mi", "1.2.3", "5 apples", "-1Gi", "NaN", "inf"] {
            assert_eq!(Bytes::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_need_a_unit_or_a_caller_that_knows_it() {
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("PT30S"), Some(Duration::from_secs(30)));
        assert_eq!(duration("5 minutes"), Some(Duration::from_secs(300)));
        assert_eq!(duration("30"), None);
        assert_eq!(seconds("30"), Some(Duration::from_secs(30)));
        assert_eq!(millis("1500"), Some(Duration::from_millis(1500)));
        assert_eq!(seconds("-1"), None);
        assert_eq!(duration("P1DT2H"), Some(Duration::from_secs(26 * 3600)));
        assert_eq!(duration("2w"), Some(Duration::from_secs(14 * 86_400)));
        assert_eq!(duration("1.1s"), Some(Duration::from_millis(1100)));
        // A month is not a minute, a time of day is not a duration, and no duration is negative.
        for none in ["s", "", "P1M", "1mo", "03:00:00", "-5m", "5m ago", "1h-5m"] {
            assert_eq!(duration(none), None, "{none}");
        }
    }

    #[test]
    fn shares_are_read_as_percent_or_fraction() {
        assert_eq!(share("60%"), Some(Share(0.6)));
        assert_eq!(share("60"), Some(Share(0.6)));
        assert_eq!(share("0.6"), Some(Share(0.6)));
        assert_eq!(share("1"), Some(Share(1.0)));
    }

    #[test]
    fn numbers_print_for_people() {
        assert_eq!(show_number(12000.0), "12,000");
        assert_eq!(show_number(1.714), "1.71");
        assert_eq!(show_number(0.5), "0.5");
        assert_eq!(show_number(-1003.0), "-1,003");
        assert_eq!(show_duration(Duration::from_secs(360)), "360 s");
        assert_eq!(show_duration(Duration::from_secs(232_200)), "64.5 h");
        assert_eq!(Bytes(2 * 1024 * 1024).to_string(), "2 MiB");
    }

    #[test]
    fn only_the_number_one_has_a_singular_noun() {
        for (number, noun, text) in [
            (0, "replica", "0 replicas"),
            (1, "replica", "1 replica"),
            (2, "retry", "2 retries"),
            (3, "try", "3 tries"),
            (2, "process", "2 processes"),
            (2, "copy", "2 copies"),
            (2, "day", "2 days"),
            (2, "switch", "2 switches"),
            (1, "other file", "1 other file"),
            (1005, "other file", "1,005 other files"),
        ] {
            assert_eq!(count(number, noun), text);
        }
        assert_eq!(amount(1.0, "member"), "1 member");
        assert_eq!(amount(0.5, "member"), "0.5 members");
        assert_eq!(amount(1.5, "member"), "1.5 members");
        assert_eq!(
            (times(1), times(0), times(100)),
            ("once".into(), "0 times".into(), "100 times".into())
        );
        assert_eq!(
            ["replicas", "entries", "s", "requests/s", "MiB"].map(singular),
            ["replica", "entry", "s", "requests/s", "MiB"]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = (Bytes::parse(&text), Cpu::parse(&text), duration(&text), seconds(&text), share(&text));
        }
    }
}
