//! The properties of edits, tested on generated documents and on arbitrary text.

use super::*;
use crate::document::{Item, ItemKind};
use crate::route::Step;
use proptest::prelude::*;

/// Checks the properties of one application. Returns whether the edits were applied; they may be refused with
/// a named reason, but never because the result would not be right.
pub(super) fn check(text: &str, format: Format, edits: &[Edit]) -> bool {
    match apply_all(text, format, edits) {
        Err(error) => {
            let unsafe_edit = matches!(error, EditError::NotSafe { .. });
            assert!(!unsafe_edit, "{error}\n{edits:?}\n{text:?}");
            false
        }
        Ok(_) => check_result(text, format, edits),
    }
}

/// Checks the properties of one application, which may be refused for any reason.
fn check_result(text: &str, format: Format, edits: &[Edit]) -> bool {
    let Ok(edited) = apply_all(text, format, edits) else {
        return false;
    };
    let context = || format!("{edits:?}\n{text:?}\n{:?}", edited.text);
    let rebuilt = change::apply(text, &edited.changes);
    assert_eq!(rebuilt.as_deref(), Some(&*edited.text), "{}", context());
    let mut ends = line_ends(text);
    if ends.is_empty() {
        ends.insert(false);
    }
    assert!(ends.is_superset(&line_ends(&edited.text)), "{}", context());
    let (before, after) = (read(text, format), read(&edited.text, format));
    let kept: Vec<&str> = before
        .comments
        .iter()
        .filter(|c| {
            let gone = |range: &std::ops::Range<usize>| range.start < c.end && c.start < range.end;
            !edited.changes.iter().any(|change| gone(&change.range))
        })
        .map(|c| &text[c.clone()])
        .collect();
    assert_eq!(kept, after.comments().collect::<Vec<_>>(), "{}", context());
    // The tag decides what a tagged scalar means.
    let mut tagged = false;
    for root in before.roots() {
        root.visit(&mut |item| tagged |= item.tag.is_some());
    }
    let meant: Option<Vec<Data>> = before.roots().iter().map(Item::data).collect();
    let meant = meant.filter(|_| !tagged);
    if let (Some(mut meant), [edit]) = (meant, edits) {
        for data in &mut meant {
            plain(format, data);
        }
        do_to_data(
            format,
            &mut meant[edit.route.document],
            &own_steps(&before, &edit.route),
            &edit.op,
        );
        let got: Option<Vec<Data>> = after.roots().iter().map(Item::data).collect();
        let got = got.unwrap_or_default();
        assert!(
            got.len() == meant.len() && got.iter().zip(&meant).all(|(a, b)| equal(a, b)),
            "meant {meant:?}\ngot {got:?}\n{}",
            context()
        );
        if meant.iter().all(unique_keys) {
            judge(format, &edited.text, &meant);
        }
    }
    true
}

/// The steps of a route without the `[0]` that a single HCL block may be called by.
fn own_steps(doc: &Document, route: &Route) -> Vec<Step> {
    let mut above = Route::root(route.document);
    let mut steps = Vec::new();
    for step in &route.steps {
        let block = doc.get(&above).is_some_and(|item| item.kind() == ItemKind::Block);
        if !(block && matches!(step, Step::Index(_))) {
            steps.push(step.clone());
        }
        above.steps.push(step.clone());
    }
    steps
}

/// The kinds of line ends of a text.
fn line_ends(text: &str) -> std::collections::BTreeSet<bool> {
    text.match_indices('\n')
        .map(|(at, _)| text[..at].ends_with('\r'))
        .collect()
}

/// Formats that know only text hold only text.
fn plain(format: Format, data: &mut Data) {
    if !matches!(format, Format::Properties | Format::Ini | Format::Env) {
        return;
    }
    match data {
        Data::Map(pairs) => pairs.iter_mut().for_each(|(_, value)| plain(format, value)),
        Data::Number(text) => *data = Data::Text(std::mem::take(text)),
        Data::Bool(value) => *data = Data::Text(value.to_string()),
        Data::Null => *data = Data::Text(String::new()),
        _ => {}
    }
}

