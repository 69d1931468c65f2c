//! Names of settings as words. `KAFKA_PRODUCER_ACKS`, `kafka.producer.acks` and `kafkaProducerAcks` are the
//! same words; the tables that use this decide which of them identify the *owner* and which the *setting*.

/// The words of a name in lower case: split at `_`, `-`, `.`, `/`, `:`, blanks, and where a small letter or
/// digit precedes a capital one.
pub(super) fn of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut small_before = false;
    let mut open = false;
    for c in name.chars() {
        if matches!(c, '_' | '-' | '.' | '/' | ':' | ' ' | '[' | ']') {
            open = false;
            small_before = false;
            continue;
        }
        if !open || (small_before && c.is_uppercase()) {
            words.push(String::new());
            open = true;
        }
        small_before = c.is_lowercase() || c.is_ascii_digit();
        if let Some(word) = words.last_mut() {
            if c.is_ascii() {
                word.push(c.to_ascii_lowercase());
            } else {
                word.extend(c.to_lowercase());
            }
        }
    }
    words
}

/// Removes words that only identify the owner from the front until the rest, joined, is known. Returns the
/// result of `known` for the rest and the removed words.
pub(super) fn strip<T>(
    words: &[String],
    is_scope: impl Fn(&str) -> bool,
    known: impl Fn(&str) -> Option<T>,
) -> Option<(T, &[String])> {
    let mut at = 0;
    while at < words.len() {
        if let Some(found) = known(&words[at..].concat()) {
            return Some((found, &words[..at]));
        }
        if !is_scope(&words[at]) {
            return None;
        }
        at += 1;
    }
    None
}

/// Whether the name is written like an environment variable (`UPPER_SNAKE`): then its meaning depends on the
/// code that reads it, and is known only from its name.
pub(super) fn is_variable(name: &str) -> bool {
    !name.contains('.')
        && name.chars().any(|c| c.is_ascii_uppercase())
        && !name.chars().any(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_gives_the_same_words() {
        for name in [
            "KAFKA_PRODUCER_ACKS",
            "kafka.producer.acks",
            "kafkaProducerAcks",
            "kafka-producer/acks",
        ] {
            assert_eq!(of(name), ["kafka", "producer", "acks"], "{name}");
        }
        assert_eq!(of("targetCPUUtilization"), ["target", "cpuutilization"]);
        assert!(of("").is_empty() && of("___").is_empty());
    }

    #[test]
    fn only_upper_snake_is_a_variable() {
        assert!(is_variable("DB_POOL_SIZE") && is_variable("A1"));
        assert!(!is_variable("db.pool") && !is_variable("poolSize") && !is_variable("acks"));
    }
}
