//! Two files of any kinds, read together, judged by every rule and reported: the first two bytes choose the
//! kinds, the rest is split at the separator.
#![no_main]

use cofferdam_audit::report::{json, text};
use cofferdam_audit::{Options, audit};
use cofferdam_ingest::read_files;
use cofferdam_model::report::Run;
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 15] = [
    "app.yaml",
    "base/kustomization.yaml",
    "chart/Chart.yaml",
    "chart/templates/app.yaml",
    "compose.yaml",
    "main.tf",
    "terraform.tfvars",
    ".env",
    "server.properties",
    "pgbouncer.ini",
    "consumer.py",
    "cofferdam.yaml",
    "task-definition.json",
    "skaffold.yaml",
    "overlays/prod/kustomization.yaml",
];
const SEPARATOR: &[u8] = b"\n====\n";

fuzz_target!(|bytes: &[u8]| {
    let [first, second, rest @ ..] = bytes else {
        return;
    };
    let at = rest
        .windows(SEPARATOR.len())
        .position(|window| window == SEPARATOR);
    let (one, two) = match at {
        Some(at) => (&rest[..at], &rest[at + SEPARATOR.len()..]),
        None => rest.split_at(rest.len() / 2),
    };
    let name = |byte: &u8| NAMES[usize::from(*byte) % NAMES.len()];
    let platform = read_files([
        (name(first).into(), one.to_vec()),
        (format!("b/{}", name(second)).into(), two.to_vec()),
    ]);
    let report = audit(&platform, &Options::default());
    let run = Run {
        version: "0",
        exit_status: 0,
        docs_url: None,
    };
    let more = json::More {
        routes: true,
        ..json::More::default()
    };
    let _ = json::write(&report, &platform, more, &run, std::io::sink());
    let style = text::Style {
        color: false,
        width: 100,
        brief: false,
        verbose: true,
        docs: None,
    };
    text::render(&report, &platform, &platform.redactor(), style);
});
