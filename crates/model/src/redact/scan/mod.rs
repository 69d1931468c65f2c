//! Finds secrets in the raw text of a file, line by line, whether the file parses or not.
//!
//! Only lines with a word that may be related to a secret are examined, and the lines after them that belong
//! to a match: blocks, quotes over several lines, the value beside or below a name.

mod carry;
mod commands;
mod forms;
mod named;
mod patterns;
mod stems;
mod value;

use super::line::{Line, Pair, closing_quote, pairs};
use super::names::{self, Level};
use super::open;
use crate::secret_scan::{self, Command};
use std::cell::Cell;
use std::ops::Range;
use std::path::Path;
use stems::{FINDER, Stems};

/// A range of bytes inside one line that no report shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hidden {
    /// Where.
    pub(super) range: Range<usize>,
    /// Whether its name or format proves that it is a secret; otherwise only its place in a Secret does.
    pub(super) sure: bool,
}

/// How often each byte of a file may be examined. Ordinary files need far fewer.
const EACH: usize = 128;
/// Examinations that any file may use.
const FREE: usize = 1 << 20;
/// Maps inside maps under names of secrets.
const MAX_PARENTS: usize = 64;

/// The number of lines after a name in which its value is searched for.
const NEAR: usize = 6;
/// Maximum number of lines of a quoted text without a closing quote.
const MAX_QUOTED: usize = 200;

/// How values end, by the file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// YAML and JSON, and similar formats.
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

/// The meaning of the next lines, after an incomplete line.
#[derive(Debug, Clone)]
enum Carry {
    /// Lines of a block, as long as they are further right than this column.
    Block(usize, Level),
    /// More lines of a text without quotes, further right than this column.
    Plain(usize),
    /// The value of a key at this column, or what is nested below it.
    Below(usize, Level),
    /// A text that ends with a line consisting of this word.
    Heredoc(String),
    /// A text that ends with this quote, of a key at this column.
    Quote {
        quote: String,
        column: usize,
        left: usize,
    },
    /// A value that continues after a backslash.
    Continued,
    /// The body of a key.
    Pem,
    /// The value of the option on the previous line.
    Argument,
    /// A list or an expression up to this bracket.
    Bracket(u8, Level),
}

/// A secret that was named, and whose value is near.
#[derive(Debug, Clone)]
struct Named {
    level: Level,
    /// Lines that may contain the value.
    left: usize,
    /// Column of a block's header: the block ends with a bracket there.
    block: Option<usize>,
}

/// A key above a map.
#[derive(Debug, Clone, Copy)]
struct Parent {
    column: usize,
    level: Level,
    /// Whether all of the map is in the place of the value.
    whole: bool,
}

/// A command over several lines.
struct Continued {
    command: Command,
    /// Whether its words are the items of a list; otherwise a backslash ends each line.
    list: bool,
    /// Lines that it may still have.
    left: usize,
}

/// Where a text contains a sign. For many short texts that do not: a search that is prepared costs more than it saves.
fn find(text: &str, sign: &str) -> Option<usize> {
    let (bytes, sign) = (text.as_bytes(), sign.as_bytes());
    let last = sign.last()?;
    memchr::memchr_iter(*last, bytes)
        .filter_map(|at| (at + 1).checked_sub(sign.len()))
        .find(|start| bytes[*start..].starts_with(sign))
}

struct Scanner<'a> {
    all: &'a str,
    format: Format,
    json: bool,
    /// Whether every value of the file is one of a Secret.
    whole: bool,
    found: Vec<Hidden>,
    carry: Option<Carry>,
    /// The state at the beginning of a merge conflict.
    conflict: Option<Carry>,
    named: Option<Named>,
    /// A command that continues in the next line.
    command: Option<Continued>,
    /// Keys of secrets whose value is a map: their columns.
    parents: Vec<Parent>,
    /// The column of `data` in a Secret.
    data: Option<usize>,
    /// The column of a key in it whose lines are hidden completely, and also examined.
    settings: Option<usize>,
    /// The remaining budget of examinations. A file that needs more was made to waste time.
    budget: Cell<usize>,
}

