//! The routes of the places of findings: the path to a value in its document. A route stays valid when lines move, and is
//! the target of an edit ([`cofferdam_syntax::edit`]).

use crate::finding::Finding;
use cofferdam_model::{FileId, SourceMap, Span};
use cofferdam_syntax::document::{Document, Format};
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::route::Route;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Routes by place.
#[derive(Debug, Clone, Default)]
pub struct Routes(HashMap<Span, Route>);

impl Routes {
    /// The routes of all places of these findings. Each file is read once more for it. A place has none in a format that
    /// has no edits, in a file with an error, and where it is in no value (a comment).
    #[must_use]
    pub fn of<'f>(findings: impl Iterator<Item = &'f Finding>, sources: &SourceMap) -> Routes {
        let mut by_file: BTreeMap<FileId, HashSet<Span>> = BTreeMap::new();
        for finding in findings {
            let shown = finding.locations.iter().map(|l| l.span);
            for span in shown.chain(finding.also_at.iter().copied()) {
                by_file.entry(span.file).or_default().insert(span);
            }
        }
        let routes = by_file.into_par_iter().flat_map_iter(|(file, spans)| {
            let document = sources.get(file).and_then(|file_of| {
                let format = Format::of(&file_of.path)?;
                Document::read(&file_of.text, format, file).ok()
            });
            let route = move |span: Span| Some((span, document.as_ref()?.route_of(span)?));
            spans.into_iter().filter_map(route).collect::<Vec<_>>()
        });
        Routes(routes.collect::<Vec<_>>().into_iter().collect())
    }

    /// The route of the innermost value that covers a place.
    #[must_use]
    pub fn get(&self, span: Span) -> Option<&Route> {
        self.0.get(&span)
    }
}
