//! The report for programs. Its schema is published in `schemas/rehearsal.schema.json` and changes only with
//! `version`.

use cofferdam_model::Platform;
use cofferdam_model::report::Run;
use serde::Serialize;

use super::text::place;
use crate::outcome::{Kind, Role};
use crate::rehearse::{Rehearsal, Summary};
use crate::statistics::Interval;
use cofferdam_formulas::Need;

/// Version of the schema.
pub const VERSION: u32 = 2;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    tool: JsonTool<'a>,
    exit_status: u8,
    rehearsals: Vec<JsonRehearsal<'a>>,
}

#[derive(Serialize)]
struct Comparison<'a> {
    version: u32,
    tool: JsonTool<'a>,
    exit_status: u8,
    before: Vec<JsonRehearsal<'a>>,
    after: Vec<JsonRehearsal<'a>>,
}

#[derive(Serialize)]
struct JsonTool<'a> {
    name: &'static str,
    version: &'a str,
}

fn tool<'a>(run: &Run<'a>) -> JsonTool<'a> {
    JsonTool {
        name: "cofferdam",
        version: run.version,
    }
}

#[derive(Serialize)]
struct JsonRehearsal<'a> {
    scenario: &'a str,
    title: &'a str,
    page: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    documentation: Option<String>,
    environment: &'a str,
    results: Vec<JsonSummary<'a>>,
    needs: Vec<JsonNeed<'a>>,
    nothing: Option<&'a str>,
    beyond: &'a [String],
}

#[derive(Serialize)]
struct JsonNeed<'a> {
    fact: String,
    why: &'a str,
    lines: String,
}

#[derive(Serialize)]
struct JsonSummary<'a> {
    subject: &'a str,
    runs: u32,
    seed: u64,
    harm: f64,
    timeline: Vec<JsonHappening<'a>>,
    figures: Vec<JsonFigure<'a>>,
    series: Vec<JsonSeries<'a>>,
    inputs: Vec<JsonInput<'a>>,
    assumptions: &'a [String],
}

#[derive(Serialize)]
struct JsonHappening<'a> {
    key: &'a str,
    role: Role,
    seconds: f64,
    earliest: f64,
    latest: f64,
    runs: u32,
    text: &'a str,
}

#[derive(Serialize)]
struct JsonFigure<'a> {
    name: &'a str,
    unit: &'a str,
    probability: bool,
    #[serde(flatten)]
    interval: Interval,
}

#[derive(Serialize)]
struct JsonSeries<'a> {
    chart: &'a str,
    name: &'a str,
    unit: &'a str,
    points: Vec<(f64, f64)>,
}

#[derive(Serialize)]
struct JsonInput<'a> {
    name: &'a str,
    value: &'a str,
    place: Option<String>,
}

/// Writes all rehearsals as one JSON document.
///
/// # Errors
/// The writer's errors.
pub fn write(
    rehearsals: (&[Rehearsal], &Platform),
    run: &Run<'_>,
    mut out: impl std::io::Write,
) -> std::io::Result<()> {
    let document = Document {
        version: VERSION,
        tool: tool(run),
        exit_status: run.exit_status,
        rehearsals: all(rehearsals, run),
    };
    serde_json::to_writer_pretty(&mut out, &document)?;
    out.write_all(b"\n")
}

/// The rehearsals as a value, to be part of another document.
///
/// # Errors
/// None in practice: every value is text or a finite number.
pub fn value(
    rehearsals: &[Rehearsal],
    platform: &Platform,
    run: &Run<'_>,
) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(all((rehearsals, platform), run))
}

fn all<'a>((rehearsals, platform): (&'a [Rehearsal], &Platform), run: &Run<'_>) -> Vec<JsonRehearsal<'a>> {
    rehearsals
        .iter()
        .map(|one| rehearsal(one, platform, run))
        .collect()
}

/// Writes two platforms' rehearsals, `before` and `after`, as one JSON document.
///
/// # Errors
/// The writer's errors.
pub fn write_comparison(
    before: (&[Rehearsal], &Platform),
    after: (&[Rehearsal], &Platform),
    run: &Run<'_>,
    mut out: impl std::io::Write,
) -> std::io::Result<()> {
    let document = Comparison {
        version: VERSION,
        tool: tool(run),
        exit_status: run.exit_status,
        before: all(before, run),
        after: all(after, run),
    };
    serde_json::to_writer_pretty(&mut out, &document)?;
    out.write_all(b"\n")
}

fn rehearsal<'a>(one: &'a Rehearsal, platform: &Platform, run: &Run<'_>) -> JsonRehearsal<'a> {
    JsonRehearsal {
        scenario: one.scenario.name,
        title: one.scenario.title,
        page: one.scenario.page(),
        documentation: run.page(&format!("scenarios/{}.md", one.scenario.name)),
        environment: &one.environment,
        results: one
            .results
            .iter()
            .map(|summary| result(summary, platform))
            .collect(),
        needs: one.needs.iter().map(need).collect(),
        nothing: one.nothing.as_deref(),
        beyond: &one.beyond,
    }
}

fn need(need: &Need) -> JsonNeed<'_> {
    JsonNeed {
        fact: need.path(),
        why: need.reason(),
        lines: need.lines(),
    }
}

fn result<'a>(summary: &'a Summary, platform: &Platform) -> JsonSummary<'a> {
    JsonSummary {
        subject: &summary.subject,
        runs: summary.runs,
        seed: summary.seed,
        harm: summary.harm,
        timeline: summary
            .timeline
            .iter()
            .map(|happening| JsonHappening {
                key: happening.key,
                role: happening.role,
                seconds: happening.at.as_secs_f64(),
                earliest: happening.range.0.as_secs_f64(),
                latest: happening.range.1.as_secs_f64(),
                runs: happening.runs,
                text: &happening.text,
            })
            .collect(),
        figures: summary
            .figures
            .iter()
            .map(|figure| JsonFigure {
                name: figure.name,
                unit: figure.unit,
                probability: figure.kind == Kind::Whether,
                interval: figure.interval,
            })
            .collect(),
        series: summary
            .series
            .iter()
            .map(|series| JsonSeries {
                chart: series.chart,
                name: &series.name,
                unit: series.unit,
                points: series
                    .points
                    .iter()
                    .map(|(at, value)| (at.as_secs_f64(), *value))
                    .collect(),
            })
            .collect(),
        inputs: summary
            .inputs
            .iter()
            .map(|input| JsonInput {
                name: &input.name,
                value: &input.value,
                place: input.place.map(|span| place(platform, span)),
            })
            .collect(),
        assumptions: &summary.assumptions,
    }
}
