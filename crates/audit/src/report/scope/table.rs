//! A table of a terminal's width: columns as wide as their widest cell, and the longest shortened if a row is too long.

use std::fmt::Write;

/// Aligned columns. Empty columns are left out, and the widest ones become narrower if not all fit.
pub(super) fn table<const N: usize>(out: &mut String, rows: Vec<[String; N]>, width: usize) {
    let with_head = rows.len() > 1 && rows.first().is_some_and(|head| head.iter().all(|h| is_head(h)));
    let body = &rows[usize::from(with_head)..];
    let used: Vec<usize> = (0..N)
        .filter(|column| body.iter().any(|row| !row[*column].is_empty()))
        .collect();
    let longest = |column: usize| rows.iter().map(|row| columns(&row[column])).max().unwrap_or(0);
    let mut widths: Vec<usize> = used.iter().map(|column| longest(*column)).collect();
    let room = width.saturating_sub(2 + 2 * used.len().saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > LEAST => *widest -= 1,
            _ => break,
        }
    }
    for row in &rows {
        let mut line = " ".to_owned();
        for (column, width) in used.iter().zip(&widths) {
            let text = shortened(&row[*column], *width);
            let gap = width.saturating_sub(columns(&text));
            let is_number = body
                .iter()
                .all(|row| row[*column].bytes().all(|b| b.is_ascii_digit()));
            let _ = match is_number {
                true => write!(line, " {:gap$}{text} ", ""),
                false => write!(line, " {text}{:gap$} ", ""),
            };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

/// The minimum width of a column.
const LEAST: usize = 12;

fn is_head(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c == ' ')
}

pub(super) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// The text with its middle left out if it is too long: both ends of a path are useful.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let length = columns(text);
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let head = kept / 2;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - (kept - head)).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_the_width_and_omits_empty_columns() {
        let long = "k8s/overlays/".repeat(8);
        let rows = vec![
            ["KIND", "ROOT", "NAME", "OBJECTS"].map(str::to_owned),
            ["kustomize", long.as_str(), "", "5"].map(str::to_owned),
            ["Helm", "charts/api", "", "1200"].map(str::to_owned),
        ];
        let mut out = String::new();
        table(&mut out, rows, 60);
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines.iter().all(|line| columns(line) <= 60), "{out}");
        assert!(!out.contains("NAME"), "{out}");
        assert!(
            lines[1].contains("k8s/overlays/") && lines[1].contains('…'),
            "{out}"
        );
        // Numbers are aligned in columns.
        assert!(
            lines[1].ends_with("      5") && lines[2].ends_with("   1200"),
            "{out}"
        );
        let mut wide = String::new();
        table(&mut wide, vec![["a".to_owned(), long.clone()]], 140);
        assert!(wide.contains(&long));
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_end() {
        assert_eq!(shortened("abcdefghij", 10), "abcdefghij");
        assert_eq!(shortened("abcdefghijk", 6), "ab…ijk");
        assert_eq!(shortened("äöüäöü", 3), "ä…ü");
    }
}