/// Applies an edit to a value: the meaning of the edit, without any text.
fn do_to_data(format: Format, data: &mut Data, steps: &[Step], op: &Op) {
    let Some((step, rest)) = steps.split_first() else {
        match (op, data) {
            (Op::Replace(value), data) => {
                *data = value.clone();
                plain(format, data);
            }
            (Op::Append(addition), Data::Map(pairs) | Data::Block(pairs)) => {
                let mut value = addition.value.clone();
                plain(format, &mut value);
                pairs.push((addition.key.clone().unwrap(), value));
            }
            (Op::Append(addition), Data::List(items)) => items.push(addition.value.clone()),
            (op, data) => panic!("{op:?} of {data:?}"),
        }
        return;
    };
    let here = rest.is_empty() && !matches!(op, Op::Replace(_) | Op::Append(_));
    match (data, step) {
        (Data::List(items), Step::Index(index)) if here => match op {
            Op::Delete => drop(items.remove(*index)),
            Op::InsertBefore(addition) => items.insert(*index, addition.value.clone()),
            Op::InsertAfter(addition) => items.insert(index + 1, addition.value.clone()),
            _ => panic!("{op:?}"),
        },
        (Data::Map(pairs) | Data::Block(pairs), Step::Key(key)) if here => {
            let at = pairs.iter().position(|(k, _)| **k == **key).unwrap();
            let new = |addition: &Addition| {
                let mut value = addition.value.clone();
                plain(format, &mut value);
                (addition.key.clone().unwrap(), value)
            };
            match op {
                Op::Delete => drop(pairs.remove(at)),
                Op::RenameKey(name) => pairs[at].0.clone_from(name),
                Op::InsertBefore(addition) => pairs.insert(at, new(addition)),
                Op::InsertAfter(addition) => pairs.insert(at + 1, new(addition)),
                _ => panic!("{op:?}"),
            }
        }
        (Data::List(items), Step::Index(index)) => do_to_data(format, &mut items[*index], rest, op),
        (Data::Map(pairs) | Data::Block(pairs), Step::Key(key)) => {
            let at = pairs.iter().position(|(k, _)| **k == **key).unwrap();
            do_to_data(format, &mut pairs[at].1, rest, op);
        }
        (data, step) => panic!("{step:?} of {data:?}"),
    }
}

