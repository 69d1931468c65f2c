//! Every rule has a page, and every page is true: its "Fires" example fires with the figures it names, its
//! "Silent" example does not fire.

use cofferdam_audit::{Finding, Options, audit, rules};
use cofferdam_ingest::read_files;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SECTIONS: [&str; 5] = ["What it finds", "Why", "Fires", "Silent", "How to fix"];

/// A fenced block: its info string and its text.
struct Block {
    info: String,
    text: String,
}

fn section<'a>(page: &'a str, title: &str) -> Option<&'a str> {
    let start = page.find(&format!("\n## {title}\n"))? + title.len() + 5;
    let rest = &page[start..];
    // A line inside a fenced example that looks like the start of a section is part of the example.
    let mut fenced = false;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if !fenced && line.starts_with("## ") {
            return Some(&rest[..at]);
        }
        at += line.len();
    }
    Some(rest)
}

fn blocks(section: &str) -> Vec<Block> {
    let mut out = Vec::new();
    let mut open: Option<Block> = None;
    for line in section.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block {
                    info: info.to_owned(),
                    text: String::new(),
                })
            }
            (Some(_), Some("")) => out.extend(open.take()),
            (Some(block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    out
}

fn files(section: &str) -> Vec<(PathBuf, Vec<u8>)> {
    blocks(section)
        .into_iter()
        .filter_map(|block| {
            let path = block
                .info
                .split_whitespace()
                .find_map(|w| w.strip_prefix("file="))?;
            Some((PathBuf::from(path), block.text.into_bytes()))
        })
        .collect()
}

/// `name = value` lines of blocks marked `figures`.
fn figures(section: &str) -> Vec<(String, f64)> {
    blocks(section)
        .iter()
        .filter(|b| b.info.split_whitespace().any(|w| w == "figures"))
        .flat_map(|b| b.text.lines())
        .map(|line| {
            let (name, value) = line
                .split_once('=')
                .unwrap_or_else(|| panic!("no figure: {line}"));
            let number = value.split_whitespace().next().unwrap().replace(',', "");
            (
                name.trim().to_owned(),
                number.parse().unwrap_or_else(|_| panic!("no number: {line}")),
            )
        })
        .collect()
}

fn findings(rule: &str, files: &[(PathBuf, Vec<u8>)]) -> Vec<Finding> {
    let platform = read_files(files.to_vec());
    assert!(
        platform.reading.unreadable.is_empty(),
        "{rule}: its example cannot be read: {:?}",
        platform.reading.unreadable
    );
    audit(
        &platform,
        &Options {
            rules: vec![rule.to_owned()],
            ..Options::default()
        },
    )
    .findings
}

#[test]
fn every_rule_has_a_page_and_every_page_a_rule() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules");
    let pages: BTreeSet<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n != "README.md")
        .map(|n| n.trim_end_matches(".md").to_owned())
        .collect();
    let ids: BTreeSet<String> = rules::ALL.iter().map(|r| r.id.to_string()).collect();
    assert_eq!(pages, ids);
    assert_eq!(ids.len(), rules::ALL.len(), "two rules share an id");
}

#[test]
fn every_file_of_a_rule_is_declared_and_every_rule_is_listed() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let declarations = std::fs::read_to_string(dir.join("mod.rs")).unwrap();
    let declared: BTreeSet<&str> = declarations
        .lines()
        .filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'))
        .collect();
    let mut files = BTreeSet::new();
    let mut rules_in_files = BTreeSet::new();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if stem == "mod" {
            continue;
        }
        if std::fs::read_to_string(&path).unwrap().contains("RULE: Rule =") {
            rules_in_files.insert(stem.replace('_', "-"));
        }
        files.insert(stem);
    }
    assert_eq!(
        files.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        declared
    );
    let listed: BTreeSet<String> = rules::ALL.iter().map(|rule| rule.id.to_string()).collect();
    assert_eq!(rules_in_files, listed);
}

#[test]
fn the_index_lists_every_rule_with_its_current_properties() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules/README.md");
    let index = std::fs::read_to_string(path).unwrap();
    let rows: BTreeSet<&str> = index.lines().filter(|l| l.starts_with("| [")).collect();
    let expected: BTreeSet<String> = rules::ALL
        .iter()
        .map(|r| {
            let absences: Vec<&str> = r.absences.iter().map(|kind| kind.name()).collect();
            let absences = match absences.join(", ") {
                none if none.is_empty() => none,
                some => format!(" {some}"),
            };
            format!(
                "| [{0}]({0}.md) | {1} | {2} | {3} |{absences} |",
                r.id,
                r.severity,
                r.fix.name(),
                r.summary
            )
        })
        .collect();
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let missing: Vec<_> = expected.difference(&rows).collect();
    let stale: Vec<_> = rows.difference(&expected).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "to add: {missing:#?}\nto remove: {stale:#?}"
    );
}

