//! The end of a report: a summary of what was found, what was put apart, what could not be judged, and what
//! was read.

use super::text::{Style, wrap};
use super::unread::{in_part_line, is_unread, not_judged_line, notes};
use crate::engine::{Report, UNNAMED, severity_of};
use crate::finding::{Finding, Severity, Unjudged};
use crate::init;
use cofferdam_model::scope::none_of;
use cofferdam_model::units::{count, singular};
use cofferdam_model::{
    Absence, Apart, Deployment, DeploymentId, DeploymentKind, Opening, PlaceApart, Platform, ProjectId,
    UnreadableFile,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

/// How many names are listed before the rest is only counted.
const SHOWN: usize = 12;

/// A separate place, and the number of findings in it.
pub(super) struct PlaceCount<'a> {
    pub(super) place: &'a PlaceApart,
    pub(super) findings: usize,
}

/// The separate places, ordered by path.
pub(super) fn places<'a>(report: &Report, platform: &'a Platform) -> Vec<PlaceCount<'a>> {
    let mut places: Vec<PlaceCount<'a>> = (platform.scope.places_apart.iter())
        .map(|place| PlaceCount { place, findings: 0 })
        .collect();
    let apart = report.findings.iter().chain(&report.apart);
    for finding in apart.filter(|f| f.apart.is_some()) {
        if let Some(there) = place_of(finding, platform)
            && let Some(place) = places.iter_mut().find(|p| p.place == there)
        {
            place.findings += 1;
        }
    }
    places
}

fn place_of<'a>(finding: &Finding, platform: &'a Platform) -> Option<&'a PlaceApart> {
    let path = match finding.locations.first() {
        Some(location) => platform.sources.path(location.span.file),
        // The finding is about its project as a whole.
        None => &platform.scope.projects.get(finding.project.0 as usize)?.root,
    };
    platform.scope.place_apart(path)
}

/// Deployments of one kind: their number and their environments.
pub(super) struct Deployed<'a> {
    pub(super) kind: DeploymentKind,
    pub(super) count: usize,
    pub(super) environments: BTreeSet<&'a str>,
}

/// The deployments that were judged, by kind, the most frequent first.
pub(super) fn deployed<'a>(report: &Report, platform: &'a Platform) -> Vec<Deployed<'a>> {
    let mut kinds: BTreeMap<DeploymentKind, Deployed<'a>> = BTreeMap::new();
    let scope = &platform.scope;
    let all = scope.deployments.iter().zip((0..).map(DeploymentId));
    let judged = all.filter(|(d, id)| !scope.local.contains(id) && is_judged(d, report, platform));
    for (deployment, _) in judged {
        let of_kind = kinds.entry(deployment.kind).or_insert_with(|| Deployed {
            kind: deployment.kind,
            count: 0,
            environments: BTreeSet::new(),
        });
        of_kind.count += 1;
        of_kind.environments.extend(deployment.environment.as_deref());
    }
    let mut all: Vec<Deployed<'a>> = kinds.into_values().collect();
    all.sort_by_key(|d| std::cmp::Reverse(d.count));
    all
}

pub(super) fn is_judged(deployment: &Deployment, report: &Report, platform: &Platform) -> bool {
    (report.all || platform.scope.project_apart(deployment.project).is_none())
        && is_chosen(deployment.environment.as_deref(), report, platform)
}

/// Whether the user did not exclude this environment. An environment of which nothing could be read is not
/// judged, but it was not excluded either.
fn is_chosen(environment: Option<&str>, report: &Report, platform: &Platform) -> bool {
    environment.is_none_or(|name| {
        report.environments.iter().any(|e| e == name) || platform.environments.iter().all(|e| e.name != name)
    })
}

/// The names of environments, with their project if findings are in several projects.
pub(super) struct Names<'a> {
    platform: &'a Platform,
    several: bool,
}

