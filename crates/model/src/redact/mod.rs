//! All text of files passes through here before it reaches an output.
//!
//! A [`Redactor`] knows the secrets in the files of a platform: values that readers recognised as secrets,
//! and results of a scan of the raw text. The scan does not need a file to parse, because errors show exactly
//! the lines that do not. The redactor shows lines with `***` in place of each secret
//! ([`Redactor::excerpt`]), and removes known secrets from every other text ([`Redactor::text`],
//! [`Redacted`]). Each file is scanned once, beside other work of reading ([`Scans`]).

mod broken;
mod line;
mod names;
mod open;
mod scan;
mod values;

use crate::FileId;
use crate::secrets::SecretLiteral;
use cofferdam_syntax::{SourceMap, Span};
use rayon::prelude::*;
use scan::{Hidden, scan};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use values::Values;

pub use crate::secrets::MASK;

/// What looks like a secret in the text of each file.
#[derive(Debug, Clone, Default)]
pub struct Scans(Vec<Vec<Hidden>>);

impl Scans {
    /// Looks through all files.
    #[must_use]
    pub fn of(sources: &SourceMap) -> Self {
        let files: Vec<_> = sources.iter().map(|(_, file)| file).collect();
        let scans = files.into_par_iter().map(|file| scan(&file.path, &file.text));
        Scans(scans.collect())
    }
}

/// The secrets in the files of a platform.
pub struct Redactor<'a> {
    sources: &'a SourceMap,
    scans: &'a Scans,
    /// Secrets that readers found, by file.
    literals: BTreeMap<u32, Vec<Hidden>>,
    /// Where files cannot be read.
    broken: Vec<Span>,
    hidden: Vec<OnceLock<Secrets>>,
    values: OnceLock<Values>,
}

