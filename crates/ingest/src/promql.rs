//! What a PromQL expression reads, without evaluating it: the metrics, the values it selects by, its longest
//! range, the number it compares with, and whether it notices missing data.

use crate::naming::names_a_part;
use cofferdam_model::alerts::BurnWindows;
use cofferdam_model::units;
use std::ops::Range;
use std::time::Duration;

/// The facts of an expression; ranges are bytes of its text.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Query {
    /// Metrics it reads, in the order written, each once.
    pub metrics: Vec<(String, Range<usize>)>,
    /// Values of labels that it selects by equality, or by a list of plain alternatives.
    pub selects: Vec<(String, Range<usize>)>,
    /// Those of them that name a service, a workload, a topic, a group or a cell.
    pub named: Vec<(String, Range<usize>)>,
    /// The longest range selector.
    pub range: Option<(Duration, Range<usize>)>,
    /// The number in the last comparison.
    pub threshold: Option<(f64, Range<usize>)>,
    /// Whether it is true if data is missing.
    pub notices_absence: bool,
    /// Pairs of a long and a short window whose shares must both exceed one number, as burn-rate alerts have
    /// them.
    pub burn: Vec<BurnWindows>,
}

/// One comparison of an expression: its range, and the share it must exceed.
#[derive(Debug, Clone, Copy)]
struct Term {
    range: Duration,
    share: f64,
}

/// Words that are not metrics, and whether a list of labels in parentheses follows them.
const KEYWORDS: &[(&str, bool)] = &[
    ("by", true),
    ("without", true),
    ("on", true),
    ("ignoring", true),
    ("group_left", true),
    ("group_right", true),
    ("and", false),
    ("or", false),
    ("unless", false),
    ("bool", false),
    ("offset", false),
    ("atan2", false),
    ("inf", false),
    ("nan", false),
];

