//! What a function gave for a text, kept for the next time: the same few names (`image`, `DB_HOST`, `*/5 * * * *`) come again
//! in thousands of files, and to take one to pieces costs more than to look it up.

use crate::hash::HashMap;
use std::cell::RefCell;

/// Texts that are kept. A file may be made of names that come once only.
const MOST: usize = 4096;
/// Bytes of a text that is kept.
const LONGEST: usize = 128;

/// Results by text. For a `thread_local!`: each thread has its own.
#[derive(Debug)]
pub struct Memo<T>(RefCell<HashMap<Box<str>, T>>);

impl<T: Clone> Memo<T> {
    /// What `make` gives for `text`, which must depend on nothing else.
    pub fn get(&self, text: &str, make: impl FnOnce(&str) -> T) -> T {
        if let Some(known) = self.0.borrow().get(text) {
            return known.clone();
        }
        let made = make(text);
        let mut known = self.0.borrow_mut();
        if text.len() <= LONGEST && known.len() < MOST {
            known.insert(text.into(), made.clone());
        }
        made
    }
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Memo(RefCell::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_text_is_asked_for_once_and_no_more_are_kept_than_allowed() {
        let memo = Memo::default();
        let asked = Cell::new(0);
        let length = |text: &str| {
            memo.get(text, |text| {
                asked.set(asked.get() + 1);
                text.len()
            })
        };
        assert_eq!((length("abc"), length("abc"), length("de")), (3, 3, 2));
        assert_eq!(asked.get(), 2);
        let long = "x".repeat(LONGEST + 1);
        assert_eq!((length(&long), length(&long)), (LONGEST + 1, LONGEST + 1));
        assert_eq!(asked.get(), 4);
        for number in 0..2 * MOST {
            assert_eq!(length(&format!("n{number}")), 1 + number.to_string().len());
        }
        assert_eq!(memo.0.borrow().len(), MOST);
    }
}
