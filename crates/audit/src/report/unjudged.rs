//! What could not be judged because a fact is missing: each reason once, the most frequent first.

use super::style::{Style, wrap};
use crate::finding::Unjudged;
use cofferdam_model::registry::{Missing, quoted};
use cofferdam_model::units::singular;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What could not be judged: each reason once, the most frequent first, or every case with `verbose`.
pub(super) fn not_judged(out: &mut String, all: &[Unjudged], style: Style) {
    if all.is_empty() {
        return;
    }
    out.push_str(
        "could not judge (declare the missing facts in cofferdam.yaml; `cofferdam init` writes one \
        to fill in):\n",
    );
    let lines = if style.verbose {
        all.iter().map(in_full).collect()
    } else {
        reasons(all)
    };
    for line in lines {
        let wrapped = wrap(&line, style.width.saturating_sub(6)).replace('\n', "\n      ");
        let _ = writeln!(out, "    - {wrapped}");
    }
    out.push('\n');
}

/// Subject and need in one line. A need that is a sentence follows the subject's own.
fn in_words(subject: &str, need: &str) -> String {
    match need.starts_with(|c: char| c.is_ascii_uppercase()) {
        true => format!("{subject}. {need}."),
        false => format!("{subject}: needs {need}"),
    }
}

fn in_full(one: &Unjudged) -> String {
    let partial = one.partial.as_ref().map_or(String::new(), |p| format!(" ({p})"));
    let needs: Vec<String> = one.needs.iter().map(ToString::to_string).collect();
    let words = in_words(&one.subject, &needs.join(" and "));
    format!("{}: {words}{partial}", one.rule)
}

/// A fact that several things need in the same way.
#[derive(Default)]
struct Wanted<'a> {
    /// The things: names, or subjects if the need names no fact that could be declared.
    things: BTreeSet<&'a str>,
    /// The rule's own words for it.
    words: BTreeSet<&'a str>,
}

/// A need without the name of the thing: a section, whether it has names, and a key; or the whole text.
type Wish<'a> = (Option<(&'static str, bool)>, &'a str);

pub(super) fn reasons(all: &[Unjudged]) -> Vec<String> {
    let mut wanted: BTreeMap<Wish<'_>, Wanted<'_>> = BTreeMap::new();
    for one in all {
        for missing in &one.needs {
            match missing {
                Missing::Fact(need) => {
                    let section = need.fact.section.path();
                    let wish = (Some((section, need.name.is_some())), need.fact.key);
                    let wanted = wanted.entry(wish).or_default();
                    wanted.things.insert(need.name.as_deref().unwrap_or(section));
                    wanted.words.extend(need.why.as_deref());
                }
                Missing::Sentence(text) => {
                    let wanted = wanted.entry((None, text)).or_default();
                    wanted.things.insert(&one.subject);
                }
            }
        }
    }
    let mut lines: Vec<(usize, String)> = wanted
        .iter()
        .map(|(wish, wanted)| (wanted.things.len(), reason(*wish, wanted)))
        .collect();
    lines.sort_by(|a, b| (std::cmp::Reverse(a.0), &a.1).cmp(&(std::cmp::Reverse(b.0), &b.1)));
    lines.into_iter().map(|(_, line)| line).collect()
}

fn reason((place, key): Wish<'_>, wanted: &Wanted<'_>) -> String {
    let first = wanted.things.first().copied().unwrap_or_default();
    let Some((section, named)) = place else {
        return match wanted.things.len() {
            1 => in_words(first, key),
            n if key.starts_with(|c: char| c.is_ascii_uppercase()) => {
                format!("{first}, and the same for {} more. {key}.", n - 1)
            }
            n => format!("{first} and {} more: need {key}", n - 1),
        };
    };
    let words = match wanted.words.len() {
        1 => wanted.words.first().copied().unwrap_or_default().to_owned(),
        _ => key.replace(['_', '.'], " "),
    };
    if !named {
        return format!("{words} not declared ({section}.{key})");
    }
    let things = section.rsplit('.').next().unwrap_or(section);
    match wanted.things.len() {
        1 => {
            format!(
                "1 {}: {words} not declared ({section}.{}.{key})",
                singular(things),
                quoted(first)
            )
        }
        n => format!("{n} {things}: {words} not declared ({section}.NAME.{key})"),
    }
}
