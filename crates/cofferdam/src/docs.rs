//! Where the documentation is published, if anywhere: no address is printed that nobody set.

/// The address set when the command was built.
const BUILT_IN: Option<&str> = option_env!("COFFERDAM_DOCS_URL");

/// The address of the directory `docs/`, without a slash at its end.
///
/// # Errors
/// A sentence: it is not an address.
pub(crate) fn address(given: Option<&str>) -> Result<Option<&'static str>, String> {
    let Some(address) = given.or(BUILT_IN).filter(|address| !address.is_empty()) else {
        return Ok(None);
    };
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme));
    let plain = |c: char| c.is_ascii_graphic() && !"@\"'<>\\`?#".contains(c);
    if !rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain)) {
        return Err(
            "--docs-url takes an address that begins with https:// or http://, without a password, a query or a fragment"
                .to_owned(),
        );
    }
    // The command prints it until it ends.
    Ok(Some(address.trim_end_matches('/').to_owned().leak()))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn only_a_plain_address_is_printed() {
        let of = |given| address(Some(given));
        assert_eq!(
            of("https://example.org/docs/"),
            Ok(Some("https://example.org/docs"))
        );
        for wrong in [
            "example.org",
            "https://",
            "https://user:pass@example.org",
            "http://a b",
            "javascript:x",
            "https://example.org/?token=x",
            "https://example.org/#top",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
