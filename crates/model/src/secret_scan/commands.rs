//! Secrets in the arguments of commands: which part of which word is a password, by the program that takes it.
//!
//! Everyone who lists the processes of a machine sees the arguments of a command.

use super::names::named;
use super::programs::{PROGRAMS, Part, Program, Takes};
use std::ops::Range;

/// A secret in a word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// What the command calls it: an option, a variable, a header.
    pub name: String,
    /// A name that says what it is, for [`super::classify`].
    pub key: String,
    /// Its bytes in the word.
    pub range: Range<usize>,
}

/// The key of a value in a store of parameters, some of which are secrets.
pub(crate) const PARAMETER: &str = "parameter";

/// Options of any program that are followed by a header.
const HEADER: &[&str] = &["-H", "--header", "--add-header", "--proxy-header"];

/// A command whose words are read one by one.
#[derive(Default)]
pub struct Command {
    program: Option<&'static Program>,
    /// The word in [`Takes::after`] and in [`Program::bare`] that came, and how many words since.
    came: Option<(&'static str, usize)>,
    /// What the next word is: its part, its name, its key.
    expected: Option<(Part, String, String)>,
}

impl Command {
    /// Whether the program is one that takes a password in a way of its own, or the next word is a value.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.program.is_some() || self.expected.is_some()
    }

    /// Whether the next word is the value of an option.
    #[must_use]
    pub fn expects_value(&self) -> bool {
        self.expected.is_some()
    }

    /// The secret in the next word. `quoted` says whether a quote is right before the word.
    pub fn word(&mut self, word: &str, quoted: bool) -> Option<Argument> {
        if let Some((part, name, key)) = self.expected.take()
            && (!word.starts_with('-')
                || word.len() > 2 && part == Part::Whole && !word.starts_with("--") && quoted)
        {
            if part == Part::Literal && is_name_only(word) {
                self.expected = Some((Part::Quoted, name, key));
                return None;
            }
            let fits = part != Part::Quoted || quoted;
            return fits.then(|| argument(word, 0, part, (name, key))).flatten();
        }
        if matches!(word, ";" | "&&" | "||" | "|" | "&" | "then" | "do" | "else") {
            *self = Command::default();
            return None;
        }
        if let Some(found) = self.pair(word) {
            return Some(found);
        }
        if let Some(found) = self.option(word) {
            return found;
        }
        let found = self.bare(word);
        let base = word
            .trim_start_matches(['$', '(', '{', '@'])
            .rsplit(['/', ':'])
            .next()
            .unwrap_or(word);
        if let Some(program) = PROGRAMS.iter().find(|program| program.names.contains(&base)) {
            *self = Command {
                program: Some(program),
                ..Command::default()
            };
        } else {
            self.subcommand(word);
        }
        if word.ends_with(';') {
            *self = Command::default();
        }
        found
    }

    /// `NAME=value`, `--name=value`, `-Dname=value`, `--set name=value`.
    fn pair(&mut self, word: &str) -> Option<Argument> {
        let mut start = 0;
        // `--from-literal=password=…`: the name may itself be a value.
        for _ in 0..2 {
            let (name, value) = word[start..].split_once('=')?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-/:[]".contains(&b) || b >= 0x80;
            if name.is_empty() || !name.bytes().all(plain) {
                return None;
            }
            let at = start + name.len() + 1;
            let bare = name.trim_start_matches('-');
            let bare = bare
                .strip_prefix('D')
                .filter(|_| name.starts_with("-D"))
                .unwrap_or(bare);
            if HEADER.contains(&name) {
                return argument(word, at, Part::Header, (name.to_owned(), String::new()));
            }
            if let Some(takes) = self.takes(name).filter(|takes| takes.next) {
                if takes.part == Part::Literal && (value.is_empty() || is_name_only(value)) {
                    // A quote is between them.
                    let part = if value.is_empty() {
                        takes.part
                    } else {
                        Part::Quoted
                    };
                    let (name, key) = self.names(name);
                    self.expected = Some((part, name, key));
                    return None;
                }
                return argument(word, at, takes.part, self.names(name));
            }
            let stores = self.program.map_or("", |program| program.pairs);
            let is_stored = start == 0 && !stores.is_empty() && self.has(stores) && !name.starts_with('-');
            if is_stored || named(bare).is_some() || bare == "sonar.login" {
                if value.is_empty() && is_stored {
                    self.expected = Some((Part::Quoted, bare.to_owned(), bare.to_owned()));
                }
                let end = end_of_value(value);
                // OpenSSL says where the password comes from.
                let skip = if value.starts_with("pass:") { 5 } else { 0 };
                return (end > skip).then(|| Argument {
                    name: bare.to_owned(),
                    key: bare.to_owned(),
                    range: at + skip..at + end,
                });
            }
            start = at;
        }
        None
    }

