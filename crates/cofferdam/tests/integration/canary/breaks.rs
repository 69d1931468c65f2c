//! Ways to break files, and every file broken in every way.

use super::canaries::{Canary, base64};
use super::files::{FILES, SHAPES};
use super::forms::FORMS;

/// A way to break a file: takes its lines, the number of a line with a secret, and the secret.
type Break = fn(&[&str], usize, &str) -> String;

fn with_line(lines: &[&str], at: usize, new: &str) -> String {
    let mut lines: Vec<&str> = lines.to_vec();
    lines[at] = new;
    lines.join("\n") + "\n"
}

/// Files whose secrets are named by what is behind them: if they are cut off before it, nothing shows that they are
/// secrets.
const NAMED_BELOW: &[&str] = &[
    "value-first.yaml",
    "secret-sorted.yaml",
    "secret-list.yaml",
    "driver.yaml",
    "piped.sh",
];

/// The ways to break files, each with its name.
const BREAKS: &[(&str, Break)] = &[
    ("whole", |lines, at, _| with_line(lines, at, lines[at])),
    ("a note on the line", |lines, at, _| {
        with_line(lines, at, &format!("{} # cofferdam: ignore", lines[at]))
    }),
    ("no closing quote", |lines, at, secret| {
        let line = lines[at];
        let end = line.find(secret).map_or(line.len(), |n| n + secret.len());
        let open = !line[end..].starts_with(['"', '\'', '\\']);
        let rest = line[end..].trim_start_matches(['"', '\'', '\\']);
        let before = &line[..end - secret.len()];
        with_line(
            lines,
            at,
            &if open {
                format!("{before}\"{secret}{rest}")
            } else {
                format!("{before}{secret}{rest}")
            },
        )
    }),
    ("no opening quote", |lines, at, secret| {
        with_line(
            lines,
            at,
            &lines[at]
                .replacen(&format!("\"{secret}"), secret, 1)
                .replacen(&format!("'{secret}"), secret, 1),
        )
    }),
    ("a tab", |lines, at, _| {
        with_line(lines, at, &format!("\t{}", lines[at].trim_start()))
    }),
    ("cut off after it", |lines, at, secret| {
        let line = lines[at];
        let end = line.find(secret).map_or(line.len(), |n| n + secret.len());
        lines[..at].iter().map(|l| format!("{l}\n")).collect::<String>() + &line[..end]
    }),
    ("cut off inside it", |lines, at, secret| {
        let line = lines[at];
        let end = line.find(secret).map_or(line.len(), |n| n + secret.len() * 2 / 3);
        lines[..at].iter().map(|l| format!("{l}\n")).collect::<String>() + &line[..end]
    }),
    ("a merge conflict", |lines, at, _| {
        let line = lines[at];
        with_line(
            lines,
            at,
            &format!("<<<<<<< HEAD\n{line}\n=======\n{line}\n>>>>>>> other"),
        )
    }),
    ("a key given twice", |lines, at, _| {
        with_line(lines, at, &format!("{0}\n{0}", lines[at]))
    }),
    ("too far right", |lines, at, _| {
        with_line(lines, at, &format!(" {}", lines[at]))
    }),
    ("too far left", |lines, at, _| {
        with_line(lines, at, lines[at].strip_prefix(' ').unwrap_or(lines[at]))
    }),
    ("brackets after it", |lines, at, _| {
        with_line(lines, at, &format!("{} }}: ]", lines[at]))
    }),
    ("an anchor that nobody set", |lines, at, _| {
        with_line(lines, at, &format!("{}\nx: *nobody", lines[at]))
    }),
    ("half a template", |lines, at, _| {
        with_line(lines, at, &format!("{}\n{{{{ if .x", lines[at]))
    }),
    ("a tab after its indentation", |lines, at, _| {
        let inner = lines[at].trim_start();
        let indent = &lines[at][..lines[at].len() - inner.len()];
        with_line(lines, at, &format!("{indent}\t{inner}"))
    }),
    ("no space after a colon", |lines, at, _| {
        with_line(lines, at, &lines[at].replacen(": ", ":", 1))
    }),
    ("a quote that closes too early", |lines, at, secret| {
        let line = lines[at];
        let end = line.find(secret).map_or(line.len(), |n| n + secret.len());
        with_line(lines, at, &format!("{}\"{}", &line[..end], &line[end..]))
    }),
    ("a bracket that nothing closes", |lines, _, _| {
        with_line(lines, 0, &format!("x: [{{\n{}", lines[0]))
    }),
    ("a line of another format at its beginning", |lines, _, _| {
        with_line(lines, 0, &format!("%%% not a line of this file\n{}", lines[0]))
    }),
    ("line ends of Windows", |lines, _, _| lines.join("\r\n") + "\r\n"),
];

/// Ways to break it that are no longer text in UTF-8, or begin with a mark.
fn as_bytes(lines: &[&str], at: usize, secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let text = lines.join("\n") + "\n";
    let start: usize = lines[..at].iter().map(|line| line.len() + 1).sum();
    let place = start + lines[at].find(secret).unwrap_or(0);
    let with = |at: usize, bytes: &[u8]| {
        let mut all = text.clone().into_bytes();
        all.splice(at..at, bytes.iter().copied());
        all
    };
    vec![
        ("mark", with(0, b"\xef\xbb\xbf")),
        ("end", with(text.len(), b"\nname: caf\xe9\n")),
        ("before", with(start, b"\xff\xfe")),
        ("behind", with(place + secret.len(), b"\xe9")),
        ("zero", with(place + secret.len(), b"\0")),
    ]
}

/// Every file, broken in every way at every line that contains the secret.
pub(super) fn trees(canary: &Canary) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let shapes: &[(&str, &str)] = if matches!(canary.kind, "key id" | "web token") {
        SHAPES
    } else {
        &[]
    };
    for (file, (path, template)) in FILES.iter().chain(FORMS).chain(shapes).enumerate() {
        let text = canary.fill(template);
        let lines: Vec<&str> = text.lines().collect();
        let encoded = base64(canary.text.as_bytes());
        let login = base64(format!("app:{}", canary.text).as_bytes());
        for (at, line) in lines.iter().enumerate() {
            let secret = [canary.text.as_str(), &encoded, &login]
                .into_iter()
                .find(|s| line.contains(s));
            let Some(secret) = secret else { continue };
            for (way, (name, breaks)) in BREAKS.iter().enumerate() {
                if name.starts_with("cut off") && NAMED_BELOW.contains(path) {
                    continue;
                }
                all.push((
                    format!("f{file}/l{at}w{way}/{path}"),
                    breaks(&lines, at, secret).into_bytes(),
                ));
            }
            for (name, bytes) in as_bytes(&lines, at, secret) {
                all.push((format!("f{file}/l{at}{name}/{path}"), bytes));
            }
        }
    }
    all
}
