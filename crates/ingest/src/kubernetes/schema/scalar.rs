//! How the API server sees a scalar: the type that YAML gives it on its way to JSON, and the syntaxes that
//! Kubernetes checks (quantities, names, ports, addresses, base64).
//!
//! kubectl turns YAML into JSON with YAML 1.1's rules, kustomize with 1.2's. If the two differ (`yes`, `on`,
//! `y`) a scalar is [`Plain::Unsure`] and is not judged.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use cofferdam_syntax::tree::{Map, Node, Scalar, Style, Value};
use ipnet::IpNet;

/// The type of a scalar after YAML.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plain {
    /// Text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Readers of YAML disagree.
    Unsure,
}

/// The type of a scalar in YAML.
pub(super) fn resolve(scalar: &Scalar) -> Plain {
    if scalar.style != Style::Plain {
        return Plain::Text;
    }
    let text = &*scalar.text;
    match text {
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Plain::Bool,
        "y" | "Y" | "n" | "N" | "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "on" | "On" | "ON" | "off"
        | "Off" | "OFF" | "=" | "<<" => Plain::Unsure,
        _ => number(text),
    }
}

fn number(text: &str) -> Plain {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Plain::Text;
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Plain::Unsure;
    }
    let negative = text.starts_with('-');
    let stripped: std::borrow::Cow<'_, str> = if unsigned.contains('_') {
        unsigned.replace('_', "").into()
    } else {
        unsigned.into()
    };
    if let Some(value) = whole(&stripped) {
        return Plain::Int(if negative { -value } else { value });
    }
    if is_float(&stripped) {
        return match stripped.parse::<f64>() {
            Ok(value) if value.is_finite() => Plain::Float(if negative { -value } else { value }),
            // Too large for a number: YAML keeps the text.
            _ => Plain::Text,
        };
    }
    Plain::Text
}

fn whole(text: &str) -> Option<i128> {
    let radix = |prefix: &str, radix| {
        let digits = text.strip_prefix(prefix)?;
        i128::from_str_radix(digits, radix).ok()
    };
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    radix("0x", 16)
        .or_else(|| radix("0b", 2))
        .or_else(|| radix("0o", 8))
        .or_else(|| {
            // YAML 1.1: a leading zero is octal.
            let octal = text.len() > 1 && text.starts_with('0');
            octal.then(|| i128::from_str_radix(text, 8).ok()).flatten()
        })
        .or_else(|| {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        })
}

/// `1.5`, `.5`, `5.`, `1e3`.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_fits = digits(before) && digits(after) && !(before.is_empty() && after.is_empty());
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    mantissa_fits && exponent_fits
}

/// The whole number of a node that is a plain one.
pub(super) fn int(node: &Node) -> Option<i64> {
    let Value::Scalar(scalar) = &node.value else {
        return None;
    };
    match resolve(scalar) {
        Plain::Int(value) => i64::try_from(value).ok(),
        Plain::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i64),
        _ => None,
    }
}

/// Whether a text contains a placeholder: of Helm, envsubst, kustomize variables, sops, sed.
pub(in crate::kubernetes) fn templated(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes.first() {
        None => return false,
        Some(b'$' | b'<' | b'@' | b'%') => return true,
        Some(b'_') if text.starts_with("__") => return true,
        Some(b'E') if text.starts_with("ENC[") => return true,
        Some(b'r') if text.starts_with("ref+") => return true,
        _ => {}
    }
    bytes
        .windows(2)
        .any(|w| matches!(w, b"{{" | b"${" | b"$(" | b"<%" | b"[["))
}

