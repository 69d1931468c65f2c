//! Tests of the whole validation: what is refused, what is sound, and that nothing makes it panic.

mod random;
mod refused;
mod sound;

use super::*;
use cofferdam_model::FileId;
use cofferdam_syntax::yaml;

fn documents(text: &str) -> Vec<Node> {
    let stream = yaml::parse(text, FileId(0), 0);
    assert!(stream.errors.is_empty(), "{:?}\n{text}", stream.errors);
    stream.documents
}

/// The problems of a text, each as `PATH: what` with the words of its message.
fn problems(text: &str) -> Vec<String> {
    documents(text)
        .iter()
        .flat_map(validate)
        .map(|p| p.problem())
        .collect()
}