/// Reads an expression. From a text that is not one, it reads whatever looks like one.
pub(crate) fn read(text: &str) -> Query {
    let mut reader = Reader {
        text,
        at: 0,
        query: Query::default(),
        compares_up: false,
        looks_back: None,
        term: None,
        together: Vec::new(),
    };
    while reader.at < text.len() {
        reader.step();
    }
    reader.end_of_term();
    reader.end_of_alternative();
    let mut query = reader.query;
    let few = query.threshold.as_ref().is_some_and(|(n, _)| *n <= 1.0);
    query.notices_absence |= reader.compares_up && few && query.metrics.iter().any(|(m, _)| m == "up");
    query
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    query: Query,
    /// Whether a comparison checks for a small number (`== 0`, `< 1`).
    compares_up: bool,
    /// Range of the current comparison.
    looks_back: Option<Duration>,
    term: Option<Term>,
    /// Comparisons that `and` joins.
    together: Vec<Term>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn step(&mut self) {
        let Some(c) = self.rest().chars().next() else {
            return;
        };
        match c {
            '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
            '"' | '\'' | '`' => {
                self.quoted();
            }
            '{' => self.matchers(),
            '[' => self.range(),
            '>' | '<' | '=' | '!' => self.comparison(),
            c if c.is_ascii_alphabetic() || c == '_' || c == ':' => self.word(),
            c if c.is_ascii_digit() => {
                let end = self.rest().find(|c: char| !c.is_ascii_alphanumeric() && c != '.');
                self.at += end.unwrap_or(self.rest().len());
            }
            c => self.at += c.len_utf8(),
        }
    }

    /// The range of a quoted text without its quotes; moves past it.
    fn quoted(&mut self) -> Range<usize> {
        let quote = self.rest().chars().next().unwrap_or('"');
        let start = self.at + quote.len_utf8();
        let mut escaped = false;
        for (offset, c) in self.text[start..].char_indices() {
            match c {
                '\\' if !escaped && quote != '`' => escaped = true,
                c if c == quote && !escaped => {
                    self.at = start + offset + c.len_utf8();
                    return start..start + offset;
                }
                _ => escaped = false,
            }
        }
        self.at = self.text.len();
        start..self.text.len()
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn word(&mut self) {
        let start = self.at;
        let end = self
            .rest()
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')))
            .map_or(self.text.len(), |n| start + n);
        self.at = end;
        let word = &self.text[start..end];
        let keyword = KEYWORDS.iter().find(|(k, _)| word.eq_ignore_ascii_case(k));
        self.skip_blanks();
        if let Some((joint, labels)) = keyword {
            if matches!(*joint, "and" | "or" | "unless") {
                self.end_of_term();
            }
            if *joint == "or" {
                self.end_of_alternative();
            }
            if *labels && self.rest().starts_with('(') {
                self.at += self.rest().find(')').map_or(self.rest().len(), |n| n + 1);
            }
            return;
        }
        if self.rest().starts_with('(') || self.by_follows() {
            self.query.notices_absence |= matches!(word, "absent" | "absent_over_time");
            return;
        }
        self.metric(word, start..end);
    }

    /// `sum by (job) (…)`: a word before `by` or `without` is an aggregation, unless it is a metric after the
    /// list, which has no list of its own.
    fn by_follows(&self) -> bool {
        let next = self.rest().split(|c: char| !c.is_ascii_alphabetic()).next();
        matches!(next, Some("by" | "without"))
    }

    fn end_of_term(&mut self) {
        self.together.extend(self.term.take());
        self.looks_back = None;
    }

    /// `a and b` is a pair of windows if both are shares of different ranges.
    fn end_of_alternative(&mut self) {
        let terms = std::mem::take(&mut self.together);
        let long = terms.iter().map(|term| term.range).max();
        let short = terms.iter().map(|term| term.range).min();
        if let (Some(long), Some(short)) = (long, short)
            && long > short
        {
            // Usually both compare with one number; otherwise the greater decides, because both must be true.
            let share = terms.iter().map(|term| term.share).fold(0.0, f64::max);
            self.query.burn.push(BurnWindows { long, short, share });
        }
    }

    fn metric(&mut self, name: &str, at: Range<usize>) {
        self.looks_back = self.looks_back.max(recorded_range(name));
        if !self.query.metrics.iter().any(|(m, _)| m == name) {
            self.query.metrics.push((name.to_owned(), at));
        }
    }

    /// `{job="api", code=~"5..|429"}`.
    fn matchers(&mut self) {
        self.at += 1;
        while self.at < self.text.len() {
            self.skip_blanks();
            let Some(c) = self.rest().chars().next() else {
                return;
            };
            if c == '}' {
                self.at += 1;
                return;
            }
            if matches!(c, '"' | '\'' | '`') {
                // A quoted name of a metric is on its own.
                let name = self.quoted();
                if self.rest().trim_start().starts_with([',', '}']) {
                    let text = self.text[name.clone()].to_owned();
                    self.metric(&text, name);
                }
                continue;
            }
            let rest = self.rest();
            let Some(end) = rest.find(['=', '!', '}', ',']) else {
                self.at = self.text.len();
                return;
            };
            let label = rest[..end].trim();
            self.at += end;
            let operator: &str = ["=~", "!~", "!=", "="]
                .iter()
                .find(|o| self.rest().starts_with(**o))
                .unwrap_or(&"");
            if operator.is_empty() {
                self.at += usize::from(!self.rest().starts_with('}'));
                continue;
            }
            self.at += operator.len();
            self.skip_blanks();
            if self.rest().starts_with(['"', '\'', '`']) {
                let value = self.quoted();
                self.matcher(label, operator, value);
            }
        }
    }

    fn matcher(&mut self, label: &str, operator: &str, value: Range<usize>) {
        let text = &self.text[value.clone()];
        if text.is_empty() || operator.starts_with('!') {
            return;
        }
        let mut start = value.start;
        let parts: Vec<&str> = if operator == "=~" {
            text.split('|').collect()
        } else {
            vec![text]
        };
        for part in parts {
            let at = start..start + part.len();
            start = at.end + 1;
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ':');
            if part.is_empty() || operator == "=~" && !part.chars().all(plain) {
                continue;
            }
            if label == "__name__" {
                self.metric(part, at);
            } else {
                if names_a_part(label) {
                    self.query.named.push((part.to_owned(), at.clone()));
                }
                self.query.selects.push((part.to_owned(), at));
            }
        }
    }

    /// `[5m]`, or `[30m:1m]` of a subquery.
    fn range(&mut self) {
        let start = self.at + 1;
        let end = self.rest().find(']').map_or(self.text.len(), |n| self.at + n);
        self.at = (end + 1).min(self.text.len());
        let written = self.text[start.min(end)..end]
            .split(':')
            .next()
            .unwrap_or_default();
        let Some(length) = units::duration(written) else {
            return;
        };
        self.looks_back = self.looks_back.max(Some(length));
        if self
            .query
            .range
            .as_ref()
            .is_none_or(|(longest, _)| length > *longest)
        {
            self.query.range = Some((length, start..start + written.len()));
        }
    }

    fn comparison(&mut self) {
        let operator: &str = ["==", "!=", ">=", "<=", ">", "<"]
            .iter()
            .find(|o| self.rest().starts_with(**o))
            .unwrap_or(&"=");
        self.at += operator.len();
        self.skip_blanks();
        if let Some(after) = self.rest().strip_prefix("bool") {
            self.at = self.text.len() - after.trim_start().len();
        }
        let from = self.at;
        // A number before a name is part of an expression, not a threshold.
        let Some((number, length)) = sum(self.rest(), 8) else {
            return;
        };
        let end = from + length;
        let up = matches!(operator, ">" | ">=");
        if let (true, Some(range)) = (up && number > 0.0 && number < 1.0, self.looks_back) {
            self.term = Some(Term { range, share: number });
        }
        self.compares_up |= matches!(operator, "==" | "<" | "<=");
        self.query.threshold = Some((number, from..end));
        self.at = end;
    }
}