impl<'a> Redactor<'a> {
    /// The redactor of a platform's files. It needs them when it is first used.
    #[must_use]
    pub(crate) fn new<'l>(
        sources: &'a SourceMap,
        scans: &'a Scans,
        known: impl Iterator<Item = &'l SecretLiteral>,
        broken: Vec<Span>,
    ) -> Self {
        let mut literals: BTreeMap<u32, Vec<Hidden>> = BTreeMap::new();
        for literal in known {
            let range = literal.span.start as usize..literal.span.end as usize;
            let hidden = Hidden {
                range,
                sure: !literal.doubtful,
            };
            literals.entry(literal.span.file.0).or_default().push(hidden);
        }
        for of_file in literals.values_mut() {
            of_file.sort_by_key(|hidden| (hidden.range.start, hidden.range.end, hidden.sure));
            of_file.dedup();
        }
        Redactor {
            sources,
            scans,
            literals,
            broken,
            hidden: sources.iter().map(|_| OnceLock::new()).collect(),
            values: OnceLock::new(),
        }
    }

    /// The secrets in a file.
    fn hidden(&self, file: FileId) -> &Secrets {
        static NONE: Secrets = Secrets {
            all: Vec::new(),
            reach: Vec::new(),
        };
        let Some(cell) = self.hidden.get(file.0 as usize) else {
            return &NONE;
        };
        cell.get_or_init(|| {
            let source = self.sources.file(file);
            let scanned = match self.scans.0.get(file.0 as usize) {
                Some(found) => found.clone(),
                // A platform that was not read from files.
                None => scan(&source.path, &source.text),
            };
            let scanned = Secrets::new(scanned);
            let literals = self.literals.get(&file.0).map_or(&[] as &[Hidden], Vec::as_slice);
            let more: Vec<Hidden> = literals
                .iter()
                .flat_map(|literal| lines_of(&source.text, literal))
                .collect();
            // In an address only the password is hidden, if the scan has found it.
            let more = more
                .into_iter()
                .filter(|literal| scanned.within(&literal.range).next().is_none());
            let more: Vec<Hidden> = more.collect();
            Secrets::new(scanned.all.into_iter().chain(more).collect())
        })
    }

    fn values(&self) -> &Values {
        self.values.get_or_init(|| {
            let files: Vec<FileId> = self.sources.iter().map(|(id, _)| id).collect();
            files.par_iter().for_each(|id| {
                self.hidden(*id);
            });
            let all = files.iter().flat_map(|id| {
                let text = &self.sources.file(*id).text;
                let all = self.hidden(*id).all.iter();
                all.filter_map(|h| Some((text.get(h.range.clone())?, h.sure)))
            });
            Values::new(all)
        })
    }

    /// For each known word whether it occurs in some file, or in its path, where it is not a secret: a password that is
    /// also a user's name. All words are looked for at once.
    fn in_clear(&self) -> Vec<bool> {
        let values = self.values();
        let found: Vec<AtomicBool> = (0..values.words()).map(|_| AtomicBool::new(false)).collect();
        let files: Vec<FileId> = self.sources.iter().map(|(id, _)| id).collect();
        files.par_iter().for_each(|id| {
            let file = self.sources.file(*id);
            values.places_in(&file.path.to_string_lossy(), |_, word| {
                found[word].store(true, Ordering::Relaxed);
            });
            values.places_in(&file.text, |range, word| {
                if !found[word].load(Ordering::Relaxed)
                    && self.hidden(*id).within(&range).next().is_none()
                    && !is_only_text(&file.text, &range)
                {
                    found[word].store(true, Ordering::Relaxed);
                }
            });
        });
        found.into_iter().map(AtomicBool::into_inner).collect()
    }

    /// `text` with `***` in place of every secret of the files.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let found = self.values().in_text(text, &|| self.in_clear());
        replaced(text, &found)
    }

    /// The lines of a file from byte `lines.start` to byte `lines.end` as they may be shown. A mask has
    /// always the same width: the length of a secret helps to guess it. Columns behind a mask therefore
    /// differ from those of the file.
    #[must_use]
    pub fn excerpt(&self, file: FileId, lines: Range<usize>) -> Excerpt {
        let source: &str = &self.sources.file(file).text;
        let text = source.get(lines.clone()).unwrap_or("");
        let mut excerpt = Excerpt {
            text: String::with_capacity(text.len()),
            start: lines.start,
            masks: Vec::new(),
        };
        let mut at = lines.start;
        // Copies of a secret elsewhere in these lines: parts that are already hidden are not searched again.
        let mut rest = text.as_bytes().to_vec();
        let hidden = self.hidden(file);
        for hidden in hidden.within(&lines) {
            let start = hidden.range.start.saturating_sub(lines.start).min(rest.len());
            let end = hidden.range.end.saturating_sub(lines.start).min(rest.len());
            rest[start..end].fill(b'*');
        }
        let rest = String::from_utf8(rest).unwrap_or_default();
        let copies = self.values().in_text(&rest, &|| self.in_clear());
        let copies = copies
            .into_iter()
            .map(|range| lines.start + range.start..lines.start + range.end);
        let here = hidden.within(&lines).map(|hidden| hidden.range.clone());
        let is_broken =
            |at: &&Span| at.file == file && (lines.start..=lines.end).contains(&(at.start as usize));
        let doubtful = match self.broken.iter().find(is_broken) {
            Some(_) => broken::doubtful(text),
            None => Vec::new(),
        };
        let doubtful = (doubtful.into_iter()).map(|range| lines.start + range.start..lines.start + range.end);
        let mut ranges: Vec<Range<usize>> = here.chain(copies).chain(doubtful).collect();
        ranges.sort_by_key(|range| (range.start, range.end));
        for range in joined(ranges) {
            let range = range.start.max(at)..range.end.min(lines.end);
            if source.get(range.clone()).is_none_or(str::is_empty) {
                continue;
            }
            excerpt.text.push_str(&source[at..range.start]);
            let shown = excerpt.text.len();
            excerpt.text.push_str(MASK);
            at = range.end;
            excerpt.masks.push((range, shown..excerpt.text.len()));
        }
        excerpt.text.push_str(source.get(at..lines.end).unwrap_or(""));
        excerpt
    }
}

