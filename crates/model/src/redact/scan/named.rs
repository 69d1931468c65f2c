//! Values whose key reveals nothing: beside a name, in the objects of Kubernetes and kustomize that contain
//! secrets, in the body of a key.

use super::super::line::{Line, Pair};
use super::super::names::{self, Level};
use super::{Carry, MAX_QUOTED, NEAR, Named, Scanner, find, is_mark};

impl Scanner<'_> {
    /// A key that contains the name of a secret, whose value is beside it.
    pub(super) fn name(&mut self, line: &Line, pair: &Pair) {
        let Some(level) = names::level(self.word(pair.value..line.end)) else {
            if pair.own && !line.is_item() {
                self.named = None;
            }
            return;
        };
        if pair.depth > 0 {
            self.spend(pair.key.start - line.item);
            let open = opening(self.all, line.item, pair.key.start);
            let end = open.and_then(|open| self.matching(open, line.end));
            for other in self.pairs(line) {
                if self.is_spent() {
                    return;
                }
                let inside = open.is_none_or(|open| other.key.start > open)
                    && other.key.start < end.unwrap_or(line.end);
                if inside && names::holds_value(self.text(other.key.clone())) {
                    self.value(line, &Pair { own: false, ..other }, level.of_value());
                }
            }
            if end.is_some() {
                return;
            }
        }
        // The value may come before the name.
        let mut above = line.clone();
        for _ in 0..NEAR {
            let Some(before) = above.before(self.all).filter(|_| !self.is_spent()) else {
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
            for other in self.pairs(&above) {
                let key = self.text(other.key.clone());
                if other.own && names::holds_value(key) {
                    let carry = self.carry.take();
                    self.value(&above, &other, level.of_value());
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
    pub(super) fn header(&mut self, line: &Line) {
        let text = self.text(line.text..line.end);
        if let Some(rest) = text.strip_prefix("variable ") {
            let name = rest
                .trim_start()
                .trim_start_matches('"')
                .split(['"', ' ', '{'])
                .next()
                .unwrap_or("");
            if let Some(level) = names::level(name) {
                self.block_on_one_line(line, level);
                let block = text.trim_end().ends_with('{').then_some(line.indent);
                self.named = Some(Named {
                    level,
                    left: 40,
                    block,
                });
            }
        }
        if let Some(at) = find(text, "-----BEGIN ")
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

    /// A Secret of Kubernetes: the values below `data` and `stringData` of the object that has this `kind`.
    pub(super) fn secret_object(&mut self, line: &Line, pair: &Pair) {
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
            let Some(before) = first.before(all).filter(|_| !self.is_spent()) else {
                break;
            };
            self.spend(before.end - before.start);
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
            self.settings.take(),
        );
        let mut at = Some(first.clone());
        let mut inside = false;
        while let Some(one) = at.filter(|_| !self.is_spent()) {
            self.spend(one.end - one.start);
            at = one.after(all);
            if one.text == one.end || one.is_conflict_mark(all) {
                continue;
            }
            let next = one.start > first.start && one.is_item() && one.column == column;
            strange += usize::from(foreign(&one) && !one.is_item() && one.start > line.start);
            if one.trimmed(all) == "---" || (next || strange > 1) && one.start > line.start {
                break;
            }
            let key = self
                .pairs(&one)
                .into_iter()
                .find(|p| p.own && p.colon && one.column == column);
            if let Some(key) = key {
                inside = matches!(self.text(key.key.clone()), "data" | "stringData");
                self.data = inside.then_some(column);
                (self.carry, self.settings) = (None, None);
                let text = self.text(key.value..one.end);
                if inside && text.starts_with('{') {
                    self.all_in_braces(&one, key.value);
                } else if inside && !text.is_empty() && !text.starts_with('#') {
                    // Not a map, which is refused, and shown.
                    self.value(&one, &key, Level::Data);
                }
            } else if inside {
                if one.is_item() && !one.has_key(all) {
                    self.scalar(one.item..one.end, Level::Data);
                }
                self.line(&one);
            }
        }
        (self.carry, self.named, self.parents, self.data, self.settings) = saved;
    }

    /// The same for one that is written in braces.
    pub(super) fn secret_in_braces(&mut self, line: &Line) {
        let all = self.all;
        let mut first = line.clone();
        for _ in 0..MAX_QUOTED {
            let Some(before) = first.before(all).filter(|_| !self.is_spent()) else {
                break;
            };
            self.spend(before.end - before.start);
            first = before;
        }
        let mut at = Some(first);
        for _ in 0..2 * MAX_QUOTED {
            let Some(one) = at.filter(|_| !self.is_spent()) else {
                break;
            };
            for pair in self.pairs(&one) {
                if self.is_spent() {
                    return;
                }
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
    pub(super) fn all_in_braces(&mut self, line: &Line, open: usize) {
        let mut one = line.clone();
        let mut from = open;
        for _ in 0..MAX_QUOTED {
            let end = if from == open {
                self.matching(open, one.end)
            } else {
                None
            };
            let closes = from != open && self.text(one.text..one.end).starts_with('}');
            if closes {
                return;
            }
            for pair in self.pairs(&one) {
                if self.is_spent() {
                    return;
                }
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
    pub(super) fn generator(&mut self, line: &Line) {
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
            for pair in self.pairs(&one) {
                if self.is_spent() {
                    return;
                }
                if !pair.colon {
                    self.value(&one, &pair, Level::Data);
                    self.carry = None;
                }
            }
        }
    }
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