/// Finds the ranges to hide, in order. One may be inside another: a password in a text that is hidden
/// completely.
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
        command: None,
        parents: Vec::new(),
        data: None,
        settings: None,
        budget: Cell::new(FREE + all.len().saturating_mul(EACH)),
    };
    scanner.run();
    let mut found = scanner.found;
    found.sort_by_key(|hidden| (hidden.range.start, hidden.range.end));
    found
}

impl<'a> Scanner<'a> {
    fn run(&mut self) {
        let mut next = 0;
        match FINDER.automaton.as_ref().filter(|_| !self.whole) {
            Some(automaton) => {
                for hit in automaton.find_iter(self.all) {
                    if hit.start() < next || !FINDER.counts(self.all, &hit) {
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

    /// Examines a line and the lines after it that belong to it. Returns where the next line begins.
    fn lines_from(&mut self, mut line: Line) -> usize {
        loop {
            self.line(&line);
            let open = self.carry.is_some()
                || self.named.is_some()
                || self.command.is_some()
                || !self.parents.is_empty()
                || self.is_spent();
            match line.after(self.all).filter(|_| open) {
                Some(after) => line = after,
                None => return line.next,
            }
        }
    }

    fn text(&self, range: Range<usize>) -> &'a str {
        &self.all[range]
    }

    /// The position in a range, from its start, at which `quote` closes.
    fn closing(&self, range: Range<usize>, quote: &str) -> Option<usize> {
        let length = range.len();
        let found = closing_quote(self.text(range), quote);
        self.spend(found.unwrap_or(length));
        found
    }

    /// The position in a range, from its start, of the first of some characters.
    fn first(&self, range: Range<usize>, is: impl Fn(char) -> bool) -> Option<usize> {
        let length = range.len();
        let found = self.text(range).find(is);
        self.spend(found.unwrap_or(length));
        found
    }

    /// Uses a part of the budget.
    fn spend(&self, bytes: usize) {
        self.budget.set(self.budget.get().saturating_sub(bytes + 1));
    }

    /// Whether the file has used up the budget: the rest of it is hidden completely.
    fn is_spent(&self) -> bool {
        self.budget.get() == 0
    }

    fn pairs(&self, line: &Line) -> Vec<Pair> {
        self.spend(line.end - line.start);
        pairs(self.all, line)
    }

    /// The position before `end` at which the bracket at `open` closes.
    fn matching(&self, open: usize, end: usize) -> Option<usize> {
        let found = matching(self.all, open, end);
        self.spend(found.unwrap_or(end) - open);
        found
    }

    /// Enters a map under a secret's name.
    fn enter(&mut self, column: usize, level: Level) {
        self.parent(Parent {
            column,
            level,
            whole: false,
        });
    }

    fn parent(&mut self, parent: Parent) {
        let known = self
            .parents
            .last()
            .is_some_and(|last| last.column == parent.column);
        if self.parents.len() < MAX_PARENTS && !known {
            self.parents.push(parent);
        }
    }

    /// Hides a range without the white space and quotes around it.
    fn hide(&mut self, range: Range<usize>, level: Level) {
        self.spend(range.len());
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
        self.spend(range.len());
        if !open::is_open(self.text(range.clone()), level) {
            self.hide(range, level);
        }
    }

    fn line(&mut self, line: &Line) {
        if line.is_conflict_mark(self.all) {
            // Both versions continue the lines above.
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
        if self.is_spent() {
            self.found.push(Hidden {
                range: line.text..line.end,
                sure: false,
            });
            return;
        }
        if let Some(column) = self.settings {
            if line.indent <= column && line.has_key(self.all) {
                self.settings = None;
            } else {
                self.hide(line.text..line.end, Level::Data);
            }
        }
        let mut from = line.item;
        if let Some(carry) = self.carry.take() {
            match self.carried(line, carry) {
                Some(rest) => from = rest,
                None => return,
            }
        }
        self.leave(line);
        let stems = Stems::of(self.text(line.start..line.end));
        self.shapes(line, from, stems);
        let mut pairs = self.pairs(line);
        pairs.retain(|pair| pair.key.start >= from);
        for pair in &pairs {
            if self.is_spent() {
                break;
            }
            self.pair(line, pair);
        }
        self.explicit_key(line);
        self.options(line, from);
        self.quoted_pairs(line, from);
        self.defaults(line, from);
        self.commands(line, from, stems);
        self.forms(line, from);
        if !pairs.iter().any(|pair| pair.own) {
            self.words(line);
            self.mistyped(line);
        }
        self.header(line);
        if self.is_spent() {
            self.found.push(Hidden {
                range: line.text..line.end,
                sure: false,
            });
        }
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
                .retain(|parent| line.column > parent.column && !(closes && line.indent <= parent.column));
        }
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
            .or_else(|| {
                (matches!(key, "auth" | "_auth") && self.is_login(pair.value..line.end))
                    .then_some(Level::Password)
            });
        if let Some(level) = level {
            // Flat settings contain values; names of objects are in manifests.
            let flat = matches!(self.format, Format::Flat | Format::Shell);
            self.value(line, pair, if flat { level.of_value() } else { level });
        } else if names::holds_name(key) {
            self.name(line, pair);
        }
        if self.format == Format::Tree || self.json {
            match key {
                "kind" if self.data.is_none() && self.word(pair.value..line.end) == "Secret" => {
                    self.secret_object(line, pair)
                }
                "secretGenerator" if pair.own => self.generator(line),
                _ => {}
            }
        }
    }

    /// `? password`, whose value is on the next line after a colon.
    fn explicit_key(&mut self, line: &Line) {
        let text = self.text(line.item..line.end);
        if let Some(level) = text
            .strip_prefix("? ")
            .and_then(|key| names::level(key.trim().trim_matches(['"', '\''])))
        {
            self.carry = Some(Carry::Below(line.column, level));
        }
    }

    /// The level of a key that contains the value of the secret named beside or above it.
    fn near(&self, line: &Line, key: &str) -> Option<Level> {
        let parent = self.parents.last().filter(|parent| line.column > parent.column);
        let named = self.named.as_ref().map(|named| named.level);
        let level = named.or(parent.map(|parent| parent.level))?;
        if names::holds_value(key) {
            return Some(level.of_value());
        }
        parent.filter(|parent| parent.whole).map(|_| Level::Mixed)
    }

    /// Whether a text is a login in base64, as in Docker's settings.
    fn is_login(&self, range: Range<usize>) -> bool {
        let word = self.word(range);
        // The file may end inside it.
        let whole = word.get(..word.len() / 4 * 4).unwrap_or(word);
        let login = |text: &str| secret_scan::decoded(text).is_some_and(|text| text.contains(':'));
        word.len() >= 8 && (login(word) || login(whole))
    }

    /// The first word of a range, without quotes.
    fn word(&self, range: Range<usize>) -> &'a str {
        let text = self
            .text(range)
            .trim_start()
            .trim_start_matches(['\\', '"', '\'']);
        let ends = |c: char| {
            c.is_whitespace()
                || c.is_control()
                || matches!(c, '"' | '\'' | ',' | '}' | ']' | '\\' | '\u{fffd}')
        };
        let word = text.split(ends).next().unwrap_or("");
        self.spend(word.len());
        word
    }

    fn after_tags(&self, range: Range<usize>) -> usize {
        let mut at = range.start;
        while let Some(rest) = self.text(at..range.end).strip_prefix(['&', '!']) {
            let length = 1 + rest.find(char::is_whitespace).unwrap_or(rest.len());
            self.spend(length);
            let after = self.text(at + length..range.end);
            // A single word is the value, unless it names a type or an anchor.
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
        self.spend(range.len());
        let text = self.text(range.clone());
        let end = text.find(" #").unwrap_or(text.len());
        range.start + text[..end].trim_end().len()
    }
}

/// Whether a line is a comment or a template directive, and not part of the text around it.
fn is_aside(text: &str) -> bool {
    text.starts_with('#') || text.starts_with("//") || text.starts_with("{{") || text.starts_with("{%")
}

/// Whether a line ends or begins a document.
fn is_mark(text: &str) -> bool {
    matches!(text, "---" | "...") || text.starts_with(['}', ']', ')'])
}

/// The position before `end` at which the bracket at `open` closes.
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
