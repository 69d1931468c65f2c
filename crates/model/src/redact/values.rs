//! The known secret values, to find them again in any text of a report.

use super::scan::scan;
use super::{names, open};
use crate::secret_scan;
use cofferdam_syntax::hash::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

/// Bytes of a value that are searched for at once.
const GRAM: usize = 6;

/// An index of secret values.
///
/// For a random value every piece of six bytes is indexed, so that a part of it is found too. A value of
/// words is searched for as a whole, because other texts also contain its parts.
#[derive(Default)]
pub(super) struct Values {
    grams: HashSet<u64>,
    /// Lengths of the words that begin with a piece.
    lengths: HashMap<u64, Vec<usize>>,
    /// Each word with its number. They are never printed.
    words: HashMap<String, usize>,
    /// For each word, by its number, whether it also occurs in the files in a place where it is not secret.
    in_clear: OnceLock<Vec<bool>>,
    /// One bit for each hash of a probe, to skip most positions of a text at once.
    filter: Vec<u64>,
    /// Bits of the filter, as a power of two.
    size: u32,
}

/// Bytes that are examined first, at every third position: every piece of six bytes has four that begin
/// there.
const PROBE: usize = 4;
/// The distance from one examined position to the next.
const STEP: usize = GRAM - PROBE + 1;

/// Bytes as a number, the first one lowest.
fn bits(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, b| (word << 8) | u64::from(*b))
}

/// The place of a probe in a filter of `2^size` bits.
fn bit(probe: u64, size: u32) -> usize {
    (probe.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - size)) as usize
}

impl Values {
    /// Indexes values; each with whether its name or format proves that it is a secret.
    pub(super) fn new<'a>(all: impl IntoIterator<Item = (&'a str, bool)>) -> Values {
        let mut values = Values::default();
        for (text, sure) in all {
            for (form, own) in forms(text) {
                values.add(&form, sure || own);
            }
        }
        values.fill_filter();
        values
    }

    /// Whether no value is known.
    pub(super) fn is_empty(&self) -> bool {
        self.filter.is_empty()
    }

    /// Sixteen bits for each probe, so that few positions of a text are examined twice.
    fn fill_filter(&mut self) {
        let pieces = self.grams.len() + self.lengths.len();
        if pieces == 0 {
            return;
        }
        self.size = (pieces * STEP * 16).next_power_of_two().ilog2().clamp(14, 24);
        self.filter = vec![0; 1 << (self.size - 6)];
        for piece in self.grams.iter().chain(self.lengths.keys()) {
            for offset in 0..STEP {
                let probe = (piece >> (8 * offset)) & ((1 << (8 * PROBE)) - 1);
                let bit = bit(probe, self.size);
                self.filter[bit / 64] |= 1 << (bit % 64);
            }
        }
    }

    fn add(&mut self, text: &str, sure: bool) {
        let text = text.trim();
        if text.len() < GRAM || secret_scan::is_first_guess(text) || open::is_open(text, names::Level::Data) {
            return;
        }
        if open::is_chance(text) {
            self.add_grams(text);
        }
        if text.len() >= 12 {
            self.add_grams(&encoded(text.as_bytes()));
        }
        if sure && !self.words.contains_key(text) {
            let lengths = self.lengths.entry(bits(&text.as_bytes()[..GRAM])).or_default();
            if !lengths.contains(&text.len()) {
                lengths.push(text.len());
            }
            self.words.insert(text.to_owned(), self.words.len());
        }
    }

    fn add_grams(&mut self, text: &str) {
        for window in text.as_bytes().windows(GRAM).filter(|window| is_rare(window)) {
            self.grams.insert(bits(window));
        }
    }

    /// How many words are known.
    pub(super) fn words(&self) -> usize {
        self.words.len()
    }

    /// The ranges of `text` that show a secret, in order. `in_clear` returns for each word, by its number, whether it
    /// occurs in a file where it is not a secret; it is asked once, since it reads every file.
    pub(super) fn in_text(&self, text: &str, in_clear: &dyn Fn() -> Vec<bool>) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let bytes = text.as_bytes();
        self.pieces_in(text, |at, piece| {
            if self.grams.contains(&piece) {
                // The rest of the word belongs to it: pieces that look like ordinary text are not indexed.
                let part = |b: &&u8| b.is_ascii_alphanumeric();
                let end = at + GRAM + bytes[at + GRAM..].iter().take_while(part).count();
                let start = at - bytes[..at].iter().rev().take_while(part).count();
                found.push(start..end);
                return;
            }
            self.words_at(text, at, piece, |range, word| {
                let in_clear = self.in_clear.get_or_init(in_clear);
                if !in_clear.get(word).is_some_and(|shown| *shown) {
                    found.push(range);
                }
            });
        });
        found.sort_by_key(|range| (range.start, range.end));
        super::joined(found)
    }

    /// Visits every place of a text at which a word stands alone, with the word's number.
    pub(super) fn places_in(&self, text: &str, mut visit: impl FnMut(Range<usize>, usize)) {
        if !self.words.is_empty() {
            self.pieces_in(text, |at, piece| self.words_at(text, at, piece, &mut visit));
        }
    }

    /// Visits the places of a text, with their pieces of six bytes, at which a secret may be.
    fn pieces_in(&self, text: &str, mut visit: impl FnMut(usize, u64)) {
        let bytes = text.as_bytes();
        if self.is_empty() || bytes.len() < GRAM {
            return;
        }
        let mut at = 0;
        while let Some(four) = bytes.get(at..at + PROBE).and_then(|four| four.try_into().ok()) {
            let bit = bit(u64::from(u32::from_le_bytes(four)), self.size);
            if self.filter[bit / 64] >> (bit % 64) & 1 != 0 {
                for start in at.saturating_sub(STEP - 1)..=at {
                    if let Some(piece) = bytes.get(start..start + GRAM) {
                        visit(start, bits(piece));
                    }
                }
            }
            at += STEP;
        }
    }

    /// The words that stand alone at a position, of those that begin with a piece.
    fn words_at(&self, text: &str, at: usize, piece: u64, mut visit: impl FnMut(Range<usize>, usize)) {
        for length in self.lengths.get(&piece).into_iter().flatten() {
            let range = at..at + length;
            if let Some(value) = text.get(range.clone())
                && let Some(word) = self.words.get(value)
                && stands_alone(text, at, value)
            {
                visit(range, *word);
            }
        }
    }
}