impl<'a> Names<'a> {
    pub(super) fn of(report: &Report, platform: &'a Platform) -> Self {
        let elsewhere = |f: &'_ Finding| {
            f.elsewhere
                .iter()
                .map(|(project, _)| *project)
                .collect::<Vec<_>>()
        };
        let of = |f: &Finding| std::iter::once(f.project).chain(elsewhere(f));
        let projects: BTreeSet<ProjectId> = report.findings.iter().flat_map(of).collect();
        Names {
            platform,
            several: projects.len() > 1,
        }
    }

    /// The environments of a finding, if the platform has several.
    pub(super) fn holds_in(&self, finding: &Finding) -> String {
        let own = self.platform.environments.iter();
        let own: BTreeSet<&str> = own
            .filter(|e| e.project == finding.project)
            .map(|e| e.name.as_str())
            .collect();
        if !self.several && own.len() < 2 {
            return String::new();
        }
        let own = finding.environments.iter().map(|name| (finding.project, name));
        let elsewhere = finding.elsewhere.iter().map(|(project, name)| (*project, name));
        let all = own.chain(elsewhere);
        let names: Vec<String> = all.map(|(project, name)| self.name(project, name)).collect();
        names.join(", ")
    }

    /// The environment's name, with the directory of its project in front.
    fn name(&self, project: ProjectId, environment: &str) -> String {
        let mut own = self.platform.environments.iter();
        let is_real = own.any(|e| e.project == project && e.name == environment);
        let environment = match environment == UNNAMED && !is_real {
            true => "(unnamed)",
            false => environment,
        };
        let root = self.platform.scope.projects.get(project.0 as usize);
        match root.map(|p| p.root.display().to_string()) {
            Some(root) if self.several && !root.is_empty() => format!("{root}/{environment}"),
            _ => environment.to_owned(),
        }
    }

    /// The environments that were judged.
    fn judged(&self, report: &Report) -> Vec<String> {
        if !self.several {
            return report.environments.clone();
        }
        let scope = &self.platform.scope;
        let mut telling: BTreeSet<ProjectId> = report.findings.iter().map(|f| f.project).collect();
        telling.extend(scope.deployments.iter().map(|d| d.project));
        let judged = self.platform.environments.iter().filter(|e| {
            telling.contains(&e.project)
                && (report.all || scope.project_apart(e.project).is_none())
                && report.environments.contains(&e.name)
        });
        let names: BTreeSet<String> = judged.map(|e| self.name(e.project, &e.name)).collect();
        names.into_iter().collect()
    }
}

/// Names, separated by commas; if there are many, the first ones and the number of the others.
pub(super) fn listed<T: AsRef<str>>(names: &[T], shown: usize) -> String {
    let shown = if names.len() == shown + 1 {
        names.len()
    } else {
        shown
    };
    let first: Vec<&str> = names.iter().take(shown).map(AsRef::as_ref).collect();
    match names.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

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
    let words = in_words(&one.subject, &one.needs.join(" and "));
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

/// A need without the name of the thing: a section and a key, or the whole text.
type Wish<'a> = (Option<(&'a str, bool)>, &'a str);