/// The secrets in a file. A report asks for those in a few lines again and again, and a file may have thousands.
#[derive(Default)]
struct Secrets {
    /// In the order of their starts.
    all: Vec<Hidden>,
    /// For each of them, the greatest end of it and of those before it.
    reach: Vec<usize>,
}

impl Secrets {
    fn new(mut all: Vec<Hidden>) -> Self {
        all.sort_by_key(|hidden| hidden.range.start);
        let mut reach = 0;
        let reaches = all.iter().map(|hidden| {
            reach = hidden.range.end.max(reach);
            reach
        });
        let reach = reaches.collect();
        Secrets { all, reach }
    }

    /// Those of which a part is in a range.
    fn within(&self, range: &Range<usize>) -> impl Iterator<Item = &Hidden> {
        let from = self.reach.partition_point(|end| *end <= range.start);
        let to = self.all.partition_point(|hidden| hidden.range.start < range.end);
        let near = self.all.get(from..to).unwrap_or(&[]);
        let range = range.clone();
        near.iter().filter(move |hidden| overlap(&hidden.range, &range))
    }
}

/// Lines of a file as they may be shown.
#[derive(Debug)]
pub struct Excerpt {
    /// The text.
    pub text: String,
    start: usize,
    /// Each mask: the place of the secret in the file, and of the stars in `text`.
    masks: Vec<(Range<usize>, Range<usize>)>,
}

impl Excerpt {
    /// The position of the file's byte `at` in the text. A place inside a secret is the start of its mask, or
    /// for the end of a mark (`end`) its end.
    #[must_use]
    pub fn place(&self, at: usize, end: bool) -> usize {
        let (mut file, mut text) = (self.start, 0);
        for (secret, mask) in &self.masks {
            if at <= secret.start {
                break;
            }
            if at < secret.end {
                return if end { mask.end } else { mask.start };
            }
            (file, text) = (secret.end, mask.end);
        }
        (text + at.saturating_sub(file)).min(self.text.len())
    }
}

/// A writer that removes every secret from its input. It keeps whole lines together, because a secret may
/// arrive in two pieces.
pub struct Redacted<'r, 'a, W: Write> {
    redactors: &'r [&'r Redactor<'a>],
    pending: Vec<u8>,
    out: W,
}

/// Bytes that are redacted at once.
const CHUNK: usize = 32 * 1024;

impl<'r, 'a, W: Write> Redacted<'r, 'a, W> {
    /// Writes to `out` the text that the redactors allow.
    pub fn new(redactors: &'r [&'r Redactor<'a>], out: W) -> Self {
        Redacted {
            redactors,
            pending: Vec::with_capacity(2 * CHUNK),
            out,
        }
    }

    /// Writes the first `length` bytes of the waiting text.
    fn write_redacted(&mut self, length: usize) -> io::Result<()> {
        let text = String::from_utf8_lossy(&self.pending[..length]);
        let mut shown = Cow::Borrowed(&*text);
        for redactor in self.redactors {
            if let Cow::Owned(redacted) = redactor.text(&shown) {
                shown = Cow::Owned(redacted);
            }
        }
        self.out.write_all(shown.as_bytes())?;
        drop(shown);
        drop(text);
        self.pending.drain(..length);
        Ok(())
    }
}

impl<W: Write> Write for Redacted<'_, '_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CHUNK
            && let Some(end) = self.pending.iter().rposition(|b| *b == b'\n')
        {
            self.write_redacted(end + 1)?;
        }
        Ok(bytes.len())
    }

    /// Writes the last line too, which may have no line break.
    fn flush(&mut self) -> io::Result<()> {
        self.write_redacted(self.pending.len())?;
        self.out.flush()
    }
}

