//! Secrets in the arguments of commands, and logins in texts that tools read.

use super::super::line::{Line, closing_quote};
use super::super::names::{self, Level};
use super::super::open;
use super::stems::Stems;
use super::{Continued, Format, Scanner, find};
use crate::secret_scan::{self, Command};

/// What reads a secret from a pipe or from a text behind `<<<`.
const READERS: &[&str] = &[
    "-stdin",
    "chpasswd",
    "with-token",
    "data-file=-",
    "data-file -",
    "sudo -S",
    "secret put",
];

/// Lines of a command or of a list of its words.
const MAX_LINES: usize = 40;

/// What separates the words of a command, also those in lists.
fn is_gap(c: char) -> bool {
    matches!(c, ' ' | '\t' | '"' | '\'' | '`' | ',' | '[' | ']')
}

impl Scanner<'_> {
    /// The words of a part of a line, each with its place in it.
    fn words_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
        text.split(is_gap)
            .filter(|word| !word.is_empty() && *word != "\\")
            .map(move |word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
    }

    /// Secrets in a command, or in a text for one.
    pub(super) fn commands(&mut self, line: &Line, from: usize, stems: Stems) {
        let text = self.text(from..line.end);
        // An option or a subcommand: without one, a name of a secret is no argument of a command.
        let argument = || {
            let signs = [" -", "\"-", "'-", " set ", " config ", " put "];
            signs.iter().any(|sign| find(text, sign).is_some())
        };
        if stems.command() || self.command.is_some() || argument() {
            self.programs(line, from);
        }
        if stems.command() {
            self.schemes(line, from);
            self.logins(line, from);
        } else if ["<<<", "$(", "`", "<("]
            .iter()
            .any(|sign| find(text, sign).is_some())
        {
            self.piped(from, text);
        }
    }

    /// Logins that programs take in ways of their own: `mysql -phunter2`, `curl -u app:hunter2`.
    fn programs(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        let before = self
            .command
            .take()
            .filter(|one| one.left > 0 && self.continues(line, one.list));
        let left = before.as_ref().map_or(MAX_LINES, |one| one.left - 1);
        let mut command = match before {
            Some(before) => before.command,
            None => self.above(line, text),
        };
        let (curl, lftp) = (text.contains("curl"), text.contains("lftp"));
        let (mut last, mut last_but_one) = ("", "");
        for (at, word) in Self::words_of(text) {
            if self.is_spent() {
                return;
            }
            let start = from + at;
            let quote = text[..at]
                .chars()
                .next_back()
                .filter(|c| matches!(c, '"' | '\'' | '`'));
            let ends = word.ends_with(';') && quote.is_none();
            let word = word.trim_end_matches(|c| ends && c == ';');
            let found = command.word(word, quote.is_some());
            // Pairs and options with two dashes are found everywhere, not only in commands.
            let found = found.filter(|found| {
                let pair = word[..found.range.start].ends_with('=') && !word.starts_with('-');
                let option = found.range.start == 0 && last.starts_with("--") && found.name == found.key;
                (!pair || names::level(&found.key).is_none()) && !option
            });
            if let Some(found) = found {
                let end = if found.range.end == word.len() {
                    self.end_of_word(start, line.end, quote, text[..at].trim_end().ends_with(','))
                } else {
                    start + found.range.end
                };
                let level = match found.key.as_str() {
                    "password" => Level::Password,
                    key => match names::level(key) {
                        None | Some(Level::Key) => Level::Password,
                        Some(level) => level,
                    },
                };
                // A parameter is a secret only if its type says so.
                if found.key == secret_scan::PARAMETER
                    && text.contains("String")
                    && !text.contains("SecureString")
                {
                    continue;
                }
                self.judge(start + found.range.start..end.max(start + found.range.end), level);
            }
            // A comma between them.
            if lftp && last_but_one == "-u" && text[..at].trim_end_matches(['"', '\'']).ends_with(',') {
                self.judge(start..start + word.len(), Level::Password);
            }
            // A quote between the name of the user and the password.
            let login = last_but_one.starts_with('-') || last.starts_with('-');
            if curl && login && last.ends_with(':') && quote.is_some() {
                self.judge(start..start + word.len(), Level::Password);
            }
            // `npm config set name value`
            if matches!(last_but_one, "set" | "config" | "put")
                && word.len() >= 4
                && let Some(level) = names::level(last).filter(|_| self.format != Format::Code)
            {
                self.judge(start..start + word.len(), level);
            }
            if ends {
                command = Command::default();
            }
            (last_but_one, last) = (last, word);
        }
        let backslash = text.trim_end().ends_with('\\');
        if command.is_known() && (backslash || self.is_list(line)) {
            let list = !backslash;
            self.command = Some(Continued { command, list, left });
        }
    }

    /// The command before a line that only has its subcommand `login`, which is what it was found by.
    fn above(&self, line: &Line, text: &str) -> Command {
        let mut command = Command::default();
        if text.contains("login")
            && (line.is_item() || text.trim_start().starts_with(['"', '\'', 'l']))
            && let Some(before) = line.before(self.all)
        {
            for (_, word) in Self::words_of(before.trimmed(self.all)) {
                command.word(word, false);
            }
        }
        command
    }

    /// Whether a line continues the command of the line before.
    fn continues(&self, line: &Line, list: bool) -> bool {
        let text = self.text(line.text..line.end);
        let key = text.trim_start_matches(['-', ' ', '"']);
        !list
            || text.starts_with(['"', '\'', ']'])
            || self.is_word(line)
            || ["args", "command", "entrypoint"]
                .iter()
                .any(|name| key.starts_with(name))
    }

    /// Whether a line is an item of a list that is a word.
    fn is_word(&self, line: &Line) -> bool {
        let option = self.text(line.item..line.end).starts_with('-');
        line.is_item() && (option || !line.has_key(self.all))
    }

    /// Whether a line is one of a list of words, or begins one.
    fn is_list(&self, line: &Line) -> bool {
        let text = self.text(line.text..line.end).trim_end();
        self.is_word(line)
            || text.starts_with(['"', '\''])
            || text.ends_with(['[', ','])
            || text.contains('[') && !text.contains(']')
            || text.contains("command")
            || text.contains("entrypoint")
            || text.contains("entryPoint")
    }

    /// Where a word ends: at its quote, or at white space.
    fn end_of_word(&self, start: usize, line_end: usize, quote: Option<char>, in_list: bool) -> usize {
        let rest = self.text(start..line_end);
        let end = match quote {
            Some(quote) => closing_quote(rest, quote.encode_utf8(&mut [0; 4])),
            None => None,
        };
        let stop = |c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ';') || in_list && matches!(c, ',' | ']')
        };
        let end = end.or_else(|| rest.find(stop)).unwrap_or(rest.len());
        self.spend(end);
        start + end
    }

    /// The text after the scheme of a header: `Bearer x`, `Basic x`.
    fn schemes(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        let mut last = "";
        for (at, word) in Self::words_of(text) {
            if self.is_spent() {
                return;
            }
            let scheme = last.rsplit([':', '=']).next().unwrap_or(last);
            let header = || {
                let line = self.text(line.start..line.end);
                line.to_ascii_lowercase().contains("authorization")
            };
            let is = |names: &[&str]| names.iter().any(|name| scheme.eq_ignore_ascii_case(name));
            let scheme = is(&["bearer", "basic"]) || is(&["token", "apikey", "digest", "key"]) && header();
            if scheme && word.len() >= 6 && (!open::is_name(word) || header()) {
                self.judge(from + at..from + at + word.len(), Level::Password);
            }
            // A token without a scheme: nothing comes after it in the header.
            let ends = || {
                text[at + word.len()..]
                    .trim_start_matches([' ', '\t'])
                    .starts_with(['"', '\''])
            };
            if last.to_ascii_lowercase().ends_with("authorization:") && ends() {
                self.judge(from + at..from + at + word.len(), Level::Mixed);
            }
            last = word;
        }
    }

    /// Logins in SQL, `.netrc` and `.pgpass`, and those that a pipe passes to a program.
    fn logins(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        let lower = if text.contains('\'') {
            text.to_ascii_lowercase()
        } else {
            String::new()
        };
        for words in ["identified by '", "password '", "password('", "password ('"] {
            if let Some(at) = lower.find(words) {
                let body = from + at + words.len();
                let length = self.text(body..line.end).find('\'').unwrap_or(line.end - body);
                self.judge(body..body + length, Level::Password);
            }
        }
        // The quote is missing.
        if let Some(at) = text.to_ascii_lowercase().find("identified by ") {
            let start = at + "identified by ".len();
            let word = text[start..].split([' ', '\'', '"', ';']).next().unwrap_or("");
            self.judge(from + start..from + start + word.len(), Level::Password);
        }
        if text.contains("pgpass") {
            self.fields_of_pgpass(from, text);
        }
        if text.contains("machine ") || text.contains("login ") || text.starts_with("password ") {
            self.netrc(line, from);
        }
        self.piped(from, text);
    }

    /// `host:port:database:user:password`.
    fn fields_of_pgpass(&mut self, from: usize, text: &str) {
        for (at, word) in Self::words_of(text) {
            let mut fields = word.splitn(5, ':');
            let port = fields.nth(1).is_some_and(|port| {
                port == "*"
                    || port.starts_with('$')
                    || !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
            });
            if let Some(password) = fields.nth(2).filter(|_| port) {
                let end = from + at + word.len();
                self.judge(end - password.len()..end, Level::Password);
            }
        }
    }

    /// `machine host login user password x`, also over lines.
    fn netrc(&mut self, line: &Line, from: usize) {
        let text = self.text(from..line.end);
        let above = || {
            let mut before = line.before(self.all)?;
            for _ in 0..2 {
                if before.is_conflict_mark(self.all) {
                    before = before.before(self.all)?;
                }
            }
            let text = before.trimmed(self.all);
            ["login ", "machine ", "password "]
                .iter()
                .any(|word| text.starts_with(word))
                .then_some(())
        };
        let here = text.contains("machine ") || text.contains("login ") && !text.starts_with("password ");
        if !here && above().is_none() {
            return;
        }
        let mut last = ["", ""];
        let mut login = !here;
        for (at, word) in Self::words_of(text) {
            login |= last[1] == "login";
            if last[1] == "password" && login {
                self.judge(from + at..from + at + word.len(), Level::Password);
            }
            last = [last[1], word];
        }
    }

    /// `echo hunter2 | docker login --password-stdin`, `chpasswd <<< app:hunter2`, `htpasswd -nb app hunter2`.
    fn piped(&mut self, from: usize, text: &str) {
        self.substituted(from, text);
        let reader = READERS.iter().filter_map(|reader| text.find(reader)).min();
        // Into a file of which the name says that it holds a secret, or into a secret.
        let file = text.rfind('>').filter(|at| {
            let target = text[at + 1..]
                .trim()
                .split([' ', ';', '&', '"', '\''])
                .next()
                .unwrap_or("");
            let name = target.rsplit('/').next().filter(|name| !name.contains("pgpass"));
            name.and_then(names::level).is_some()
        });
        let stdin = || {
            text.find("=/dev/stdin")
                .filter(|at| self.named_in(&text[..*at]).is_some())
        };
        // `read -r password <<< …`
        let read = || {
            let before = &text[..text.find("<<<")?];
            let at = before.rfind("read ")?;
            self.named_in(&before[at + "read ".len()..]).map(|_| at)
        };
        if let Some(reader) = reader.or(file).or_else(stdin).or_else(read) {
            let pipe = file.or_else(|| text[..reader].rfind('|')).unwrap_or(0);
            let printed = ["echo ", "printf "]
                .iter()
                .filter_map(|program| text[..pipe].rfind(program).map(|at| at + program.len()))
                .max();
            let here = text.find("<<<").map(|at| (at + 3, text.len()));
            for (start, end) in printed.map(|at| (at, pipe)).into_iter().chain(here) {
                self.printed(from, &text[start..end], start, text.contains("chpasswd"));
            }
        }
        self.htpasswd(from, text);
    }

    /// `PASSWORD=$(echo hunter2 | base64)`, `--password-file <(echo hunter2)`.
    fn substituted(&mut self, from: usize, text: &str) {
        for (at, _) in text.match_indices("echo ").chain(text.match_indices("printf ")) {
            let Some(opens) = ["$(", "`", "<("]
                .iter()
                .find_map(|sign| text[..at].strip_suffix(sign))
            else {
                continue;
            };
            let name = opens
                .trim_end_matches(['"', ' ', '='])
                .rsplit(|c: char| !c.is_ascii_alphanumeric() && !"_-.".contains(c))
                .next()
                .unwrap_or("");
            let secret = names::level(name) == Some(Level::Password)
                || matches!(names::level(name), Some(Level::Token | Level::Named));
            if !secret || self.is_spent() {
                continue;
            }
            let start = at + text[at..].find(' ').unwrap_or(0);
            let end = text[start..]
                .find(['|', ')', '`', '>'])
                .map_or(text.len(), |n| start + n);
            self.printed(from, &text[start..end], start, false);
        }
    }

    /// The words that `echo` or `printf` prints, without formats.
    fn printed(&mut self, from: usize, words: &str, start: usize, login: bool) {
        for (at, word) in Self::words_of(words) {
            let format = word.starts_with('-') || word.starts_with('%') && word.len() <= 4;
            if !format {
                let at = from + start + at;
                let user = word.find(':').filter(|_| login).map_or(0, |n| n + 1);
                self.judge(at + user..at + word.len(), Level::Password);
            }
        }
    }

    /// `htpasswd -nb app hunter2`
    fn htpasswd(&mut self, from: usize, text: &str) {
        if let Some(at) = text.find("htpasswd ") {
            let end = text[at..]
                .find(['|', '>', ';', '&', ')'])
                .map_or(text.len(), |n| at + n);
            let words: Vec<(usize, &str)> = Self::words_of(&text[at..end]).collect();
            let batch = words
                .iter()
                .any(|(_, word)| word.starts_with('-') && word.contains('b'));
            if let Some((place, word)) = words.last().filter(|_| batch && words.len() > 3) {
                let start = from + at + place;
                self.judge(start..start + word.len(), Level::Password);
            }
        }
    }
}
