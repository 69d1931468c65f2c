//! Finds what is secret in the raw text of a file, line by line, whether the file parses or not.
//!
//! Only lines with a word that may have to do with a secret are looked at, and the lines after them that belong
//! to what was found: blocks, quotes over several lines, the value beside or below a name.

use super::line::{Line, Pair, closing_quote, opening_quote, pairs};
use super::names::{self, Level};
use crate::secret_scan;
use aho_corasick::AhoCorasick;
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;

/// A range of bytes inside one line that no report shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hidden {
    /// Where.
    pub(super) range: Range<usize>,
    /// Whether its name or shape gives it away; otherwise only its place in a Secret does.
    pub(super) sure: bool,
}

/// What a line must hold to be looked at, without regard to case.
const STEMS: &[&str] = &[
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "credential",
    "auth",
    "bearer",
    "basic ",
    "://",
    "private",
    "-----begin",
    "identified by",
    "curl",
    "mysql",
    "redis-cli",
    "akia",
    "asia",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxr-",
    "xoxs-",
    "xapp-",
    "sk_live_",
    "rk_live_",
    "sk-ant-",
    "sk-proj-",
    "aiza",
    "hvs.",
    "hvb.",
    "nrak-",
    "npm_",
    "pypi-",
    "dop_v1_",
    "sg.",
    "shpat_",
    "eyj",
];

/// `None` only if the automaton were too large, which a handful of words is not; then every line is looked at.
static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(STEMS)
        .ok()
});

/// Lines after a name in which its value is looked for.
const NEAR: usize = 6;
/// Lines of a text in quotes that nothing closes.
const MAX_QUOTED: usize = 200;

/// What a file's name says of how its values end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// YAML and JSON, and what looks like them.
    Tree,
    /// Properties, ini, `.env`: a value ends with its line.
    Flat,
    /// Python and HCL: a value without quotes is an expression.
    Code,
    /// Shell, Makefiles, Dockerfiles: a value ends at white space.
    Shell,
}

fn format(path: &Path) -> Format {
    let name = path
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "py" | "tf" | "tfvars" | "hcl" => Format::Code,
        "sh" | "bash" | "mk" | "dockerfile" => Format::Shell,
        "properties" | "ini" | "conf" | "cnf" | "cfg" | "env" => Format::Flat,
        _ if name.starts_with(".env") => Format::Flat,
        _ if name.starts_with("dockerfile") || matches!(name.as_str(), "makefile" | "procfile") => {
            Format::Shell
        }
        _ => Format::Tree,
    }
}

/// What the next lines are, after a line that does not say all.
#[derive(Debug, Clone)]
enum Carry {
    /// Lines of a text, as long as they are further right than this column.
    Block(usize),
    /// The value of a key at this column, or what is nested below it.
    Below(usize, Level),
    /// A text up to this word alone on a line.
    Heredoc(String),
    /// A text up to this quote, of a key at this column.
    Quote {
        quote: String,
        column: usize,
        left: usize,
    },
    /// A value that goes on after a backslash.
    Continued,
    /// The body of a key.
    Pem,
    /// The value of the option on the line before.
    Argument,
    /// A list or an expression up to this bracket.
    Bracket(u8, Level),
}

/// A secret that was named, and whose value stands near.
#[derive(Debug, Clone)]
struct Named {
    level: Level,
    /// Lines in which the value may stand.
    left: usize,
    /// Column of a block's header: the block ends with a bracket there.
    block: Option<usize>,
}

struct Scanner<'a> {
    all: &'a str,
    format: Format,
    json: bool,
    /// Whether every value of the file is one of a Secret.
    whole: bool,
    found: Vec<Hidden>,
    carry: Option<Carry>,
    /// What was carried into a merge conflict.
    conflict: Option<Carry>,
    named: Option<Named>,
    /// Keys of secrets whose value is a map: their columns.
    parents: Vec<(usize, Level)>,
    /// The column of `data` in a Secret.
    data: Option<usize>,
}

/// Finds the ranges to hide, in order and without overlaps.
pub(super) fn scan(path: &Path, all: &str) -> Vec<Hidden> {
    let name = path
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let format = format(path);
    let mut scanner = Scanner {
        all,
        format,
        json: name.ends_with(".json"),
        whole: format == Format::Flat && (name.contains("secret") || name.contains("credential")),
        found: Vec::new(),
        carry: None,
        conflict: None,
        named: None,
        parents: Vec::new(),
        data: None,
    };
    scanner.run();
    merged(all, scanner.found)
}

fn merged(all: &str, mut found: Vec<Hidden>) -> Vec<Hidden> {
    found.sort_by_key(|hidden| (hidden.range.start, hidden.range.end));
    let mut out: Vec<Hidden> = Vec::new();
    for hidden in found {
        match out.last_mut() {
            Some(last)
                if hidden.range.start <= last.range.end
                    && !all[last.range.start..hidden.range.start].contains('\n') =>
            {
                last.range.end = last.range.end.max(hidden.range.end);
                last.sure |= hidden.sure;
            }
            _ => out.push(hidden),
        }
    }
    out
}

impl<'a> Scanner<'a> {
    fn run(&mut self) {
        let mut next = 0;
        match FINDER.as_ref().filter(|_| !self.whole) {
            Some(finder) => {
                for hit in finder.find_iter(self.all) {
                    if hit.start() < next {
                        continue;
                    }
                    next = self.lines_from(Line::around(self.all, hit.start()));
                }
            }
            None => {
                while next < self.all.len() {
                    let line = Line::from(self.all, next);
                    self.line(&line);
                    next = line.next;
                }
            }
        }
    }

    /// Looks at a line and at those after it that belong to it. Returns where the next line begins.
    fn lines_from(&mut self, mut line: Line) -> usize {
        loop {
            self.line(&line);
            let open = self.carry.is_some() || self.named.is_some() || !self.parents.is_empty();
            match line.after(self.all).filter(|_| open) {
                Some(after) => line = after,
                None => return line.next,
            }
        }
    }

