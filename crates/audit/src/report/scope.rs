//! Explains which things belong together, for `check --explain-scope`. The schema for programs is published
//! in `schemas/scope.schema.json`.

use super::summary::listed;
use super::text::{Style, wrap};
use crate::engine::UNNAMED;
use cofferdam_model::units::count;
use cofferdam_model::{
    Absence, Apart, Deployment, DeploymentId, Opening, Platform, Project, ProjectId, Span,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Version of the schema.
pub const VERSION: u32 = 1;

/// How many phrases of evidence and reasons are shown before the rest is only counted.
const SHOWN: usize = 3;

/// Kinds from which on what could come from somewhere is called anything.
const ALMOST_ALL: usize = 15;

/// The part to explain.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only these environments; empty is all.
    pub environments: Vec<String>,
    /// Show separate projects as well.
    pub all: bool,
}

impl Selection {
    fn takes(&self, environment: Option<&str>) -> bool {
        self.environments.is_empty()
            || environment.is_none_or(|name| self.environments.iter().any(|e| e == name))
    }
}

/// The scope of a platform.
#[derive(Debug, Serialize)]
pub struct Explanation<'a> {
    version: u32,
    projects: Vec<ExplainedProject<'a>>,
    apart: Vec<ExplainedPlace>,
}

#[derive(Debug, Serialize)]
struct ExplainedProject<'a> {
    root: String,
    apart: Option<&'static str>,
    deployments: Vec<ExplainedDeployment<'a>>,
    environments: Vec<ExplainedEnvironment<'a>>,
    open: Vec<Open<'a>>,
}

#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct ExplainedDeployment<'a> {
    kind: &'static str,
    root: String,
    name: Option<&'a str>,
    environment: Option<&'a str>,
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_by: Option<String>,
    objects: usize,
    /// Whether nothing here is seen to make it, so that its values are defaults.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    by_default: bool,
    /// Whether only one of it and others can be installed, so that it is judged without the others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    variant: bool,
    /// Whether it is for a developer's machine, so that it is not judged as a part of the platform.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    local: bool,
    /// What of it was not read.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    not_read: &'a [String],
}

#[derive(Debug, Serialize)]
struct ExplainedEnvironment<'a> {
    /// `None` for the one environment of a project in which nothing names any.
    name: Option<&'a str>,
    clusters: BTreeSet<&'a str>,
    judged: bool,
    evidence: &'a [String],
}

/// Files that were not read and could add things of the same kinds.
#[derive(Debug, Serialize)]
struct Open<'a> {
    kinds: Vec<&'static str>,
    reasons: Vec<Reason<'a>>,
}

#[derive(Debug, Serialize)]
struct Reason<'a> {
    reason: &'a str,
    environments: BTreeSet<&'a str>,
    /// Where it is missing, by root or file; empty where that is everywhere.
    deployments: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

#[derive(Debug, Serialize)]
struct ExplainedPlace {
    directory: String,
    why: &'static str,
    files: usize,
    deployments: usize,
}

/// Explains the scope of a platform.
pub fn explain<'a>(platform: &'a Platform, selection: &Selection) -> Explanation<'a> {
    let scope = &platform.scope;
    let ids = (0..).map(ProjectId);
    let projects = scope
        .projects
        .iter()
        .zip(ids)
        .filter(|(project, _)| selection.all || project.apart.is_none())
        .map(|(project, id)| explain_project(platform, (project, id), selection))
        .filter(|project| !project.is_empty())
        .collect();
    let places = scope.places_apart.iter().map(|place| ExplainedPlace {
        directory: place.directory.display().to_string(),
        why: place.why.name(),
        files: place.files,
        deployments: scope
            .deployments
            .iter()
            .filter(|d| {
                scope.project_apart(d.project) == Some(place.why) && d.root.starts_with(&place.directory)
            })
            .count(),
    });
    Explanation {
        version: VERSION,
        projects,
        apart: places.collect(),
    }
}

impl ExplainedProject<'_> {
    /// Whether there is nothing to show: a directory that only contains other projects.
    fn is_empty(&self) -> bool {
        let named = self.environments.iter().any(|e| !e.evidence.is_empty());
        self.deployments.is_empty() && self.open.is_empty() && !named
    }
}

