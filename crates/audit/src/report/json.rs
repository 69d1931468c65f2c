//! The report for programs. Its schema is published in `schemas/report.schema.json` and changes only with
//! `version`.

use super::{deployed, page_of};
use crate::engine::{Report, severity_of};
use crate::finding::{Finding, Severity, Subject, Unjudged};
use crate::routes::Routes;
use cofferdam_model::report::Run;
use cofferdam_model::{Platform, Span};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Version of the schema.
pub const VERSION: u32 = 2;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    tool: JsonTool<'a>,
    exit_status: u8,
    summary: Summary<'a>,
    findings: Vec<JsonFinding<'a>>,
    findings_apart: Vec<JsonFinding<'a>>,
    not_judged: Vec<JsonUnjudged<'a>>,
    unreadable: Vec<JsonUnreadable>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rehearsals: Option<&'a serde_json::Value>,
}

#[derive(Serialize)]
struct JsonTool<'a> {
    name: &'static str,
    version: &'a str,
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
    fingerprint: String,
    rule: &'a str,
    severity: &'static str,
    confidence: &'static str,
    environments: BTreeSet<&'a str>,
    subject: &'a str,
    subjects: Vec<&'a str>,
    subject_key: JsonSubject<'a>,
    apart: Option<&'static str>,
    title: &'a str,
    explanation: &'a str,
    figures: BTreeMap<&'a str, JsonFigure<'a>>,
    assumptions: &'a [String],
    locations: Vec<JsonLocation<'a>>,
    remedy: &'a str,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    documentation: Option<String>,
}

#[derive(Serialize)]
struct JsonSubject<'a> {
    kind: &'a str,
    namespace: Option<&'a str>,
    name: &'a str,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
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

/// What a report has if somebody asked for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct More<'a> {
    /// The simulations that the findings refer to.
    pub rehearsals: Option<&'a serde_json::Value>,
    /// The routes of the places. To find them, the files are read once more.
    pub routes: bool,
}

/// Writes the whole report as one JSON document, in a stream because a report can be large.
///
/// # Errors
/// The writer's errors.
pub fn write(
    report: &Report,
    platform: &Platform,
    more: More<'_>,
    run: &Run<'_>,
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
    let routes = match more.routes {
        true => Routes::of(report.findings.iter().chain(&report.apart), &platform.sources),
        false => Routes::default(),
    };
    let of = |one| finding(one, (platform, &routes), run);
    let document = Document {
        version: VERSION,
        tool: JsonTool {
            name: "cofferdam",
            version: run.version,
        },
        exit_status: run.exit_status,
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
        findings: report.findings.par_iter().map(of).collect(),
        findings_apart: report.apart.par_iter().map(of).collect(),
        not_judged: report.unjudged.iter().map(unjudged).collect(),
        unreadable: report.unreadable(platform).into_iter().map(place).collect(),
        rehearsals: more.rehearsals,
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

fn finding<'a>(
    finding: &'a Finding,
    (platform, routes): (&Platform, &Routes),
    run: &Run<'_>,
) -> JsonFinding<'a> {
    let route = |span: Span| routes.get(span).map(ToString::to_string);
    JsonFinding {
        fingerprint: finding.fingerprint.to_string(),
        rule: &finding.rule,
        severity: severity_of(finding).name(),
        confidence: finding.confidence.name(),
        environments: (finding.environments.iter())
            .chain(finding.elsewhere.iter().map(|(_, name)| name))
            .map(String::as_str)
            .collect(),
        subject: finding.subject.as_str(),
        subjects: finding.subjects.iter().map(Subject::as_str).collect(),
        subject_key: JsonSubject {
            kind: finding.subject.kind(),
            namespace: finding.subject.bare_namespace(),
            name: finding.subject.name(),
        },
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
                route: route(l.span),
            })
            .chain(finding.also_at.iter().map(|span| JsonLocation {
                path: platform.sources.path(span.file).display().to_string(),
                start: position(platform, span.file.0, span.start),
                end: position(platform, span.file.0, span.end),
                label: "the same at another place",
                route: route(*span),
            }))
            .collect(),
        remedy: &finding.remedy,
        url: page_of(&finding.rule),
        documentation: run.page(&format!("rules/{}.md", finding.rule)),
    }
}

fn unjudged(one: &Unjudged) -> JsonUnjudged<'_> {
    JsonUnjudged {
        rule: &one.rule,
        environments: &one.environments,
        subject: &one.subject,
        needs: one.needs.iter().map(ToString::to_string).collect(),
        partial: one.partial.as_deref(),
    }
}