/// Rules whose text mentions something that is missing although they claim no absence, and the reason why
/// that is right.
const REVIEWED: [(&str, &str); 49] = [
    (
        "alert-detection-delay",
        "the target that nobody states is an assumption, which the finding names",
    ),
    ("autoscaler-cannot-scale", "both numbers are the autoscaler's own"),
    (
        "autoscaler-runaway",
        "without an alert on the service nothing is reported",
    ),
    (
        "bare-pod",
        "the pod is a whole object, and a controller's pod is made by the controller, not by a file",
    ),
    (
        "breaker-blind-spot",
        "the breaker's numbers are written, or are defaults that the finding names",
    ),
    (
        "cache-divergence",
        "the finding is likely everywhere, since code that drops entries may be elsewhere",
    ),
    (
        "call-without-timeout",
        "the call is written whole; the finding is likely everywhere",
    ),
    ("cpu-limit-throttling", "the limit and the threads are written"),
    (
        "cronjob-deadline-missing",
        "the CronJob is a whole object, and nothing else sets the field",
    ),
    ("cronjob-history-cut", "the time to live is written"),
    (
        "cronjob-runs-pile-up",
        "the CronJob is a whole object, and nothing else sets the fields",
    ),
    (
        "database-deletable",
        "the switch and what a deletion leaves are written, or are the provider's defaults",
    ),
    (
        "database-no-tls",
        "the switch is written, or is the provider's default",
    ),
    (
        "database-pool-unbounded",
        "only a pool whose constructor was read is judged; the finding is likely everywhere",
    ),
    (
        "database-single-zone",
        "the switch is written, or is the provider's default",
    ),
    ("description-conflict", "both values are written"),
    ("disruption-budget-blocks", "the budget's number is written"),
    (
        "egress-any-address",
        "the rule that opens every address is written, and policies only add",
    ),
    (
        "egress-any-namespace",
        "the rule that opens every namespace is written, and policies only add",
    ),
    (
        "ephemeral-storage-missing",
        "the pod is a whole object; limit ranges that were read are filled in before",
    ),
    (
        "eviction-waits-for-unhealthy",
        "the budget is a whole object, and nothing else sets the field",
    ),
    (
        "failover-overload",
        "the loads and capacities are written or stated",
    ),
    ("image-mutable-tag", "the image's name is written"),
    (
        "image-pull-stale",
        "the image's name is written, and the default of the policy is named as an assumption",
    ),
    (
        "job-never-cleaned",
        "the Job is a whole object, and the annotations of tools that remove it are looked at",
    ),
    (
        "kafka-producer-durability",
        "the settings are written, or are the client's defaults, which the finding names",
    ),
    (
        "kafka-rebalance-storm",
        "the settings are written, or are the client's defaults, which the finding names",
    ),
    (
        "kafka-replication",
        "the topic's copies are written, and a minimum that is not set is not used",
    ),
    (
        "kafka-unbounded-buffer",
        "the queue is written in code; the finding is likely everywhere",
    ),
    ("manifest-invalid", "a schema speaks of one whole object"),
    (
        "memory-limit-missing",
        "the pod is a whole object; limit ranges that were read are filled in before",
    ),
    ("memory-overcommitted", "requests and limits are written"),
    (
        "no-graceful-stop",
        "the pod is a whole object; the finding about the pause is likely everywhere",
    ),
    ("no-spare-replica", "the number is written"),
    (
        "pooler-overcommit",
        "the settings are written, or are PgBouncer's defaults, which the finding names",
    ),
    (
        "probe-missing",
        "the pod is a whole object, and nothing adds probes to it",
    ),
    (
        "probe-port-unknown",
        "the pod is a whole object; the finding is likely everywhere",
    ),
    ("probe-too-eager", "the probe's numbers are written"),
    (
        "replicas-together",
        "the pod is a whole object; the scheduler's own preference is named",
    ),
    (
        "requests-missing",
        "the pod is a whole object; limit ranges that were read are filled in before",
    ),
    (
        "retry-amplification",
        "the tries are written, and backoff and jitter are switched off in writing",
    ),
    ("rollout-by-hand", "the strategy is written"),
    ("rollout-no-history", "the limit of 0 is written"),
    ("rollout-stops-all", "the strategy is written"),
    ("secret-in-clear", "the value is written"),
    (
        "secret-rotation-deadlock",
        "that one version is valid at a time is stated, or is an assumption that the finding names",
    ),
    ("shallow-health-check", "both probes are written"),
    ("state-in-pod", "the pod is a whole object with its volumes"),
    (
        "statefulset-service",
        "the name in the StatefulSet is its own, and the address is the Service's own; a Service that is not there is a dangling reference",
    ),
];

/// Words by which a text states that something does not exist.
const ABSENT: [&str; 13] = [
    "no",
    "without",
    "never",
    "missing",
    "nothing",
    "none",
    "neither",
    "lacks",
    "absent",
    "undeclared",
    "unknown",
    "nobody",
    "unset",
];