fn explain_project<'a>(
    platform: &'a Platform,
    (project, id): (&'a Project, ProjectId),
    selection: &Selection,
) -> ExplainedProject<'a> {
    let scope = &platform.scope;
    let own =
        |(d, _): &(&Deployment, DeploymentId)| d.project == id && selection.takes(d.environment.as_deref());
    let mut deployments: Vec<ExplainedDeployment<'a>> = (scope.deployments.iter())
        .zip((0..).map(DeploymentId))
        .filter(own)
        .map(|(d, id)| ExplainedDeployment {
            kind: d.kind.name(),
            root: d.root.display().to_string(),
            name: d.name.as_deref(),
            environment: d.environment.as_deref(),
            cluster: d.cluster.as_deref(),
            namespace: scope.releases.get(&id).and_then(|of| of.namespace.as_deref()),
            values: scope.releases.get(&id).map_or_else(Vec::new, |of| {
                of.values.iter().map(|path| path.display().to_string()).collect()
            }),
            installed_by: (scope.releases.get(&id).and_then(|of| of.by.as_ref()))
                .map(|path| path.display().to_string()),
            objects: d.objects,
            by_default: scope.by_default.contains(&id),
            variant: scope.variants.contains(&id),
            local: scope.local.contains(&id),
            not_read: scope.in_part.get(&id).map_or(&[], Vec::as_slice),
        })
        .collect();
    deployments.sort();
    let openings = scope.openings.iter();
    let openings = openings.filter(|o| o.project == id && selection.takes(o.environment.as_deref()));
    ExplainedProject {
        root: project.root.display().to_string(),
        apart: project.apart.map(Apart::name),
        deployments,
        environments: environments(platform, id, selection),
        open: open(platform, openings),
    }
}

fn environments<'a>(
    platform: &'a Platform,
    project: ProjectId,
    selection: &Selection,
) -> Vec<ExplainedEnvironment<'a>> {
    let mut clusters: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let own = platform.environments.iter();
    for env in own.filter(|e| e.project == project && selection.takes(Some(&e.name))) {
        clusters
            .entry(&env.name)
            .or_default()
            .extend(env.cluster.as_deref());
    }
    let judged: BTreeSet<&str> = clusters.keys().copied().collect();
    let deployments = platform.scope.deployments.iter().filter(|d| d.project == project);
    for name in deployments.filter_map(|d| d.environment.as_deref()) {
        if selection.takes(Some(name)) {
            clusters.entry(name).or_default();
        }
    }
    clusters
        .into_iter()
        .map(|(name, clusters)| {
            let evidence = platform.scope.evidence.get(&(project, name.to_owned()));
            let evidence = evidence.map_or(&[][..], Vec::as_slice);
            ExplainedEnvironment {
                name: (name != UNNAMED || !evidence.is_empty()).then_some(name),
                clusters,
                judged: judged.contains(name),
                evidence,
            }
        })
        .collect()
}

/// The reasons why the scope is open, by the kinds that could come from there; the most frequent first.
fn open<'a>(platform: &'a Platform, openings: impl Iterator<Item = &'a Opening>) -> Vec<Open<'a>> {
    type Reasons<'a> = BTreeMap<&'a str, Seen<'a>>;
    #[derive(Default)]
    struct Seen<'a> {
        environments: BTreeSet<&'a str>,
        everywhere: bool,
        deployments: BTreeSet<String>,
        span: Option<Span>,
    }
    let mut by_kinds: BTreeMap<BTreeSet<Absence>, Reasons<'a>> = BTreeMap::new();
    let mut unrecognised: BTreeSet<Absence> = BTreeSet::new();
    for opening in openings {
        if opening.is_unrecognised() {
            unrecognised.extend(&opening.kinds);
            continue;
        }
        let kinds = match opening.kinds.len() {
            ALMOST_ALL.. => BTreeSet::new(),
            _ => opening.kinds.clone(),
        };
        let seen = by_kinds
            .entry(kinds)
            .or_default()
            .entry(&opening.reason)
            .or_default();
        match &opening.environment {
            Some(name) => drop(seen.environments.insert(name)),
            None => seen.everywhere = true,
        }
        let roots = opening.at.iter().map(|root| root.display().to_string());
        seen.deployments.extend(roots);
        seen.span = seen.span.or(opening.span);
    }
    let mut all: Vec<Open<'a>> = Vec::new();
    for (kinds, reasons) in by_kinds {
        let mut reasons: Vec<Reason<'a>> = reasons
            .into_iter()
            .map(|(reason, seen)| Reason {
                reason,
                environments: if seen.everywhere {
                    BTreeSet::new()
                } else {
                    seen.environments
                },
                deployments: seen.deployments,
                path: seen
                    .span
                    .map(|s| platform.sources.path(s.file).display().to_string()),
                line: seen.span.map(|s| platform.sources.position(s).line),
            })
            .collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.deployments.len()));
        all.push(Open {
            kinds: kinds.iter().map(|kind| kind.name()).collect(),
            reasons,
        });
    }
    all.sort_by_key(|open| {
        std::cmp::Reverse(
            open.reasons
                .iter()
                .map(|r| r.deployments.len().max(1))
                .sum::<usize>(),
        )
    });
    if !unrecognised.is_empty() {
        all.push(Open {
            kinds: unrecognised.iter().map(|kind| kind.name()).collect(),
            reasons: vec![Reason {
                reason: "these files contain none; another repository may keep them",
                environments: BTreeSet::new(),
                deployments: BTreeSet::new(),
                path: None,
                line: None,
            }],
        });
    }
    all
}

