//! Parses the YAML of all files at once, within a limit for what aliases may add to all of them together.

use crate::paths::PathMap;
use crate::source::{FileId, SourceMap};
use crate::yaml::{self, Stream};
use rayon::prelude::*;
use std::path::PathBuf;

/// Parts of values that aliases may add to all files together.
const MAX_ALIASED: usize = 4_000_000;

/// The same for one file of nearly any tree.
const FEW_ALIASED: usize = 2_500;

/// Files that are read side by side before their aliases are counted.
const ROUND: usize = 2048;

/// Reads the files as YAML. Those with unusually many aliases are read last, one by one, so that what is refused does
/// not depend on the number of threads.
pub(super) fn parse_all(sources: &SourceMap, files: Vec<(PathBuf, FileId)>) -> PathMap<Stream> {
    let parse = |id: FileId, most: usize| {
        let stream = yaml::parse_file(&sources.file(id).text, id, (sources.chains(), most));
        let is_cut = stream.aliased > most;
        (stream, is_cut)
    };
    let mut left = MAX_ALIASED;
    let mut parsed = Vec::with_capacity(files.len());
    let mut again = Vec::new();
    for round in files.chunks(ROUND) {
        let most = left.min(FEW_ALIASED);
        let streams: Vec<(Stream, bool)> = round.par_iter().map(|(_, id)| parse(*id, most)).collect();
        for ((path, id), (stream, is_cut)) in round.iter().zip(streams) {
            if is_cut {
                again.push((parsed.len(), *id));
            } else {
                left = left.saturating_sub(stream.aliased);
            }
            parsed.push((path.clone(), stream));
        }
    }
    for (at, id) in again {
        let (stream, _) = parse(id, left.min(yaml::MAX_ALIASED));
        left = left.saturating_sub(stream.aliased);
        parsed[at].1 = stream;
    }
    parsed.into_iter().collect()
}