/// The range in the name of a recorded series (`job:errors:ratio_rate5m`), by the convention
/// level:metric:operations of Prometheus' documentation.
fn recorded_range(name: &str) -> Option<Duration> {
    let (_, operations) = name.rsplit_once(':')?;
    let number = operations.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let digits = number.len() - number.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    (digits > 0)
        .then(|| units::duration(&operations[number.len() - digits..]))
        .flatten()
}

/// A constant expression at the beginning of `text`: its value and its length. `None` if a name, or an
/// operator without a number after it, follows, and for brackets deeper than `depth`.
fn sum(text: &str, depth: u8) -> Option<(f64, usize)> {
    let (mut value, mut length) = product(text, depth)?;
    while let Some((operator, at)) = operator(text, length, ['+', '-']) {
        let (next, more) = product(&text[at..], depth)?;
        value = if operator == '+' {
            value + next
        } else {
            value - next
        };
        length = at + more;
    }
    Some((value, length))
}

fn product(text: &str, depth: u8) -> Option<(f64, usize)> {
    let (mut value, mut length) = number(text, depth)?;
    while let Some((operator, at)) = operator(text, length, ['*', '/']) {
        let (next, more) = number(&text[at..], depth)?;
        value = if operator == '*' {
            value * next
        } else {
            value / next
        };
        length = at + more;
    }
    Some((value, length))
}

/// The next operator, if it is one of these, and the position after it.
fn operator(text: &str, from: usize, those: [char; 2]) -> Option<(char, usize)> {
    let rest = text[from..].trim_start();
    let first = rest.chars().next().filter(|c| those.contains(c))?;
    Some((first, text.len() - rest.len() + 1))
}

