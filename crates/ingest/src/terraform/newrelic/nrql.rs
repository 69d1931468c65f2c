//! New Relic's query language, as far as needed to know what a query watches: event types, metrics,
//! attributes, and the values that it selects by. Nothing is evaluated; other parts are left out.

/// A word of the query and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The word, quotes and backticks removed.
    pub(super) text: String,
    /// First byte of it in the query, quotes included.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
}

/// What a query reads.
#[derive(Debug, Default)]
pub(super) struct Query {
    /// Event types after `FROM` (`Metric`, `Transaction`).
    pub(super) events: Vec<Word>,
    /// Metrics and attributes that are aggregated, selected by or faceted by.
    pub(super) attributes: Vec<Word>,
    /// Functions that aggregate (`average`, `count`), in lower case.
    pub(super) functions: Vec<String>,
    /// `attribute = 'value'`, `attribute IN ('a', 'b')`, `attribute LIKE 'x%'`.
    pub(super) conditions: Vec<Condition>,
    /// Words after `FACET`.
    pub(super) facets: Vec<Word>,
}

/// A comparison of an attribute.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// The attribute.
    pub(super) attribute: String,
    /// Values it must have, or one of which it must have; empty for comparisons of another kind.
    pub(super) values: Vec<Word>,
    /// Whether it is in the argument of a function (`filter(…, WHERE …)`) and so removes no data.
    pub(super) inner: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(Word),
    Text(Word),
    Number,
    Symbol(char),
}

/// Words that begin a clause.
const CLAUSES: &[&str] = &[
    "select",
    "from",
    "where",
    "facet",
    "since",
    "until",
    "limit",
    "timeseries",
    "compare",
    "with",
    "slide",
    "extrapolate",
    "order",
];

/// Other words of the language that are not attributes.
const KEYWORDS: &[&str] = &[
    "and", "or", "not", "in", "like", "rlike", "is", "null", "true", "false", "as", "ago", "by", "asc",
    "desc", "max", "auto", "cases", "predict", "offset", "join", "on", "inner", "left", "unnest", "nrql",
];

fn tokens(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = query.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '\'' | '"' | '`' => {
                let mut text = String::new();
                let mut end = query.len();
                while let Some((at, inner)) = chars.next() {
                    if inner == '\\' {
                        text.extend(chars.next().map(|(_, c)| c));
                    } else if inner == c {
                        end = at + 1;
                        break;
                    } else {
                        text.push(inner);
                    }
                }
                let word = Word { text, start, end };
                tokens.push(if c == '`' {
                    Token::Name(word)
                } else {
                    Token::Text(word)
                });
            }
            c if c.is_ascii_digit() => {
                while chars
                    .next_if(|(_, c)| c.is_ascii_alphanumeric() || *c == '.')
                    .is_some()
                {}
                tokens.push(Token::Number);
            }
            c if c.is_alphabetic() || c == '_' || c == '$' => {
                let mut end = start + c.len_utf8();
                let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '$' | '{' | '}');
                while let Some((at, c)) = chars.next_if(|(_, c)| part(*c)) {
                    end = at + c.len_utf8();
                }
                let text = query.get(start..end).unwrap_or_default().to_owned();
                tokens.push(Token::Name(Word { text, start, end }));
            }
            other => tokens.push(Token::Symbol(other)),
        }
    }
    tokens
}

fn is_keyword(word: &str) -> bool {
    let mut all = CLAUSES.iter().chain(KEYWORDS);
    all.any(|k| word.eq_ignore_ascii_case(k))
}

