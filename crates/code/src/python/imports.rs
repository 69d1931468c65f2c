//! Which module imports which, only by the text and for every file: code that several services share belongs
//! to those that import it, even if the files in between contain little.

/// The dotted names that a module imports: `common.db` and `common.db.engine` for
/// `from common.db import engine`.
pub(super) fn of_text(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("import ") {
            for name in rest.split(',') {
                found.extend(plain(name));
            }
        } else if let Some((module, names)) =
            line.strip_prefix("from ").and_then(|r| r.split_once(" import "))
        {
            let Some(module) = plain(module) else { continue };
            let mut names = names.to_owned();
            // `from a import (` continues to the closing bracket.
            let mut left = 200;
            while names.contains('(') && !names.contains(')') && left > 0 {
                let Some(more) = lines.next() else { break };
                names.push(',');
                names.push_str(more.split('#').next().unwrap_or_default());
                left -= 1;
            }
            let dot = if module.ends_with('.') { "" } else { "." };
            for name in names.split([',', '(', ')']) {
                found.extend(plain(name).map(|n| format!("{module}{dot}{n}")));
            }
            found.push(module);
        }
    }
    found
}

/// The name without its alias; `None` if it is not a name.
fn plain(name: &str) -> Option<String> {
    let name = name.split('#').next()?.split_whitespace().next()?;
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    (name.len() < 200 && name.chars().all(is_name)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_import_is_seen() {
        let text = "\
import os, common.db as db
from common import secrets, metrics as m  # shared
from .core import (
    config,  # settings
    clients as c,
)
from . import session
print('from x import y')
";
        assert_eq!(
            of_text(text),
            [
                "os",
                "common.db",
                "common.secrets",
                "common.metrics",
                "common",
                ".core.config",
                ".core.clients",
                ".core",
                ".session",
                "."
            ]
        );
        assert!(of_text("from a import (\n").contains(&"a".to_owned()));
    }
}