impl Explanation<'_> {
    /// Writes the scope for programs.
    ///
    /// # Errors
    /// The writer's errors.
    pub fn write_json(&self, mut out: impl std::io::Write) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut out, self)?;
        out.write_all(b"\n")
    }

    /// For people.
    pub fn text(&self, style: Style) -> String {
        let mut out = String::new();
        for project in &self.projects {
            let name = match project.root.as_str() {
                "" => "the root of the check".to_owned(),
                root => format!("project {root}/"),
            };
            let apart = project
                .apart
                .map_or(String::new(), |why| format!(" (apart: {why})"));
            let _ = writeln!(out, "{}", strong(&format!("{name}{apart}"), style));
            project.text(&mut out, style);
            out.push('\n');
        }
        if self.projects.is_empty() {
            out.push_str("no deployment was found\n\n");
        }
        if !self.apart.is_empty() {
            let heading = "separate places, whose findings do not count (see --all)";
            let _ = writeln!(out, "{}", strong(heading, style));
            let rows = self.apart.iter().map(|p| {
                [
                    format!("{}/", p.directory),
                    p.why.to_owned(),
                    count(p.files as u64, "file"),
                    match p.deployments {
                        0 => String::new(),
                        n => count(n as u64, "deployment"),
                    },
                ]
            });
            table(&mut out, rows.collect(), style.width);
            out.push('\n');
        }
        // The last blank line separates nothing.
        out.pop();
        out
    }
}

impl ExplainedProject<'_> {
    /// Whether no other deployment looks like this one without its values.
    fn is_alone(&self, one: &ExplainedDeployment<'_>) -> bool {
        let like = |d: &&ExplainedDeployment<'_>| {
            (d.kind, &d.root, d.name, d.namespace) == (one.kind, &one.root, one.name, one.namespace)
                && (d.environment, d.cluster) == (one.environment, one.cluster)
        };
        self.deployments.iter().filter(like).count() == 1
    }

    fn text(&self, out: &mut String, style: Style) {
        if self.deployments.is_empty() {
            out.push_str("  no deployment\n");
        } else {
            let head = [
                "DEPLOYED BY",
                "ROOT",
                "NAME",
                "NAMESPACE",
                "BY",
                "ENVIRONMENT",
                "CLUSTER",
                "OBJECTS",
                "JUDGED",
            ]
            .map(str::to_owned);
            let known = |text: Option<&str>| text.unwrap_or_default().to_owned();
            let names_any = self.deployments.iter().any(|d| d.environment.is_some());
            let rows = self.deployments.iter().map(|d| {
                [
                    d.kind.to_owned(),
                    if d.root.is_empty() {
                        ".".to_owned()
                    } else {
                        d.root.clone()
                    },
                    known(d.name),
                    known(d.namespace),
                    if self.is_alone(d) {
                        String::new()
                    } else {
                        d.by_shown()
                    },
                    d.environment
                        .or(names_any.then_some("(unnamed)"))
                        .unwrap_or_default()
                        .to_owned(),
                    known(d.cluster),
                    d.objects.to_string(),
                    match (d.not_read.is_empty(), d.objects) {
                        _ if d.local => "local".to_owned(),
                        (true, _) if d.by_default => "as defaults".to_owned(),
                        (true, _) if d.variant => "as a variant".to_owned(),
                        (true, _) => String::new(),
                        (false, 0) => "not read".to_owned(),
                        (false, _) if d.variant => "in part, as a variant".to_owned(),
                        (false, _) => "in part".to_owned(),
                    },
                ]
            });
            table(out, std::iter::once(head).chain(rows).collect(), style.width);
        }
        out.push_str("  environments\n");
        let width = self
            .environments
            .iter()
            .map(|e| e.shown().len())
            .max()
            .unwrap_or(0);
        for environment in &self.environments {
            let mut text = match environment.evidence {
                _ if !environment.judged => "not judged: no file that was read is declared for it".to_owned(),
                [] => "no file names an environment; judged at full severity".to_owned(),
                evidence if style.verbose => evidence.join(", "),
                evidence => listed(evidence, SHOWN),
            };
            if !environment.clusters.is_empty() {
                let clusters: Vec<&str> = environment.clusters.iter().copied().collect();
                text = format!("{text}; on {}", listed(&clusters, SHOWN));
            }
            let indent = width + 6;
            let wrapped = wrap(&text, style.width.saturating_sub(indent));
            let wrapped = wrapped.replace('\n', &format!("\n{:indent$}", ""));
            let _ = writeln!(out, "    {:width$}  {wrapped}", environment.shown());
        }
        if self.open.is_empty() {
            out.push_str("  closed: everything was read, so a thing that is missing here does not exist\n");
            return;
        }
        out.push_str("  open: these may exist although they were not found\n");
        for open in &self.open {
            open.text(out, style);
        }
    }
}

