//! Forms: JSON text with the whole numbers taken out, so that equal steps are written once.

/// The places of the whole numbers in JSON text: literals of digits only, without a sign, outside strings.
pub(super) fn whole_numbers(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => at = after_string(bytes, at),
                b'-' | b'0'..=b'9' => {
                    let start = at;
                    let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                    while bytes.get(at).is_some_and(is_part) {
                        at += 1;
                    }
                    if bytes[start..at].iter().all(u8::is_ascii_digit) {
                        return Some((start, at));
                    }
                }
                _ => at += 1,
            }
        }
        None
    })
}

/// The place after the string that begins at `start`.
fn after_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Writes the form of `text` to `form`, and its numbers, each after a comma, to `numbers`.
pub(super) fn split(text: &str, form: &mut String, numbers: &mut String) {
    let mut done = 0;
    for (start, end) in whole_numbers(text) {
        form.push_str(&text[done..start]);
        form.push('0');
        numbers.push(',');
        numbers.push_str(&text[start..end]);
        done = end;
    }
    form.push_str(&text[done..]);
}

/// A form, taken apart where numbers are missing.
#[derive(Debug)]
pub(super) struct Form<'t> {
    pieces: Vec<&'t str>,
}

impl<'t> Form<'t> {
    /// `None` if a whole number in it is not 0.
    pub(super) fn new(text: &'t str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut done = 0;
        for (start, end) in whole_numbers(text) {
            if &text[start..end] != "0" {
                return None;
            }
            pieces.push(&text[done..start]);
            done = end;
        }
        pieces.push(&text[done..]);
        Some(Self { pieces })
    }

    /// How many numbers it takes.
    pub(super) fn numbers(&self) -> usize {
        self.pieces.len() - 1
    }

    /// The text with these numbers, as many as it takes.
    pub(super) fn fill(&self, numbers: &[u128], text: &mut String) {
        use std::fmt::Write;
        text.clear();
        for (place, piece) in self.pieces.iter().enumerate() {
            text.push_str(piece);
            if let Some(number) = numbers.get(place).filter(|_| place + 1 < self.pieces.len()) {
                // Writing to a string cannot fail.
                let _ = write!(text, "{number}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_outside_strings_are_taken_out() {
        let text = r#"{"a1":12,"b":"3 \" 4","c":[5,-6,7.5,8e9,0],"d":null}"#;
        let (mut form, mut numbers) = (String::new(), String::new());
        split(text, &mut form, &mut numbers);
        assert_eq!(form, r#"{"a1":0,"b":"3 \" 4","c":[0,-6,7.5,8e9,0],"d":null}"#);
        assert_eq!(numbers, ",12,5,0");
        let mut filled = String::new();
        let form = Form::new(&form).unwrap();
        assert_eq!(form.numbers(), 3);
        form.fill(&[12, 5, 0], &mut filled);
        assert_eq!(filled, text);
        assert!(Form::new(text).is_none());
    }
}