/// Every line of a file's text as it may be shown.
#[must_use]
pub fn masked(path: &Path, text: &str) -> String {
    let hidden = scan(path, text);
    let values = Values::new(hidden.iter().map(|h| (&text[h.range.clone()], h.sure)));
    let hidden = Secrets::new(hidden);
    // The same value in other lines of the file: a copy under another name.
    let in_clear = || {
        let mut found = vec![false; values.words()];
        values.places_in(text, |range, word| {
            found[word] |= hidden.within(&range).next().is_none() && !is_only_text(text, &range);
        });
        found
    };
    let more = values.in_text(text, &in_clear);
    let mut found: Vec<Range<usize>> = hidden.all.into_iter().map(|hidden| hidden.range).collect();
    found.extend(more);
    found.sort_by_key(|range| (range.start, range.end));
    replaced(text, &found).into_owned()
}

/// An argument of the command as it may be shown: in `name=value` and `name value` the value of a secret's
/// name is hidden.
#[must_use]
pub fn argument(text: &str) -> String {
    masked(Path::new("argument.conf"), text)
}

/// A message that may repeat an argument as it may be shown.
#[must_use]
pub fn statement(text: &str) -> String {
    masked(Path::new("statement.sh"), text)
}

fn replaced<'t>(text: &'t str, found: &[Range<usize>]) -> Cow<'t, str> {
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in found {
        // Pieces are found by bytes: a character is hidden as a whole.
        let (mut start, mut end) = (range.start, range.end);
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        if start >= at {
            out.push_str(&text[at..start]);
            out.push_str(MASK);
        }
        at = end.max(at);
    }
    out.push_str(&text[at..]);
    Cow::Owned(out)
}

/// Ranges in order; ranges that touch become one.
fn joined(ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Whether a range is the whole content of its line. A line that consists only of a password is not a use of
/// the word.
fn is_only_text(text: &str, range: &Range<usize>) -> bool {
    // More than this around it is never only white space and marks, and a line may be as long as the file.
    let near = 256;
    let before = text.as_bytes()[..range.start]
        .iter()
        .rev()
        .take(near)
        .position(|b| *b == b'\n');
    let after = text.as_bytes()[range.end..]
        .iter()
        .take(near)
        .position(|b| *b == b'\n');
    let start = match before {
        Some(length) => range.start - length,
        None if range.start <= near => 0,
        None => return false,
    };
    let end = match after {
        Some(length) => range.end + length,
        None if text.len() - range.end <= near => text.len(),
        None => return false,
    };
    let around = |c: char| c.is_whitespace() || matches!(c, '-' | '"' | '\'' | ',' | '\\' | '#');
    let after = text[range.end..end].split(" #").next().unwrap_or("");
    let before = text[start..range.start].trim_matches(around);
    matches!(before, "" | "value:") && after.trim_matches(around).is_empty()
}

/// The parts of a range by lines, without the white space before each.
fn lines_of(text: &str, hidden: &Hidden) -> Vec<Hidden> {
    let Some(body) = text.get(hidden.range.clone()) else {
        return Vec::new();
    };
    let mut at = hidden.range.start;
    let mut all = Vec::new();
    for line in body.split_inclusive('\n') {
        let inner = line.trim();
        let start = at + (line.len() - line.trim_start().len());
        if !inner.is_empty() {
            all.push(Hidden {
                range: start..start + inner.len(),
                sure: hidden.sure,
            });
        }
        at += line.len();
    }
    all
}

/// The words of a text that may be a key, each with its place.
fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .filter_map(move |word| {
            let start = at;
            // The separator of two words may be a character of several bytes.
            at += word.len()
                + text[start + word.len()..]
                    .chars()
                    .next()
                    .map_or(0, char::len_utf8);
            (word.len() >= 10 && word.bytes().any(|b| b.is_ascii_digit())).then_some((start, word))
        })
}

#[cfg(test)]
mod chosen;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