    /// An option. `Some(None)` if it is one without a secret in its own word.
    fn option(&mut self, word: &str) -> Option<Option<Argument>> {
        if !word.starts_with('-') || word.len() < 2 {
            return None;
        }
        if HEADER.contains(&word) {
            self.expected = Some((Part::Header, word.to_owned(), String::new()));
            return Some(None);
        }
        if let Some(takes) = self.takes(word) {
            if takes.next {
                let (name, key) = self.names(word);
                self.expected = Some((takes.part, name, key));
            }
            return Some(None);
        }
        let bare = word.trim_start_matches('-');
        let openssl = matches!(bare, "passin" | "passout");
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if bare.len() > 1 && bare.bytes().all(plain) && (openssl || named(bare).is_some()) {
            let key = if openssl { "password" } else { bare };
            self.expected = Some((Part::Whole, bare.to_owned(), key.to_owned()));
            return Some(None);
        }
        if word.starts_with("--") {
            return Some(None);
        }
        let program = self.program?;
        let usable = |takes: &&Takes| takes.after.is_empty() || self.has(takes.after);
        for takes in program.options.iter().filter(usable) {
            let Some(letter) = takes.option.strip_prefix('-').filter(|letter| letter.len() == 1) else {
                continue;
            };
            // Several letters behind one dash, the last of which takes the next word: `-su user:password`.
            let cluster = word.len() > 2
                && word.len() < 8
                && word.ends_with(letter)
                && word[1..].bytes().all(|b| b.is_ascii_alphabetic());
            if program.names.contains(&"curl") && cluster && takes.next {
                let (name, key) = self.names(takes.option);
                self.expected = Some((takes.part, name, key));
                return Some(None);
            }
            // The rest of a word with another letter may begin inside a character.
            let Some(rest) = word.strip_prefix(takes.option) else {
                continue;
            };
            let ports = rest.bytes().all(|b| b.is_ascii_digit() || b == b':') && rest.contains(':');
            if takes.same && !ports {
                let part = if takes.part == Part::Quoted {
                    Part::Whole
                } else {
                    takes.part
                };
                return Some(argument(word, 2, part, self.names(takes.option)));
            }
        }
        Some(None)
    }

    /// A word that is a password by its position.
    fn bare(&self, word: &str) -> Option<Argument> {
        let is_here = |after: &str, between: usize| match self.came {
            Some((came, words)) => came == after && words == between,
            None => after.is_empty(),
        };
        let mut places = self.program?.bare.iter();
        let (after, _, part) = *places.find(|(after, between, _)| is_here(after, *between))?;
        // Base64 may end with the sign.
        if word.starts_with(['-', '@']) || word.trim_end_matches('=').contains('=') {
            return None;
        }
        let name = self.program.map_or("", |program| program.names[0]);
        argument(
            word,
            0,
            part,
            (
                format!("{name} {after}").trim_end().to_owned(),
                "password".to_owned(),
            ),
        )
    }

    /// Takes note of a word that is a subcommand, or stands after one.
    fn subcommand(&mut self, word: &str) {
        let Some(program) = self.program else { return };
        let option = program
            .options
            .iter()
            .map(|takes| takes.after)
            .find(|after| *after == word);
        let mut places = program.bare.iter().map(|(after, ..)| *after);
        let bare = places.find(|after| *after == word);
        let bare = bare.or(Some(program.pairs).filter(|after| *after == word));
        if let Some(came) = option.or(bare).filter(|after| !after.is_empty()) {
            self.came = Some((came, 0));
        } else if let Some((_, words)) = &mut self.came {
            *words += 1;
        } else if program.bare.iter().any(|(after, ..)| after.is_empty()) && !word.starts_with('-') {
            self.came = Some((" ", 0));
        }
    }