/// Whether `value` is at `at` and not part of a longer word.
pub(super) fn stands_alone(text: &str, at: usize, value: &str) -> bool {
    let bytes = text.as_bytes();
    let part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric());
    bytes[at..].starts_with(value.as_bytes())
        && !part(at.checked_sub(1).and_then(|at| bytes.get(at)))
        && !part(bytes.get(at + value.len()))
}

/// Whether a piece never occurs in ordinary texts: letters and digits mixed, symbols, changes of case.
fn is_rare(piece: &[u8]) -> bool {
    let digits = piece.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = piece.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let signs = piece.iter().filter(|b| b"!@#$%^&*+=".contains(b)).count();
    let changes = piece
        .windows(2)
        .filter(|pair| {
            pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()
                || pair[0].is_ascii_uppercase() && pair[1].is_ascii_lowercase()
        })
        .count();
    let all = |test: fn(&u8) -> bool| piece.iter().all(test);
    digits > 0 && letters > 1
        || signs > 0 && letters + digits > 2
        || changes >= 2
        || all(u8::is_ascii_digit) && digits == GRAM && piece[0] != b'0'
}

/// The forms in which a value may occur: without escapes, decoded from base64 or from an address; and the
/// values of secret names in a text behind base64 (`true`).
fn forms(text: &str) -> Vec<(String, bool)> {
    let mut all = vec![text.to_owned()];
    if text.contains('\\') {
        let plain = text.replace("\\\"", "\"").replace("\\\\", "\\");
        all.push(plain.replace("\\n", "\n"));
    }
    // What closes around it in its line may be missing elsewhere.
    let bare = text.trim_end_matches([']', '}', ')', ';', ',', '\'', '"']);
    if bare.len() < text.len() {
        all.push(bare.to_owned());
    }
    if text.contains("''") {
        all.push(text.replace("''", "'"));
    }
    if text.contains('%') {
        all.extend(percent_decoded(text));
    }
    let mut forms: Vec<(String, bool)> = Vec::new();
    if let Some(inner) = secret_scan::decoded(text) {
        if inner.contains(['\n', ':', '=', '{', ' ']) {
            let found = scan(Path::new("inner.yaml"), &inner);
            forms.extend(found.into_iter().map(|h| (inner[h.range].to_owned(), h.sure)));
        }
        all.push(inner);
    }
    forms.extend(all.into_iter().map(|form| (form, false)));
    forms
}

/// A text in base64, without its end, which depends on the following text.
fn encoded(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks_exact(3)
        .flat_map(|chunk| {
            let word = chunk.iter().fold(0u32, |word, b| word << 8 | u32::from(*b));
            (0..4).map(move |place| char::from(ALPHABET[(word >> (18 - 6 * place)) as usize & 63]))
        })
        .collect()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    // The part before a symbol that ends an address may occur alone.
    Some(decoded).filter(|decoded| decoded != text)
}