fn reasons(all: &[Unjudged]) -> Vec<String> {
    let mut wanted: BTreeMap<Wish<'_>, Wanted<'_>> = BTreeMap::new();
    for one in all {
        for text in &one.needs {
            match init::need(text) {
                Some(need) => {
                    let wish = (Some((need.section, need.name.is_some())), need.key);
                    let wanted = wanted.entry(wish).or_default();
                    wanted.things.insert(need.name.unwrap_or(need.section));
                    wanted.words.extend(need.reason);
                }
                None => {
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
                "1 {}: {words} not declared ({section}.{first}.{key})",
                singular(things)
            )
        }
        n => format!("{n} {things}: {words} not declared ({section}.NAME.{key})"),
    }
}

/// The last lines of the report.
pub(super) fn summary(out: &mut String, report: &Report, platform: &Platform, style: Style) {
    let reading = &platform.reading;
    let files: usize = reading.formats.values().sum();
    let mut line = |text: &str| {
        let wrapped = wrap(text, style.width.saturating_sub(4)).replace('\n', "\n    ");
        let _ = writeln!(out, "{wrapped}");
    };
    if report.is_nothing(platform) && !report.is_unread(platform) {
        line("nothing to check: no file here is configuration that Cofferdam reads");
    } else if files == 0 && report.findings.is_empty() && !reading.unreadable.is_empty() {
        line("nothing was checked: the configuration here cannot be read");
    } else {
        match report.is_unread(platform) {
            true => line("nothing was judged: no deployment here could be read"),
            false => line(&counts(report)),
        }
        for text in [
            apart_line(report, platform),
            deployments_line(report, platform),
            environments_line(report, platform),
            not_judged_line(report, platform),
            in_part_line(report, platform),
            open_line(report, platform),
        ] {
            text.iter().for_each(|text| line(text));
        }
        let formats = reading.formats.iter();
        // One of the `helm commands` is a `helm command`.
        let of_format = |(name, n): (&String, &usize)| match (n, name.strip_suffix(" commands")) {
            (1, Some(tool)) => format!("1 {tool} command"),
            _ => format!("{n} {name}"),
        };
        let formats: Vec<String> = formats.map(of_format).collect();
        line(&match files {
            0 => "read: only the overlay".to_owned(),
            _ => format!("read: {} ({})", count(files as u64, "file"), formats.join(", ")),
        });
    }
    if let Some(root) = &reading.root {
        let _ = writeln!(out, "root: {}", root.display());
    }
    if let Some(config) = &reading.config {
        let _ = writeln!(out, "config: {}{}", config.display(), relative_to(platform));
    }
    let besides = besides(report, platform);
    if !besides.is_empty() {
        let _ = writeln!(out, "besides: {}", besides.join(", "));
    }
    if style.verbose {
        skipped(out, &reading.skipped);
    }
    for (note, more) in notes(&reading.notes, style.verbose) {
        let more = match more {
            0 => String::new(),
            n => format!(" (and {n} more like this; --verbose lists them)"),
        };
        let _ = writeln!(out, "note: {}: {}{more}", place(note, platform), note.message);
    }
}

/// How many skipped files are listed before the rest is only counted.
const LISTED: usize = 40;

/// The files that no reader knows, one a line.
fn skipped(out: &mut String, files: &[PathBuf]) {
    if files.is_empty() {
        return;
    }
    out.push_str("skipped (no configuration):\n");
    let shown = match files.len() == LISTED + 1 {
        true => files.len(),
        false => LISTED,
    };
    for path in files.iter().take(shown) {
        let _ = writeln!(out, "    - {}", path.display());
    }
    if files.len() > shown {
        let _ = writeln!(out, "    - and {} more", files.len() - shown);
    }
}

fn counts(report: &Report) -> String {
    let counts: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .map(|s| (s, report.findings.iter().filter(|f| severity_of(f) == s).count()))
        .filter(|(_, n)| *n > 0)
        .map(|(s, n)| format!("{n} {s}"))
        .collect();
    match counts.is_empty() {
        true => "no findings".to_owned(),
        false => format!(
            "{}: {}",
            count(report.findings.len() as u64, "finding"),
            counts.join(", ")
        ),
    }
}

/// `apart: 12 findings in examples (examples/), 3 in tests (deploy/tests/); --all shows them`
fn apart_line(report: &Report, platform: &Platform) -> Option<String> {
    let mut by_reason: BTreeMap<Apart, Vec<PlaceCount<'_>>> = BTreeMap::new();
    for place in places(report, platform) {
        by_reason.entry(place.place.why).or_default().push(place);
    }
    let mut total = 0;
    let mut parts: Vec<(usize, String)> = Vec::new();
    for (why, mut places) in by_reason {
        places.sort_by_key(|p| std::cmp::Reverse(p.findings));
        let directories = places.iter().map(|p| format!("{}/", p.place.directory.display()));
        let directories: Vec<String> = directories.collect();
        let findings = places.iter().map(|p| p.findings).sum();
        total += findings;
        parts.push((findings, format!("{} ({})", why.name(), listed(&directories, 3))));
    }
    parts.sort_by_key(|(findings, _)| std::cmp::Reverse(*findings));
    let text = |(at, (findings, place)): (usize, &(usize, String))| match (at, findings) {
        (_, 0) if total == 0 => place.clone(),
        (_, 0) => format!("none in {place}"),
        (0, n) => format!("{} in {place}", count(*n as u64, "finding")),
        (_, n) => format!("{n} in {place}"),
    };
    let texts: Vec<String> = parts.iter().enumerate().map(text).collect();
    let end = match total {
        0 => ": no findings",
        _ if report.all => "",
        1 => "; --all shows it",
        _ => "; --all shows them",
    };
    (!texts.is_empty()).then(|| format!("apart: {}{end}", texts.join(", ")))
}

/// `9 deployments: 3 kustomize (development, production, staging), 1 Terraform`
fn deployments_line(report: &Report, platform: &Platform) -> Option<String> {
    let kinds = deployed(report, platform);
    let total: usize = kinds.iter().map(|d| d.count).sum();
    let of_kind = |d: &Deployed<'_>| {
        let names: Vec<&str> = d.environments.iter().copied().collect();
        match names.is_empty() {
            true => d.kind.count(d.count),
            false => format!("{} ({})", d.kind.count(d.count), listed(&names, SHOWN)),
        }
    };
    let texts: Vec<String> = kinds.iter().map(of_kind).collect();
    (total > 0).then(|| format!("{}: {}", count(total as u64, "deployment"), texts.join(", ")))
}

