//! Lists the facts that people can state, with the values that are known and their places, for `cofferdam facts`. The
//! schema for programs is published in `schemas/facts.schema.json` and changes only with `version`.

use cofferdam_model::registry::{Entry, Known, Section, Value, facts_of, facts_of_overlay};
use cofferdam_model::{Environment, Fact, Platform, Source, Span};
use serde::Serialize;
use std::fmt::Write;

/// Version of the schema.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct JsonFacts<'a> {
    version: u32,
    /// Facts that hold for all environments.
    everywhere: Vec<JsonFact>,
    environments: Vec<JsonEnvironment<'a>>,
}

#[derive(Serialize)]
struct JsonEnvironment<'a> {
    name: &'a str,
    project: String,
    cluster: Option<&'a str>,
    variant: Option<&'a str>,
    facts: Vec<JsonFact>,
}

#[derive(Serialize)]
struct JsonFact {
    path: String,
    section: &'static str,
    name: Option<String>,
    key: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    unit: Option<&'static str>,
    what: &'static str,
    value: serde_json::Value,
    source: Option<JsonSource>,
    decides: Option<&'static str>,
    default: Option<JsonDefault>,
    example: &'static str,
}

#[derive(Serialize)]
struct JsonDefault {
    value: &'static str,
    why: &'static str,
}

#[derive(Serialize)]
struct JsonSource {
    kind: &'static str,
    path: Option<String>,
    line: Option<u32>,
    why: Option<String>,
}

/// Writes the facts of these environments as one JSON document.
///
/// # Errors
/// The writer's errors.
pub fn write<'a>(
    environments: impl Iterator<Item = &'a Environment>,
    platform: &'a Platform,
    mut out: impl std::io::Write,
) -> std::io::Result<()> {
    let all = |known: Vec<Known>| known.into_iter().map(|known| json(known, platform)).collect();
    let document = JsonFacts {
        version: VERSION,
        everywhere: all(facts_of_overlay(&platform.overlay)),
        environments: environments
            .map(|env| JsonEnvironment {
                name: &env.name,
                project: env.root.display().to_string(),
                cluster: env.cluster.as_deref(),
                variant: env.variant.as_deref(),
                facts: all(facts_of(env)),
            })
            .collect(),
    };
    serde_json::to_writer_pretty(&mut out, &document)?;
    out.write_all(b"\n")
}

fn json(known: Known, platform: &Platform) -> JsonFact {
    let entry = known.entry;
    JsonFact {
        path: known.path(),
        section: entry.section.path(),
        name: known.name,
        key: entry.key,
        kind: entry.kind.name(),
        unit: entry.kind.unit(),
        what: entry.sentence,
        source: known.value.as_ref().map(|fact| source(&fact.source, platform)),
        value: known
            .value
            .map_or(serde_json::Value::Null, |fact| value(&fact.value)),
        decides: entry.decides,
        default: entry.default.map(|(value, why)| JsonDefault { value, why }),
        example: entry.example,
    }
}

/// The value in the unit of its fact.
fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Whole(number) => (*number).into(),
        Value::Rate(rate) => rate.0.into(),
        Value::Duration(time) => time.as_secs_f64().into(),
        Value::Share(share) => share.0.into(),
        Value::Bytes(bytes) => bytes.0.into(),
        Value::Flag(flag) => (*flag).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Word(word) => (*word).into(),
        Value::Names(names) => names.iter().map(|name| name.value.as_str()).collect(),
        Value::Money(money) => money.0.into(),
        Value::Limits(limits) => {
            let one = |(limit, reason): &(Fact<u32>, String)| serde_json::json!({"connections": limit.value, "reason": reason});
            limits.iter().map(one).collect()
        }
    }
}