fn speaks_of_absence(text: &str) -> bool {
    let text = text.to_lowercase();
    let phrases = ["does not exist", "does not say", "not declared", "not set"];
    let mut words = text.split(|c: char| !c.is_ascii_alphabetic());
    words.any(|word| ABSENT.contains(&word)) || phrases.iter().any(|phrase| text.contains(phrase))
}

/// The texts of a rule's titles, from its source: the quoted texts between `Finding::new` and the
/// explanation.
fn titles(id: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/rules")
        .join(format!("{}.rs", id.replace('-', "_")));
    let source = std::fs::read_to_string(path).unwrap();
    let source = source.split("#[cfg(test)]").next().unwrap();
    let mut out = String::new();
    for part in source.split("Finding::new(").skip(1) {
        let ends = [".explain", ".severity", ".remedy", ";"];
        let end = ends
            .iter()
            .filter_map(|e| part.find(e))
            .min()
            .unwrap_or(part.len());
        for quoted in part[..end].split('"').skip(1).step_by(2) {
            out.push_str(quoted);
            out.push(' ');
        }
    }
    out
}

#[test]
fn a_rule_that_reports_an_absence_lists_its_claims_or_was_reviewed() {
    let reviewed: BTreeSet<&str> = REVIEWED.iter().map(|(id, _)| *id).collect();
    let mut wrong = Vec::new();
    for rule in rules::ALL {
        let lead = section(&rule.page, "What it finds").unwrap();
        let lead = lead.trim().split("\n\n").next().unwrap_or_default();
        let first = rule.page.lines().nth(2).unwrap_or_default();
        let speaks = [&*rule.summary, first, lead, &titles(&rule.id)]
            .iter()
            .any(|text| speaks_of_absence(text));
        match (
            speaks && rule.absences.is_empty(),
            reviewed.contains(rule.id.as_str()),
        ) {
            (true, false) => wrong.push(format!("{}: claims an absence, or has to be reviewed", rule.id)),
            (false, true) => wrong.push(format!("{}: need not be on the list of reviewed rules", rule.id)),
            _ => {}
        }
    }
    for (id, why) in REVIEWED {
        if rules::find(id).is_none() || why.len() < 20 {
            wrong.push(format!("{id}: no such rule, or no reason"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_has_its_sections_and_the_rule_its_page() {
    for rule in rules::ALL {
        assert!(
            rule.page.starts_with(&format!("# {}\n", rule.id)),
            "{}: title",
            rule.id
        );
        for title in SECTIONS {
            let text =
                section(&rule.page, title).unwrap_or_else(|| panic!("{}: no section {title}", rule.id));
            assert!(text.trim().len() > 20, "{}: section {title} is empty", rule.id);
        }
    }
}

#[test]
fn every_firing_example_fires_with_its_figures() {
    let mut wrong = Vec::new();
    for rule in rules::ALL {
        let text = section(&rule.page, "Fires").unwrap();
        let found = findings(&rule.id, &files(text));
        if found.is_empty() {
            wrong.push(format!("{}: does not fire", rule.id));
        }
        for (name, value) in figures(text) {
            let hit = found
                .iter()
                .filter_map(|f| f.figures.get(&*name))
                .any(|f| close(f.value, value));
            if !hit {
                let all: Vec<_> = found.iter().map(|f| &f.figures).collect();
                wrong.push(format!("{}: no figure {name} = {value} in {all:?}", rule.id));
            }
        }
        for finding in &found {
            if let Some(kind) = finding.absence.filter(|kind| !rule.absences.contains(kind)) {
                wrong.push(format!(
                    "{}: claims an absence that it does not list: {kind:?}",
                    rule.id
                ));
            }
            if finding.locations.is_empty() {
                wrong.push(format!(
                    "{}: a finding without a place: {}",
                    rule.id, finding.title
                ));
            }
            if finding.explanation.is_empty() || finding.remedy.is_empty() {
                wrong.push(format!(
                    "{}: does not describe what happens or what to do: {}",
                    rule.id, finding.title
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_silent_example_is_silent_and_is_the_fixed_firing_example() {
    let mut wrong = Vec::new();
    for rule in rules::ALL {
        let fires: BTreeSet<_> = files(section(&rule.page, "Fires").unwrap())
            .into_iter()
            .map(|f| f.0)
            .collect();
        let silent = files(section(&rule.page, "Silent").unwrap());
        if !silent.iter().any(|(path, _)| fires.contains(path)) {
            wrong.push(format!(
                "{}: the silent example shows no file of the firing one",
                rule.id
            ));
        }
        for finding in findings(&rule.id, &silent) {
            wrong.push(format!(
                "{}: fires on its silent example: {}",
                rule.id, finding.title
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Figures on a page are rounded for readers; half a unit of the last digit is close enough.
fn close(found: f64, page: f64) -> bool {
    (found - page).abs() <= page.abs() * 5e-3 + 1e-9
}
