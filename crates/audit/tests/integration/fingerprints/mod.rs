//! A fingerprint stays while its finding exists: edits that move lines, reorder files or change figures change none, and edits
//! that change the subject change all that are about it.

mod edits;

use cofferdam_audit::{Finding, Options, audit};
use edits::{Edit, Files};
use std::collections::{BTreeMap, BTreeSet};

const EXAMPLES: [&str; 2] = ["clean-platform", "clean-platform-mitigated"];

/// The findings of a platform, those in separate places too.
fn findings(files: &Files) -> Vec<Finding> {
    let files = files
        .iter()
        .map(|(path, text)| (path.into(), text.clone().into_bytes()));
    let report = audit(&cofferdam_ingest::read_files(files), &Options::default());
    report.findings.into_iter().chain(report.apart).collect()
}

/// What a finding is about, without its figures and whatever they decide.
fn about(finding: &Finding) -> String {
    let subject = &finding.subject;
    let (kind, namespace, name) = (subject.kind(), subject.bare_namespace(), subject.name());
    format!("{} {kind} {namespace:?} {name} {:?}", finding.rule, finding.cause)
}

/// The environments and the fingerprint of the finding about each thing in each environment.
type ByThing = BTreeMap<(String, String), BTreeSet<(Vec<String>, String)>>;

fn by_thing(findings: &[Finding]) -> ByThing {
    let mut all = ByThing::new();
    for finding in findings {
        for environment in &finding.environments {
            let one = (finding.environments.clone(), finding.fingerprint.to_string());
            all.entry((about(finding), environment.clone()))
                .or_default()
                .insert(one);
        }
    }
    all
}

/// Things whose findings have other fingerprints. Where another figure makes two environments differ, there are two findings
/// instead of one: the one of production keeps the fingerprint.
fn changed(before: &[Finding], after: &[Finding]) -> Vec<String> {
    let (before, after) = (by_thing(before), by_thing(after));
    let mut changed = Vec::new();
    for ((thing, environment), all) in before {
        let Some(now) = after.get(&(thing.clone(), environment.clone())) else {
            continue;
        };
        let same = |one: &(Vec<String>, String)| now.iter().any(|other| other.1 == one.1);
        let is_another = |one: &(Vec<String>, String)| {
            environment != "production" && now.iter().all(|other| other.0 != one.0)
        };
        if !all.iter().all(|one| same(one) || is_another(one)) {
            changed.push(format!("{thing} in {environment}: {all:?}, now {now:?}"));
        }
    }
    changed
}

/// Applies some of the edits, spread over all, and returns how many.
fn assert_kept(what: &str, edits: &[Edit], files: &Files, is_as_many: bool) -> usize {
    const MOST: usize = 40;
    let before = findings(files);
    let some = edits.iter().step_by(edits.len().div_ceil(MOST).max(1));
    for edit in some.clone() {
        let after = findings(&edit.apply(files));
        let changed = changed(&before, &after);
        assert!(changed.is_empty(), "{what}: {edit:?} changes {changed:#?}");
        assert!(!is_as_many || after.len() == before.len(), "{what}: {edit:?}");
    }
    some.count()
}

#[test]
fn no_two_findings_of_a_report_have_one_fingerprint() {
    for example in EXAMPLES {
        let all = findings(&edits::example(example));
        let distinct: BTreeSet<String> = all.iter().map(|f| f.fingerprint.to_string()).collect();
        assert_eq!(distinct.len(), all.len(), "{example}");
        assert!(
            distinct
                .iter()
                .all(|text| text.len() == 19 && text.starts_with("f1:"))
        );
    }
}

#[test]
fn edits_that_move_lines_or_reorder_change_no_fingerprint() {
    let mut edited = 0;
    for example in EXAMPLES {
        let files = edits::example(example);
        for (what, all) in [
            ("lines", edits::moved_lines(&files)),
            ("files", edits::reordered_files(&files)),
            ("documents", edits::reordered_documents(&files)),
            ("keys", edits::reordered_keys(&files)),
            ("directories", edits::renamed_directories()),
        ] {
            edited += assert_kept(what, &all, &files, true);
        }
    }
    assert!(edited >= 50, "{edited} edits");
}

#[test]
fn edits_that_change_figures_change_no_fingerprint() {
    let mut edited = 0;
    for example in EXAMPLES {
        let files = edits::example(example);
        edited += assert_kept("figures", &edits::changed_figures(&files), &files, false);
    }
    assert!(edited >= 50, "{edited} edits");
}

#[test]
fn edits_that_change_the_subject_change_its_fingerprints() {
    let (mut edited, mut wrong) = (0, Vec::new());
    for example in EXAMPLES {
        let files = edits::example(example);
        let before = findings(&files);
        let names = edits::names(&before, &files).into_iter();
        let renamed = names.map(|name| {
            let is_about = |finding: &&Finding| edits::is_about(finding, &name);
            (
                edits::rename(&name),
                before.iter().filter(is_about).collect::<Vec<_>>(),
            )
        });
        let moved = ENVIRONMENTS.map(|(from, to)| {
            let is_of = |finding: &&Finding| nearest(finding) == from;
            (
                edits::word(from, to),
                before.iter().filter(is_of).collect::<Vec<_>>(),
            )
        });
        for (edit, own) in renamed.chain(moved) {
            let after = findings(&edit.apply(&files));
            // Without an environment called production, what is declared for all is in one without a name.
            let is_named = |f: &&Finding| !f.environments.iter().any(|name| name == "default");
            let now: BTreeSet<String> = after
                .iter()
                .filter(is_named)
                .map(|f| f.fingerprint.to_string())
                .collect();
            let kept = own.iter().filter(|f| now.contains(&f.fingerprint.to_string()));
            wrong.extend(kept.map(|finding| format!("{edit:?}: {}", about(finding))));
            assert!(!own.is_empty(), "{edit:?}");
            edited += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(edited >= 50, "{edited} edits");
}

/// Environments, and what they are renamed to.
const ENVIRONMENTS: [(&str, &str); 3] = [
    ("production", "preview"),
    ("staging", "preview"),
    ("development", "sandbox"),
];

/// The environment of a finding that matters most.
fn nearest(finding: &Finding) -> &str {
    let has = |name: &&str| finding.environments.iter().any(|own| own == name);
    ENVIRONMENTS
        .map(|(name, _)| name)
        .into_iter()
        .find(has)
        .unwrap_or_default()
}
