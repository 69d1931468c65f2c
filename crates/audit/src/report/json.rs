//! The report for programs. Its schema is published in `schemas/report.schema.json` and changes only with
//! `version`.

use super::{deployed, page_of};
use crate::engine::{Report, severity_of};
use crate::finding::{Finding, Severity, Unjudged};
use cofferdam_model::{Platform, Span};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Version of the schema.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    summary: Summary<'a>,
    findings: Vec<JsonFinding<'a>>,
    findings_apart: Vec<JsonFinding<'a>>,
    not_judged: Vec<JsonUnjudged<'a>>,
    unreadable: Vec<JsonUnreadable>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rehearsals: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Summary<'a> {
    environments: &'a [String],
    deployments: Vec<JsonDeployments<'a>>,
    apart: Vec<JsonPlace>,
    findings: BTreeMap<&'static str, usize>,
    files_read: BTreeMap<&'a str, usize>,
    files_passed_over: usize,
    suppressed: usize,
    below_severity: usize,
    only_stated: usize,
    nothing_to_check: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    config: Option<String>,
    notes: Vec<JsonUnreadable>,
}

#[derive(Serialize)]
struct JsonDeployments<'a> {
    kind: &'static str,
    count: usize,
    environments: Vec<&'a str>,
}

#[derive(Serialize)]
struct JsonPlace {
    directory: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    why: &'static str,
    files: usize,
    findings: usize,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    rule: &'a str,
    severity: &'static str,
    confidence: &'static str,
    environments: BTreeSet<&'a str>,
    subject: &'a str,
    subjects: &'a [String],
    apart: Option<&'static str>,
    title: &'a str,
    explanation: &'a str,
    figures: BTreeMap<&'a str, JsonFigure<'a>>,
    assumptions: &'a [String],
    locations: Vec<JsonLocation<'a>>,
    remedy: &'a str,
    url: String,
}

#[derive(Serialize)]
struct JsonFigure<'a> {
    value: f64,
    unit: &'a str,
}

#[derive(Serialize)]
struct JsonLocation<'a> {
    path: String,
    start: JsonPosition,
    end: JsonPosition,
    label: &'a str,
}

#[derive(Serialize)]
struct JsonPosition {
    line: u32,
    column: u32,
}

#[derive(Serialize)]
struct JsonUnjudged<'a> {
    rule: &'a str,
    environments: &'a [String],
    subject: &'a str,
    needs: Vec<String>,
    partial: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonUnreadable {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<JsonPosition>,
    message: String,
}

/// Writes the whole report as one JSON document, in a stream because a report can be large. `rehearsals` are
/// the simulations that the findings refer to, if they were run.
///
/// # Errors
/// The writer's errors.
pub fn write(
    report: &Report,
    platform: &Platform,
    rehearsals: Option<serde_json::Value>,
    mut out: impl std::io::Write,
) -> std::io::Result<()> {
    let place = |file: &cofferdam_model::UnreadableFile| JsonUnreadable {
        path: file.path.display().to_string(),
        start: file.span.map(|span| position(platform, span.file.0, span.start)),
        message: file.message.clone(),
    };
    let notes = platform.reading.notes.iter().map(place);
    let suppressions = report
        .suppression_notes
        .iter()
        .map(|(span, message)| JsonUnreadable {
            path: platform.sources.path(span.file).display().to_string(),
            start: Some(position(platform, span.file.0, span.start)),
            message: message.clone(),
        });
    let document = Document {
        version: VERSION,
        summary: Summary {
            environments: &report.environments,
            deployments: deployments(report, platform),
            apart: places(report, platform),
            findings: Severity::ALL
                .into_iter()
                .map(|s| {
                    (
                        s.name(),
                        report.findings.iter().filter(|f| severity_of(f) == s).count(),
                    )
                })
                .collect(),
            files_read: platform
                .reading
                .formats
                .iter()
                .map(|(k, v)| (k.as_str(), *v))
                .collect(),
            files_passed_over: platform.reading.skipped.len(),
            suppressed: report.suppressed,
            below_severity: report.below,
            only_stated: report.only_stated,
            nothing_to_check: report.is_nothing(platform),
            root: shown(platform.reading.root.as_deref()),
            config: shown(platform.reading.config.as_deref()),
            notes: notes.chain(suppressions).collect(),
        },
        findings: report.findings.par_iter().map(|f| finding(f, platform)).collect(),
        findings_apart: report.apart.par_iter().map(|f| finding(f, platform)).collect(),
        not_judged: report.unjudged.iter().map(unjudged).collect(),
        unreadable: report.unreadable(platform).into_iter().map(place).collect(),
        rehearsals,
    };
    serde_json::to_writer_pretty(&mut out, &document)?;
    out.write_all(b"\n")
}

fn deployments<'a>(report: &Report, platform: &'a Platform) -> Vec<JsonDeployments<'a>> {
    let deployed = deployed::deployed(report, platform).into_iter();
    deployed
        .map(|d| JsonDeployments {
            kind: d.kind.name(),
            count: d.count,
            environments: d.environments.into_iter().collect(),
        })
        .collect()
}

fn places(report: &Report, platform: &Platform) -> Vec<JsonPlace> {
    let places = deployed::places(report, platform).into_iter();
    places
        .map(|p| JsonPlace {
            directory: p.place.directory.display().to_string(),
            file: p.place.file.as_ref().map(|file| file.display().to_string()),
            why: p.place.why.name(),
            files: p.place.files,
            findings: p.findings,
        })
        .collect()
}

fn shown(path: Option<&Path>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

fn position(platform: &Platform, file: u32, offset: u32) -> JsonPosition {
    let offset = offset as usize;
    let span = Span::new(cofferdam_model::FileId(file), offset, offset);
    let at = platform.sources.position(span);
    JsonPosition {
        line: at.line,
        column: at.column,
    }
}

fn finding<'a>(finding: &'a Finding, platform: &Platform) -> JsonFinding<'a> {
    JsonFinding {
        rule: finding.rule,
        severity: severity_of(finding).name(),
        confidence: finding.confidence.name(),
        environments: (finding.environments.iter())
            .chain(finding.elsewhere.iter().map(|(_, name)| name))
            .map(String::as_str)
            .collect(),
        subject: &finding.subject,
        subjects: &finding.subjects,
        apart: finding.apart.map(cofferdam_model::Apart::name),
        title: &finding.title,
        explanation: &finding.explanation,
        figures: finding
            .figures
            .iter()
            .map(|(name, f)| {
                (
                    &**name,
                    JsonFigure {
                        value: f.value,
                        unit: &f.unit,
                    },
                )
            })
            .collect(),
        assumptions: &finding.assumptions,
        locations: finding
            .locations
            .iter()
            .map(|l| JsonLocation {
                path: platform.sources.path(l.span.file).display().to_string(),
                start: position(platform, l.span.file.0, l.span.start),
                end: position(platform, l.span.file.0, l.span.end),
                label: &l.label,
            })
            .chain(finding.also_at.iter().map(|span| JsonLocation {
                path: platform.sources.path(span.file).display().to_string(),
                start: position(platform, span.file.0, span.start),
                end: position(platform, span.file.0, span.end),
                label: "the same at another place",
            }))
            .collect(),
        remedy: &finding.remedy,
        url: page_of(finding.rule),
    }
}

fn unjudged(one: &Unjudged) -> JsonUnjudged<'_> {
    JsonUnjudged {
        rule: one.rule,
        environments: &one.environments,
        subject: &one.subject,
        needs: one.needs.iter().map(ToString::to_string).collect(),
        partial: one.partial.as_deref(),
    }
}