fn number(text: &str, depth: u8) -> Option<(f64, usize)> {
    let inner = text.trim_start();
    let blanks = text.len() - inner.len();
    if let Some(inside) = inner.strip_prefix('(') {
        let (value, length) = sum(inside, depth.checked_sub(1)?)?;
        let after = inside[length..].trim_start().strip_prefix(')')?;
        return Some((value, text.len() - after.len()));
    }
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len())
    };
    let sign = usize::from(inner.starts_with('-'));
    let mut length = sign + digits(&inner[sign..]);
    if let Some(exponent) = inner[length..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['-', '+']));
        let power = digits(&exponent[sign..]);
        length += if power > 0 { 1 + sign + power } else { 0 };
    }
    let value = inner[..length].parse().ok()?;
    let named = inner[length..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (!named).then_some((value, blanks + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(list: &[(String, Range<usize>)]) -> Vec<&str> {
        list.iter().map(|(n, _)| n.as_str()).collect()
    }

    #[test]
    fn metrics_values_ranges_and_thresholds_are_found() {
        let text = r#"sum by (service) (rate(http_requests_total{job="api",code=~"500|503",env!="dev"}[5m])) / sum without (x) (rate(http_requests_total[1h])) > 0.05"#;
        let q = read(text);
        assert_eq!(names(&q.metrics), ["http_requests_total"]);
        assert_eq!(names(&q.selects), ["api", "500", "503"]);
        assert_eq!(names(&q.named), ["api"], "a status names no service");
        assert_eq!(q.range.as_ref().unwrap().0, Duration::from_secs(3600));
        assert_eq!(&text[q.range.unwrap().1], "1h");
        assert_eq!(q.threshold.unwrap().0, 0.05);
        assert!(!q.notices_absence);
        for (name, at) in q.selects {
            assert_eq!(&text[at], name);
        }
    }

    #[test]
    fn products_and_modifiers_are_read() {
        let q = read(
            "job:errors:rate1h{a='b'} offset 5m > bool (14.4 * 0.001) and on (job) max_over_time(x[30m:1m]) > 1",
        );
        assert_eq!(names(&q.metrics), ["job:errors:rate1h", "x"]);
        assert_eq!(q.threshold.unwrap().0, 1.0);
        assert_eq!(q.range.unwrap().0, Duration::from_secs(1800));
        let q = read("a > (14.4 * 0.001)");
        assert!((q.threshold.unwrap().0 - 0.0144).abs() < 1e-12);
        let q = read("kafka_lag > 1000 # a remark about other_metric\n");
        assert_eq!(
            (names(&q.metrics), q.threshold.unwrap().0),
            (vec!["kafka_lag"], 1000.0)
        );
        let q = read("a > b");
        assert!(q.threshold.is_none());
    }

    #[test]
    fn windows_of_burn_rates_are_found() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let q = read(
            r#"(job:slo_errors:ratio_rate1h{job="api"} > (14.4*0.001) and job:slo_errors:ratio_rate5m{job="api"} > (14.4*0.001))
            or (job:slo_errors:ratio_rate6h{job="api"} > (6*(1-0.999)) and job:slo_errors:ratio_rate30m{job="api"} > (6*(1-0.999)))"#,
        );
        assert_eq!(q.burn.len(), 2);
        assert_eq!((q.burn[0].long, q.burn[0].short), (minutes(60), minutes(5)));
        assert!((q.burn[0].share - 0.0144).abs() < 1e-12);
        assert_eq!((q.burn[1].long, q.burn[1].short), (minutes(360), minutes(30)));
        assert!((q.burn[1].share - 0.006).abs() < 1e-12);
        let q = read(
            "sum(rate(errors[1h])) / sum(rate(requests[1h])) > 0.0072 and sum(rate(errors[5m])) / sum(rate(requests[5m])) > 0.0072",
        );
        assert_eq!((q.burn[0].long, q.burn[0].short), (minutes(60), minutes(5)));
        // A single window, counts, and negated conditions are not burn rates.
        for text in [
            "rate(errors[5m]) / rate(requests[5m]) > 0.05",
            "rate(errors[5m]) > 10 and rate(errors[1h]) > 10",
            "a:ratio_rate5m > 0.1 or a:ratio_rate1h > 0.1",
        ] {
            assert!(read(text).burn.is_empty(), "{text}");
        }
    }

    #[test]
    fn thresholds_may_be_computed() {
        for (text, value) in [
            ("a > 2 * (1 - 0.75)", Some(0.5)),
            ("a > -1.5e-3", Some(-0.0015)),
            ("a > 10 / 4 - 1", Some(1.5)),
            ("a > (((2)))", Some(2.0)),
            ("a > 2 * b", None),
            ("a > 5m", None),
            ("a > (2", None),
        ] {
            assert_eq!(read(text).threshold.map(|t| t.0), value, "{text}");
        }
    }

    #[test]
    fn expressions_that_detect_missing_data_are_recognised() {
        for (text, notices) in [
            ("absent(up{job=\"api\"})", true),
            ("absent_over_time(x[5m])", true),
            ("up{job=\"api\"} == 0", true),
            ("up < 1", true),
            ("rate(x[5m]) == 0", false),
            ("up > 3", false),
        ] {
            assert_eq!(read(text).notices_absence, notices, "{text}");
        }
    }

    #[test]
    fn names_in_matchers_count_as_metrics() {
        assert_eq!(names(&read(r#"{__name__="x", a="b"}"#).metrics), ["x"]);
        assert_eq!(names(&read(r#"{"x.y", a="b"}"#).metrics), ["x.y"]);
        assert_eq!(
            names(&read(r#"label_replace(x, "dst", "$1", "src", "(.*)")"#).metrics),
            ["x"]
        );
    }

    proptest! {
        #[test]
        fn no_text_panics_and_ranges_stay_inside_it(text in "[a-z{}\\[\\]()=~!<>\"'`#|,:.0-9*é \\\\-]{0,60}") {
            let q = read(&text);
            for (_, at) in q.metrics.iter().chain(&q.selects) {
                prop_assert!(text.get(at.clone()).is_some());
            }
        }
    }
}
