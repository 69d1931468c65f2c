//! The JSON report conforms to the published schema, and the schema refuses unknown fields.

use cofferdam_audit::report::json;
use cofferdam_audit::routes::Routes;
use cofferdam_audit::{Options, audit};
use cofferdam_model::report::Run;
use cofferdam_syntax::document::{Document, Format};
use cofferdam_syntax::route::Route;
use serde_json::Value;
use std::path::Path;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn report(example: &str) -> Value {
    let platform = cofferdam_ingest::read(&root().join(example)).unwrap();
    let report = audit(&platform, &Options::default());
    let mut text = Vec::new();
    let run = Run {
        version: "1.2.3",
        exit_status: 1,
        docs_url: None,
    };
    let more = json::More {
        rehearsals: None,
        routes: true,
    };
    json::write(&report, &platform, more, &run, &mut text).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn validator() -> jsonschema::Validator {
    let text = std::fs::read_to_string(root().join("schemas/report.schema.json")).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[test]
fn real_reports_match_the_published_schema() {
    let validator = validator();
    for example in [
        "examples/clean-platform",
        "examples/clean-platform-mitigated",
        "schemas",
    ] {
        let report = report(example);
        let errors: Vec<String> = validator
            .iter_errors(&report)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{example}: {errors:#?}");
    }
}

#[test]
fn an_additional_or_a_missing_field_is_refused() {
    let validator = validator();
    let good = report("examples/clean-platform");
    assert!(validator.is_valid(&good));
    let change = |f: &dyn Fn(&mut Value)| {
        let mut copy = good.clone();
        f(&mut copy);
        validator.is_valid(&copy)
    };
    assert!(!change(&|r| r["findings"][0]["extra"] = Value::Null));
    assert!(!change(&|r| r["findings"][0]["severity"] = "fatal".into()));
    assert!(!change(&|r| r["version"] = 1.into()));
    assert!(!change(&|r| {
        r["findings"][0].as_object_mut().unwrap().remove("remedy");
    }));
    assert!(!change(
        &|r| r["findings"][0]["locations"][0]["start"]["line"] = 0.into()
    ));
}

#[test]
fn a_route_leads_to_the_value_at_its_place() {
    let platform = cofferdam_ingest::read(&root().join("examples/clean-platform")).unwrap();
    let report = audit(&platform, &Options::default());
    let routes = Routes::of(report.findings.iter(), &platform.sources);
    let (mut all, mut found) = (0, 0);
    for location in report.findings.iter().flat_map(|finding| &finding.locations) {
        let file = platform.sources.file(location.span.file);
        all += 1;
        let Some(route) = routes.get(location.span) else {
            continue;
        };
        found += 1;
        let written: Route = route.to_string().parse().unwrap();
        let document =
            Document::read(&file.text, Format::of(&file.path).unwrap(), location.span.file).unwrap();
        let place = document.place(&written).unwrap();
        let covers = place.entry.start <= location.span.start && location.span.end <= place.entry.end;
        assert!(
            covers || written.steps.is_empty(),
            "{}: {route}",
            file.path.display()
        );
    }
    assert!(found * 10 >= all * 8, "{found} of {all} places have a route");
}
