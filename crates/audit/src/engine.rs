//! Runs the rules over a platform and orders their results: environments are joined, suppressions and
//! settings applied, the most severe findings come first. The order is the same on every run and machine.

use crate::claim;
pub(crate) use crate::finding::UNNAMED;
use crate::finding::{Confidence, Finding, Location, Severity, Unjudged};
use crate::join;
use crate::rule::{Context, Rule, Verdicts};
use crate::rules;
use cofferdam_model::overlay::Ignore;
use cofferdam_model::{Deployment, DeploymentId, Environment, Platform, Span, Suppression};
use globset::{Glob, GlobMatcher};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Options that a person chose.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only findings at or above this.
    pub min_severity: Option<Severity>,
    /// Only these rules; empty is all.
    pub rules: Vec<String>,
    /// Only these environments; empty is all.
    pub environments: Vec<String>,
    /// Count separate places (examples, tests) like the rest of the platform.
    pub all: bool,
    /// The day of the check, for suppressions with an end; with `None` no suppression ends.
    pub today: Option<jiff::civil::Date>,
}

/// The results of a check.
#[derive(Debug, Default)]
pub struct Report {
    /// Findings, in order.
    pub findings: Vec<Finding>,
    /// Findings in separate places (examples, tests), in order; empty if these count like the rest.
    pub apart: Vec<Finding>,
    /// What could not be judged, in order.
    pub unjudged: Vec<Unjudged>,
    /// The number of findings that a person accepted.
    pub suppressed: usize,
    /// The number of findings below the requested severity.
    pub below: usize,
    /// The number of findings that depend on the overlay alone and were left out because only a part of the
    /// files it describes was read.
    pub only_stated: usize,
    /// Suppressions that did nothing, ended, or are malformed, with their place and the reason.
    pub suppression_notes: Vec<(Span, String)>,
    /// Environments that were judged.
    pub environments: Vec<String>,
    /// Whether separate places count like the rest of the platform.
    pub all: bool,
}

impl Report {
    /// Severity of a finding: its own or its rule's.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(severity_of).max()
    }

    /// Whether there was nothing to judge. In that case "no findings" is not good news.
    pub fn is_nothing(&self, platform: &Platform) -> bool {
        self.findings.is_empty() && (platform.reading.is_nothing() || self.is_unread(platform))
    }

    /// Whether there are deployments, and none of them could be read: what they name was not given, so that no
    /// object was judged.
    pub fn is_unread(&self, platform: &Platform) -> bool {
        let scope = &platform.scope;
        let is_unread = |(id, d): (DeploymentId, &Deployment)| {
            d.objects == 0 && scope.in_part.get(&id).is_some_and(|parts| !parts.is_empty())
        };
        let has_parts = |env: &Environment| {
            !(env.workloads.is_empty()
                && env.services.is_empty()
                && env.databases.is_empty()
                && env.alerts.is_empty())
        };
        !scope.deployments.is_empty()
            && platform.reading.unreadable.is_empty()
            && (0..).map(DeploymentId).zip(&scope.deployments).all(is_unread)
            && !platform.environments.iter().any(has_parts)
            && self.findings.is_empty()
    }
}

/// The severity of a finding; the engine has set it.
pub fn severity_of(finding: &Finding) -> Severity {
    finding.severity.unwrap_or(Severity::Low)
}

/// How many environments a rule judges before its findings are joined. More would keep more findings at once, fewer would
/// join less.
const TOGETHER: usize = 16;

/// The findings of one rule in one environment.
fn judge(env: &Environment, rule: &Rule, platform: &Platform, options: &Options) -> Verdicts {
    let settings = platform.overlay.rules.get(rule.id);
    let mut out = Verdicts::default();
    (rule.check)(
        &Context {
            env,
            platform,
            settings,
        },
        &mut out,
    );
    for finding in &mut out.findings {
        finding.rule = rule.id;
        finding.environments = vec![env.name.clone()];
        finding.variants = BTreeSet::from([env.variant.clone()]);
        finding.clusters = BTreeSet::from([env.cluster.clone()]);
        finding.project = env.project;
        let places = finding.locations.iter().map(|l| l.span);
        if platform.scope.is_unnamed(places, &env.name) {
            finding.environments = vec![UNNAMED.to_owned()];
        }
        finding.severity = Some(finding.severity.unwrap_or(rule.severity));
        debug_assert!(
            finding.absence.is_none_or(|kind| rule.absences.contains(&kind)),
            "{} claims an absence that it does not list",
            rule.id
        );
        claim::weigh(finding, env, platform);
        let stated = settings
            .and_then(|s| s.severity.as_ref())
            .and_then(|s| Severity::parse(&s.value));
        finding.severity = stated.or(finding.severity);
    }
    // A developer's machine is in no environment of the platform.
    if !options.environments.is_empty() {
        out.findings.retain(|finding| !claim::is_local(finding, platform));
    }
    for unjudged in &mut out.unjudged {
        unjudged.rule = rule.id;
        unjudged.environments = vec![env.name.clone()];
    }
    out
}