    fn text(&self, range: Range<usize>) -> &'a str {
        &self.all[range]
    }

    /// Hides a range without the white space and quotes around it.
    fn hide(&mut self, range: Range<usize>, level: Level) {
        let text = self.text(range.clone());
        let trimmed = text.trim().trim_start_matches(['"', '\'', '`']);
        let start = range.end - text.trim_start().len() + (text.trim().len() - trimmed.len());
        let end = start + trimmed.trim_end_matches(['"', '\'', '`']).len();
        if start < end {
            self.found.push(Hidden {
                range: start..end,
                sure: level != Level::Data,
            });
        }
    }

    /// Hides a value unless it may be shown.
    fn judge(&mut self, range: Range<usize>, level: Level) {
        if !names::is_open(self.text(range.clone()), level) {
            self.hide(range, level);
        }
    }

    fn line(&mut self, line: &Line) {
        if line.is_conflict_mark(self.all) {
            // Both versions follow what stands above.
            if self.text(line.start..line.end).starts_with('<') {
                self.conflict = self.carry.clone();
            } else if self.conflict.is_some() {
                self.carry = self.conflict.clone();
            }
            return;
        }
        if line.text == line.end {
            return;
        }
        let mut from = line.item;
        if let Some(carry) = self.carry.take() {
            match self.carried(line, carry) {
                Some(rest) => from = rest,
                None => return,
            }
        }
        self.leave(line);
        self.shapes(line, from);
        let mut pairs = pairs(self.all, line);
        pairs.retain(|pair| pair.key.start >= from);
        for pair in &pairs {
            self.pair(line, pair);
        }
        self.options(line, from);
        self.quoted_pairs(line, from);
        self.defaults(line, from);
        self.programs(line, from);
        if !pairs.iter().any(|pair| pair.own) {
            self.words(line);
        }
        self.header(line);
        if let Some(named) = &mut self.named {
            named.left = named.left.saturating_sub(1);
        }
    }

    /// Leaves the contexts that end before this line.
    fn leave(&mut self, line: &Line) {
        let closes = self.text(line.text..line.end).starts_with(['}', ']', ')']);
        if let Some(named) = &self.named {
            let over = match named.block {
                Some(column) => closes && line.indent <= column,
                None => line.is_item() || closes,
            };
            if over || named.left == 0 {
                self.named = None;
            }
        }
        if !line.is_comment(self.all) {
            self.parents
                .retain(|(column, _)| line.column > *column && !(closes && line.indent <= *column));
        }
    }

    /// A line that belongs to what stands before it. Returns where in it something else begins.
    fn carried(&mut self, line: &Line, carry: Carry) -> Option<usize> {
        let body = line.text..line.end;
        let all = self.all;
        match carry {
            Carry::Block(column) => {
                let ends = line.indent <= column
                    && (line.has_key(all) || line.is_item() || is_mark(line.trimmed(all)));
                if ends {
                    return Some(line.item);
                }
                self.hide(body, Level::Password);
                self.carry = Some(Carry::Block(column));
                None
            }
            Carry::Below(column, level) => self.below(line, column, level),
            Carry::Heredoc(word) => {
                if line.trimmed(all) == word {
                    return None;
                }
                self.hide(body, Level::Password);
                self.carry = Some(Carry::Heredoc(word));
                None
            }
            Carry::Quote { quote, column, left } => {
                let close = closing_quote(self.text(body.clone()), &quote);
                // Somebody forgot the quote: this is the next key.
                let item = line.is_item() && line.indent < column;
                let next = quote.len() < 3
                    && (line.indent <= column && line.has_key(all) || item)
                    && close.is_none_or(|at| at > 0);
                if next || left == 0 {
                    return Some(line.item);
                }
                match close {
                    Some(at) => {
                        self.hide(body.start..body.start + at, Level::Password);
                        Some(self.glued(body.start + at + quote.len(), line, Level::Password))
                    }
                    None => {
                        self.hide(body, Level::Password);
                        self.carry = Some(Carry::Quote {
                            quote,
                            column,
                            left: left - 1,
                        });
                        None
                    }
                }
            }
            Carry::Continued => {
                self.continued(body);
                None
            }
            Carry::Pem => {
                let text = line.trimmed(all);
                if let Some(end) = text.find("-----END") {
                    self.hide(body.start..body.start + end, Level::Password);
                    return None;
                }
                let encoded = text
                    .trim_matches(['"', '\'', ',', '\\'])
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+/=_-! ".contains(&b));
                if !encoded
                    && line.has_key(all)
                    && !text.starts_with("Proc-Type")
                    && !text.starts_with("DEK-Info")
                {
                    return Some(line.item);
                }
                self.hide(body, Level::Password);
                self.carry = Some(Carry::Pem);
                None
            }
            Carry::Argument => {
                let value = self.text(line.item..line.end).trim_start_matches(['"', '\'']);
                if value.starts_with("--") || line.has_key(all) && !line.is_item() {
                    return Some(line.item);
                }
                let end = line.item
                    + self
                        .text(line.item..line.end)
                        .trim_end()
                        .trim_end_matches(',')
                        .len();
                self.scalar(line.item..end, Level::Password);
                None
            }
            Carry::Bracket(close, level) => {
                let end = self.text(body.clone()).bytes().position(|b| b == close);
                let starts_with_close = end == Some(0);
                let quoted = self.text(line.item..line.end).starts_with(['"', '\'']);
                if starts_with_close || line.has_key(all) && !quoted {
                    return Some(line.item);
                }
                if self.format == Format::Code {
                    self.literals(line.item..line.end, level);
                } else {
                    self.items(line.item..line.end, level);
                }
                if end.is_none() || quoted && self.text(line.item..line.end).matches(['"', '\'']).count() < 2
                {
                    self.carry = Some(Carry::Bracket(close, level));
                }
                None
            }
        }
    }

    /// The first line below a key without a value on its own line.
    fn below(&mut self, line: &Line, column: usize, level: Level) -> Option<usize> {
        let all = self.all;
        let text = self.text(line.item..line.end);
        if line.is_comment(all) && self.format != Format::Flat && text.starts_with("# ") {
            self.carry = Some(Carry::Below(column, level));
            return Some(line.item);
        }
        if line.indent > column || line.is_item() && line.indent == column {
            if text.starts_with(['{', '[']) && !text.starts_with("{{") || line.has_key(all) {
                self.parents.push((column, level));
                return Some(line.item);
            }
            let value = self.after_tags(line.item..line.end);
            let rest = self.text(value..line.end);
            match opening_quote(rest) {
                Some(quote) => self.quoted(line, value, (quote, column), level),
                None => {
                    self.judge(value..self.without_comment(value..line.end), level);
                    self.carry = Some(Carry::Block(column));
                }
            }
            if line.is_item() {
                self.carry = Some(Carry::Below(column, level));
            }
            return None;
        }
        // Further left than it may be, but nothing of its own.
        if !line.has_key(all) && !line.is_item() && !is_mark(line.trimmed(all)) && self.format != Format::Code
        {
            self.judge(line.text..line.end, level);
            return None;
        }
        Some(line.item)
    }

    /// A key with its value.
    fn pair(&mut self, line: &Line, pair: &Pair) {
        let key = self.text(pair.key.clone());
        let level = names::level(key)
            .or_else(|| self.near(line, key))
            .or_else(|| {
                self.data
                    .filter(|column| pair.own && line.column > *column)
                    .map(|_| Level::Data)
            })
            .or_else(|| (self.whole && pair.own).then_some(Level::Data))
            .or_else(|| (key == "auth" && self.is_login(pair.value..line.end)).then_some(Level::Password));
        if let Some(level) = level {
            self.value(line, pair, level);
        } else if names::holds_name(key) {
            self.name(line, pair);
        }
        if self.format == Format::Tree || self.json {
            match key {
                "kind" if self.word(pair.value..line.end) == "Secret" => self.secret_object(line, pair),
                "secretGenerator" if pair.own => self.generator(line),
                _ => {}
            }
        }
    }

    /// What a key says that holds the value of the secret named beside or above it.
    fn near(&self, line: &Line, key: &str) -> Option<Level> {
        let parent = self
            .parents
            .last()
            .filter(|(column, _)| line.column > *column)
            .map(|(_, level)| *level);
        let level = self.named.as_ref().map(|named| named.level).or(parent)?;
        names::holds_value(key).then_some(level)
    }

    /// Whether a text is a login in base64, as in the settings of Docker.
    fn is_login(&self, range: Range<usize>) -> bool {
        let word = self.word(range);
        word.len() >= 8 && super::values::decoded(word).is_some_and(|text| text.contains(':'))
    }

    /// The first word of a range, without quotes.
    fn word(&self, range: Range<usize>) -> &'a str {
        let text = self
            .text(range)
            .trim_start()
            .trim_start_matches(['\\', '"', '\'']);
        text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '}' | ']' | '\\'))
            .next()
            .unwrap_or("")
    }

    fn after_tags(&self, range: Range<usize>) -> usize {
        let mut at = range.start;
        while let Some(rest) = self.text(at..range.end).strip_prefix(['&', '!']) {
            let length = 1 + rest.find(char::is_whitespace).unwrap_or(rest.len());
            let after = self.text(at + length..range.end);
            // A word alone is the value, unless it names a type or an anchor.
            if after.trim().is_empty()
                && !rest.starts_with('!')
                && !(self.all.as_bytes()[at] == b'&' && rest.len() < 12)
            {
                break;
            }
            at += length + (after.len() - after.trim_start().len());
        }
        at
    }

    fn without_comment(&self, range: Range<usize>) -> usize {
        let text = self.text(range.clone());
        let end = text.find(" #").unwrap_or(text.len());
        range.start + text[..end].trim_end().len()
    }

    /// Hides the value of a pair.
    fn value(&mut self, line: &Line, pair: &Pair, level: Level) {
        let mut at = pair.value;
        if pair.colon && self.format != Format::Code {
            at = self.after_tags(at..line.end);
        }
        if self.format == Format::Code && pair.colon {
            // `password: str = "…"`
            if let Some(sign) = self.text(at..line.end).find("= ")
                && self
                    .text(at..at + sign)
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b" _.[],|".contains(&b))
            {
                at += sign + 2;
            }
        }
        let mut rest = self.text(at..line.end);
        if self.format == Format::Code {
            let prefix = rest
                .bytes()
                .take(2)
                .take_while(|b| b"rRbBfFuU".contains(b))
                .count();
            if prefix > 0 && rest[prefix..].starts_with(['"', '\'']) {
                at += prefix;
                rest = &rest[prefix..];
            }
        }
        let comment = rest.starts_with("# ") && self.format != Format::Flat;
        if rest.trim().is_empty() || comment && pair.own {
            let nested = self.format != Format::Shell && pair.own && !(line.is_comment(self.all));
            if nested {
                self.carry = Some(Carry::Below(line.column, level));
            }
            return;
        }
        if let Some(quote) = opening_quote(rest) {
            self.quoted(line, at, (quote, line.column), level);
            return;
        }
        let block = rest
            .trim_end()
            .trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
        let block = block.split(" #").next().unwrap_or(block).trim_end();
        if pair.colon && matches!(block, "|" | ">") {
            self.carry = Some(Carry::Block(line.column));
            return;
        }
        if let Some(word) = heredoc(rest).filter(|_| matches!(self.format, Format::Code | Format::Shell)) {
            self.carry = Some(Carry::Heredoc(word.to_owned()));
            return;
        }
        if rest.starts_with("{{") || rest.starts_with("${") && rest.trim_end().ends_with('}') {
            // What may stand inside as a default is looked for on its own.
            return;
        }
        match rest.as_bytes()[0] {
            b'{' => self.map(line, at, level),
            open @ (b'[' | b'(') => {
                let close = if open == b'[' { b']' } else { b')' };
                let end = matching(self.all, at, line.end);
                let inner = at + 1..end.unwrap_or(line.end);
                if self.format == Format::Code || open == b'(' {
                    self.literals(inner, level);
                } else {
                    self.items(inner, level);
                }
                if end.is_none() && pair.own {
                    self.carry = Some(Carry::Bracket(close, level));
                }
            }
            _ => self.bare(line, pair, at, level),
        }
    }

    /// A text that begins with a quote at `at`.
    fn quoted(&mut self, line: &Line, at: usize, (quote, column): (&str, usize), level: Level) {
        let body = at + quote.len();
        match closing_quote(self.text(body..line.end), quote) {
            Some(length) => {
                self.judge(body..body + length, level);
                // What follows it in quotes belongs to it.
                let after = self.glued(body + length + quote.len(), line, level);
                let next = self.text(after..line.end).trim_start();
                if let Some(again) = opening_quote(next).filter(|_| quote.len() == 1) {
                    let start = line.end - next.len();
                    let inner = start + again.len();
                    if let Some(length) = closing_quote(self.text(inner..line.end), again) {
                        self.judge(inner..inner + length, level);
                    }
                }
            }
            None => {
                self.judge(body..line.end, level);
                let lines = !self.json && (self.format != Format::Code || quote.len() == 3);
                if lines && !line.is_comment(self.all) {
                    self.carry = Some(Carry::Quote {
                        quote: quote.to_owned(),
                        column,
                        left: MAX_QUOTED,
                    });
                }
            }
        }
    }

    /// Hides what stands after a closing quote without a space. Returns where it ends.
    fn glued(&mut self, after: usize, line: &Line, level: Level) -> usize {
        let rest = self.text(after..line.end);
        let end = rest.find(|c: char| {
            c.is_whitespace() || matches!(c, ',' | ';' | ')' | ']' | '}' | ':' | '"' | '\'' | '\\' | '#')
        });
        let end = end.unwrap_or(rest.len());
        if end == 0 || rest.starts_with(['.', '%', '|', '=']) {
            return after;
        }
        self.hide(after..after + end, level);
        after + end
    }

    /// A value or item that may have quotes.
    fn scalar(&mut self, range: Range<usize>, level: Level) {
        let at = self.after_tags(range.clone());
        let rest = self.text(at..range.end);
        match opening_quote(rest) {
            Some(quote) => {
                let body = at + quote.len();
                let end = closing_quote(self.text(body..range.end), quote)
                    .map_or(range.end, |length| body + length);
                self.judge(body..end, level);
            }
            None => self.judge(at..self.without_comment(at..range.end), level),
        }
    }

    /// The items of a list in brackets.
    fn items(&mut self, range: Range<usize>, level: Level) {
        let mut at = range.start;
        while at < range.end {
            let rest = self.text(at..range.end);
            at += rest.len() - rest.trim_start_matches([' ', ',']).len();
            let rest = self.text(at..range.end);
            let end = match opening_quote(rest) {
                Some(quote) => {
                    closing_quote(&rest[quote.len()..], quote).map_or(rest.len(), |n| n + 2 * quote.len())
                }
                None => rest.find([',', ']']).unwrap_or(rest.len()),
            };
            let nested = rest.starts_with('{');
            if !nested {
                self.scalar(at..at + end, level);
            }
            at += end.max(1);
        }
    }

    /// The texts in quotes of an expression, but for names and for keys of what is looked up.
    fn literals(&mut self, range: Range<usize>, level: Level) {
        let mut at = range.start;
        while let Some(next) = self.text(at..range.end).find(['"', '\'']) {
            let start = at + next;
            let Some(quote) = opening_quote(self.text(start..range.end)) else {
                break;
            };
            let body = start + quote.len();
            let length = closing_quote(self.text(body..range.end), quote);
            let end = length.map_or(range.end, |length| body + length);
            let text = self.text(body..end);
            let before = self.text(range.start..start).trim_end();
            let word = before.rsplit([' ', ',', '(', '[', '{']).next().unwrap_or("");
            if length.is_none() && word.len() > 2 && before.len() == start - range.start {
                // The quote before it is missing.
                self.judge(start - word.len()..start, level);
                return;
            }
            let names = before.ends_with('[') && !before.trim_end_matches('[').is_empty()
                || names::level(text).is_some();
            let path = text.contains('/') && !names::looks_random(text);
            if !names && !path {
                self.judge(body..end, level);
            }
            at = (end + quote.len()).min(range.end);
        }
    }

    /// The values inside a map in braces under a secret's key.
    fn map(&mut self, line: &Line, at: usize, level: Level) {
        let end = matching(self.all, at, line.end);
        let inner = at + 1..end.unwrap_or(line.end);
        if !pairs(self.all, line)
            .iter()
            .any(|pair| inner.contains(&pair.key.start) && pair.value < inner.end)
        {
            // No map: a text that only begins like one.
            let whole = at..(inner.end + 1).min(line.end);
            if !names::is_open(self.text(whole), level) {
                self.judge(inner.clone(), level);
            }
        }
        for pair in pairs(self.all, line) {
            let inside = pair.key.start > at && pair.key.start < end.unwrap_or(line.end);
            let key = self.text(pair.key.clone());
            if inside && names::holds_value(key) {
                self.value(line, &Pair { own: false, ..pair }, level);
            }
        }
        if end.is_none() {
            self.parents.push((line.column, level));
        }
    }

    /// A value without quotes.
    fn bare(&mut self, line: &Line, pair: &Pair, at: usize, level: Level) {
        let rest = self.text(at..line.end);
        let comment = line.is_comment(self.all);
        let to_quote = |end: usize| match pair.inside {
            Some(quote) => rest[..end]
                .bytes()
                .skip(1)
                .position(|b| b == quote || b == b'\\')
                .map_or(end, |n| n + 1),
            None => end,
        };
        let line_value = match self.format {
            Format::Tree if pair.option => false,
            Format::Tree => pair.own && (pair.depth == 0 || pair.inside.is_some()),
            Format::Flat => pair.own,
            Format::Shell => pair.own && (self.text(pair.key.end..at).contains(' ') || comment),
            Format::Code => comment,
        };
        if line_value {
            let mut end = to_quote(rest.len());
            if self.format == Format::Tree && pair.colon && !comment {
                end = self.without_comment(at..at + end) - at;
                if self.json {
                    end = rest[..end].trim_end_matches(',').len();
                }
                self.carry = Some(Carry::Block(line.column)).filter(|_| !self.json);
            }
            if self.format == Format::Flat && rest.trim_end().ends_with('\\') {
                self.continued(at..at + end);
                return;
            }
            self.judge(at..at + end, level);
            return;
        }
        if self.format == Format::Code {
            self.expression(line, at, level);
            return;
        }
        let end = match (pair.colon, pair.depth > 0 && pair.inside.is_none()) {
            (true, true) => rest.find([',', '}', ']']).unwrap_or(rest.len()),
            _ => rest
                .find(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '`'))
                .unwrap_or(rest.len()),
        };
        let end = self.before_next(&rest[..to_quote(end)]);
        if pair.colon && pair.depth == 0 && !pair.own && names::is_name(&rest[..end]) && !self.json {
            // A word of a sentence: `Token: see the page`.
            let word = &rest[..end];
            if word.bytes().all(|b| b.is_ascii_alphabetic()) {
                return;
            }
        }
        self.judge(at..at + end, level);
    }

    /// Where a value ends before `,name=`.
    fn before_next(&self, text: &str) -> usize {
        for (at, _) in text.match_indices(',') {
            let after = &text[at + 1..];
            let key = after
                .bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || b"_.-[]".contains(b))
                .count();
            if key > 0 && after[key..].starts_with('=') && !after[key..].starts_with("==") {
                return at;
            }
        }
        text.trim_end_matches(',').len()
    }

    /// An expression of Python or HCL.
    fn expression(&mut self, line: &Line, at: usize, level: Level) {
        let rest = self.text(at..line.end);
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | ')' | ']' | '}' | '(' | '['))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let name = word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.*".contains(&b));
        let call = rest[end..].starts_with(['(', '[']);
        let number = word.bytes().all(|b| b.is_ascii_digit());
        // A quote that nothing opens: the first one is missing.
        let unopened = !call && word.ends_with(['"', '\'']) && word.len() > 1;
        if unopened
            || !name && !call && !word.contains(['"', '\''])
            || name && !call && !number && names::looks_random(word) && !is_path_of_names(word)
        {
            let end = rest.find(['"', '\'']).unwrap_or(rest.len());
            self.judge(at..at + end.max(word.len()), level);
            return;
        }
        if number {
            self.judge(at..at + end, level);
            return;
        }
        // Up to the next argument or pair of the same depth.
        let mut depth = 0usize;
        let mut stop = rest.len();
        let mut quote = None;
        for (n, b) in rest.bytes().enumerate() {
            match b {
                b'"' | b'\'' if quote == Some(b) => quote = None,
                b'"' | b'\'' if quote.is_none() => quote = Some(b),
                _ if quote.is_some() => {}
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' if depth == 0 => {
                    stop = n;
                    break;
                }
                b')' | b']' | b'}' => depth -= 1,
                b',' if depth == 0 => {
                    stop = n;
                    break;
                }
                b'#' => {
                    stop = n;
                    break;
                }
                _ => {}
            }
        }
        self.literals(at..at + stop, level);
    }

    /// A value of properties that may go on in the next line.
    fn continued(&mut self, range: Range<usize>) {
        let text = self.text(range.clone());
        match text.trim_end().strip_suffix('\\') {
            Some(text) => {
                self.hide(range.start..range.start + text.len(), Level::Password);
                self.carry = Some(Carry::Continued);
            }
            None => self.hide(range, Level::Password),
        }
    }

    /// A key that holds the name of a secret, whose value stands beside it.
    fn name(&mut self, line: &Line, pair: &Pair) {
        let Some(level) = names::level(self.word(pair.value..line.end)) else {
            if pair.own && !line.is_item() {
                self.named = None;
            }
            return;
        };
        if pair.depth > 0 {
            let open = opening(self.all, line.item, pair.key.start);
            let end = open.and_then(|open| matching(self.all, open, line.end));
            for other in pairs(self.all, line) {
                let inside = open.is_none_or(|open| other.key.start > open)
                    && other.key.start < end.unwrap_or(line.end);
                if inside && names::holds_value(self.text(other.key.clone())) {
                    self.value(line, &Pair { own: false, ..other }, level);
                }
            }
            if end.is_some() {
                return;
            }
        }
        // The value may stand before the name.
        let mut above = line.clone();
        for _ in 0..NEAR {
            let Some(before) = above.before(self.all) else {
                break;
            };
            // Two versions of a line, or the same twice, both belong to the name.
            let again = before.is_conflict_mark(self.all) || before.is_item() && before.column == line.column;
            if above.is_item() && !again {
                break;
            }
            above = before;
            if above.is_conflict_mark(self.all) {
                continue;
            }
            for other in pairs(self.all, &above) {
                let key = self.text(other.key.clone());
                if other.own && names::holds_value(key) {
                    let carry = self.carry.take();
                    self.value(&above, &other, level);
                    self.carry = carry;
                }
            }
            let text = self.text(above.text..above.end);
            if text.starts_with(['{', '}']) && !text.starts_with("{{") {
                break;
            }
        }
        self.named = Some(Named {
            level,
            left: NEAR,
            block: None,
        });
    }

    /// `variable "db_password" {`, and the header of a key in PEM.
    fn header(&mut self, line: &Line) {
        let text = self.text(line.text..line.end);
        if let Some(rest) = text.strip_prefix("variable ") {
            let name = rest
                .trim_start()
                .trim_start_matches('"')
                .split(['"', ' ', '{'])
                .next()
                .unwrap_or("");
            if let Some(level) = names::level(name) {
                let block = text.trim_end().ends_with('{').then_some(line.indent);
                self.named = Some(Named {
                    level,
                    left: 40,
                    block,
                });
            }
        }
        if let Some(at) = text.find("-----BEGIN ")
            && text[at..].contains("PRIVATE KEY")
        {
            let body = text[at..]
                .find("KEY-----")
                .map_or(text.len(), |n| at + n + "KEY-----".len());
            let end = text[body..].find("-----END").map(|n| body + n);
            let stop = end.unwrap_or(text.len());
            self.hide(line.text + body..line.text + stop, Level::Password);
            if end.is_none() {
                self.carry = Some(Carry::Pem);
            }
        }
    }

    /// A Secret of Kubernetes: the values below `data` and `stringData` of the object whose `kind` stands here.
    fn secret_object(&mut self, line: &Line, pair: &Pair) {
        if pair.depth > 0 && pair.inside.is_none() || self.json {
            self.secret_in_braces(line);
            return;
        }
        let column = line.column;
        let all = self.all;
        let mut first = line.clone();
        // One line further left may be a mistake; of two, the first belongs to something else.
        let foreign = |one: &Line| {
            one.text < one.end && one.indent < column && !one.is_conflict_mark(all) && !one.is_comment(all)
        };
        let mut strange = 0;
        while !(first.is_item() && first.column == column) {
            let Some(before) = first.before(all) else { break };
            strange += usize::from(foreign(&before) && !(before.is_item() && before.column == column));
            if strange > 1 || before.trimmed(all) == "---" {
                break;
            }
            first = before;
        }
        strange = 0;
        let saved = (
            self.carry.take(),
            self.named.take(),
            std::mem::take(&mut self.parents),
            self.data.take(),
        );
        let mut at = Some(first.clone());
        let mut inside = false;
        while let Some(one) = at {
            at = one.after(all);
            if one.text == one.end || one.is_conflict_mark(all) {
                continue;
            }
            let next = one.start > first.start && one.is_item() && one.column == column;
            strange += usize::from(foreign(&one) && !one.is_item() && one.start > line.start);
            if one.trimmed(all) == "---" || (next || strange > 1) && one.start > line.start {
                break;
            }
            let key = pairs(all, &one)
                .into_iter()
                .find(|p| p.own && p.colon && one.column == column);
            if let Some(key) = key {
                inside = matches!(self.text(key.key.clone()), "data" | "stringData");
                self.data = inside.then_some(column);
                self.carry = None;
                if inside && self.text(key.value..one.end).starts_with('{') {
                    self.all_in_braces(&one, key.value);
                }
            } else if inside {
                self.line(&one);
            }
        }
        (self.carry, self.named, self.parents, self.data) = saved;
    }

    /// The same for one that is written in braces.
    fn secret_in_braces(&mut self, line: &Line) {
        let all = self.all;
        let mut first = line.clone();
        for _ in 0..MAX_QUOTED {
            let Some(before) = first.before(all) else { break };
            first = before;
        }
        let mut at = Some(first);
        for _ in 0..2 * MAX_QUOTED {
            let Some(one) = at else { break };
            for pair in pairs(all, &one) {
                if matches!(self.text(pair.key.clone()), "data" | "stringData")
                    && self.text(pair.value..one.end).starts_with('{')
                {
                    self.all_in_braces(&one, pair.value);
                }
            }
            at = one.after(all);
        }
    }

    /// Every value between the brace at `open` and the one that closes it, over lines.
    fn all_in_braces(&mut self, line: &Line, open: usize) {
        let mut one = line.clone();
        let mut from = open;
        for _ in 0..MAX_QUOTED {
            let end = if from == open {
                matching(self.all, open, one.end)
            } else {
                None
            };
            let closes = from != open && self.text(one.text..one.end).starts_with('}');
            if closes {
                return;
            }
            for pair in pairs(self.all, &one) {
                if pair.key.start > from && pair.key.start < end.unwrap_or(one.end) {
                    let carry = self.carry.take();
                    self.value(&one, &Pair { own: false, ..pair }, Level::Data);
                    self.carry = carry;
                }
            }
            let Some(after) = one.after(self.all).filter(|_| end.is_none()) else {
                return;
            };
            one = after;
            from = one.start;
        }
    }

    /// The literals of kustomize's `secretGenerator`.
    fn generator(&mut self, line: &Line) {
        let mut at = line.after(self.all);
        let mut strange = 0;
        while let Some(one) = at {
            at = one.after(self.all);
            if one.text == one.end || one.is_conflict_mark(self.all) {
                continue;
            }
            let inside = one.indent > line.indent || one.is_item() && one.indent == line.indent;
            strange += usize::from(!inside && one.has_key(self.all));
            if strange > 1 || is_mark(one.trimmed(self.all)) {
                return;
            }
            for pair in pairs(self.all, &one) {
                if !pair.colon {
                    self.value(&one, &pair, Level::Data);
                    self.carry = None;
                }
            }
        }
    }

    /// Options and their values in separate words: `--password hunter2`, `"--token", "…"`.
    fn options(&mut self, line: &Line, from: usize) {
        let all = self.all;
        let mut at = from;
        while let Some(found) = self.text(at..line.end).find("--") {
            let start = at + found + 2;
            let name = self
                .text(start..line.end)
                .bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
                .count();
            at = start + name;
            let opens = start < 3
                || !all.as_bytes()[start - 3].is_ascii_alphanumeric() && all.as_bytes()[start - 3] != b'-';
            let Some(level) = names::level(self.text(start..at)).filter(|_| opens) else {
                continue;
            };
            let _ = level;
            let rest = self.text(at..line.end);
            if rest.starts_with('=') {
                continue;
            }
            let quote = rest
                .as_bytes()
                .first()
                .copied()
                .filter(|b| matches!(b, b'"' | b'\''));
            let gap = rest.len() - rest.trim_start_matches(['"', '\'', ',', ' ']).len();
            if gap == 0 {
                // Nothing follows: the value is the next item.
                if rest.is_empty() {
                    self.carry = Some(Carry::Argument);
                }
                continue;
            }
            let value = &rest[gap..];
            if value.is_empty() || value.starts_with(['#', ']', '}']) {
                self.carry = Some(Carry::Argument);
                continue;
            }
            let own_quote = quote.or_else(|| {
                rest[..gap]
                    .bytes()
                    .next_back()
                    .filter(|b| matches!(b, b'"' | b'\''))
            });
            let end = match own_quote {
                Some(q) => value.bytes().position(|b| b == q).unwrap_or(value.len()),
                None => value
                    .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
                    .unwrap_or(value.len()),
            };
            if !value.starts_with("--") {
                self.judge(at + gap..at + gap + end, Level::Password);
            }
        }
    }

    /// A name in quotes and a value in quotes after a comma: `getenv("TOKEN", "…")`; or a call with one text:
    /// `SecretStr("…")`.
    fn quoted_pairs(&mut self, line: &Line, from: usize) {
        let all = self.all;
        let mut at = from;
        while let Some(found) = self.text(at..line.end).find(['"', '\'']) {
            let start = at + found;
            let Some(quote) = opening_quote(self.text(start..line.end)) else {
                return;
            };
            let body = start + quote.len();
            let Some(length) = closing_quote(self.text(body..line.end), quote) else {
                return;
            };
            let end = body + length;
            at = end + quote.len();
            let text = self.text(body..end);
            let before = self.text(from..start).trim_end();
            if self.format == Format::Code
                && let Some(callee) = before.strip_suffix('(')
                && !text.is_empty()
            {
                let name = callee
                    .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap_or("");
                if let Some(level) =
                    names::level(name).filter(|_| !name.starts_with("get") && !name.starts_with("input"))
                {
                    self.judge(body..end, level);
                }
            }
            if names::level(text).is_none() {
                continue;
            }
            let rest = self.text(at..line.end);
            let Some(after) = rest.trim_start().strip_prefix(',') else {
                continue;
            };
            let value = line.end - after.trim_start().len();
            let Some(quote) = opening_quote(self.text(value..line.end)) else {
                continue;
            };
            let inner = value + quote.len();
            let length = closing_quote(self.text(inner..line.end), quote).unwrap_or(line.end - inner);
            let call =
                before.ends_with('(') && all.as_bytes()[from..start].iter().any(u8::is_ascii_alphanumeric);
            let list = !call && names::is_name(self.text(inner..inner + length));
            if !list && !text.starts_with('-') {
                self.judge(inner..inner + length, Level::Password);
            }
        }
    }

    /// Defaults in templates and in references to variables: `| default "…"`, `${TOKEN:-…}`.
    fn defaults(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        let secret = |text: &str| {
            text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
                .any(|word| names::level(word).is_some())
        };
        for (open, _) in text.match_indices("{{") {
            let end = text[open..].find("}}").map_or(text.len(), |n| open + n);
            let inner = &text[open..end];
            if let Some(at) = inner.find("default")
                && secret(text)
            {
                let start = open + at + "default".len();
                let mut quote_at = start;
                while let Some(n) = text[quote_at..end].find(['"', '\'', '`']) {
                    let body = quote_at + n + 1;
                    let quote = &text[body - 1..body];
                    let length = closing_quote(&text[body..end], quote).unwrap_or(end - body);
                    self.judge(from + body..from + body + length, Level::Password);
                    quote_at = (body + length + 1).min(end);
                }
                // The quote is missing.
                let word = text[start..end].trim();
                if !word.starts_with(['"', '\'', '`', '.', '$', '(']) {
                    let word = word.split([' ', '|']).next().unwrap_or("");
                    let at = start + (text[start..end].len() - text[start..end].trim_start().len());
                    self.judge(from + at..from + at + word.len(), Level::Password);
                }
            }
        }
        for (open, _) in text.match_indices("${") {
            let inner = open + 2;
            let end = text[inner..].find('}').map_or(text.len(), |n| inner + n);
            let name = text[inner..end]
                .bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || b"_.".contains(b))
                .count();
            let rest = &text[inner + name..end];
            let signs = rest
                .bytes()
                .take_while(|b| matches!(b, b':' | b'-' | b'='))
                .count();
            let own = names::level(&text[inner..inner + name]).is_some();
            if signs > 0 && (own || secret(&text[..open])) {
                self.judge(from + inner + name + signs..from + end, Level::Password);
            }
        }
    }

    /// Logins that programs take in ways of their own.
    fn programs(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        let words = || {
            text.split([' ', '"', '\'', ',', '[', ']'])
                .filter(|word| !word.is_empty())
                .map(move |word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
        };
        let mut before = "";
        for (at, word) in words() {
            let start = from + at;
            let login = matches!(before, "-u" | "--user" | "-U") && text.contains("curl");
            if login && let Some((user, _)) = word.split_once(':') {
                self.judge(start + user.len() + 1..start + word.len(), Level::Password);
            }
            let mysql = text.contains("mysql") || text.contains("mariadb");
            let glued = word
                .strip_prefix("-p")
                .filter(|rest| !rest.is_empty() && !rest.starts_with('-'));
            if let Some(rest) = glued.filter(|_| mysql || text.contains("sshpass")) {
                self.judge(start + 2..start + 2 + rest.len(), Level::Password);
            }
            // A quote stands between the option and the word, or a space does.
            let quoted = at > 0 && matches!(text.as_bytes()[at - 1], b'"' | b'\'');
            if before == "-p" && (text.contains("sshpass") || mysql && quoted)
                || before == "-a" && text.contains("redis-cli")
                || before.ends_with(':') && quoted && text.contains("curl")
            {
                self.judge(start..start + word.len(), Level::Password);
            }
            let scheme = before.eq_ignore_ascii_case("bearer") || before.eq_ignore_ascii_case("basic");
            let header = self
                .text(line.start..line.end)
                .to_ascii_lowercase()
                .contains("authorization");
            if scheme && word.len() >= 6 && (header || !names::is_name(word)) {
                self.judge(start..start + word.len(), Level::Password);
            }
            before = word;
        }
        let lower = if text.contains('\'') {
            text.to_ascii_lowercase()
        } else {
            String::new()
        };
        for words in ["identified by '", "password '"] {
            if let Some(at) = lower.find(words) {
                let body = from + at + words.len();
                let length = self.text(body..line.end).find('\'').unwrap_or(line.end - body);
                self.judge(body..body + length, Level::Password);
            }
        }
    }

    /// A name and a value with nothing but white space between them.
    fn words(&mut self, line: &Line) {
        let all = self.all;
        if line.is_comment(all) {
            return;
        }
        let text = self.text(line.text..line.end);
        let rest = ["ENV ", "ARG ", "set ", "setenv "]
            .iter()
            .find_map(|word| text.strip_prefix(word))
            .unwrap_or(text);
        let Some((name, value)) = rest.split_once([' ', '\t']) else {
            return;
        };
        let own = matches!(name, "requirepass" | "masterauth");
        let dockerfile = self.format == Format::Shell && rest.len() < text.len();
        if own || self.format == Format::Flat || dockerfile {
            let plain = name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            if let Some(level) = names::level(name).filter(|_| plain) {
                self.judge(line.end - value.trim_start().len()..line.end, level);
            }
        }
    }

    /// Secrets that show by themselves: keys with a known beginning, signed tokens, passwords in addresses.
    fn shapes(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        for (at, word) in super::tokens(text) {
            if secret_scan::classify("", word).is_some()
                || is_cut_off(word, from + at + word.len() == self.all.trim_end().len())
            {
                self.hide(from + at..from + at + word.len(), Level::Password);
            }
        }
        for (at, _) in text.match_indices("://") {
            let start = from + at + 3;
            let rest = self.text(start..line.end);
            // A quote that does not belong there may stand before the password.
            let skip = rest
                .find(':')
                .filter(|n| rest[n + 1..].starts_with(['"', '\'']))
                .map_or(0, |n| n + 2);
            let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '\\');
            let stop = rest[skip..].find(ends).map_or(rest.len(), |n| skip + n);
            let rest = &rest[..stop];
            let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            if let Some(range) = login(rest, authority) {
                self.judge(start + range.start..start + range.end, Level::Password);
            } else if let Some((user, part)) = authority.split_once(':') {
                // The file ends inside the address.
                let cut = start + rest.len() == self.all.trim_end().len()
                    && (authority.len() == rest.len() || part.is_empty());
                let port = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
                if cut && !port && !user.contains('.') {
                    self.judge(start + user.len() + 1..start + rest.len(), Level::Password);
                }
            }
        }
    }
}