    fn has(&self, after: &str) -> bool {
        self.came.is_some_and(|(came, _)| came == after)
    }

    fn takes(&self, option: &str) -> Option<&'static Takes> {
        let options = self.program?.options.iter();
        let mut options = options.filter(|takes| takes.after.is_empty() || self.has(takes.after));
        options.find(|takes| takes.option == option)
    }

    /// The name of an option in a report, and what it says.
    fn names(&self, option: &str) -> (String, String) {
        let program = self.program.map_or("", |program| program.names[0]);
        let key = match (program, option) {
            // Most are `public`.
            ("snmpget", _) => "community",
            ("aws", "--value") => PARAMETER,
            _ => "password",
        };
        (format!("{program} {option}"), key.to_owned())
    }
}

/// The secret part of a value that begins at `start` in a word.
fn argument(word: &str, start: usize, part: Part, (name, key): (String, String)) -> Option<Argument> {
    let value = &word[start..];
    let found = |range: Range<usize>, name: String, key: String| {
        (!range.is_empty()).then(|| Argument {
            name,
            key,
            range: start + range.start..start + range.end,
        })
    };
    match part {
        Part::Whole | Part::Quoted => {
            let skip = if value.starts_with("pass:") { 5 } else { 0 };
            found(skip..value.len(), name, key)
        }
        Part::Literal => {
            let (key, _) = value.split_once('=')?;
            found(key.len() + 1..value.len(), key.to_owned(), key.to_owned())
        }
        Part::After(sign) => {
            let at = value.find(sign)? + 1;
            found(at..value.len(), name, key)
        }
        Part::Oracle => {
            let slash = value.find('/').filter(|at| *at > 0)? + 1;
            let end = value.rfind('@').filter(|at| *at > slash).unwrap_or(value.len());
            found(slash..end, name, key)
        }
        Part::Header => {
            let (header, text) = value.split_once(':')?;
            let mut at = header.len() + 1 + (text.len() - text.trim_start().len());
            if header.to_ascii_lowercase().ends_with("authorization") {
                // A token may have no scheme before it; a scheme may be without a token.
                at += value[at..]
                    .split_once(' ')
                    .map_or(0, |(scheme, _)| scheme.len() + 1);
                return found(at..value.len(), header.to_owned(), "token".to_owned());
            }
            named(header)?;
            found(at..value.len(), header.to_owned(), header.to_owned())
        }
    }
}

/// Whether a word is `name=`, whose value is behind a quote.
fn is_name_only(word: &str) -> bool {
    word.split_once('=').is_some_and(|(_, value)| value.is_empty())
}

/// Where a value ends before `,name=`.
fn end_of_value(value: &str) -> usize {
    let next = value.match_indices(',').find(|(at, _)| {
        let after = &value[at + 1..];
        let name = after
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || b"_.-[]".contains(b))
            .count();
        name > 0 && after[name..].starts_with('=')
    });
    next.map_or(value.len(), |(at, _)| at)
}

/// The secrets in a line of a shell, each with its value; a variable in its place is none.
#[must_use]
pub fn in_command(text: &str) -> Vec<(Argument, String)> {
    let mut found = Vec::new();
    let mut command = Command::default();
    let mut script = false;
    for word in words(text) {
        if script && word.contains(char::is_whitespace) {
            found.extend(in_command(&word));
        }
        script = word.starts_with('-') && word.ends_with('c') && !word.starts_with("--");
        if let Some(argument) = command.word(&word, false) {
            let value = word[argument.range.clone()].to_owned();
            found.push((argument, value));
        }
    }
    found
}

/// The words of a line of a shell, without their quotes. Operators are words.
fn words(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') if letters.peek() == Some(&'\n') => {
                letters.next();
            }
            (None | Some('"'), '\\') => {
                let next = letters.next();
                word.get_or_insert_default().extend(next);
            }
            (None, ';' | '|' | '&' | '\n' | '`') => {
                all.extend(word.take());
                if all.last().map(String::as_str) != Some(";") {
                    all.push(";".to_owned());
                }
            }
            (None, c) if c.is_whitespace() => all.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    all
}