/// Equal except for the order of keys, and for the result of an empty or single group of blocks or tables.
fn equal(a: &Data, b: &Data) -> bool {
    // A collection that exists only through its contents is removed with them.
    fn empty(data: &Data) -> bool {
        match data {
            Data::Map(pairs) => pairs.iter().all(|(_, value)| empty(value)),
            Data::List(items) => items.iter().all(empty),
            _ => false,
        }
    }
    match (a, b) {
        (Data::Map(a), Data::Map(b)) | (Data::Block(a), Data::Block(b)) => {
            let within = |a: &[(String, Data)], b: &[(String, Data)]| {
                a.iter()
                    .all(|(k, v)| b.iter().any(|(l, w)| k == l && equal(v, w)) || empty(v))
            };
            within(a, b) && within(b, a)
        }
        (Data::List(a), Data::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (block @ Data::Block(_), Data::List(one)) | (Data::List(one), block @ Data::Block(_)) => {
            matches!(&one[..], [only] if equal(block, only))
        }
        _ => a == b,
    }
}

fn unique_keys(data: &Data) -> bool {
    match data {
        Data::List(items) => items.iter().all(unique_keys),
        Data::Map(pairs) | Data::Block(pairs) => pairs
            .iter()
            .enumerate()
            .all(|(i, (key, value))| unique_keys(value) && !pairs[..i].iter().any(|(k, _)| k == key)),
        _ => true,
    }
}

/// The result of another parser for the text.
fn judge(format: Format, text: &str, meant: &[Data]) {
    match format {
        Format::Json => {
            // Only our reader accepts comments and trailing commas.
            if let Ok(values) = serde_json::Deserializer::from_str(text)
                .into_iter::<serde_json::Value>()
                .collect::<Result<Vec<_>, _>>()
            {
                assert_eq!(values.len(), meant.len(), "{text:?}");
                for (value, data) in values.iter().zip(meant) {
                    assert!(json_is(value, data), "{value:?} is not {data:?}\n{text:?}");
                }
            }
        }
        Format::Yaml => {
            use serde::Deserialize as _;
            let values: Result<Vec<serde_yaml_ng::Value>, _> = serde_yaml_ng::Deserializer::from_str(text)
                .map(serde_yaml_ng::Value::deserialize)
                .collect();
            // It refuses some texts of the corpus (tabs, duplicate keys), before an edit as well as after it.
            if let Ok(mut values) = values {
                values.retain(|v| !v.is_null());
                if values.len() == meant.len() {
                    for (value, data) in values.iter().zip(meant) {
                        // A block of text at the end without a line break: the two parsers differ.
                        let open = !text.ends_with('\n') && text.contains(['|', '>']);
                        assert!(
                            yaml_is(value, data) || open,
                            "{value:?} is not {data:?}\n{text:?}"
                        );
                    }
                }
            }
        }
        _ => {}
    }
}

fn json_is(value: &serde_json::Value, data: &Data) -> bool {
    use serde_json::Value as V;
    match (value, data) {
        (V::Null, Data::Null) => true,
        (V::Bool(a), Data::Bool(b)) => a == b,
        (V::Number(a), Data::Number(b)) => a.as_f64() == b.parse().ok(),
        (V::String(a), Data::Text(b)) => a == b,
        (V::Array(a), Data::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| json_is(a, b)),
        (V::Object(a), Data::Map(b)) => {
            a.len() == b.len() && b.iter().all(|(k, v)| a.get(k).is_some_and(|a| json_is(a, v)))
        }
        _ => false,
    }
}

fn yaml_is(value: &serde_yaml_ng::Value, data: &Data) -> bool {
    use serde_yaml_ng::Value as V;
    match (value, data) {
        (V::Tagged(_), _) => true,
        (V::Null, Data::Null) => true,
        (V::Bool(a), Data::Bool(b)) => a == b,
        (V::Number(_), Data::Number(_)) => true,
        (V::String(a), Data::Text(b)) => a == b,
        (V::Sequence(a), Data::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| yaml_is(a, b)),
        (V::Mapping(a), Data::Map(b)) => {
            a.len() == b.len()
                && b.iter().all(|(k, v)| {
                    a.iter()
                        .any(|(key, a)| (!key.is_string() || key.as_str() == Some(k)) && yaml_is(a, v))
                })
        }
        _ => false,
    }
}

/// Replacing a value by itself changes nothing; inserting and deleting an entry leaves no change.
pub(super) fn check_identities(doc: &Document, route: &Route) {
    let (text, format) = (doc.text(), doc.format());
    if let Some(data) = doc.data(route) {
        let edit = Edit::new(route.clone(), Op::Replace(data));
        match apply_all(text, format, &[edit]) {
            Ok(edited) => assert_eq!(
                (edited.text.as_str(), edited.changes),
                (text, Vec::new()),
                "{route}"
            ),
            Err(error) => assert!(!matches!(error, EditError::NotSafe { .. }), "{error}\n{text:?}"),
        }
    }
    let Some(parent) = route.parent() else { return };
    let index = match route.steps.last() {
        Some(Step::Index(index)) => *index,
        _ => 0,
    };
    let named = matches!(route.steps.last(), Some(Step::Key(_)));
    let addition = if named {
        Addition::pair("new_key", "x")
    } else {
        Addition::element("x")
    };
    for (op, at) in [
        (Op::InsertBefore(addition.clone()), index),
        (Op::InsertAfter(addition.clone()), index + 1),
    ] {
        let Ok(inserted) = apply(text, format, &[Edit::new(route.clone(), op.clone())]) else {
            continue;
        };
        let new = if named {
            parent.clone().key("new_key")
        } else {
            parent.clone().index(at)
        };
        let back = apply(&inserted, format, &[Edit::new(new, Op::Delete)]).unwrap();
        assert_eq!(back, text, "{route} {op:?}\n{inserted}");
    }
}

/// Text with all difficult characters.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        "[a-z0-9:#\\-\\[\\]{}&*!|>'\"%@`,?=<~$\\\\/. \\t\\n\\ré\u{85}\u{feff}]{0,12}",
        prop::sample::select(vec![
            "",
            " ",
            "yes",
            "No",
            "null",
            "~",
            "true",
            "1",
            "1.0",
            "0x1f",
            "1e3",
            "1_000",
            "12:30",
            "2024-01-02",
            "- a",
            "a: b",
            "a #b",
            "#",
            "a\nb",
            "a\nb\n",
            "\na",
            "  a\nb",
            "a\n\n\n",
            "a\n b\n",
            "---",
            "...",
            "<<",
            "${x}",
            "%{x}",
            "$${",
            "a\\",
            "\"",
            "'",
            "'\"",
            "\u{1f600}",
            "\u{7f}",
            "\r\n",
            "a\r\nb",
            "EOT",
        ])
        .prop_map(str::to_owned),
    ]
}

