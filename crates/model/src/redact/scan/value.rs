//! The range of a key's value, in every notation.

use super::super::line::{Line, Pair, closing_quote, opening_quote};
use super::super::names::{self, Level};
use super::super::open;
use super::{Carry, Format, MAX_QUOTED, Parent, Scanner};
use std::ops::Range;

impl Scanner<'_> {
    /// Hides the value of a pair.
    pub(super) fn value(&mut self, line: &Line, pair: &Pair, level: Level) {
        let mut at = pair.value;
        if pair.colon && self.format != Format::Code {
            at = self.after_tags(at..line.end);
        }
        if self.format == Format::Code && pair.colon {
            // `password: str = "…"`
            let near = &self.all.as_bytes()[at..line.end.min(at + 200)];
            if let Some(sign) = near.windows(2).position(|two| two == b"= ")
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
                if names::holds_value(self.text(pair.key.clone())) {
                    self.parent(Parent {
                        column: line.column,
                        level,
                        whole: true,
                    });
                }
            }
            return;
        }
        if let Some(quote) = opening_quote(rest) {
            self.quoted(line, at, (quote, line.column), level);
            return;
        }
        let before = self.text(line.start..pair.key.start);
        if before.rfind("{{") > before.rfind("}}") {
            // `{{ $password := include "x" . }}` only refers to the source.
            return;
        }
        let block = rest
            .trim_end()
            .trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
        let block = match block.starts_with(['|', '>']) {
            true => block.split(" #").next().unwrap_or(block).trim_end(),
            false => "",
        };
        if pair.colon && matches!(block, "|" | ">") {
            if level == Level::Data {
                self.settings = Some(line.column);
            } else if level != Level::Key {
                self.carry = Some(Carry::Block(line.column, level));
            }
            return;
        }
        if let Some(word) = heredoc(rest).filter(|_| matches!(self.format, Format::Code | Format::Shell)) {
            self.carry = Some(Carry::Heredoc(word.to_owned()));
            return;
        }
        if rest.starts_with("{{") || rest.starts_with("${") && rest.trim_end().ends_with('}') {
            // A default inside it is searched for separately.
            return;
        }
        match rest.as_bytes()[0] {
            b'{' => self.map(line, at, level, names::holds_value(self.text(pair.key.clone()))),
            open @ (b'[' | b'(') => {
                let close = if open == b'[' { b']' } else { b')' };
                let end = self.matching(at, line.end);
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
    pub(super) fn quoted(&mut self, line: &Line, at: usize, (quote, column): (&str, usize), level: Level) {
        let body = at + quote.len();
        let inner = self.text(body..line.end).trim_start();
        if inner.starts_with("{{") || inner.starts_with("{%") {
            // A template may have quotes of its own; a default in it is searched for elsewhere.
            return;
        }
        match self.closing(body..line.end, quote) {
            Some(length) => {
                self.judge(body..body + length, level);
                // The quoted text after it belongs to it.
                let after = self.glued(body + length + quote.len(), line, level);
                let next = self.text(after..line.end).trim_start();
                if let Some(again) = opening_quote(next).filter(|_| quote.len() == 1) {
                    let start = line.end - next.len();
                    let inner = start + again.len();
                    if let Some(length) = self.closing(inner..line.end, again) {
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

    /// Hides the text after a closing quote without a space. Returns where it ends.
    pub(super) fn glued(&mut self, after: usize, line: &Line, level: Level) -> usize {
        let rest = self.text(after..line.end);
        let end = rest.find(|c: char| {
            c.is_whitespace() || matches!(c, ',' | ';' | ')' | ']' | '}' | ':' | '"' | '\'' | '\\' | '#')
        });
        let end = end.unwrap_or(rest.len());
        self.spend(end);
        if end == 0 || rest.starts_with(['.', '%', '|', '=']) {
            return after;
        }
        self.hide(after..after + end, level);
        after + end
    }

    /// A value or item that may have quotes.
    pub(super) fn scalar(&mut self, range: Range<usize>, level: Level) {
        let at = self.after_tags(range.clone());
        let rest = self.text(at..range.end);
        match opening_quote(rest) {
            Some(quote) => {
                let body = at + quote.len();
                let end = self
                    .closing(body..range.end, quote)
                    .map_or(range.end, |length| body + length);
                self.judge(body..end, level);
            }
            None => self.judge(at..self.without_comment(at..range.end), level),
        }
    }

    /// The items of a list in brackets.
    pub(super) fn items(&mut self, range: Range<usize>, level: Level) {
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
            self.spend(end);
            let nested = rest.starts_with('{');
            if !nested {
                self.scalar(at..at + end, level);
            }
            at += end.max(1);
        }
    }

    /// The quoted texts of an expression, except names and keys of lookups.
    pub(super) fn literals(&mut self, range: Range<usize>, level: Level) {
        let mut at = range.start;
        while let Some(next) = self.first(at..range.end, |c| matches!(c, '"' | '\'')) {
            let start = at + next;
            let Some(quote) = opening_quote(self.text(start..range.end)) else {
                break;
            };
            let body = start + quote.len();
            let length = self.closing(body..range.end, quote);
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
            let path = text.contains('/') && !open::looks_random(text);
            if !names && !path {
                self.judge(body..end, level);
            }
            at = (end + quote.len()).min(range.end);
        }
    }

    /// The values inside a map in braces under a secret's key; all of them if the `whole` map is in the place of the value.
    fn map(&mut self, line: &Line, at: usize, level: Level, whole: bool) {
        let end = self.matching(at, line.end);
        let inner = at + 1..end.unwrap_or(line.end);
        if !self
            .pairs(line)
            .iter()
            .any(|pair| inner.contains(&pair.key.start) && pair.value < inner.end)
        {
            // Not a map: a text that only begins like one.
            let whole = at..(inner.end + 1).min(line.end);
            if !open::is_open(self.text(whole), level) {
                self.judge(inner.clone(), level);
            }
        }
        for pair in self.pairs(line) {
            if self.is_spent() {
                return;
            }
            let inside = pair.key.start > at && pair.key.start < end.unwrap_or(line.end);
            let key = self.text(pair.key.clone());
            if inside && (names::holds_value(key) || whole) {
                let level = if names::holds_value(key) {
                    level.of_value()
                } else {
                    Level::Mixed
                };
                self.value(line, &Pair { own: false, ..pair }, level);
            }
        }
        if end.is_none() {
            self.enter(line.column, level);
        }
    }

    /// A value without quotes.
    pub(super) fn bare(&mut self, line: &Line, pair: &Pair, at: usize, level: Level) {
        let rest = self.text(at..line.end);
        let comment = line.is_comment(self.all);
        self.spend(16);
        let to_quote = |end: usize| match pair.inside {
            Some(quote) => rest[..end]
                .bytes()
                .skip(1)
                .position(|b| b == quote || b == b'\\')
                .map_or(end, |n| n + 1),
            None => end,
        };
        let line_value = match self.format {
            Format::Tree if pair.option || level == Level::Mixed && !pair.colon => false,
            Format::Tree => pair.own && (pair.depth == 0 || pair.inside.is_some()),
            Format::Flat => pair.own,
            Format::Shell => pair.own && (self.text(pair.key.end..at).contains(' ') || comment),
            Format::Code => comment,
        };
        if line_value {
            self.spend(rest.len());
            let mut end = to_quote(rest.len());
            if self.format == Format::Tree && pair.colon && !comment {
                end = self.without_comment(at..at + end) - at;
                if self.json {
                    end = rest[..end].trim_end_matches(',').len();
                }
                let open = open::is_open(&rest[..end], level);
                self.carry = Some(Carry::Plain(line.column)).filter(|_| !self.json && !open);
            }
            if self.format == Format::Flat && rest.trim_end().ends_with('\\') {
                self.continued(at..at + end);
                return;
            }
            self.judge(at..at + end, level);
            return;
        }
        if self.format == Format::Code && pair.inside.is_none() {
            self.expression(line, at, level);
            return;
        }
        let end = match (pair.colon, pair.depth > 0 && pair.inside.is_none()) {
            (true, true) => rest.find([',', '}', ']']).unwrap_or(rest.len()),
            (false, true) if self.format == Format::Tree => rest
                .find(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']'))
                .unwrap_or(rest.len()),
            _ => rest
                .find(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '`'))
                .unwrap_or(rest.len()),
        };
        self.spend(end);
        let mut end = self.before_next(&rest[..to_quote(end)]);
        // A pair that was written where a key belongs: `PASSWORD=x:`.
        if !pair.colon && self.format == Format::Tree && at + end == line.end {
            end -= usize::from(rest[..end].ends_with(':'));
        }
        if pair.colon && pair.depth == 0 && !pair.own && open::is_name(&rest[..end]) && !self.json {
            // A word of a sentence: `Token: see the page`.
            let word = &rest[..end];
            if word.bytes().all(|b| b.is_ascii_alphabetic()) {
                return;
            }
        }
        self.judge(at..at + end, level);
    }

    /// The position at which a value ends before `,name=`.
    pub(super) fn before_next(&self, text: &str) -> usize {
        self.spend(text.len());
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
    pub(super) fn expression(&mut self, line: &Line, at: usize, level: Level) {
        let rest = self.text(at..line.end);
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | ')' | ']' | '}' | '(' | '['))
            .unwrap_or(rest.len());
        self.spend(end);
        let word = &rest[..end];
        let name = word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.*".contains(&b));
        let call = rest[end..].starts_with(['(', '[']);
        let number = word.bytes().all(|b| b.is_ascii_digit());
        // A quote without an opening quote: the first one is missing.
        let unopened = !call && word.ends_with(['"', '\'']) && word.len() > 1;
        if unopened
            || !name && !call && !word.contains(['"', '\''])
            || name && !call && !number && open::looks_random(word) && !is_path_of_names(word)
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
        self.spend(stop);
        self.literals(at..at + stop, level);
    }

    /// A value of properties that may go on in the next line.
    pub(super) fn continued(&mut self, range: Range<usize>) {
        let text = self.text(range.clone());
        match text.trim_end().strip_suffix('\\') {
            Some(text) => {
                self.hide(range.start..range.start + text.len(), Level::Password);
                self.carry = Some(Carry::Continued);
            }
            None => self.hide(range, Level::Password),
        }
    }
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

fn is_path_of_names(word: &str) -> bool {
    word.split('.').count() > 1
        && word
            .split('.')
            .all(|part| !open::looks_random(part) || part.contains('_'))
        || word
            .split('_')
            .all(|part| part.len() < 8 || part.bytes().all(|b| b.is_ascii_alphabetic()))
}
