//! JSON text to items. Comments and trailing commas, which many tools allow, are read; several values may follow
//! one another.

use super::{Broken, Entry, Item, ItemKind, Layout, MAX_DEPTH, Parts};
use std::ops::Range;

pub(super) fn read(text: &str) -> Result<Parts, Broken> {
    let mut reader = Reader {
        text,
        at: if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        },
        parts: Parts::default(),
        depth: 0,
    };
    reader.gap()?;
    while reader.at < text.len() {
        let root = reader.value()?;
        reader.parts.roots.push(root);
        reader.gap()?;
    }
    Ok(reader.parts)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    parts: Parts,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fail<T>(&self, message: &str) -> Result<T, Broken> {
        Err(Broken::new(self.text, self.at, message))
    }

    /// Skips blanks and comments.
    fn gap(&mut self) -> Result<(), Broken> {
        while let Some(byte) = self.peek() {
            let rest = &self.text[self.at..];
            let length = match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    self.at += 1;
                    continue;
                }
                b'/' if rest.starts_with("//") => {
                    let line = rest.find('\n').unwrap_or(rest.len());
                    rest[..line].trim_end_matches('\r').len()
                }
                b'/' if rest.starts_with("/*") => match rest[2..].find("*/") {
                    Some(end) => end + 4,
                    None => return self.fail("the comment has no end"),
                },
                _ => return Ok(()),
            };
            self.parts.comments.push(self.at..self.at + length);
            self.at += length;
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Item, Broken> {
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.collection(ItemKind::Map),
            Some(b'[') => self.collection(ItemKind::List),
            Some(b'"') => {
                let text = self.string()?;
                Ok(Item::new(ItemKind::Text, Layout::Double, &text, start..self.at))
            }
            _ => {
                let rest = &self.text[start..];
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
                    .unwrap_or(rest.len());
                let word = &rest[..end];
                let (kind, text) = match word {
                    "null" => (ItemKind::Null, ""),
                    "true" | "false" => (ItemKind::Bool, word),
                    _ if is_number(word) => (ItemKind::Number, word),
                    _ => return self.fail("a JSON value is expected here"),
                };
                self.at = start + end;
                Ok(Item::new(kind, Layout::Plain, text, start..self.at))
            }
        }
    }

    fn collection(&mut self, kind: ItemKind) -> Result<Item, Broken> {
        if self.depth >= MAX_DEPTH {
            return self.fail("nested more than 200 levels deep");
        }
        self.depth += 1;
        let start = self.at;
        self.at += 1;
        let close = if kind == ItemKind::Map { b'}' } else { b']' };
        let mut entries = Vec::new();
        self.gap()?;
        while self.peek() != Some(close) {
            entries.push(self.entry(kind)?);
            self.gap()?;
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.gap()?;
                }
                Some(byte) if byte == close => {}
                Some(_) => return self.fail("`,` or the closing bracket is expected here"),
                None => return self.fail("the closing bracket is missing"),
            }
        }
        self.at += 1;
        self.depth -= 1;
        let mut item = Item::new(kind, Layout::Flow, "", start..self.at);
        item.entries = entries;
        Ok(item)
    }

    fn entry(&mut self, kind: ItemKind) -> Result<Entry, Broken> {
        if kind == ItemKind::List {
            return Ok(Entry::element(self.value()?));
        }
        let start = self.at;
        if self.peek() != Some(b'"') {
            return self.fail("a key in double quotes is expected here");
        }
        let key = self.string()?;
        let key_span: Range<usize> = start..self.at;
        self.gap()?;
        if self.peek() != Some(b':') {
            return self.fail("`:` is expected here");
        }
        self.at += 1;
        let sep_end = Some(self.at);
        self.gap()?;
        let value = self.value()?;
        Ok(Entry {
            sep_end,
            ..Entry::pair(&key, key_span, value)
        })
    }

    fn string(&mut self) -> Result<String, Broken> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(c) = self.text[self.at..].chars().next() else {
                return self.fail("the closing quote is missing");
            };
            match c {
                '"' => {
                    self.at += 1;
                    return Ok(text);
                }
                '\\' => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                c if u32::from(c) < 0x20 => {
                    return self.fail("a control character in a string needs an escape");
                }
                c => {
                    self.at += c.len_utf8();
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Broken> {
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.unit()?;
                // Characters beyond 0xffff are written as two units.
                if (0xd800..0xdc00).contains(&first) {
                    self.at += 1;
                    if !self.text[self.at..].starts_with("\\u") {
                        return self.fail("half a character: its second `\\u` is missing");
                    }
                    self.at += 1;
                    let second = self.unit()?;
                    let code = 0x1_0000 + ((first - 0xd800) << 10) + second.wrapping_sub(0xdc00);
                    return match char::from_u32(code).filter(|_| (0xdc00..0xe000).contains(&second)) {
                        Some(c) => {
                            self.at += 1;
                            Ok(c)
                        }
                        None => self.fail("two `\\u` that are not a character"),
                    };
                }
                match char::from_u32(first) {
                    Some(c) => c,
                    None => return self.fail("`\\u` that is not a character"),
                }
            }
            _ => return self.fail("an unknown escape"),
        };
        self.at += 1;
        Ok(c)
    }

    /// The number after `\u`; leaves the place at its last digit.
    fn unit(&mut self) -> Result<u32, Broken> {
        let digits = self.text.get(self.at + 1..self.at + 5);
        match digits
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|d| u32::from_str_radix(d, 16).ok())
        {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => self.fail("`\\u` needs four digits"),
        }
    }
}

/// Whether a word is a number of JSON.
pub(crate) fn is_number(word: &str) -> bool {
    let word = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match word.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix(['+', '-']).unwrap_or(e))),
        None => (word, None),
    };
    let (whole, part) = match mantissa.split_once('.') {
        Some((w, p)) => (w, Some(p)),
        None => (mantissa, None),
    };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && part.is_none_or(digits)
        && exponent.is_none_or(digits)
}