fn any_data() -> impl Strategy<Value = Data> {
    let leaf = prop_oneof![
        4 => any_text().prop_map(Data::Text),
        1 => Just(Data::Null),
        1 => any::<bool>().prop_map(Data::Bool),
        1 => (-5000i64..5000).prop_map(Data::from),
        1 => Just(Data::Number("0.50".into())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Data::List),
            prop::collection::vec((any_text(), inner), 0..4).prop_map(|pairs| {
                let mut unique: Vec<(String, Data)> = Vec::new();
                for (key, value) in pairs {
                    if !unique.iter().any(|(k, _)| *k == key) {
                        unique.push((key, value));
                    }
                }
                Data::Map(unique)
            }),
        ]
    })
}

fn any_op() -> impl Strategy<Value = Op> {
    let addition =
        || (prop::option::of(any_text()), any_data()).prop_map(|(key, value)| Addition { key, value });
    prop_oneof![
        3 => any_data().prop_map(Op::Replace),
        1 => Just(Op::Delete),
        1 => any_text().prop_map(Op::RenameKey),
        1 => addition().prop_map(Op::InsertBefore),
        1 => addition().prop_map(Op::InsertAfter),
        1 => addition().prop_map(Op::Append),
    ]
}

/// A document built only by edits: it begins with a text of the corpus, or with nothing.
fn any_document() -> impl Strategy<Value = (Format, String)> {
    let start = prop::sample::select(corpus::TEXTS.to_vec());
    (
        start,
        prop::collection::vec((any::<prop::sample::Index>(), any_op()), 0..4),
    )
        .prop_map(|((format, text), steps)| {
            let mut text = text.to_owned();
            for (index, op) in steps {
                let all = routes(&read(&text, format));
                let edit = Edit::new(all[index.index(all.len())].clone(), op);
                if let Ok(new) = apply(&text, format, &[edit]) {
                    text = new;
                }
            }
            (format, text)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_edit_of_any_document_keeps_the_laws(
        (format, text) in any_document(),
        index in any::<prop::sample::Index>(),
        op in any_op(),
    ) {
        let doc = read(&text, format);
        let all = routes(&doc);
        let route = all[index.index(all.len())].clone();
        check(&text, format, &[Edit::new(route.clone(), op)]);
        check_identities(&doc, &route);
    }

    #[test]
    fn several_edits_equal_single_edits_in_any_order(
        (format, text) in any_document(),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any_op()), 2..5),
    ) {
        let all = routes(&read(&text, format));
        let edits: Vec<Edit> = picks
            .into_iter()
            .map(|(index, op)| Edit::new(all[index.index(all.len())].clone(), op))
            .collect();
        check(&text, format, &edits);
        // If every edit has its own place, their order does not matter.
        let mut places: Vec<_> = edits.iter().map(|e| e.route.clone()).collect();
        places.sort();
        places.dedup();
        if places.len() == edits.len() {
            let reversed: Vec<Edit> = edits.iter().rev().cloned().collect();
            if let (Ok(one), Ok(other)) = (apply(&text, format, &edits), apply(&text, format, &reversed)) {
                prop_assert_eq!(one, other);
            }
        }
    }

    #[test]
    fn no_text_and_no_route_panics(
        text in "[a-c:=\\-\\[\\]{}&*<|>\"'#!?\\n\\r\\t ,.()$\\\\é0-9]{0,60}",
        steps in prop::collection::vec(prop_oneof!["[a-c]{0,2}".prop_map(|k| Step::Key(k.into())), (0usize..3).prop_map(Step::Index)], 0..3),
        op in any_op(),
    ) {
        for format in Format::ALL {
            let route = Route { document: 0, steps: steps.clone() };
            let edit = Edit::new(route, op.clone());
            if let Ok(doc) = Document::read(&text, format, FileId(0)) {
                check_result(&text, format, std::slice::from_ref(&edit));
                for route in routes(&doc).into_iter().take(8) {
                    check_result(&text, format, &[Edit::new(route, op.clone())]);
                }
                for at in 0..text.len() {
                    if let Some(route) = doc.route_at(at) {
                        prop_assert!(doc.get(&route).is_some(), "{} {:?}", route, text);
                    }
                }
            } else {
                prop_assert!(apply(&text, format, &[edit]).is_err());
            }
        }
    }

    #[test]
    fn values_are_written_with_their_type(data in any_data()) {
        for (format, text) in [(Format::Yaml, "a: x\n"), (Format::Json, "{\"a\": 1}"), (Format::Yaml, "{a: x}"), (Format::Yaml, "- a: x\n")] {
            let doc = read(text, format);
            let place = if doc.roots()[0].kind() == ItemKind::List { route("[0][0].a") } else { route("a") };
            prop_assert!(check(text, format, &[Edit::new(place, Op::Replace(data.clone()))]));
        }
    }
}