/// The password of `user:password@host`, or a token alone before the `@`.
fn login(rest: &str, authority: &str) -> Option<Range<usize>> {
    let text = match authority.rsplit_once('@') {
        Some((login, _)) => login,
        None => rest.rsplit_once('@')?.0,
    };
    match text.split_once(':') {
        Some((user, password)) => {
            let port = password.bytes().take_while(u8::is_ascii_digit).count();
            let is_port = port > 0
                && password[port..].starts_with('/')
                && authority.len() < rest.len()
                && !authority.contains('@');
            let path = user.contains('/');
            (!is_port && !path).then(|| user.len() + 1..user.len() + 1 + password.len())
        }
        None => (authority.contains('@') && text.len() >= 16 && names::looks_random(text))
            .then_some(0..text.len()),
    }
}

/// Whether a word begins as a known key does and the file ends inside it.
fn is_cut_off(word: &str, at_end: bool) -> bool {
    let begins = ["AKIA", "ghp_", "glpat-", "xoxb-", "sk_live_", "eyJ"]
        .iter()
        .any(|start| word.starts_with(start));
    begins && at_end && word.len() >= 10
}

/// `EOF` of `<<EOF`, `<<-EOF` and `<<~'EOF'`.
fn heredoc(text: &str) -> Option<&str> {
    let word = text
        .strip_prefix("<<")?
        .trim_start_matches(['-', '~'])
        .trim()
        .trim_matches(['"', '\'']);
    (!word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(word)
}

/// Whether a line ends or begins a document.
fn is_mark(text: &str) -> bool {
    matches!(text, "---" | "...") || text.starts_with(['}', ']', ')'])
}

fn is_path_of_names(word: &str) -> bool {
    word.split('.').count() > 1
        && word
            .split('.')
            .all(|part| !names::looks_random(part) || part.contains('_'))
        || word
            .split('_')
            .all(|part| part.len() < 8 || part.bytes().all(|b| b.is_ascii_alphabetic()))
}

/// Where the bracket at `open` closes, before `end`.
fn matching(all: &str, open: usize, end: usize) -> Option<usize> {
    let bytes = all.as_bytes();
    let (mut depth, mut quote) = (0usize, None);
    let mut at = open;
    while at < end {
        let byte = bytes[at];
        match byte {
            b'\\' => at += 1,
            b'"' | b'\'' if quote == Some(byte) => quote = None,
            b'"' | b'\'' if quote.is_none() => quote = Some(byte),
            _ if quote.is_some() => {}
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The bracket that is open at `at`.
fn opening(all: &str, start: usize, at: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (n, byte) in all.as_bytes()[start..at].iter().enumerate().rev() {
        match byte {
            b'}' | b']' => depth += 1,
            b'{' | b'[' if depth == 0 => return Some(start + n),
            b'{' | b'[' => depth -= 1,
            _ => {}
        }
    }
    None
}
