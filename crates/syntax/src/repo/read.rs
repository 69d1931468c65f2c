//! What the bytes of one file are: a text, something encrypted, or unreadable.

use super::MAX_FILE_BYTES;
use super::kinds::{Kind, kind};
use crate::source::{SourceFile, Span};
use std::path::{Path, PathBuf};

/// The first bytes of a file that git-crypt has encrypted.
const GIT_CRYPT: &[u8] = b"\0GITCRYPT\0";

/// A file, or a place in one, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Path below the root.
    pub path: PathBuf,
    /// Where in it, when the file's text is known.
    pub span: Option<Span>,
    /// What is wrong and what to do, in a sentence.
    pub message: String,
}

/// What the bytes of a file are.
pub(super) enum Read {
    /// A text, and whether it is YAML.
    Text(SourceFile, bool),
    /// One that git-crypt encrypted.
    Encrypted(PathBuf),
    Not(Unreadable),
}

impl Read {
    pub(super) fn of((path, bytes): (PathBuf, Result<Vec<u8>, String>)) -> Read {
        let not = |path, message| {
            Read::Not(Unreadable {
                path,
                span: None,
                message,
            })
        };
        if path.to_str().is_none() {
            let message = "has a name that is not UTF-8 and was not read; rename it";
            return not(PathBuf::from(path.to_string_lossy().as_ref()), message.to_owned());
        }
        // Such a name would write lines of its own into reports and logs.
        if let Some(shown) = without_control(&path) {
            let message = "has a control character in its name and was not read; rename it";
            return not(shown, message.to_owned());
        }
        if bytes.as_ref().is_ok_and(|bytes| bytes.starts_with(GIT_CRYPT)) {
            return Read::Encrypted(path);
        }
        match bytes.and_then(to_text) {
            Ok(text) => {
                let is_yaml = kind(&path) == Kind::Yaml;
                Read::Text(SourceFile::new(path, text), is_yaml)
            }
            Err(message) => not(path, message),
        }
    }
}

/// The path with a sign in place of each control character, if it has any.
fn without_control(path: &Path) -> Option<PathBuf> {
    let bytes = path.as_os_str().as_encoded_bytes();
    // Control characters above ASCII are two bytes in UTF-8, of which the first is 0xC2.
    if !bytes.iter().any(|b| *b < b' ' || matches!(b, 0x7f | 0xc2)) {
        return None;
    }
    let text = path.to_string_lossy();
    let shown = text.replace(char::is_control, "\u{FFFD}");
    (shown != text).then(|| PathBuf::from(shown))
}

/// The text of a file.
///
/// # Errors
/// The error in the bytes, as the end of a sentence about the file.
pub fn to_text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!(
            "is larger than {} MiB and was not read",
            MAX_FILE_BYTES / (1024 * 1024)
        ));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("is UTF-16; save it as UTF-8".to_owned());
    }
    if memchr::memchr(0, &bytes[..bytes.len().min(8192)]).is_some() {
        return Err("is a binary file with a configuration file's name".to_owned());
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
        format!("is not UTF-8: byte {at} (line {line}) is not valid; save it as UTF-8")
    })
}
