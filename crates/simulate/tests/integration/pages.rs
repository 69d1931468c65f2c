//! Every scenario has a page, and its example is complete: it runs, and no fact that decides its outcome is
//! missing.

use std::path::{Path, PathBuf};

use cofferdam_simulate::rehearse::{Settings, rehearse};
use cofferdam_simulate::scenarios::ALL;

const SECTIONS: [&str; 5] = [
    "What it models",
    "What it leaves out",
    "Formulas",
    "What it needs",
    "Example",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a page's example: blocks whose first line ends in `file=PATH`.
fn files(page: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open: Option<(PathBuf, String)> = None;
    for line in page.lines() {
        if let Some((path, mut text)) = open.take() {
            if line == "```" {
                files.push((path, text.into_bytes()));
            } else {
                text.push_str(line);
                text.push('\n');
                open = Some((path, text));
            }
        } else if let Some(info) = line.strip_prefix("```")
            && let Some((_, path)) = info.split_once("file=")
        {
            open = Some((path.into(), String::new()));
        }
    }
    files
}

#[test]
fn every_scenario_has_a_page_whose_example_runs() {
    for scenario in ALL {
        let path = root().join(scenario.page());
        let page = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(
            page.starts_with(&format!("# {}\n", scenario.name)),
            "{}",
            scenario.name
        );
        for section in SECTIONS {
            assert!(
                page.contains(&format!("\n## {section}\n")),
                "{}: no section {section}",
                scenario.name
            );
        }
        let platform = cofferdam_ingest::read_files(files(&page));
        assert!(
            platform.reading.overlay_problems.is_empty(),
            "{}: {:?}",
            scenario.name,
            platform.reading.overlay_problems
        );
        let settings = Settings {
            runs: 2,
            seed: 1,
            trace: false,
        };
        let environment = platform.environments.first().unwrap();
        let rehearsal = &rehearse(
            &[scenario],
            (environment, &platform.overlay),
            settings,
            &|_, _| {},
        )[0];
        assert!(
            rehearsal.needs.is_empty(),
            "{}: needs {:?}",
            scenario.name,
            rehearsal.needs
        );
        assert!(
            !rehearsal.results.is_empty(),
            "{}: {:?}",
            scenario.name,
            rehearsal.nothing
        );
        for result in &rehearsal.results {
            assert!(
                !result.figures.is_empty() && !result.timeline.is_empty(),
                "{}",
                scenario.name
            );
            assert!(!result.series.is_empty(), "{}: no chart", scenario.name);
        }
    }
}

#[test]
fn every_page_of_the_guide_belongs_to_a_scenario() {
    for entry in std::fs::read_dir(root().join("docs/scenarios")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = ALL.iter().any(|scenario| name == format!("{}.md", scenario.name));
        assert!(known || name == "README.md" || !name.ends_with(".md"), "{name}");
    }
}

#[test]
fn the_list_of_scenarios_is_complete() {
    let list = std::fs::read_to_string(root().join("docs/scenarios/README.md")).unwrap();
    for scenario in ALL {
        let row = format!("| [{0}]({0}.md) | {1} |", scenario.name, scenario.title);
        assert!(list.contains(&row), "no row `{row}`");
    }
}

/// Evidence that contradict each other are reported; no figure is computed from them, and nothing overflows.
#[test]
fn no_scenario_computes_a_figure_from_a_service_without_replicas() {
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  replicas: 0\n  template:\n    \
        spec: {containers: [{name: api, image: r/api, env: [{name: DB_POOL_SIZE, value: '5'}]}]}\n";
    let overlay = "services:\n  api:\n    requests_per_second: 200\n    start_up_time: 20s\n    capacity_per_pod: 50\n    \
        service_time: 20ms\n    connections_per_pod: 5\n    cpu_per_request: 5ms\n";
    let files = [("k8s.yaml", manifest), ("cofferdam.yaml", overlay)];
    let platform =
        cofferdam_ingest::read_files(files.map(|(path, text)| (path.into(), text.as_bytes().to_vec())));
    assert_eq!(platform.reading.overlay_problems, []);
    let settings = Settings {
        runs: 2,
        seed: 1,
        trace: false,
    };
    let environment = platform.environments.first().unwrap();
    let all: Vec<_> = ALL.iter().collect();
    let rehearsals = rehearse(&all, (environment, &platform.overlay), settings, &|_, _| {});
    for rehearsal in &rehearsals {
        for result in &rehearsal.results {
            let values = result
                .figures
                .iter()
                .flat_map(|f| f.values.values().map(move |v| (f.name, v)));
            for (name, value) in values {
                assert!(value.abs() < 1e9, "{}: {name} {value}", rehearsal.scenario.name);
            }
        }
    }
    let rolling = rehearsals
        .iter()
        .find(|r| r.scenario.name == "rolling-restart")
        .unwrap();
    assert!(rolling.results.is_empty());
    assert_eq!(rolling.needs[0].path(), "services.api.replicas.current");
}

/// Values that are each possible, but whose product no machine can follow.
#[test]
fn what_cannot_be_simulated_is_named_and_not_run() {
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  replicas: 3\n  template:\n    \
        spec: {containers: [{name: api, image: r/api, env: [{name: DATABASE_URL, value: 'postgresql://u@db:5432/x'}], \
        resources: {requests: {cpu: 500m}}}]}\n";
    let base = [
        ("requests_per_second", "100"),
        ("capacity_per_pod", "50"),
        ("service_time", "20ms"),
        ("callers", "{timeout: 2s, attempts: 3, backoff: 100ms}"),
        ("processes", "4"),
        ("cpu_per_request", "2ms"),
        ("connections_per_pod", "5"),
    ];
    let with = |changes: &[(&str, &str)]| {
        let value = |key: &str, own: &str| {
            let changed = changes.iter().find(|(name, _)| *name == key);
            changed.map_or(own.to_owned(), |(_, value)| (*value).to_owned())
        };
        let mut overlay = "services:\n  api:\n".to_owned();
        for (key, own) in base {
            overlay += &format!("    {key}: {}\n", value(key, own));
        }
        overlay += &format!("    replicas: {{min: 3, max: {}}}\n", value("replicas", "3"));
        overlay += "databases:\n  db: {engine: postgresql, max_connections: 100, hosts: [db]}\n";
        let files = [("k8s.yaml", manifest), ("cofferdam.yaml", overlay.as_str())];
        let platform =
            cofferdam_ingest::read_files(files.map(|(path, text)| (path.into(), text.as_bytes().to_vec())));
        assert_eq!(platform.reading.overlay_problems, []);
        let settings = Settings {
            runs: 1,
            seed: 1,
            trace: false,
        };
        let environment = platform.environments.first().unwrap();
        let all: Vec<_> = ALL.iter().collect();
        let rehearsals = rehearse(&all, (environment, &platform.overlay), settings, &|_, _| {});
        let of = |r: &cofferdam_simulate::rehearse::Rehearsal| {
            (r.scenario.name, r.results.len(), r.beyond.join("; "))
        };
        rehearsals.iter().map(of).collect::<Vec<_>>()
    };
    let find = |found: Vec<(&'static str, usize, String)>, name: &str| {
        found
            .into_iter()
            .find(|(scenario, ..)| *scenario == name)
            .unwrap()
    };
    let possible = with(&[]);
    for name in ["retry-storm", "cpu-throttle", "connection-storm"] {
        assert_eq!(find(possible.clone(), name), (name, 1, String::new()));
    }
    for (scenario, changes, words) in [
        (
            "retry-storm",
            &[("service_time", "30d")][..],
            "service api has 129,600,000 workers in a replica",
        ),
        (
            "retry-storm",
            &[("capacity_per_pod", "1e300")],
            "service api has more than 1,000,000,000,000,000 workers in a replica",
        ),
        (
            // A third of 1,000,000 a second for 400 s, each three times.
            "retry-storm",
            &[("requests_per_second", "1e6")],
            "service api has 400,000,000 tries at a replica in a run",
        ),
        (
            // Callers that do not wait for an answer try again a million times in no time.
            "retry-storm",
            &[("callers", "{timeout: 0s, attempts: 1000000}")],
            "tries at a replica in a run",
        ),
        (
            "cpu-throttle",
            &[("requests_per_second", "900000")],
            "requests at a replica in a run",
        ),
        (
            // While a rollout overlaps there may be a quarter more replicas, of four processes each: these have limits of their own.
            "connection-storm",
            &[("replicas", "4000"), ("connections_per_pod", "400")],
            "connections that replicas open",
        ),
    ] {
        let (_, results, beyond) = find(with(changes), scenario);
        assert_eq!(results, 0, "{changes:?}");
        assert!(beyond.contains(words), "{changes:?}: {beyond}");
        assert!(beyond.contains("and no more than "), "{beyond}");
    }
}
