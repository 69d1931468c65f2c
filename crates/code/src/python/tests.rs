//! Modules as people write them, and the facts that are read from them.

mod clients;
mod commits;
mod files;
mod values;

use super::*;

fn module(text: &str) -> Module {
    read(FileId(0), Path::new("services/consumer/main.py"), text).unwrap()
}

fn call(module: &Module, kind: ClientKind) -> &ClientCall {
    module
        .calls
        .iter()
        .find(|c| c.kind == kind)
        .unwrap_or_else(|| panic!("no {kind:?} in {:?}", module.calls))
}

fn at(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}
