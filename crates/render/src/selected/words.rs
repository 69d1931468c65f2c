//! Words of a text that are paths with one part filled in later: `values-{{ .Values.name }}.yaml`,
//! `config/${{ matrix.release }}.yaml`, `values-$ENV.yaml`.

use std::ops::Range;
use std::path::PathBuf;

/// A path to a file of which one part of the name is filled in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern {
    /// The variable that fills it in, as written: `.Values.name`, `matrix.release`, `ENV`.
    pub(super) variable: String,
    /// The directory, as far as it is written out.
    pub(super) dir: PathBuf,
    /// What stands before the variable in the file's name.
    pub(super) prefix: String,
    /// What stands after it.
    pub(super) suffix: String,
}

/// Endings of files that are picked by name.
const ENDINGS: &[&str] = &[".yaml", ".yml", ".tfvars"];

impl Pattern {
    /// The name that a file's name has in the place of the variable.
    pub(super) fn name<'f>(&self, file: &'f str) -> Option<&'f str> {
        let name = file.strip_prefix(&*self.prefix)?.strip_suffix(&*self.suffix)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        (!name.is_empty() && name.chars().all(is_plain)).then_some(name)
    }

    /// Whether both pick the same files, by whichever variable.
    pub(super) fn picks_as(&self, other: &Pattern) -> bool {
        (&self.prefix, &self.suffix, &self.dir) == (&other.prefix, &other.suffix, &other.dir)
    }
}

/// The patterns in a text, each once.
pub(super) fn patterns(text: &str) -> Vec<Pattern> {
    let mut found: Vec<Pattern> = Vec::new();
    // Most files have no line that fills anything in.
    if memchr::memchr(b'$', text.as_bytes()).is_none()
        && memchr::memmem::find(text.as_bytes(), b"{{").is_none()
    {
        return found;
    }
    let may_have = |line: &&str| {
        (line.contains("{{") || line.contains('$')) && ENDINGS.iter().any(|ending| line.contains(ending))
    };
    for line in text.lines().filter(may_have) {
        for (hole, variable) in holes(line) {
            if let Some(pattern) = around(line, &hole, variable)
                && !found.contains(&pattern)
            {
                found.push(pattern);
            }
        }
    }
    found
}

/// Directories of overlays of which a text picks one by a variable: `k8s/overlays/$ENV`. With the variables.
pub(super) fn overlays(text: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    if !text.contains("overlay") {
        return found;
    }
    for line in text.lines().filter(|line| line.contains("overlay")) {
        for (hole, variable) in holes(line) {
            let before = &line[..hole.start];
            let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
            let from = before.rfind(|c: char| !is_path(c)).map_or(0, |at| at + 1);
            // The character before the path may have several bytes.
            let Some(word) = before.get(from..).and_then(|word| word.strip_suffix('/')) else {
                continue;
            };
            let parts = word.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
            found.push((variable.to_owned(), parts.collect()));
        }
    }
    found
}

/// The places of a line that something is filled in at, with the variables.
fn holes(line: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = line[at..].find(['{', '$']).map(|n| at + n) {
        let rest = &line[start..];
        let hole = bracketed(rest, "${{", "}}")
            .or_else(|| bracketed(rest, "{{", "}}"))
            .or_else(|| bracketed(rest, "${", "}"))
            .or_else(|| bracketed(rest, "$(", ")"))
            .or_else(|| bare(rest));
        match hole {
            Some((length, variable)) => {
                found.push((start..start + length, variable));
                at = start + length;
            }
            None => at = start + 1,
        }
    }
    found
}

/// Bytes of an expression that is a variable. A search to the end of a long line, from each of its brackets, would cost
/// the square of its length.
const MAX_EXPRESSION: usize = 512;

