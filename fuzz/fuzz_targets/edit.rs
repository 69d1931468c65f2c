//! An edit of any text in any format: the first bytes choose the format, the place and the edit, the rest is
//! the text. The result must read as intended or the edit must be refused, which the edit itself checks; here
//! it must not panic, and the changes that it reports must lead from the old text to the new one.
#![no_main]

use cofferdam_syntax::FileId;
use cofferdam_syntax::document::{Document, Format, Item};
use cofferdam_syntax::edit::{Addition, Data, Edit, Op, apply_all};
use cofferdam_syntax::route::Route;
use libfuzzer_sys::fuzz_target;

fn routes(item: &Item, route: &Route, all: &mut Vec<Route>) {
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
        routes(entry.value(), &route, all);
    }
}

fn value(byte: u8) -> Data {
    match byte % 8 {
        0 => "plain".into(),
        1 => "a: b # c".into(),
        2 => "two\nlines\n".into(),
        3 => 7.into(),
        4 => Data::Null,
        5 => Data::List(vec![1.into(), "x".into()]),
        6 => Data::Map(vec![
            ("k".into(), "v\nw".into()),
            ("l".into(), Data::List(Vec::new())),
        ]),
        _ => Data::Map(Vec::new()),
    }
}

fn op(byte: u8) -> Op {
    let named = byte & 1 == 0;
    let addition = |byte: u8| match named {
        true => Addition {
            key: Some("new_key".into()),
            value: value(byte),
        },
        false => Addition::element(value(byte)),
    };
    match byte % 6 {
        0 => Op::Replace(value(byte / 6)),
        1 => Op::Delete,
        2 => Op::RenameKey("renamed".into()),
        3 => Op::InsertBefore(addition(byte / 6)),
        4 => Op::InsertAfter(addition(byte / 6)),
        _ => Op::Append(addition(byte / 6)),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [format, place, first, second, text @ ..] = bytes else {
        return;
    };
    let format = Format::ALL[usize::from(*format) % Format::ALL.len()];
    let text = String::from_utf8_lossy(text);
    let Ok(document) = Document::read(&text, format, FileId(0)) else {
        return;
    };
    let mut all = Vec::new();
    for (number, root) in document.roots().iter().enumerate() {
        all.push(Route::root(number));
        routes(root, &Route::root(number), &mut all);
    }
    if all.is_empty() {
        return;
    }
    let at = |byte: usize| all[byte % all.len()].clone();
    let place = usize::from(*place);
    let edits = [
        Edit::new(at(place), op(*first)),
        Edit::new(at(place * 7 + 1), op(*second)),
    ];
    for edits in [&edits[..1], &edits[..]] {
        let Ok(edited) = apply_all(&text, format, edits) else {
            continue;
        };
        let mut rebuilt = String::new();
        let mut from = 0;
        for change in &edited.changes {
            rebuilt.push_str(&text[from..change.range.start]);
            rebuilt.push_str(&change.text);
            from = change.range.end;
        }
        rebuilt.push_str(&text[from..]);
        assert_eq!(rebuilt, edited.text);
        assert!(Document::read(&edited.text, format, FileId(0)).is_ok());
    }
    for at in 0..=text.len() {
        document.route_at(at);
    }
});
