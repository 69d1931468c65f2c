//! Secrets of known values, in the forms that secrets have.

use std::collections::BTreeSet;
use std::fmt::Write;

/// A secret that must not be shown, in one of the forms that secrets have.
pub(super) struct Canary {
    /// Its form.
    pub(super) kind: &'static str,
    /// The secret.
    pub(super) text: String,
    /// Its parts that must not be shown either.
    pieces: BTreeSet<String>,
}

/// Random characters, the same in each run (xorshift).
struct Chance(u64);

impl Chance {
    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..length)
            .map(|_| {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                alphabet[(self.0 >> 33) as usize % alphabet.len()]
            })
            .collect()
    }
}

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn base64(bytes: &[u8]) -> String {
    let alphabet = BASE64.as_bytes();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, b| word << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (word >> (18 - 6 * place)) as usize & 63;
            out.push(if place <= chunk.len() {
                char::from(alphabet[index])
            } else {
                '='
            });
        }
    }
    out
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok());
        match code.flatten().and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn windows(text: &str, length: usize) -> impl Iterator<Item = String> + use<> {
    let chars: Vec<char> = text.chars().collect();
    let all: Vec<String> = chars.windows(length).map(|w| w.iter().collect()).collect();
    all.into_iter()
}

/// Pieces of a login in base64, without its beginning, which is the name of the user.
fn in_login(text: &str) -> impl Iterator<Item = String> + use<> {
    windows(&base64(format!("app:{text}").as_bytes()), 8).skip(6)
}

impl Canary {
    /// A random one: no six characters of it may be shown in any encoding.
    fn random(kind: &'static str, text: String) -> Self {
        let mut pieces: BTreeSet<String> = windows(&text, 6).collect();
        pieces.extend(windows(&percent_decoded(&text), 6));
        pieces.extend(windows(&base64(text.as_bytes()), 8));
        pieces.extend(in_login(&text));
        pieces.insert(percent_encoded(&text));
        Canary { kind, text, pieces }
    }

    /// One made of words that other texts also contain: neither the whole nor half of it may be shown.
    fn words(kind: &'static str, text: &str) -> Self {
        let half = text.rsplit_once('-').map_or(text, |(half, _)| half);
        let mut pieces = BTreeSet::from([text.to_owned(), half.to_owned(), percent_encoded(text)]);
        pieces.extend(windows(&base64(text.as_bytes()), 8));
        pieces.extend(in_login(text));
        Canary {
            kind,
            text: text.to_owned(),
            pieces,
        }
    }

    /// One of each form.
    pub(super) fn all() -> Vec<Canary> {
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
        let jwt = format!(
            "eyJ{}.eyJ{}.{}",
            chance.text(LETTERS, 17),
            chance.text(LETTERS, 30),
            chance.text(LETTERS, 43)
        );
        vec![
            Canary::random("letters", chance.text(LETTERS, 24)),
            Canary::random("hex", chance.text("0123456789abcdef", 40)),
            Canary::random("base64", format!("{}=", chance.text(BASE64, 31))),
            Canary::random(
                "base64 that begins like a path",
                format!("/{}", chance.text(BASE64, 31)),
            ),
            Canary::random(
                "mixed",
                format!("{}7!{}", chance.text(LETTERS, 5), chance.text(LETTERS, 5)),
            ),
            Canary::random(
                "key id",
                format!("AKIA{}", chance.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
            ),
            Canary::random("cloud key", chance.text(BASE64, 40)),
            Canary::random("web token", jwt),
            Canary::random(
                "escapes",
                format!(
                    "{}%40{}%2F{}",
                    chance.text(LETTERS, 5),
                    chance.text(LETTERS, 5),
                    chance.text(LETTERS, 6)
                ),
            ),
            Canary::random("dollar", format!("$%{}", chance.text(LETTERS, 12))),
            Canary::words("words", "correct-horse-battery"),
        ]
    }

    /// A piece of it that `text` shows.
    pub(super) fn in_text<'a>(&'a self, text: &str) -> Option<&'a str> {
        self.pieces
            .iter()
            .find(|piece| text.contains(piece.as_str()))
            .map(String::as_str)
    }

    /// A text with the secret in place of its marks.
    pub(super) fn fill(&self, template: &str) -> String {
        template
            .replace("@64@", &base64(self.text.as_bytes()))
            .replace("@login@", &base64(format!("app:{}", self.text).as_bytes()))
            .replace("@@", &self.text)
    }
}