fn source(source: &Source, platform: &Platform) -> JsonSource {
    let (kind, span, why) = match source {
        Source::Declared(span) => ("declared", Some(*span), None),
        Source::Inferred { span, why } => ("inferred", Some(*span), Some(why)),
        Source::Stated(span) => ("stated", Some(*span), None),
        Source::Assumed { why } => ("assumed", None, Some(why)),
        Source::Observed { what } => ("observed", None, Some(what)),
    };
    JsonSource {
        kind,
        path: span.map(|span| platform.sources.path(span.file).display().to_string()),
        line: span.map(|span| platform.sources.position(span).line),
        why: why.map(ToString::to_string),
    }
}

/// The facts of these environments for people: what is known with its place, and with `missing` also what is not, with
/// what depends on it and how it is stated.
pub fn render<'a>(
    environments: impl Iterator<Item = &'a Environment>,
    platform: &Platform,
    missing: bool,
) -> String {
    let mut out = String::new();
    let everywhere = facts_of_overlay(&platform.overlay);
    if missing || everywhere.iter().any(|known| known.value.is_some()) {
        out.push_str("everywhere\n");
        parts(&mut out, &everywhere, platform, missing);
    }
    for env in environments {
        let variant = env.cluster.iter().chain(&env.variant);
        let names: Vec<&str> = std::iter::once(&env.name)
            .chain(variant)
            .map(String::as_str)
            .collect();
        let _ = write!(out, "{}", names.join(", "));
        match env.root.as_os_str().is_empty() {
            true => out.push('\n'),
            false => {
                let _ = writeln!(out, " ({})", env.root.display());
            }
        }
        parts(&mut out, &facts_of(env), platform, missing);
    }
    out
}

/// Facts under the names of their parts.
fn parts(out: &mut String, facts: &[Known], platform: &Platform, missing: bool) {
    let same = |a: &Known, b: &Known| (a.entry.section, &a.name) == (b.entry.section, &b.name);
    for part in facts.chunk_by(same) {
        let Some(first) = part.first() else { continue };
        let section = first.entry.section;
        let title = match &first.name {
            Some(name) => format!("{} {name}", section.part()),
            None if section == Section::Kafka => "Kafka".to_owned(),
            None => section.path().to_owned(),
        };
        let _ = writeln!(out, "  {title}");
        let lines: Vec<(&Entry, String, String)> = part
            .iter()
            .filter_map(|known| match &known.value {
                Some(fact) => Some((known.entry, fact.value.to_string(), place(&fact.source, platform))),
                None => missing.then(|| (known.entry, "not known".to_owned(), how(known))),
            })
            .collect();
        let width = |of: fn(&(&Entry, String, String)) -> usize| lines.iter().map(of).max().unwrap_or(0);
        let keys = width(|(entry, ..)| entry.key.len());
        // A list of hosts may be long; the others are still read in columns.
        let values = width(|(_, value, _)| value.chars().count()).min(24);
        for (entry, value, note) in &lines {
            let _ = writeln!(out, "    {:<keys$}  {value:<values$}  {note}", entry.key);
        }
        let unknown = part.iter().filter(|known| known.value.is_none()).count();
        if unknown > 0 && !missing {
            let _ = writeln!(out, "    ({unknown} more can be stated)");
        }
    }
}

fn place(source: &Source, platform: &Platform) -> String {
    let at = |span: Span| {
        let path = platform.sources.path(span.file).display();
        format!("{path}:{}", platform.sources.position(span).line)
    };
    match source {
        Source::Declared(span) | Source::Stated(span) => at(*span),
        Source::Inferred { span, why } => format!("{} ({why})", at(*span)),
        Source::Assumed { why } => format!("assumed: {why}"),
        Source::Observed { what } => format!("observed: {what}"),
    }
}

/// Why a missing fact matters, and how it is stated.
fn how(known: &Known) -> String {
    let entry = known.entry;
    let why = match (entry.default, entry.decides) {
        (Some((_, taken)), _) => format!("taken: {taken}"),
        (None, Some(decides)) => format!("decides {decides}"),
        (None, None) => entry.sentence.trim_end_matches('.').to_owned(),
    };
    format!("{why}; {}: {}", known.path(), entry.example)
}