fn environments_line(report: &Report, platform: &Platform) -> Option<String> {
    let mut names = Names::of(report, platform).judged(report);
    for name in &mut names {
        if is_unread(name, report, platform) {
            name.push_str(" (not judged)");
        }
    }
    (!names.is_empty()).then(|| format!("environments: {}", listed(&names, SHOWN)))
}

/// How many sources could add things that were not read.
fn open_line(report: &Report, platform: &Platform) -> Option<String> {
    let scope = &platform.scope;
    let openings = scope.openings.iter().filter(|opening| {
        (report.all || scope.project_apart(opening.project).is_none())
            && is_chosen(opening.environment.as_deref(), report, platform)
    });
    let (unrecognised, unread): (Vec<&Opening>, Vec<&Opening>) = openings.partition(|o| o.is_unrecognised());
    let reasons: BTreeSet<&str> = unread.iter().map(|o| o.reason.as_str()).collect();
    match (reasons.first(), reasons.len()) {
        (Some(reason), 1) => {
            let only = match unread.as_slice() {
                [one] => one.shown(),
                _ => (*reason).to_owned(),
            };
            Some(format!("open: {only}; missing things may be there"))
        }
        (Some(_), n) => Some(format!(
            "open: {n} things were not read; missing things may be there (--explain-scope lists them)"
        )),
        (None, _) => {
            let kinds = in_no_project(&unrecognised, report, platform);
            (!kinds.is_empty()).then(|| format!("open: {}", none_of(&kinds)))
        }
    }
}

/// Kinds of which nothing was recognised in any project that is deployed. What examples lack says nothing about the rest.
fn in_no_project(unrecognised: &[&Opening], report: &Report, platform: &Platform) -> BTreeSet<Absence> {
    let scope = &platform.scope;
    let deployed = scope
        .deployments
        .iter()
        .filter(|d| is_judged(d, report, platform));
    let mut projects: BTreeSet<ProjectId> = deployed.map(|d| d.project).collect();
    if projects
        .iter()
        .any(|project| scope.project_apart(*project).is_none())
    {
        projects.retain(|project| scope.project_apart(*project).is_none());
    }
    if projects.is_empty() {
        projects.extend(unrecognised.iter().map(|opening| opening.project));
    }
    // In how many of those projects each kind was not recognised.
    let mut lacking: BTreeMap<Absence, BTreeSet<ProjectId>> = BTreeMap::new();
    for opening in unrecognised.iter().filter(|o| projects.contains(&o.project)) {
        for kind in &opening.kinds {
            lacking.entry(*kind).or_default().insert(opening.project);
        }
    }
    let everywhere = lacking.into_iter().filter(|(_, of)| of.len() == projects.len());
    everywhere.map(|(kind, _)| kind).collect()
}

fn besides(report: &Report, platform: &Platform) -> Vec<String> {
    let reading = &platform.reading;
    let mut rest = Vec::new();
    let unreadable = report.unreadable(platform).len();
    if unreadable > 0 {
        rest.push(format!("{unreadable} unreadable"));
    }
    if !report.unjudged.is_empty() {
        rest.push(format!(
            "{} not judged because a fact is missing",
            report.unjudged.len()
        ));
    }
    if report.suppressed > 0 {
        rest.push(format!("{} suppressed", report.suppressed));
    }
    if report.below > 0 {
        rest.push(format!("{} below the requested severity", report.below));
    }
    if report.only_stated > 0 {
        rest.push(format!(
            "{} on things that only the config names (a part was checked)",
            report.only_stated
        ));
    }
    if !reading.skipped.is_empty() {
        rest.push(format!(
            "{} skipped (no configuration)",
            count(reading.skipped.len() as u64, "file")
        ));
    }
    rest
}

/// The directory to which paths in the overlay are relative, if that is not obvious.
fn relative_to(platform: &Platform) -> &'static str {
    let beside = |path: &std::path::Path| path.parent() == Some(std::path::Path::new(""));
    if !platform.overlay.above.as_os_str().is_empty() {
        " (paths in it are relative to its own directory)"
    } else if platform.reading.config.as_deref().is_some_and(beside) {
        ""
    } else {
        " (paths in it are relative to the root of the check)"
    }
}