/// Runs every rule over every environment.
pub fn audit(platform: &Platform, options: &Options) -> Report {
    let chosen: Vec<&'static Rule> = rules::ALL
        .iter()
        .copied()
        .filter(|rule| is_chosen(rule, platform, options))
        .collect();
    let environments: Vec<&Environment> = platform
        .environments
        .iter()
        .filter(|e| options.environments.is_empty() || options.environments.contains(&e.name))
        .collect();
    let counts = |env: &Environment| options.all || platform.scope.project_apart(env.project).is_none();
    // Never those of two projects: what one of them has must not decide what is joined in the other.
    let jobs: Vec<_> = (environments.chunk_by(|a, b| a.project == b.project))
        .flat_map(|of_project| of_project.chunks(TOGETHER))
        .flat_map(|envs| chosen.iter().map(move |rule| (envs, *rule)))
        .collect();
    // What a person says of one subject is said of that subject's finding, and so is what follows from a part alone.
    let names_subjects = platform
        .overlay
        .ignores
        .iter()
        .any(|ignore| ignore.subject.is_some());
    let by_lines = !names_subjects && !platform.reading.part;
    let verdicts: Vec<Verdicts> = jobs
        .into_par_iter()
        .map(|(envs, rule)| {
            let mut all = Verdicts::default();
            for env in envs {
                let mut verdicts = judge(env, rule, platform, options);
                if !counts(env) {
                    verdicts.unjudged.clear();
                }
                all.findings.append(&mut verdicts.findings);
                all.unjudged.append(&mut verdicts.unjudged);
            }
            all.findings = join::early(all.findings, by_lines);
            all
        })
        .collect();
    let mut report = Report {
        environments: distinct(environments.iter().filter(|e| counts(e)).map(|e| e.name.clone())),
        all: options.all,
        ..Report::default()
    };
    let (mut findings, mut unjudged) = (Vec::new(), Vec::new());
    for verdict in verdicts {
        findings.extend(verdict.findings);
        unjudged.extend(verdict.unjudged);
    }
    let mut findings = join::of_one_subject(findings);
    if platform.reading.part {
        let (stated, kept) = findings.into_iter().partition(|f| is_only_stated(f, platform));
        report.only_stated = join::of_one_line(stated).len();
        findings = kept;
    }
    let mut kept = suppress(findings, platform, options, &mut report);
    let least = options.min_severity.or_else(|| {
        platform
            .overlay
            .min_severity
            .as_ref()
            .and_then(|s| Severity::parse(&s.value))
    });
    kept.sort_by_cached_key(|f| order(f, platform));
    let (mut kept, mut apart): (Vec<Finding>, Vec<Finding>) =
        kept.into_iter().partition(|f| options.all || f.apart.is_none());
    if let Some(least) = least {
        let before = kept.len();
        kept.retain(|f| severity_of(f) >= least);
        report.below = before - kept.len();
        apart.retain(|f| severity_of(f) >= least);
    }
    report.findings = kept;
    report.apart = apart;
    report.unjudged = join::unjudged(unjudged);
    report
}

/// Whether a finding depends on the overlay alone. If only a part was read, it is about something else.
fn is_only_stated(finding: &Finding, platform: &Platform) -> bool {
    let overlay = platform.overlay.path.as_deref();
    let in_overlay = |l: &Location| Some(platform.sources.path(l.span.file)) == overlay;
    !finding.locations.is_empty() && finding.locations.iter().all(in_overlay)
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<BTreeSet<String>>().into_iter().collect()
}

fn is_chosen(rule: &Rule, platform: &Platform, options: &Options) -> bool {
    let enabled = platform
        .overlay
        .rules
        .get(rule.id)
        .and_then(|s| s.enabled.as_ref())
        .is_none_or(|e| e.value);
    let named = options.rules.iter().any(|r| r == rule.id);
    if options.rules.is_empty() { enabled } else { named }
}

type Order = (
    std::cmp::Reverse<Severity>,
    std::cmp::Reverse<Confidence>,
    usize,
    String,
    u32,
    String,
    String,
);

fn order(finding: &Finding, platform: &Platform) -> Order {
    let rank = rules::ALL
        .iter()
        .position(|r| r.id == finding.rule)
        .unwrap_or(usize::MAX);
    let (path, line) = finding.locations.first().map_or((String::new(), 0), |l| {
        (
            platform.sources.path(l.span.file).display().to_string(),
            platform.sources.position(l.span).line,
        )
    });
    (
        std::cmp::Reverse(severity_of(finding)),
        std::cmp::Reverse(finding.confidence),
        rank,
        path,
        line,
        finding.subject.clone(),
        finding.title.clone(),
    )
}

/// A suppression from the overlay, prepared for matching.
struct Accepted<'a> {
    ignore: &'a Ignore,
    path: Option<GlobMatcher>,
    subject: Option<GlobMatcher>,
    used: bool,
}

