//! Runs the rules over a platform and orders their results: environments are joined, suppressions and
//! settings applied, the most severe findings come first. The order is the same on every run and machine.

use crate::claim;
pub(crate) use crate::finding::UNNAMED;
use crate::finding::{Confidence, Finding, Location, Severity, Unjudged};
use crate::identity;
use crate::join;
use crate::rule::{Context, Rule, Shared, Verdicts};
use crate::rule_set::RuleSet;
use crate::rules;
use crate::suppress::Suppressions;
use cofferdam_model::{Deployment, DeploymentId, Environment, Platform, SourceMap, Span, UnreadableFile};
use cofferdam_syntax::hash::HashSet;
use cofferdam_syntax::sorted::SortedSet;
use rayon::prelude::*;
use std::collections::BTreeSet;

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

    /// Files that could not be read, without those of which a finding already says why.
    pub fn unreadable<'p>(&self, platform: &'p Platform) -> Vec<&'p UnreadableFile> {
        let all = self.findings.iter().chain(&self.apart);
        let shown: HashSet<Span> = all
            .filter(|finding| finding.rule == rules::dangling_reference::RULE.id)
            .flat_map(claim::places)
            .collect();
        let unreadable = platform.reading.unreadable.iter();
        let is_shown = |unread: &UnreadableFile| unread.span.is_some_and(|span| shown.contains(&span));
        unreadable.filter(|unread| !is_shown(unread)).collect()
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
fn judge(
    env: &Environment,
    rule: &Rule,
    (platform, shared): (&Platform, &Shared),
    options: &Options,
) -> Verdicts {
    let settings = platform.overlay.rules.get(rule.id.as_str());
    let mut out = Verdicts::default();
    let cx = Context {
        env,
        platform,
        settings,
        shared,
    };
    rule.check.run(&cx, &mut out);
    for finding in &mut out.findings {
        finding.rule = rule.id.clone();
        finding.subject.in_environment(&env.name);
        finding.environments = vec![env.name.clone()];
        finding.variants = SortedSet::one(env.variant.clone());
        finding.clusters = SortedSet::one(env.cluster.clone());
        finding.project = env.project;
        if platform.scope.is_unnamed(claim::places(finding), &env.name) {
            finding.environments = vec![UNNAMED.to_owned()];
        }
        finding.severity = Some(finding.severity.unwrap_or(rule.severity));
        debug_assert!(
            finding.absence.is_none_or(|kind| rule.absences.contains(&kind)),
            "{} claims an absence that it does not list",
            rule.id
        );
        claim::weigh(finding, env, platform);
        show_uses(finding, &platform.sources);
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
        unjudged.rule = rule.id.clone();
        unjudged.environments = vec![env.name.clone()];
    }
    out
}

/// Shows a name that a chart's helper makes where a template prints it: the helper is about every object of the chart.
fn show_uses(finding: &mut Finding, sources: &SourceMap) {
    let is_helper = |span: Span| {
        let name = sources.path(span.file).file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with('_') && name.ends_with(".tpl"))
    };
    for location in &mut finding.locations {
        if is_helper(location.span) && sources.text(location.span).contains("{{") {
            let links = sources.chains().of(location.span);
            if let Some(link) = links.iter().find(|link| !is_helper(link.span)) {
                location.span = link.span;
            }
        }
    }
}

/// The results of one rule, sorted by what becomes of them.
#[derive(Default)]
struct Sorted {
    kept: Vec<Finding>,
    /// A person accepts them.
    accepted: Vec<Finding>,
    /// They depend on the overlay alone, of which only a part was checked.
    stated: Vec<Finding>,
    unjudged: Vec<Unjudged>,
}

impl Sorted {
    fn sort(&mut self, findings: Vec<Finding>, suppressions: &Suppressions<'_>, platform: &Platform) {
        // Nearly always a rule has one or two in a project, and all are kept; a finding is large.
        if self.kept.is_empty() {
            self.kept.reserve_exact(findings.len());
        }
        for finding in findings {
            let place = match platform.reading.part && is_only_stated(&finding, platform) {
                true => &mut self.stated,
                false if suppressions.accept(&finding) => &mut self.accepted,
                false => &mut self.kept,
            };
            place.push(finding);
        }
    }

    fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.accepted.is_empty() && self.stated.is_empty() && self.unjudged.is_empty()
    }
}

/// Runs every rule of the set over every environment.
pub fn audit_with(platform: &Platform, rules: &RuleSet<'_>, options: &Options) -> Report {
    let chosen: Vec<&Rule> = rules
        .iter()
        .filter(|rule| is_chosen(rule, platform, options))
        .collect();
    let environments: Vec<&Environment> = platform
        .environments
        .iter()
        .filter(|e| options.environments.is_empty() || options.environments.contains(&e.name))
        .collect();
    let counts = |env: &Environment| options.all || platform.scope.project_apart(env.project).is_none();
    // Never those of two projects: what one of them has must not decide what is joined in the other.
    let groups: Vec<&[&Environment]> = (environments.chunk_by(|a, b| a.project == b.project))
        .flat_map(|of_project| of_project.chunks(TOGETHER))
        .collect();
    let mut report = Report {
        environments: distinct(environments.iter().filter(|e| counts(e)).map(|e| e.name.clone())),
        all: options.all,
        ..Report::default()
    };
    let suppressions = Suppressions::new(platform, rules, options.today, &mut report.suppression_notes);
    let shared = Shared::default();
    let verdicts: Vec<(usize, Sorted)> = (0..groups.len() * chosen.len())
        .into_par_iter()
        .map(|job| {
            let (envs, of) = (groups[job / chosen.len()], job % chosen.len());
            let rule = chosen[of];
            let mut all = Sorted::default();
            for env in envs {
                let mut verdicts = judge(env, rule, (platform, &shared), options);
                if !counts(env) {
                    verdicts.unjudged.clear();
                }
                all.unjudged.append(&mut verdicts.unjudged);
                all.sort(verdicts.findings, &suppressions, platform);
            }
            for findings in [&mut all.kept, &mut all.accepted, &mut all.stated] {
                *findings = join::early(std::mem::take(findings));
            }
            (of, all)
        })
        .filter(|(_, all)| !all.is_empty())
        .collect();
    let mut by_rule: Vec<Vec<Sorted>> = chosen.iter().map(|_| Vec::new()).collect();
    let mut unjudged = Vec::new();
    for (rule, mut sorted) in verdicts {
        unjudged.append(&mut sorted.unjudged);
        by_rule[rule].push(sorted);
    }
    // If only some rules or a part of the files were checked, some suppressions match nothing; only a complete run can
    // show that one is not needed.
    if !platform.reading.part && options.rules.is_empty() && options.environments.is_empty() {
        suppressions.note_unused(&mut report.suppression_notes);
    }
    let mut joined = |of: fn(&mut Sorted) -> &mut Vec<Finding>| {
        let of_rule = |all: &mut Vec<Sorted>| all.iter_mut().map(|one| std::mem::take(of(one))).collect();
        join::all(by_rule.iter_mut().map(of_rule).collect(), &platform.sources)
    };
    report.suppressed = joined(|all| &mut all.accepted).len();
    report.only_stated = joined(|all| &mut all.stated).len();
    let mut kept = joined(|all| &mut all.kept);
    let least = options.min_severity.or_else(|| {
        platform
            .overlay
            .min_severity
            .as_ref()
            .and_then(|s| Severity::parse(&s.value))
    });
    identity::show_namespaces(&mut kept);
    kept.par_sort_by_cached_key(|f| order(f, platform, rules));
    identity::assign(&mut kept, platform);
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
        .get(rule.id.as_str())
        .and_then(|s| s.enabled.as_ref())
        .is_none_or(|e| e.value);
    let named = options.rules.iter().any(|r| *r == rule.id);
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

fn order(finding: &Finding, platform: &Platform, rules: &RuleSet<'_>) -> Order {
    let rank = rules.rank(finding.rule.as_str()).unwrap_or(usize::MAX);
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
        finding.subject.as_str().to_owned(),
        finding.title.clone(),
    )
}