impl ExplainedDeployment<'_> {
    /// What tells a release from another of the same chart: its files of values, else the file that installs it.
    fn by_shown(&self) -> String {
        match self.values.is_empty() {
            true => self.installed_by.clone().unwrap_or_default(),
            false => self.values.join(" "),
        }
    }
}

impl ExplainedEnvironment<'_> {
    fn shown(&self) -> &str {
        self.name.unwrap_or("(unnamed)")
    }
}

impl Reason<'_> {
    /// `the chart redis was not read: 12 deployments (a, b, c and 9 more), in production`
    fn shown(&self) -> String {
        let roots: Vec<&str> = self.deployments.iter().map(String::as_str).collect();
        let at = match roots.as_slice() {
            [] => String::new(),
            [one] => format!(" ({one})"),
            all => format!(": {} places ({})", all.len(), listed(all, SHOWN)),
        };
        let environments: Vec<&str> = self.environments.iter().copied().collect();
        let of = match environments.is_empty() {
            true => String::new(),
            false => format!(", in {}", listed(&environments, SHOWN)),
        };
        format!("{}{at}{of}", self.reason)
    }
}

impl Open<'_> {
    fn text(&self, out: &mut String, style: Style) {
        let kinds = match self.kinds.is_empty() {
            true => "anything".to_owned(),
            false => self.kinds.join(", "),
        };
        let reasons = match self.reasons.len() {
            1 => String::new(),
            n => format!(", for {n} reasons"),
        };
        let kinds = wrap(&format!("{kinds}{reasons}"), style.width.saturating_sub(4));
        let _ = writeln!(out, "    {}", kinds.replace('\n', "\n    "));
        let shown = match style.verbose || self.reasons.len() == SHOWN + 1 {
            true => self.reasons.len(),
            false => SHOWN,
        };
        for reason in self.reasons.iter().take(shown) {
            let wrapped = wrap(&reason.shown(), style.width.saturating_sub(8)).replace('\n', "\n        ");
            let _ = writeln!(out, "      - {wrapped}");
        }
        if self.reasons.len() > shown {
            let _ = writeln!(out, "      - and {} more", self.reasons.len() - shown);
        }
    }
}

fn strong(text: &str, style: Style) -> String {
    match style.color {
        true => format!("\x1b[1m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// Aligned columns. Empty columns are left out, and the widest ones become narrower if not all fit.
fn table<const N: usize>(out: &mut String, rows: Vec<[String; N]>, width: usize) {
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

fn columns(text: &str) -> usize {
    text.chars().count()
}

/// The text with its middle left out if it is too long: both ends of a path are useful.
fn shortened(text: &str, width: usize) -> String {
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