/// Reads a query.
pub(super) fn parse(query: &str) -> Query {
    let tokens = tokens(query);
    let mut out = Query::default();
    let mut clause = String::new();
    // Whether each open parenthesis is that of a function's arguments.
    let mut open: Vec<bool> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Symbol('(') => {
                let called = at
                    .checked_sub(1)
                    .and_then(|before| tokens.get(before))
                    .is_some_and(|t| matches!(t, Token::Name(w) if !is_keyword(&w.text) || w.text.eq_ignore_ascii_case("max")));
                open.push(called);
            }
            Token::Symbol(')') => {
                open.pop();
            }
            Token::Name(word) => {
                let lower = word.text.to_ascii_lowercase();
                let calls = tokens.get(at + 1) == Some(&Token::Symbol('('));
                if calls && (lower == "max" || !is_keyword(&lower)) {
                    out.functions.push(lower);
                    continue;
                }
                if is_keyword(&lower) {
                    if CLAUSES.contains(&lower.as_str()) {
                        clause = lower;
                    }
                    continue;
                }
                match clause.as_str() {
                    "from" => out.events.push(word.clone()),
                    "select" | "where" | "facet" => {
                        // The word after `AS` is a label.
                        let label = at
                            .checked_sub(1)
                            .and_then(|before| tokens.get(before))
                            .is_some_and(
                                |t| matches!(t, Token::Name(w) if w.text.eq_ignore_ascii_case("as")),
                            );
                        if label {
                            continue;
                        }
                        if clause == "facet" {
                            out.facets.push(word.clone());
                        }
                        out.attributes.push(word.clone());
                        if let Some(values) = comparison(&tokens[at + 1..]) {
                            out.conditions.push(Condition {
                                attribute: word.text.clone(),
                                values,
                                inner: open.contains(&true),
                            });
                        }
                    }
                    _ => {}
                }
            }
            Token::Text(_) | Token::Number | Token::Symbol(_) => {}
        }
    }
    out
}

/// The values of the comparison that begins here, if one does; empty for one that is not a selection by
/// equality.
fn comparison(rest: &[Token]) -> Option<Vec<Word>> {
    let name = |token: Option<&Token>, word: &str| matches!(token, Some(Token::Name(w)) if w.text.eq_ignore_ascii_case(word));
    match rest.first()? {
        Token::Symbol('=') => Some(match rest.get(1) {
            Some(Token::Text(value)) => vec![value.clone()],
            _ => Vec::new(),
        }),
        Token::Symbol('<' | '>' | '!') => Some(Vec::new()),
        Token::Name(_) if name(rest.first(), "like") => Some(match rest.get(1) {
            Some(Token::Text(value)) => vec![value.clone()],
            _ => Vec::new(),
        }),
        Token::Name(_) if name(rest.first(), "in") => Some(
            rest.iter()
                .skip(2)
                .take_while(|t| **t != Token::Symbol(')'))
                .filter_map(|t| match t {
                    Token::Text(value) => Some(value.clone()),
                    _ => None,
                })
                .collect(),
        ),
        Token::Name(_) if ["is", "not", "rlike"].iter().any(|w| name(rest.first(), w)) => Some(Vec::new()),
        _ => None,
    }
}

/// Event types that exist only when something goes wrong.
const ERROR_EVENTS: &[&str] = &[
    "TransactionError",
    "ErrorTrace",
    "JavaScriptError",
    "MobileCrash",
    "InfrastructureEvent",
];

impl Query {
    /// Whether the query has no data when everything works: it counts only failures by its condition. `None`
    /// if this is unknown.
    pub(super) fn is_sparse(&self) -> Option<bool> {
        let counts = |f: &String| matches!(f.as_str(), "count" | "uniquecount" | "sum" | "rate");
        if self.functions.is_empty() || self.events.is_empty() {
            return None;
        }
        if !self.functions.iter().all(counts) {
            // Averages and shares over constant data always have a value, unless a condition removes the
            // data.
            return if self.selects_failures() {
                None
            } else {
                Some(false)
            };
        }
        let of_errors = self.events.iter().any(|e| {
            ERROR_EVENTS
                .iter()
                .any(|known| e.text.eq_ignore_ascii_case(known))
        });
        Some(of_errors || self.selects_failures())
    }

