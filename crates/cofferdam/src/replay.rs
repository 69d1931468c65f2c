//! `cofferdam simulate --replay`: computes the decisions of a trace again.

use crate::exit::FINDINGS;
use crate::output;
use cofferdam_model::redact;
use cofferdam_policy::Time;
use cofferdam_policy::trace::{Case, Parted, Replay, Stop, Summary, Told};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

/// The longest line: one of a recorder has at most 512 steps.
const LONGEST_LINE: u64 = 64 << 20;

/// Replays a trace and prints how many decisions of each policy were the same, or where one differs.
///
/// # Errors
/// A sentence with the line that cannot be read.
pub(crate) fn run(file: &Path, verbose: bool) -> Result<ExitCode, String> {
    let unreadable = |e: &dyn std::fmt::Display| format!("cannot replay {}: {e}", file.display());
    let mut lines = BufReader::new(File::open(file).map_err(|e| unreadable(&e))?);
    let mut replay = Replay::new();
    let mut spoken = Spoken::default();
    let mut number = 0_u64;
    let mut line = Vec::new();
    loop {
        line.clear();
        number += 1;
        let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        let length = read.map_err(|e| unreadable(&e))?;
        if length == 0 {
            break;
        }
        if length as u64 == LONGEST_LINE {
            return Err(unreadable(&format!("line {number} is longer than 64 MiB")));
        }
        let text =
            std::str::from_utf8(&line).map_err(|_| unreadable(&format!("line {number} is not UTF-8")))?;
        let replayed = match verbose {
            true => replay.line_told(text, &mut |one| spoken.add(one)),
            false => replay.line(text),
        };
        spoken.print(LONG)?;
        match replayed {
            Ok(()) => {}
            Err(Stop::Parted(parted)) => {
                spoken.end();
                spoken.print(0)?;
                output::print(&told(&parted), false, &[])?;
                return Ok(ExitCode::from(FINDINGS));
            }
            Err(stop) => return Err(unreadable(&stop)),
        }
    }
    let summary = replay.finish().map_err(|stop| unreadable(&stop))?;
    spoken.end();
    spoken.print(0)?;
    output::print(&table(&summary), false, &[])?;
    Ok(ExitCode::SUCCESS)
}

/// Characters that are printed together.
const LONG: usize = 1 << 16;

/// Decisions in words, those that a policy takes in a row for the same reason as one line.
#[derive(Debug, Default)]
struct Spoken {
    case: Case,
    /// The latest decision of each policy of the case.
    latest: BTreeMap<String, Row>,
    out: String,
}

#[derive(Debug)]
struct Row {
    words: String,
    from: Time,
    until: Time,
    times: u64,
}

impl Spoken {
    fn add(&mut self, one: &Told<'_>) {
        if *one.case != self.case {
            self.end();
            self.case = one.case.clone();
        }
        let (at, words) = (one.at, one.words());
        if let Some(row) = self.latest.get_mut(one.entity)
            && row.words == words
        {
            row.times += 1;
            row.until = at;
            return;
        }
        let row = Row {
            words,
            from: at,
            until: at,
            times: 1,
        };
        if let Some(before) = self.latest.insert(one.entity.to_owned(), row) {
            line(&mut self.out, &self.case, one.entity, &before);
        }
    }

    /// Ends the rows of the case.
    fn end(&mut self) {
        for (entity, row) in std::mem::take(&mut self.latest) {
            line(&mut self.out, &self.case, &entity, &row);
        }
    }

    /// Prints what is waiting, if it is longer than this.
    fn print(&mut self, than: usize) -> Result<(), String> {
        if self.out.len() > than {
            output::print(&self.out, false, &[])?;
            self.out.clear();
        }
        Ok(())
    }
}

fn line(out: &mut String, case: &Case, entity: &str, row: &Row) {
    let _ = write!(out, "{}  {}: {}", row.from, owner(case, entity), row.words);
    if row.times > 1 {
        let _ = write!(out, " ({} times until {})", row.times, row.until);
    }
    out.push('\n');
}

/// Where the replay parts from the trace.
fn told(parted: &Parted) -> String {
    let mut out = format!(
        "line {}: decision {} of {} differs, at {}\n",
        parted.line,
        parted.number,
        owner(&parted.case, &parted.entity),
        parted.at
    );
    let words = |words: Option<&str>| words.map_or_else(String::new, |words| format!("   ({words})"));
    let (expected, got) = match &parted.words {
        Some((expected, got)) => (Some(expected.as_str()), Some(got.as_str())),
        None => (None, None),
    };
    for (name, json, in_words) in [
        ("input", &parted.input, None),
        ("recorded", &parted.expected, expected),
        ("replayed", &parted.got, got),
    ] {
        let _ = writeln!(out, "  {name:<9} {json}{}", words(in_words));
    }
    out
}

/// Which policy of which case. The names are text of the file: a line break in one would print a false line, and a secret in
/// one is hidden as in a message.
fn owner(case: &Case, entity: &str) -> String {
    let side = case
        .side
        .as_ref()
        .map_or_else(String::new, |side| format!(", {side}"));
    let named = match case.scenario.as_str() {
        "" => format!("{entity}{side}"),
        scenario => format!("{scenario}: {}{side}: {entity}", case.subject),
    };
    redact::statement(&named.replace(char::is_control, "\u{FFFD}"))
}

fn table(summary: &Summary) -> String {
    let mut out = String::new();
    let mut all = 0;
    for one in &summary.entities {
        all += one.decisions;
        let _ = writeln!(
            out,
            "  {:>10}  {:<7}  {}",
            one.decisions,
            one.policy,
            owner(&one.case, &one.name)
        );
    }
    let _ = writeln!(out, "{all} decisions replayed, every one the same");
    for one in &summary.events {
        let _ = writeln!(
            out,
            "  {:>10}  event    {}: not a policy, not replayed",
            one.count,
            owner(&one.case, &one.name)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_trace_prints_no_false_line_and_no_secret() {
        let case = Case::default();
        let shown = owner(&case, "x\n99 decisions replayed, every one the same");
        assert_eq!(shown.lines().count(), 1, "{shown}");
        let shown = owner(&case, "breaker password=S3cr3tCanary-9f8e7d");
        assert!(!shown.contains("S3cr3tCanary"), "{shown}");
    }
}
