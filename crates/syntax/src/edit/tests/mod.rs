//! Tests of edits: how each format handles the notations that people use, and the properties that are true
//! for all.

mod corpus;
mod files;
mod laws;
mod others;
mod yaml;

use super::{Addition, Data, Edit, EditError, Op, apply, apply_all, change};
use crate::document::{Document, Format};
use crate::route::Route;
use crate::source::FileId;

fn route(text: &str) -> Route {
    text.parse().unwrap()
}

fn read(text: &str, format: Format) -> Document {
    Document::read(text, format, FileId(0)).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Routes of all values of a document.
fn routes(doc: &Document) -> Vec<Route> {
    fn below(item: &crate::document::Item, route: &Route, all: &mut Vec<Route>) {
        let mut number = 0;
        for entry in item.entries() {
            let route = match entry.key() {
                Some(key) => route.clone().key(key),
                None => {
                    number += 1;
                    route.clone().index(number - 1)
                }
            };
            all.push(route.clone());
            below(entry.value(), &route, all);
        }
    }
    let mut all = Vec::new();
    for (number, root) in doc.roots().iter().enumerate() {
        all.push(Route::root(number));
        below(root, &Route::root(number), &mut all);
    }
    all
}

/// One edit of each kind, with values of each kind.
fn ops(format: Format) -> Vec<Op> {
    let map = Data::Map(vec![
        ("new-a".into(), Data::from(1)),
        ("new_b".into(), Data::List(vec!["x".into()])),
    ]);
    let last = if format == Format::Yaml {
        map.clone()
    } else {
        "x".into()
    };
    vec![
        Op::Replace("other text".into()),
        Op::Replace(Data::from(7)),
        Op::Replace(Data::from(true)),
        Op::Replace("two\nlines".into()),
        Op::Replace(map.clone()),
        Op::Replace(Data::List(vec!["a".into(), Data::from(2)])),
        Op::Replace(Data::Map(Vec::new())),
        Op::Delete,
        Op::RenameKey("renamed_key".into()),
        Op::InsertBefore(Addition::pair("new_key", "v: 1")),
        Op::InsertAfter(Addition::pair("new_key", map.clone())),
        Op::Append(Addition::pair("new_key", last)),
        Op::InsertBefore(Addition::element("element")),
        Op::InsertAfter(Addition::element(map)),
        Op::Append(Addition::element("yes")),
    ]
}
