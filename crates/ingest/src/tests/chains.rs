//! A value that came through layers keeps all of them: the place and the chain of each value are compared
//! with those written by hand from the files. The values are those of the model, which rules and reports use.

mod helm;
mod kustomize;
mod settings;
mod terraform;

use crate::pipeline::read_files;
use cofferdam_model::workload::Workload;
use cofferdam_model::{Fact, Platform, Span};
use cofferdam_syntax::Layer;

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// The places of a value, as `path:line` (a text block is at its first line): where it is written, then each
/// that it passed through.
type Way = (String, Vec<(Layer, String)>);

fn way(platform: &Platform, span: Span) -> Way {
    let sources = &platform.sources;
    let shown = |span: Span| {
        let line = sources.position(span).line;
        format!("{}:{line}", sources.path(span.file).display())
    };
    let chain = sources.chains().of(span);
    let links = chain.iter().map(|link| (link.layer, shown(link.span)));
    (shown(span), links.collect())
}

#[track_caller]
fn assert_way(platform: &Platform, span: Span, written: &str, links: &[(Layer, &str)]) {
    let links = links.iter().map(|(layer, place)| (*layer, (*place).to_owned()));
    assert_eq!(way(platform, span), (written.to_owned(), links.collect()));
}

fn of<T>(fact: &Option<Fact<T>>) -> Span {
    fact.as_ref().expect("a value").span().expect("a place")
}

fn workload<'p>(platform: &'p Platform, name: &str) -> &'p Workload {
    let mut workloads = platform.environments.iter().flat_map(|e| &e.workloads);
    workloads.find(|w| w.id.name == name).expect("the workload")
}

fn with_replicas(platform: &Platform, replicas: u32) -> &Workload {
    let mut workloads = platform.environments.iter().flat_map(|e| &e.workloads);
    let is_it = |w: &&Workload| w.replicas.as_ref().is_some_and(|r| r.value == replicas);
    workloads.find(is_it).expect("the workload")
}
