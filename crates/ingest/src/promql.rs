//! What a PromQL expression reads, without evaluating it: the metrics, the values it selects by, how
//! far back it looks, what it compares with, and whether it notices that data is missing.

use cofferdam_model::units;
use std::ops::Range;
use std::time::Duration;

/// What an expression says; ranges are bytes of its text.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Query {
    /// Metrics it reads, in the order written, each once.
    pub metrics: Vec<(String, Range<usize>)>,
    /// Values of labels that it selects by equality, or by a list of plain alternatives.
    pub selects: Vec<(String, Range<usize>)>,
    /// The longest range selector.
    pub range: Option<(Duration, Range<usize>)>,
    /// The number that the last comparison compares with.
    pub threshold: Option<(f64, Range<usize>)>,
    /// Whether it is true when data is missing.
    pub notices_absence: bool,
}

/// Words that are no metrics, and whether a list of labels in parentheses follows them.
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

/// Reads an expression. Text that is none gives whatever of it looks like one.
pub(crate) fn read(text: &str) -> Query {
    let mut reader = Reader {
        text,
        at: 0,
        query: Query::default(),
        compares_up: false,
    };
    while reader.at < text.len() {
        reader.step();
    }
    let mut query = reader.query;
    let few = query.threshold.as_ref().is_some_and(|(n, _)| *n <= 1.0);
    query.notices_absence |= reader.compares_up && few && query.metrics.iter().any(|(m, _)| m == "up");
    query
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    query: Query,
    /// Whether a comparison asks for few (`== 0`, `< 1`).
    compares_up: bool,
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
        if let Some((_, labels)) = keyword {
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

    /// `sum by (job) (…)`: a word before `by` or `without` is an aggregation, unless it is a metric that
    /// the list stands behind, which has no list of its own.
    fn by_follows(&self) -> bool {
        let next = self.rest().split(|c: char| !c.is_ascii_alphabetic()).next();
        matches!(next, Some("by" | "without"))
    }

    fn metric(&mut self, name: &str, at: Range<usize>) {
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
                // A quoted name of a metric stands alone.
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
        if let Some(length) = units::duration(written)
            && self
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
        let mut product: Option<f64> = None;
        let mut end = from;
        let mut rest = self.rest().trim_start_matches(['(', ' ']);
        loop {
            let length = rest
                .char_indices()
                .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || (*i == 0 && *c == '-') || *c == 'e'))
                .map_or(rest.len(), |(i, _)| i);
            let Ok(number) = rest[..length].parse::<f64>() else {
                break;
            };
            product = Some(product.unwrap_or(1.0) * number);
            end = self.text.len() - rest.len() + length;
            match rest[length..].trim_start().strip_prefix('*') {
                Some(more) => rest = more.trim_start(),
                None => break,
            }
        }
        // A number before a name is part of an expression, not a threshold.
        let after = self.text[end..].trim_start();
        if let Some(number) = product.filter(|_| !after.starts_with(['/', '*', '+', '-'])) {
            self.compares_up |= matches!(operator, "==" | "<" | "<=");
            self.query.threshold = Some((number, from..end));
            self.at = end;
        }
    }
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
    fn expressions_that_notice_silence_are_known() {
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
        fn no_text_panics_and_ranges_lie_in_it(text in "[a-z{}\\[\\]()=~!<>\"'`#|,:.0-9*é \\\\-]{0,60}") {
            let q = read(&text);
            for (_, at) in q.metrics.iter().chain(&q.selects) {
                prop_assert!(text.get(at.clone()).is_some());
            }
        }
    }
}