/// `path:line:column`, or only the path if no place in it is known.
fn place(note: &UnreadableFile, platform: &Platform) -> String {
    let path = note.path.display();
    note.span.map_or_else(
        || path.to_string(),
        |span| {
            let at = platform.sources.position(span);
            format!("{path}:{}:{}", at.line, at.column)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::{Environment, FileId, Project, SourceFile, Span};

    fn unjudged(subject: &str, needs: &[&str]) -> Unjudged {
        Unjudged {
            rule: "a-rule",
            environments: vec!["default".to_owned()],
            subject: subject.to_owned(),
            needs: needs.iter().map(|n| (*n).to_owned()).collect(),
            partial: Some("half of it is known".to_owned()),
        }
    }

    #[test]
    fn each_reason_is_listed_once_and_the_most_frequent_first() {
        let all = [
            unjudged("topic a", &["kafka.topics.a.partitions"]),
            unjudged(
                "producer of x",
                &[
                    "services.x.requests_per_second (peak load)",
                    "kafka.replication_lag (lag)",
                ],
            ),
            unjudged(
                "producer of y.z",
                &["services.y.z.requests_per_second (peak load)"],
            ),
            unjudged(
                "producer of y.z again",
                &["services.y.z.requests_per_second (peak load)"],
            ),
            unjudged("Deployment a", &["the database, under `databases`"]),
            unjudged("Deployment b", &["the database, under `databases`"]),
            unjudged(
                "pool of p",
                &[
                    "services.p.pool.size (size)",
                    "services.q.pool.size (other words)",
                ],
            ),
        ];
        assert_eq!(
            reasons(&all),
            [
                "2 services: peak load not declared (services.NAME.requests_per_second)",
                "2 services: pool size not declared (services.NAME.pool.size)",
                "Deployment a and 1 more: need the database, under `databases`",
                "1 topic: partitions not declared (kafka.topics.a.partitions)",
                "lag not declared (kafka.replication_lag)",
            ]
        );
        let text = |verbose| {
            let mut out = String::new();
            let style = Style {
                verbose,
                ..Style::default()
            };
            not_judged(&mut out, &all, style);
            out
        };
        assert_eq!(text(true).matches("    - a-rule: ").count(), all.len());
        assert_eq!(text(false).matches("    - ").count(), 5);
        assert!(text(true).contains("half of it is known") && !text(false).contains("half of it is known"));
    }

    /// A platform with one project at the root and one for each of these directories.
    fn platform(directories: &[(&str, Option<Apart>)]) -> Platform {
        let mut platform = Platform::default();
        platform.reading.formats.insert("Kubernetes".to_owned(), 1);
        for (at, (directory, apart)) in std::iter::once(&("", None)).chain(directories).enumerate() {
            platform.scope.projects.push(Project {
                root: directory.into(),
                apart: *apart,
            });
            let path = std::path::Path::new(directory).join("a.yaml");
            platform.sources.add(SourceFile::new(path, "a: 1\n"));
            if let Some(why) = apart {
                platform.scope.places_apart.push(PlaceApart {
                    directory: directory.into(),
                    why: *why,
                    files: 1,
                });
            }
            platform.environments.push(Environment {
                name: "default".to_owned(),
                project: project(at),
                ..Environment::default()
            });
        }
        platform
    }

    fn project(at: usize) -> ProjectId {
        ProjectId(u32::try_from(at).unwrap())
    }

    fn finding(at: usize, apart: Option<Apart>) -> Finding {
        let file = FileId(u32::try_from(at).unwrap());
        let mut finding = Finding::new("a", "a: wrong").at(Span::new(file, 0, 1), "");
        finding.severity = Some(Severity::Low);
        finding.project = project(at);
        finding.apart = apart;
        finding.environments = vec!["default".to_owned()];
        finding
    }

    fn text(report: &Report, platform: &Platform) -> String {
        let mut out = String::new();
        summary(&mut out, report, platform, Style::default());
        out
    }

    #[test]
    fn separate_places_are_counted_by_reason() {
        let (examples, tests) = (Some(Apart::Examples), Some(Apart::Tests));
        let platform = platform(&[
            ("deploy/tests", tests),
            ("docs", Some(Apart::Documentation)),
            ("examples", examples),
            ("more/examples", examples),
        ]);
        let report = |apart: Vec<Finding>| Report {
            apart,
            ..Report::default()
        };
        let found = report(vec![
            finding(1, tests),
            finding(3, examples),
            finding(4, examples),
        ]);
        let shown = text(&found, &platform);
        assert!(
            shown.contains(
                "apart: 2 findings in examples (examples/, more/examples/), 1 in tests (deploy/tests/), none in\n    \
                 documentation (docs/); --all shows them\n"
            ),
            "{shown}"
        );
        assert!(shown.starts_with("no findings\n"), "{shown}");
        let none = text(&report(Vec::new()), &platform);
        assert!(
            none.contains("apart: tests (deploy/tests/), examples (examples/, more/examples/), documentation (docs/): no findings\n"),
            "{none}"
        );
        assert!(!text(&report(Vec::new()), &self::platform(&[])).contains("apart"));
    }

    #[test]
    fn environments_name_their_project_only_if_several_projects_have_findings() {
        let mut platform = platform(&[("shop", None), ("till", None)]);
        let report = |findings: Vec<Finding>| Report {
            findings,
            environments: vec!["default".to_owned()],
            ..Report::default()
        };
        let one = report(vec![finding(1, None)]);
        assert!(text(&one, &platform).contains("environments: default\n"));
        assert_eq!(Names::of(&one, &platform).holds_in(&one.findings[0]), "");
        let two = report(vec![finding(1, None), finding(2, None)]);
        assert!(text(&two, &platform).contains("environments: shop/default, till/default\n"));
        assert_eq!(
            Names::of(&two, &platform).holds_in(&two.findings[1]),
            "till/default"
        );
        // The environments of a single project are named without the project.
        platform.environments.push(Environment {
            name: "production".to_owned(),
            project: project(1),
            ..Environment::default()
        });
        assert_eq!(Names::of(&one, &platform).holds_in(&one.findings[0]), "default");
    }

    #[test]
    fn skipped_files_are_listed_up_to_a_number() {
        let paths = |n: usize| {
            (0..n)
                .map(|i| PathBuf::from(format!("f{i}.md")))
                .collect::<Vec<_>>()
        };
        let shown = |n| {
            let mut out = String::new();
            skipped(&mut out, &paths(n));
            out
        };
        assert_eq!(shown(0), "");
        assert_eq!(shown(1), "skipped (no configuration):\n    - f0.md\n");
        assert_eq!(shown(41).lines().count(), 42);
        assert!(shown(60).ends_with("    - f39.md\n    - and 20 more\n"));
    }

    #[test]
    fn deployments_are_counted_by_kind_with_their_environments() {
        let mut platform = platform(&[("examples", Some(Apart::Examples))]);
        let mut add = |at: usize, kind, environment: Option<&str>| {
            platform.scope.deployments.push(Deployment {
                project: project(at),
                kind,
                root: "x".into(),
                name: None,
                environment: environment.map(str::to_owned),
                cluster: None,
                objects: 1,
                kept_replicas: Vec::new(),
            });
        };
        add(0, DeploymentKind::Manifests, None);
        add(0, DeploymentKind::Kustomize, Some("staging"));
        add(0, DeploymentKind::Kustomize, Some("production"));
        add(1, DeploymentKind::Compose, None);
        for name in ["production", "staging"] {
            platform.environments.push(Environment {
                name: name.to_owned(),
                ..Environment::default()
            });
        }
        let mut report = Report {
            environments: vec!["production".to_owned(), "staging".to_owned()],
            ..Report::default()
        };
        let shown = text(&report, &platform);
        assert!(
            shown.contains("3 deployments: 2 kustomize (production, staging), 1 set of manifests\n"),
            "{shown}"
        );
        report.environments.pop();
        let shown = text(&report, &platform);
        assert!(
            shown.contains("2 deployments: 1 kustomize (production), 1 set of manifests\n"),
            "{shown}"
        );
        report.all = true;
        assert!(text(&report, &platform).contains("3 deployments: "));
    }

    #[test]
    fn an_open_scope_names_its_only_reason_or_the_number_of_reasons() {
        let mut platform = platform(&[]);
        let open = |reason: &str| Opening {
            project: ProjectId(0),
            environment: None,
            kinds: BTreeSet::new(),
            reason: reason.to_owned(),
            span: None,
            ..Opening::default()
        };
        assert!(!text(&Report::default(), &platform).contains("open: "));
        platform.scope.openings.push(open("the chart redis was not read"));
        assert!(
            text(&Report::default(), &platform)
                .contains("open: the chart redis was not read; missing things may be there\n")
        );
        platform.scope.openings.push(open("the chart kafka was not read"));
        platform.scope.openings.push(open("the chart kafka was not read"));
        assert!(text(&Report::default(), &platform).contains("open: 2 things were not read; "));
    }
}