/// Whether a text in capitals is a placeholder for a number that `sed` or a person fills in.
pub(super) fn placeholder(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

/// Whether a map is what YAML makes of a placeholder in braces (`{name}`): one word without a value.
pub(super) fn braced(map: &Map) -> bool {
    let mut entries = map.iter();
    let one = entries.next().is_some_and(|(key, value)| {
        matches!(value.value, Value::Null)
            && key
                .text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    });
    one && entries.next().is_none()
}

/// A value in words, for a message: "the number 5", "a list". Where a text belongs, the number may be a password without its
/// quotes: then it is only "a number".
pub(super) fn describe(node: &Node, may_be_secret: bool) -> String {
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Unknown(_) => "an unknown value".to_owned(),
        Value::Seq(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
        Value::Scalar(scalar) => match resolve(scalar) {
            Plain::Bool => format!("the boolean {}", scalar.text),
            Plain::Int(_) | Plain::Float(_) if may_be_secret => "a number".to_owned(),
            Plain::Int(_) | Plain::Float(_) => format!("the number {}", scalar.text),
            // The text itself may be a secret.
            Plain::Text | Plain::Unsure => "text".to_owned(),
        },
    }
}

/// Sign and size of a quantity (`apimachinery/pkg/api/resource`: digits with at most one point, then a
/// decimal or binary suffix or an exponent); `None` if it is not one.
pub(super) fn quantity(text: &str) -> Option<f64> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (digits, suffix) = unsigned.split_at(end);
    if digits.matches('.').count() > 1 || !digits.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            10f64.powi(power)
        }
    };
    let size: f64 = digits.parse().ok()?;
    Some(if text.starts_with('-') { -size } else { size } * factor)
}

/// Whether text is base64 as Go's standard decoder accepts it: padded, line breaks skipped, bits after the
/// last byte ignored.
pub(super) fn is_base64(text: &str) -> bool {
    const GO: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    GO.decode(text).is_ok()
}

/// An RFC 1123 label: at most 63 of `a-z0-9-`, without `-` at the ends.
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_label_of_any_length(text)
}

fn is_label_of_any_length(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|b| inner(*b))
        && bytes.last().is_some_and(|b| inner(*b))
        && bytes.iter().all(|b| inner(*b) || *b == b'-')
}

/// An RFC 1123 subdomain: labels joined by points, at most 253 characters.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label_of_any_length)
}

/// A name of a port (IANA_SVC_NAME): at most 15 of `a-z0-9-`, a letter among them, no `-` at the ends
/// or twice in a row.
pub(super) fn is_port_name(text: &str) -> bool {
    text.len() <= 15 && is_label(text) && text.bytes().any(|b| b.is_ascii_lowercase()) && !text.contains("--")
}

/// A label's value: empty, or at most 63 of letters, digits, `-_.`, the ends letters or digits.
pub(super) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_bare_name(text)
}

fn is_bare_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.len() <= 63
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A qualified name, as keys of labels and annotations are: an optional subdomain and `/`, then a name. The
/// subdomain's case is `any_case` for annotations, which the server converts to lower case first.
pub(super) fn is_qualified_name(text: &str, any_case: bool) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => {
            let fits = if any_case && prefix.bytes().any(|b| b.is_ascii_uppercase()) {
                is_subdomain(&prefix.to_ascii_lowercase())
            } else {
                is_subdomain(prefix)
            };
            fits && is_bare_name(name)
        }
        None => is_bare_name(text),
    }
}

