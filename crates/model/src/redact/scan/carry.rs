//! Lines that belong to an earlier line: blocks, quotes over several lines, the value below its key.

use super::super::line::{Line, opening_quote};
use super::super::names::Level;
use super::{Carry, Format, Scanner, is_aside, is_mark};

impl Scanner<'_> {
    /// A line that belongs to an earlier one. Returns the position at which something else begins.
    pub(super) fn carried(&mut self, line: &Line, carry: Carry) -> Option<usize> {
        let body = line.text..line.end;
        let all = self.all;
        match carry {
            Carry::Block(column, level) => {
                let own = line.has_key(all)
                    || line.is_item()
                    || is_mark(line.trimmed(all))
                    || is_aside(line.trimmed(all));
                if line.indent <= column && own {
                    return Some(line.item);
                }
                self.judge(body, level);
                self.carry = Some(Carry::Block(column, level));
                None
            }
            Carry::Plain(column) => {
                let own = line.has_key(all) || line.is_item() || is_aside(line.trimmed(all));
                if line.indent <= column || own {
                    return Some(line.item);
                }
                self.hide(body, Level::Password);
                self.carry = Some(Carry::Plain(column));
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
                let close = self.closing(body.clone(), &quote);
                // The closing quote was forgotten: this is the next key.
                let item = line.is_item() && line.indent < column;
                let key = line.indent <= column && line.has_key(all);
                let next = quote.len() < 3 && (key || item && close.is_none_or(|at| at > 0));
                if next || left == 0 {
                    return Some(line.item);
                }
                match close {
                    Some(at) => {
                        self.hide(body.start..body.start + at, Level::Password);
                        self.glued(body.start + at + quote.len(), line, Level::Password);
                        // If the first quote was the mistake, this one opens a text: the line is examined too.
                        Some(line.item)
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
                // The first word: the rest may be a remark.
                let bare = text
                    .trim_start_matches(['#', ' ', '"', '\'', '/'])
                    .trim_end_matches(|c: char| c.is_control() || !c.is_ascii());
                let word = bare.split([' ', '"', '\'', ',', '\\']).next().unwrap_or("");
                let encoded = word.len() >= 8
                    && word
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"+/=_-!$%".contains(&b));
                let header = text.contains("Proc-Type") || text.contains("DEK-Info");
                if !encoded && !header && !bare.is_empty() {
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
    pub(super) fn below(&mut self, line: &Line, column: usize, level: Level) -> Option<usize> {
        let all = self.all;
        let text = self.text(line.item..line.end);
        if text.starts_with('#') || text.starts_with("//") {
            self.carry = Some(Carry::Below(column, level));
            return Some(line.item);
        }
        let after_colon = text.strip_prefix(": ").map(str::trim_start);
        if let Some(value) = after_colon.filter(|_| line.indent == column) {
            self.scalar(line.end - value.len()..line.end, level);
            self.carry = Some(Carry::Below(column, level));
            return None;
        }
        if line.indent > column || line.is_item() && line.indent == column {
            if text.starts_with(['{', '[']) && !text.starts_with("{{") || line.has_key(all) {
                self.enter(column, level);
                return Some(line.item);
            }
            let value = self.after_tags(line.item..line.end);
            let rest = self.text(value..line.end);
            match opening_quote(rest) {
                Some(quote) => self.quoted(line, value, (quote, column), level),
                None => {
                    self.judge(value..self.without_comment(value..line.end), level);
                    self.carry = Some(Carry::Plain(column));
                }
            }
            if line.is_item() {
                self.carry = Some(Carry::Below(column, level));
            }
            return None;
        }
        // Further left than allowed, but nothing separate.
        if !line.has_key(all) && !line.is_item() && !is_mark(line.trimmed(all)) && self.format != Format::Code
        {
            self.judge(line.text..line.end, level);
            return None;
        }
        Some(line.item)
    }
}
