//! Names as words: people write `dbPassword`, `DB_PASSWORD` and `db-password` for one thing.

/// The words of a name in lower case: `dbPassword`, `DB_PASSWORD` and `db-password` are the same.
pub fn of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        let new_word = c.is_uppercase() && before.is_lowercase();
        if (!c.is_alphanumeric() || new_word) && words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            if c.is_ascii() {
                word.push(c.to_ascii_lowercase());
            } else {
                word.extend(c.to_lowercase());
            }
        }
        before = c;
    }
    words.retain(|w| !w.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_the_same_words() {
        for name in [
            "dbPassword",
            "DB_PASSWORD",
            "db-password",
            ".db.password",
            "db password",
        ] {
            assert_eq!(of(name), ["db", "password"], "{name}");
        }
        assert_eq!(of("TARGET2Env"), ["target2env"]);
        assert_eq!(of("größeÄndern"), ["größe", "ändern"]);
        assert!(of("").is_empty() && of("--").is_empty());
    }
}