/// Whether the network `inner` is inside `outer` and smaller. Addresses may have bits below the mask, as the
/// server allows.
pub(super) fn strictly_within(inner: IpNet, outer: IpNet) -> bool {
    inner.prefix_len() > outer.prefix_len() && outer.contains(&inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Plain {
        resolve(&Scalar {
            text: text.into(),
            style: Style::Plain,
        })
    }

    #[test]
    fn plain_scalars_have_the_type_that_yaml_gives_them() {
        assert_eq!(plain("5"), Plain::Int(5));
        assert_eq!(plain("-5"), Plain::Int(-5));
        assert_eq!(plain("0644"), Plain::Int(420));
        assert_eq!(plain("089"), Plain::Int(89));
        assert_eq!(plain("0x1F"), Plain::Int(31));
        assert_eq!(plain("1_000"), Plain::Int(1000));
        assert_eq!(plain("1.5"), Plain::Float(1.5));
        assert_eq!(plain("1e3"), Plain::Float(1000.0));
        assert_eq!(plain("-.5"), Plain::Float(-0.5));
        assert_eq!(plain("1e999"), Plain::Text);
        assert_eq!(plain("true"), Plain::Bool);
        assert_eq!(plain("yes"), Plain::Unsure);
        for text in [
            "1.2.3",
            "10m",
            "500Mi",
            "2024-01-01",
            "12:30:45",
            "v1",
            "-",
            ".",
            "e5",
            "1e",
            "5-6",
        ] {
            assert_eq!(plain(text), Plain::Text, "{text}");
        }
    }

    #[test]
    fn quantities_are_read_as_kubernetes_does() {
        for (text, size) in [
            ("1", 1.0),
            ("0.5", 0.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("500m", 0.5),
            ("1Gi", 1_073_741_824.0),
            ("1e3", 1000.0),
            ("1E3", 1000.0),
            ("1E", 1e18),
            ("-1", -1.0),
            ("+2k", 2000.0),
        ] {
            assert_eq!(quantity(text), Some(size), "{text}");
        }
        for text in [
            "", "1gb", "512MB", "500mi", "1 Gi", "1.2.3", ".", "Gi", "1K", "1GiB", "1e", "0x10",
        ] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }

    #[test]
    fn names_follow_their_rfc() {
        assert!(is_label("a") && is_label("web-1") && is_label(&"a".repeat(63)));
        assert!(!is_label("") && !is_label("Web") && !is_label("-a") && !is_label("a.b"));
        assert!(!is_label(&"a".repeat(64)));
        assert!(is_subdomain("a.b-c.d") && !is_subdomain("a..b") && !is_subdomain("a_b"));
        assert!(is_port_name("http") && is_port_name("grpc-2"));
        assert!(!is_port_name("80") && !is_port_name("a--b") && !is_port_name("prometheus-metrics"));
        assert!(is_label_value("") && is_label_value("v1.2_3-A") && !is_label_value("a b"));
        assert!(is_qualified_name("app.kubernetes.io/name", false) && is_qualified_name("app", false));
        assert!(!is_qualified_name("a/b/c", false) && !is_qualified_name("/a", false));
        assert!(!is_qualified_name("App.io/name", false) && is_qualified_name("App.io/name", true));
    }

    #[test]
    fn base64_is_padded() {
        assert!(is_base64("") && is_base64("YQ==") && is_base64("YWJj\nYWJj\n"));
        assert!(
            !is_base64("YQ")
                && !is_base64("pass word")
                && !is_base64("Y=Q=")
                && !is_base64("====")
                && !is_base64("YQ==YQ==")
                && !is_base64("=")
        );
    }

    #[test]
    fn a_network_contains_another_if_their_first_bits_are_equal() {
        let net = |t: &str| t.parse::<IpNet>().unwrap();
        assert!(strictly_within(net("169.254.169.254/32"), net("0.0.0.0/0")));
        assert!(strictly_within(net("10.1.0.0/16"), net("10.0.0.0/8")));
        assert!(strictly_within(net("10.1.2.3/16"), net("10.9.9.9/8")));
        assert!(!strictly_within(net("11.1.0.0/16"), net("10.0.0.0/8")));
        assert!(!strictly_within(net("10.0.0.0/8"), net("10.0.0.0/8")));
        assert!(!strictly_within(net("fd00::/8"), net("0.0.0.0/0")));
        assert!(strictly_within(net("fd00:ec2::254/128"), net("::/0")));
        for text in [
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "a/8",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "::/129",
        ] {
            assert!(text.parse::<IpNet>().is_err(), "{text}");
        }
    }

    #[test]
    fn values_to_be_filled_in_are_recognised() {
        for text in [
            "{{ .Values.x }}",
            "${REPLICAS}",
            "$REPLICAS",
            "$(VAR)",
            "<your-name>",
            "__PORT__",
            "ENC[a]",
        ] {
            assert!(templated(text), "{text}");
        }
        assert!(!templated("") && !templated("nginx:1.27") && !templated("a$b"));
        assert!(
            placeholder("REPLICAS") && placeholder("MAX_PODS") && !placeholder("Two") && !placeholder("5")
        );
    }
}