fn suppress(
    findings: Vec<Finding>,
    platform: &Platform,
    options: &Options,
    report: &mut Report,
) -> Vec<Finding> {
    let mut accepted: Vec<Accepted<'_>> = Vec::new();
    for ignore in &platform.overlay.ignores {
        if let (Some(until), Some(today)) = (&ignore.until, options.today)
            && until.value < today
        {
            report
                .suppression_notes
                .push((ignore.span, format!("this suppression ended on {}", until.value)));
            continue;
        }
        let glob = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Glob::new(text).map(|g| Some(g.compile_matcher())),
        };
        match (glob(&ignore.path), glob(&ignore.subject)) {
            (Ok(path), Ok(subject)) => accepted.push(Accepted {
                ignore,
                path,
                subject,
                used: false,
            }),
            (Err(e), _) | (_, Err(e)) => {
                report
                    .suppression_notes
                    .push((ignore.span, format!("this suppression does nothing: {e}")));
            }
        }
    }
    // A person who accepts one subject has not accepted other subjects of the same line.
    let (by_overlay, findings) = findings.into_iter().partition(|finding| {
        let by = accepted
            .iter_mut()
            .find(|a| overlay_matches(a, finding, platform));
        by.map(|by| by.used = true).is_some()
    });
    report.suppressed += join::of_one_line(by_overlay).len();
    let findings = join::of_one_line(findings);
    let comments = Comments::new(&platform.suppressions, report);
    let mut comment_used = vec![false; platform.suppressions.len()];
    let mut kept = Vec::with_capacity(findings.len());
    for finding in findings {
        if let Some(at) = comments.matching(&finding, platform) {
            comment_used[at] = true;
            report.suppressed += 1;
        } else {
            kept.push(finding);
        }
    }
    // If only some rules or a part of the files were checked, some suppressions match nothing; only a
    // complete run can show that one is not needed.
    if !platform.reading.part && options.rules.is_empty() && options.environments.is_empty() {
        for a in accepted.iter().filter(|a| !a.used) {
            report.suppression_notes.push((
                a.ignore.span,
                "this suppression matches no finding; remove it".to_owned(),
            ));
        }
        for (i, s) in platform.suppressions.iter().enumerate() {
            let names_a_rule = s.rules.iter().any(|rule| rules::find(rule).is_some());
            if !comment_used[i] && names_a_rule && !s.reason.is_empty() {
                report.suppression_notes.push((
                    s.span,
                    "this suppression matches no finding; remove it".to_owned(),
                ));
            }
        }
    }
    kept
}

fn overlay_matches(accepted: &Accepted<'_>, finding: &Finding, platform: &Platform) -> bool {
    accepted
        .ignore
        .rule
        .as_ref()
        .is_none_or(|rule| rule == finding.rule)
        && accepted
            .subject
            .as_ref()
            .is_none_or(|glob| glob.is_match(&finding.subject))
        && accepted.path.as_ref().is_none_or(|glob| {
            finding
                .locations
                .first()
                .is_some_and(|l| glob.is_match(platform.overlay.sees(platform.sources.path(l.span.file))))
        })
}

/// Maps file and line to the suppressions there: their index and their rules.
type ByLine = BTreeMap<(u32, u32), Vec<(usize, Vec<String>)>>;

/// Suppressing comments by file and line.
struct Comments {
    by_line: ByLine,
}

impl Comments {
    fn new(all: &[Suppression], report: &mut Report) -> Self {
        let mut by_line = ByLine::new();
        for (i, s) in all.iter().enumerate() {
            if s.rules.is_empty() {
                let text = "this suppression names no rule; write `cofferdam: ignore[rule] reason`";
                report.suppression_notes.push((s.span, text.to_owned()));
            } else if s.reason.is_empty() {
                let text = "this suppression gives no reason and does nothing; write why after the bracket";
                report.suppression_notes.push((s.span, text.to_owned()));
            } else {
                let unknown = |rule: &&String| rules::find(rule).is_none();
                for rule in s.rules.iter().filter(unknown) {
                    let near = match rules::nearest(rule) {
                        Some(near) => format!(", did you mean `{near}`?"),
                        None => "; `cofferdam rules` lists them all".to_owned(),
                    };
                    let text = format!("no such rule `{rule}`{near}");
                    report.suppression_notes.push((s.span, text));
                }
                by_line
                    .entry((s.span.file.0, s.line))
                    .or_default()
                    .push((i, s.rules.clone()));
            }
        }
        Comments { by_line }
    }

    fn matching(&self, finding: &Finding, platform: &Platform) -> Option<usize> {
        if self.by_line.is_empty() {
            return None;
        }
        finding.locations.iter().find_map(|l| {
            let line = platform.sources.position(l.span).line;
            let there = self.by_line.get(&(l.span.file.0, line))?;
            there
                .iter()
                .find(|(_, rules)| rules.iter().any(|r| r == finding.rule))
                .map(|(i, _)| *i)
        })
    }
}
