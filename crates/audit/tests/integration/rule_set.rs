//! The engine runs the rules that it is given: one of those that are built in, or rules that people wrote.

use cofferdam_audit::{
    Check, Finding, Fix, Group, Options, Rule, RuleId, RuleSet, Severity, Subject, audit_with, rules,
};
use cofferdam_model::Platform;
use std::borrow::Cow;

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'r.example.net/web:latest'}]}\n";

fn platform(overlay: &str) -> Platform {
    let files = [("k8s/web.yaml", DEPLOYMENT), ("cofferdam.yaml", overlay)];
    cofferdam_ingest::read_files(files.map(|(path, text)| (path.into(), text.as_bytes().to_vec())))
}

/// A rule whose id and text are not known when the program is built.
fn own(id: &str, forbidden: String) -> Rule {
    Rule {
        id: RuleId::own(id),
        group: Group::Delivery,
        severity: Severity::High,
        fix: Fix::Advice,
        summary: Cow::Owned(format!("nothing is called {forbidden}")),
        absences: &[],
        settings: &[],
        page: Cow::Owned(String::new()),
        check: Check::Own(Box::new(move |cx, out| {
            for workload in cx.env.workloads.iter().filter(|w| w.id.name == forbidden) {
                let title = format!("{} has a name that is forbidden", workload.id);
                let subject = Subject::from(&workload.id);
                out.report(Finding::new(subject, title).at(workload.span, "the name"));
            }
        })),
    }
}

#[test]
fn a_set_of_one_rule_runs_that_rule_only() {
    let platform = platform("version: 1\n");
    let set = RuleSet::from_iter([&rules::image_mutable_tag::RULE]);
    let report = audit_with(&platform, &set, &Options::default());
    assert!(!report.findings.is_empty());
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.rule == "image-mutable-tag")
    );
}

#[test]
fn a_rule_that_people_wrote_is_judged_suppressed_and_ordered_like_any_other() {
    let rule = own("own-names", "web".to_owned());
    let mut set = RuleSet::built_in();
    set.add(&rule).unwrap();
    let audit = |overlay: &str| audit_with(&platform(overlay), &set, &Options::default());
    let report = audit("version: 1\n");
    let mut found = report
        .findings
        .iter()
        .filter(|finding| finding.rule == "own-names");
    let finding = found.next().unwrap();
    assert!(found.next().is_none());
    assert_eq!(finding.severity, Some(Severity::High));
    assert_eq!(finding.subject, "Deployment shop/web");
    assert!(finding.fingerprint.to_string().starts_with("f1:"));
    let accepted =
        "version: 1\nrules: {own-names: {severity: low}}\nignore: [{rule: own-names, reason: a trial}]\n";
    let report = audit(accepted);
    assert!(!report.findings.iter().any(|finding| finding.rule == "own-names"));
    assert_eq!(
        (report.suppressed, set.problems(&platform(accepted).overlay)),
        (1, Vec::new())
    );
    assert_eq!(
        audit("version: 1\nrules: {own-names: {enabled: false}}\n").suppressed,
        0
    );
}

#[test]
fn an_id_is_in_a_set_once() {
    let (first, second) = (own("own-names", "a".to_owned()), own("own-names", "b".to_owned()));
    let mut set = RuleSet::from_iter([&first]);
    let refused = set.add(&second).unwrap_err();
    assert_eq!(refused.to_string(), "two rules have the id `own-names`");
    assert_eq!(set.iter().len(), 1);
    assert_eq!(set.nearest("own-name"), Some("own-names"));
    assert!(set.find("single-replica").is_none());
}

#[test]
fn what_the_overlay_says_of_rules_is_checked_by_their_settings() {
    let set = RuleSet::built_in();
    for (overlay, wanted) in [
        ("breaker-blind-spot: {partial_failure: 0.2}", None),
        ("breaker-blind-spot: {partial_failure: 20%}", None),
        (
            "breaker-blind-spot: {partial_failure: 2}",
            Some("`partial_failure` must be a share above 0 and below 1"),
        ),
        (
            "breaker-blind-spot: {partial_failure: some}",
            Some("without it, it is 0.1"),
        ),
        (
            "breaker-blind-spot: {partial: 0.2}",
            Some("no setting `partial`; it has `enabled`, `severity`, `partial_failure`"),
        ),
        (
            "single-replica: {replicas: 2}",
            Some("no setting `replicas`; it has `enabled`, `severity`"),
        ),
        (
            "single-replca: {enabled: false}",
            Some("did you mean `single-replica`?"),
        ),
    ] {
        let platform = platform(&format!("version: 1\nrules: {{{overlay}}}\n"));
        let problems = set.problems(&platform.overlay);
        match (wanted, problems.as_slice()) {
            (None, []) => {}
            (Some(wanted), [problem]) => {
                assert!(problem.message.contains(wanted), "{overlay}: {}", problem.message);
                assert_eq!(
                    problem.span.map(|span| platform.sources.position(span).line),
                    Some(2)
                );
            }
            _ => panic!("{overlay}: {problems:?}"),
        }
    }
}

#[test]
fn every_setting_is_on_the_page_of_its_rule() {
    for rule in rules::ALL {
        for setting in rule.settings {
            let line = format!(
                "- `{}`: {}. {} Without it: {}.",
                setting.name,
                setting.default.expected(),
                setting.sentence,
                setting.default
            );
            assert!(rule.page.contains(&line), "{}: no line\n{line}", rule.id);
            assert_eq!(
                setting.read(&setting.default.to_string()),
                Ok(setting.default),
                "{}",
                rule.id
            );
        }
        assert_eq!(
            rule.page.contains("## Settings"),
            !rule.settings.is_empty(),
            "{}",
            rule.id
        );
    }
}