fn bracketed<'l>(rest: &'l str, open: &str, close: &str) -> Option<(usize, &'l str)> {
    let inner = rest.strip_prefix(open)?;
    let near = &inner.as_bytes()[..inner.len().min(MAX_EXPRESSION)];
    let end = near
        .windows(close.len())
        .position(|bytes| bytes == close.as_bytes())?;
    Some((open.len() + end + close.len(), variable(&inner[..end])?))
}

fn bare(rest: &str) -> Option<(usize, &str)> {
    let name = rest.strip_prefix('$')?;
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let name = &name[..end.unwrap_or(name.len())];
    (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some((1 + name.len(), name))
}

/// The variable of an expression. What is computed of several or by a function has none.
fn variable(inner: &str) -> Option<&str> {
    let inner = inner.trim().trim_matches('-').trim();
    let first = inner.split(['|', ':']).next().unwrap_or(inner).trim();
    let first = first.trim_start_matches(['$', '.']);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!first.is_empty() && first.chars().all(is_name)).then_some(first)
}

fn around(line: &str, hole: &Range<usize>, variable: &str) -> Option<Pattern> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let before = &line[..hole.start];
    let from = before
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_path(*c))
        .last()
        .map_or(before.len(), |(at, _)| at);
    let (word, cut) = (&before[from..], before[..from].ends_with(['}', ')']));
    let after = &line[hole.end..];
    let suffix = &after[..after.find(|c: char| !is_path(c)).unwrap_or(after.len())];
    let (dir, prefix) = match word.rsplit_once('/') {
        Some((dir, prefix)) => (dir, prefix),
        // Another part of the name is filled in as well.
        None if cut => return None,
        None => ("", word),
    };
    let is_suffix = ENDINGS.iter().any(|ending| suffix.ends_with(ending)) && !suffix.contains('/');
    let prefix = prefix.trim_start_matches('-');
    is_suffix.then(|| Pattern {
        variable: variable.to_owned(),
        dir: dir
            .split('/')
            .filter(|part| !matches!(*part, "" | "." | ".."))
            .collect(),
        prefix: prefix.to_owned(),
        suffix: suffix.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_of_brackets_costs_no_more_than_its_length() {
        for open in ["{{", "${{", "${", "$(", "{{ a ", "$a{{", "é{{"] {
            let line = format!("overlays/ {} values-{{{{ .env }}}}.yaml", open.repeat(200_000));
            assert_eq!(overlays(&line), []);
            assert!(patterns(&line).len() <= 1, "{open}");
        }
    }

    #[test]
    fn a_path_with_one_part_filled_in_is_a_pattern() {
        let shown = |line: &str| {
            let found = patterns(line);
            let show = |p: &Pattern| format!("{} {}/{}*{}", p.variable, p.dir.display(), p.prefix, p.suffix);
            found.iter().map(show).collect::<Vec<_>>().join(", ")
        };
        for (line, wanted) in [
            (
                r#"- "values-{{ .Values.name }}.yaml""#,
                "Values.name /values-*.yaml",
            ),
            (
                "  --values=config/${{ matrix.release }}.yaml \\",
                "matrix.release config/*.yaml",
            ),
            (
                "helm upgrade a ./a -f ./a/values-$ENV.yaml",
                "ENV a/values-*.yaml",
            ),
            (
                "-f \"${ROOT}/deploy/${ENV:-dev}.values.yaml\"",
                "ENV deploy/*.values.yaml",
            ),
            ("terraform apply -var-file=$(ENV).tfvars", "ENV /*.tfvars"),
            ("- apps/{{app}}/values-{{env}}.yaml", "env /values-*.yaml"),
            ("- values-{{ .region }}-{{ .env }}.yaml", ""),
            ("- values-{{ printf \"%s\" .env }}.yaml", ""),
            ("- overlays/$ENV/kustomization.yaml", ""),
            ("- values-$ENV.txt", ""),
            ("- $HOME", ""),
        ] {
            assert_eq!(shown(line), wanted, "{line}");
        }
    }
}
