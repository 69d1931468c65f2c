//! Which part of a file a snippet shows. A file may be one line of a megabyte, and a finding may name both ends of a
//! long file: what is shown grows with the number of marks, not with the file.

use crate::finding::Location;
use cofferdam_model::{SourceFile, Span};

/// Bytes of a line from which it is cut.
const LONG: usize = 2_000;

/// Bytes of a long line that are shown before the first mark and after the last one.
const AROUND: usize = 160;

/// Bytes between two marks from which they are shown apart.
const FAR: usize = 20_000;

/// Locations of one file that are shown together, with the first byte that is shown and the end.
pub(super) type Shown<'a> = (Vec<&'a Location>, usize, usize);

/// The locations of one file in the groups that are shown together, in the order of their first locations.
pub(super) fn groups<'a>(file: &SourceFile, here: Vec<&'a Location>) -> Vec<Shown<'a>> {
    let mut sorted: Vec<(usize, &Location)> = here.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, location)| location.span.start);
    let mut groups: Vec<Vec<(usize, &Location)>> = Vec::new();
    let mut end = 0;
    for (order, location) in sorted {
        let (start, stop) = ends(file, location.span);
        match groups.last_mut() {
            Some(group) if !is_apart(file, end, start) => group.push((order, location)),
            _ => groups.push(vec![(order, location)]),
        }
        end = stop.max(end);
    }
    let first = |group: &[(usize, &Location)]| group.iter().map(|(order, _)| *order).min();
    groups.sort_by_key(|group| first(group));
    let shown = groups.into_iter().map(|mut group| {
        group.sort_by_key(|(order, _)| *order);
        let here: Vec<&Location> = group.into_iter().map(|(_, location)| location).collect();
        let (start, end) = lines(file, &here);
        (here, start, end)
    });
    shown.collect()
}

/// Whether two marks are too far from each other for one snippet.
fn is_apart(file: &SourceFile, end: usize, start: usize) -> bool {
    let gap = start.saturating_sub(end);
    let one_line = || {
        file.text
            .get(end..start)
            .is_some_and(|between| !between.contains('\n'))
    };
    gap > FAR || gap > 2 * AROUND && (one_line() || is_long(file, end) || is_long(file, start))
}

/// Whether the line of a byte is cut.
fn is_long(file: &SourceFile, at: usize) -> bool {
    let (start, end) = line(file, at);
    end - start > LONG
}

/// The bytes of a mark on its first line.
fn ends(file: &SourceFile, span: Span) -> (usize, usize) {
    let first = first_line(file, span);
    (first.start as usize, first.end as usize)
}

/// Bytes from the first line that is shown to the end of the last.
fn lines(file: &SourceFile, here: &[&Location]) -> (usize, usize) {
    let marks = || here.iter().map(|location| ends(file, location.span));
    let first = marks().map(|(start, _)| start).min().unwrap_or(0);
    let last = marks().map(|(_, end)| end).max().unwrap_or(first);
    let (start, first_end) = line(file, first);
    let (last_start, end) = line(file, last);
    let text = &file.text;
    let start = match first_end - start > LONG {
        true => text.floor_char_boundary(first.saturating_sub(AROUND).max(start)),
        false => start,
    };
    let end = match end - last_start > LONG {
        true => text.ceil_char_boundary(last.saturating_add(AROUND).min(end)),
        false => end,
    };
    (start, end.max(start))
}

/// The line of a byte, without its line break.
fn line(file: &SourceFile, at: usize) -> (usize, usize) {
    let text = file.text.as_bytes();
    let at = at.min(text.len());
    let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |i| i + 1);
    let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |i| at + i);
    (start, end)
}

/// A span over several lines is shown by its first line that has text.
pub(super) fn first_line(file: &SourceFile, span: Span) -> Span {
    let text = file.text.as_bytes();
    let end = (span.end as usize).min(text.len());
    let start = (span.start as usize).min(end);
    let stop = memchr::memchr(b'\n', &text[start..end]).map_or(end, |i| start + i);
    let stop = if text[start..stop].last() == Some(&b'\r') {
        stop - 1
    } else {
        stop
    };
    Span::new(span.file, start, stop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::FileId;

    fn shown(text: &str, marks: &[&str]) -> Vec<(usize, String)> {
        let file = SourceFile::new("a.yaml".into(), text);
        let locations: Vec<Location> = marks
            .iter()
            .map(|mark| {
                let start = text.find(mark).expect("the mark is in the text");
                Location {
                    span: Span::new(FileId(0), start, start + mark.len()),
                    label: String::new(),
                }
            })
            .collect();
        let groups = groups(&file, locations.iter().collect());
        let texts = groups.into_iter();
        texts
            .map(|(here, start, end)| (here.len(), text[start..end].to_owned()))
            .collect()
    }

    #[test]
    fn marks_in_short_lines_are_shown_together_with_whole_lines() {
        let text = "a: 1\nb: 2\nc: 3\nd: 4\n";
        assert_eq!(shown(text, &["c", "b"]), [(2, "b: 2\nc: 3".to_owned())]);
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let text = format!(
            "{{{}\"here\": 1{}}}",
            "\"é\": 0, ".repeat(1000),
            ", \"ü\": 0".repeat(1000)
        );
        let found = shown(&text, &["here"]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].1.contains("\"here\": 1") && found[0].1.len() < 400,
            "{found:?}"
        );
    }

    #[test]
    fn marks_far_from_each_other_are_shown_apart_the_first_one_first() {
        let long = format!("[first{}last]", ", 0".repeat(5_000));
        let found = shown(&long, &["last", "first"]);
        let starts: Vec<bool> = found.iter().map(|(_, text)| text.contains("first")).collect();
        assert_eq!(starts, [false, true], "{found:?}");
        let lines = format!("first: 1\n{}last: 1\n", "x: 0\n".repeat(10_000));
        let texts: Vec<String> = shown(&lines, &["first", "last"])
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(texts, ["first: 1", "last: 1"]);
    }
}