    /// Whether a condition outside functions selects only failures.
    fn selects_failures(&self) -> bool {
        self.conditions.iter().filter(|c| !c.inner).any(|condition| {
            let attribute = condition.attribute.to_ascii_lowercase();
            let speaks_of = |text: &str| {
                let text = text.to_ascii_lowercase();
                [
                    "error",
                    "fail",
                    "exception",
                    "fatal",
                    "crash",
                    "refused",
                    "denied",
                    "timeout",
                    "exhaust",
                    "oom",
                    "kill",
                    "lost",
                    "5%",
                    "token",
                ]
                .iter()
                .any(|word| text.contains(word))
            };
            [
                "error",
                "exception",
                "level",
                "severity",
                "message",
                "status",
                "responsecode",
                "fail",
            ]
            .iter()
            .any(|word| attribute.contains(word))
                && (condition.values.is_empty() || condition.values.iter().any(|v| speaks_of(&v.text)))
                || condition
                    .values
                    .iter()
                    .any(|v| speaks_of(&v.text) && v.text.contains('%'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|w| w.text.as_str()).collect()
    }

    #[test]
    fn a_query_gives_its_events_metrics_and_filters() {
        let query = parse(
            "SELECT average(postgres.connections.used) / average(postgres.connections.max) * 100 AS 'used' FROM PostgresqlDatabaseSample WHERE service = 'data-collector' AND environment IN ('prod', 'staging') FACET cell, `host.name` SINCE 5 minutes ago",
        );
        assert_eq!(texts(&query.events), ["PostgresqlDatabaseSample"]);
        assert_eq!(
            texts(&query.attributes),
            [
                "postgres.connections.used",
                "postgres.connections.max",
                "service",
                "environment",
                "cell",
                "host.name"
            ]
        );
        assert_eq!(query.functions, ["average", "average"]);
        assert_eq!(query.conditions[0].attribute, "service");
        assert_eq!(texts(&query.conditions[0].values), ["data-collector"]);
        assert_eq!(texts(&query.conditions[1].values), ["prod", "staging"]);
        assert_eq!(texts(&query.facets), ["cell", "host.name"]);
    }

    #[test]
    fn from_may_come_first_and_max_is_a_function() {
        let query = parse("FROM Metric SELECT max(kafka.consumer_lag) WHERE topic = \"platform-events\"");
        assert_eq!(texts(&query.events), ["Metric"]);
        assert_eq!(query.functions, ["max"]);
        assert_eq!(texts(&query.attributes), ["kafka.consumer_lag", "topic"]);
    }

    #[test]
    fn a_count_of_failures_has_no_data_without_failures() {
        let table = [
            (
                "SELECT count(*) FROM Log WHERE message LIKE '%Failed to produce message%'",
                Some(true),
            ),
            (
                "SELECT count(*) FROM Transaction WHERE appName = 'api' AND error IS true",
                Some(true),
            ),
            (
                "SELECT count(*) FROM TransactionError WHERE appName = 'api'",
                Some(true),
            ),
            (
                "SELECT count(*) FROM Transaction WHERE appName = 'api'",
                Some(false),
            ),
            (
                "SELECT percentage(count(*), WHERE error IS true) FROM Transaction",
                Some(false),
            ),
            (
                "SELECT average(duration) FROM Transaction WHERE appName = 'api'",
                Some(false),
            ),
            (
                "SELECT average(duration) FROM Transaction WHERE error IS true",
                None,
            ),
            ("", None),
        ];
        for (query, wanted) in table {
            assert_eq!(parse(query).is_sparse(), wanted, "{query}");
        }
    }

    #[test]
    fn places_in_the_query_are_kept() {
        let text = "SELECT count(*) FROM Metric WHERE topic = 'é-events'";
        let query = parse(text);
        let value = &query.conditions[0].values[0];
        assert_eq!(&text[value.start..value.end], "'é-events'");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(SELECT|FROM|WHERE|IN|LIKE|[a-z.()'\"`=,<>!%*0-9é\\\\ $\\{\\}]){0,40}") {
            let query = parse(&text);
            query.is_sparse();
            for word in query.events.iter().chain(&query.attributes) {
                prop_assert!(text.get(word.start..word.end).is_some());
            }
        }
    }
}
