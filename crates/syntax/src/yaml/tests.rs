//! Tests of reading YAML.

use super::embedded::parse_embedded;
use super::{MAX_ALIASED, MAX_ERRORS, parse, parse_file, parse_with};
use crate::source::{Chains, FileId, Layer};
use crate::tree::{Node, Style, Value};
use proptest::prelude::*;

const FILE: FileId = FileId(0);

fn one(text: &str) -> Node {
    let stream = parse(text, FILE, 0);
    assert!(stream.errors.is_empty(), "{:?}", stream.errors);
    stream.documents.into_iter().next().unwrap()
}

fn slice(text: &str, node: &Node) -> String {
    text[node.span.start as usize..node.span.end as usize].to_owned()
}

#[test]
fn a_plain_scalar_tagged_as_text_is_text() {
    let root = one("a: !!str 5\nb: 5\n");
    let style = |key| match &root.get(key).unwrap().value {
        Value::Scalar(scalar) => scalar.style,
        other => panic!("{other:?}"),
    };
    assert_eq!((style("a"), style("b")), (Style::Quoted, Style::Plain));
}

#[test]
fn spans_point_at_the_text() {
    let text = "a: 1\nb:\n  - \"two\"\n  - {c: 1.20}\nd: é\ne: end\n";
    let root = one(text);
    assert_eq!(slice(text, root.get("a").unwrap()), "1");
    assert_eq!(slice(text, &root.get("b").unwrap().items()[0]), "\"two\"");
    let c = root.get("b").unwrap().items()[1].get("c").unwrap();
    assert_eq!((slice(text, c).as_str(), c.as_str()), ("1.20", Some("1.20")));
    assert_eq!(slice(text, root.get("e").unwrap()), "end");
}

#[test]
fn every_document_is_read_and_a_broken_one_hides_no_other() {
    let stream = parse("a: 1\n---\nb: [1, 2\nc: }\n---\nd: 4\n", FILE, 0);
    assert_eq!(stream.errors.len(), 1);
    assert_eq!(stream.documents.len(), 2);
    assert!(stream.documents[1].get("d").is_some());
    let stream = parse("---\n# only a comment\n---\na: 1\n", FILE, 0);
    assert_eq!((stream.documents.len(), stream.comments.len()), (1, 1));
}

#[test]
fn anchors_and_merge_keys_resolve_and_explicit_keys_win() {
    let root = one("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nlist: {<<: [*b, {z: 9, x: 5}]}\n");
    let used = root.get("use").unwrap();
    assert_eq!(used.get("x").unwrap().as_i64(), Some(1));
    assert_eq!(used.get("y").unwrap().as_i64(), Some(3));
    let list = root.get("list").unwrap();
    assert_eq!(
        (list.get("x").unwrap().as_i64(), list.get("z").unwrap().as_i64()),
        (Some(1), Some(9))
    );
}

#[test]
fn an_alias_and_a_merge_are_in_the_chain_of_their_values() {
    let text = "base: &b {x: 1}\nuse: *b\nmore:\n  <<: *b\n  y: 2\nlist:\n  <<: [*b]\n";
    let chains = Chains::default();
    let root = parse_with(text, FILE, 0, &chains).documents.remove(0);
    let chain = |path: &str| {
        let links = chains.of(root.at(path).unwrap().span);
        links
            .iter()
            .map(|l| (l.layer, l.span.start as usize))
            .collect::<Vec<_>>()
    };
    assert_eq!(chain("base/x"), []);
    assert_eq!(chain("use/x"), [(Layer::Alias, text.find("*b").unwrap())]);
    assert_eq!(
        chain("more/x"),
        [(Layer::Merge, text.find("<<: *b").unwrap() + 4)]
    );
    assert_eq!(chain("more/y"), []);
    assert_eq!(chain("list/x"), [(Layer::Merge, text.rfind("*b").unwrap())]);
    assert_eq!(root.at("use/x").unwrap().span, root.at("base/x").unwrap().span);
    // The same tree as without chains.
    assert_eq!(parse(text, FILE, 0).documents.remove(0), root);
}

#[test]
fn duplicate_keys_are_reported_and_the_last_wins() {
    let stream = parse("a: 1\na: 2\n", FILE, 0);
    assert_eq!(stream.problems.len(), 1);
    assert_eq!(stream.documents[0].get("a").unwrap().as_i64(), Some(2));
}

#[test]
fn a_tab_as_indentation_is_reported() {
    let stream = parse("a:\n\tb: 1\n", FILE, 0);
    assert!(
        stream.errors[0].message.contains("tab"),
        "{}",
        stream.errors[0].message
    );
}

#[test]
fn aliases_and_nesting_are_limited() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        text += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    let stream = parse(&text, FILE, 0);
    assert!(
        stream.errors[0].message.contains("aliases"),
        "{:?}",
        stream.errors
    );
    assert!(!parse(&"[".repeat(100_000), FILE, 0).errors.is_empty());
}

#[test]
fn what_aliases_add_is_counted_with_the_length_of_texts_and_the_anchors_around_each_other() {
    let cut = |text: &str| {
        let stream = parse(text, FILE, 0);
        stream.errors.first().map(|error| error.message.clone())
    };
    let long = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(100_000),
        vec!["*a"; 1_000].join(", ")
    );
    assert!(
        cut(&long).is_some_and(|why| why.contains("aliases")),
        "{:?}",
        cut(&long)
    );
    let mut within = String::new();
    for n in 0..150 {
        within += &format!("{}a: &a{n}\n", " ".repeat(n));
    }
    within += &format!("{}b: [{}]\n", " ".repeat(150), vec!["x"; 3_000].join(", "));
    assert!(cut(&within).is_some_and(|why| why.contains("aliases")));
    // A usual file: settings of one service for the others.
    let mut usual = "x: &x {image: a, environment: &e {A: 1, B: 2}, ports: [1, 2]}\nservices:\n".to_owned();
    for n in 0..300 {
        usual += &format!("  s{n}:\n    <<: *x\n    environment:\n      <<: *e\n      C: 3\n");
    }
    assert_eq!(cut(&usual), None);
    // Errors do not fill the memory either.
    assert_eq!(
        parse(&"--- [\n".repeat(100_000), FILE, 0).errors.len(),
        MAX_ERRORS
    );
}

#[test]
fn yaml_inside_a_block_keeps_its_place() {
    let text = "data:\n  routing.yaml: |\n    cells:\n      - name: us\n        weight: 60\n";
    let root = one(text);
    let inner = parse_embedded(
        root.get("data").unwrap().get("routing.yaml").unwrap(),
        text,
        &Chains::default(),
    )
    .unwrap();
    let cell = &inner.documents[0].get("cells").unwrap().items()[0];
    let weight = cell.get("weight").unwrap();
    assert_eq!(
        (
            slice(text, weight).as_str(),
            slice(text, cell.get("name").unwrap()).as_str()
        ),
        ("60", "us")
    );
}

#[test]
fn a_block_of_several_keys_and_documents_keeps_its_places() {
    let text = "patch: |-\n  kind: A # c\n  spec:\n    n: 5\n\n  ---\n  kind: \"B\"\nafter: 1\n";
    let inner = parse_embedded(one(text).get("patch").unwrap(), text, &Chains::default()).unwrap();
    assert_eq!(inner.documents.len(), 2);
    assert_eq!(
        slice(text, inner.documents[0].at("spec/n").unwrap()),
        "5",
        "{inner:?}"
    );
    assert_eq!(slice(text, inner.documents[1].get("kind").unwrap()), "\"B\"");
    let (key, _) = inner.documents[0].as_map().unwrap().entry("spec").unwrap();
    assert_eq!(&text[key.span.start as usize..key.span.end as usize], "spec");
    let comment = inner.comments[0].span;
    assert_eq!(&text[comment.start as usize..comment.end as usize], "# c");
}

#[test]
fn yaml_in_a_quoted_scalar_has_the_location_of_the_scalar() {
    let text = "patch: \"a: 1\\nb: 2\"\n";
    let root = one(text);
    let patch = root.get("patch").unwrap();
    let inner = parse_embedded(patch, text, &Chains::default()).unwrap();
    assert_eq!(inner.documents[0].get("b").unwrap().span, patch.span);
}

#[test]
fn spellings_of_a_key_are_equal() {
    let root = one("capacityPercentage: 60\n");
    assert_eq!(root.like("capacitypercentage").unwrap().as_i64(), Some(60));
    assert!(folds_to_both());
}

fn folds_to_both() -> bool {
    use crate::tree::{fold, folds_to};
    fold("capacity_percentage") == "capacitypercentage"
        && folds_to("Capacity-Percentage", "capacitypercentage")
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-c:\\-\\[\\]{}&*<|>\"'#\\n\\t !?%@,é]{0,80}") {
        let stream = parse(&text, FILE, 0);
        for document in &stream.documents {
            prop_assert!(document.span.end as usize <= text.len());
        }
    }
}

#[test]
fn documents_of_json_may_follow_one_another() {
    let read = |text: &str| {
        let stream = parse_file(text, FileId(0), (&Chains::default(), MAX_ALIASED));
        let names = stream.documents.iter().map(|d| {
            let name = d.get("a").unwrap();
            assert_eq!(
                &text[name.span.start as usize..name.span.end as usize],
                "\"}{\\\"\""
            );
            name.as_str().unwrap().to_owned()
        });
        (names.collect::<Vec<_>>(), stream.errors.len())
    };
    let one = "{\"a\": \"}{\\\"\"}";
    let value = "}{\"".to_owned();
    let two = vec![value.clone(), value.clone()];
    for between in ["", "\n", " ", "\n\n\t"] {
        assert_eq!(
            read(&format!("{one}{between}{one}")),
            (two.clone(), 0),
            "{between:?}"
        );
    }
    assert_eq!(read(&format!("\u{feff}{one}\n{one}\n")), (two.clone(), 0));
    assert_eq!(read(&format!("{one}\n---\n{one}\n")), (two, 0));
    assert_eq!(read(one), (vec![value], 0));
    for broken in [
        format!("{one},{one}"),
        format!("{one}{{"),
        format!("{one} x"),
        format!("{one}}}"),
        format!("{one}\n{{\"a\" 1 2}}"),
    ] {
        assert_ne!(
            parse_file(&broken, FileId(0), (&Chains::default(), MAX_ALIASED))
                .errors
                .len(),
            0,
            "{broken}"
        );
    }
}

#[test]
fn a_map_of_many_keys_keeps_their_order_and_the_last_duplicate() {
    let mut text: String = (0..100).map(|n| format!("k{n}: {n}\n")).collect();
    text.push_str("k7: last\nk90: last\nmerged: {<<: *none, a: 1}\n");
    let text = format!("base: &none {{a: 0, b: 2}}\n{text}");
    let stream = parse(&text, FILE, 0);
    let root = &stream.documents[0];
    let keys: Vec<&str> = root.entries().map(|(key, _)| &*key.text).collect();
    assert_eq!(
        (keys.len(), keys[0], keys[8], keys[100]),
        (102, "base", "k7", "k99")
    );
    assert_eq!(root.get("k7").and_then(Node::as_str), Some("last"));
    assert_eq!(root.get("k90").and_then(Node::as_str), Some("last"));
    assert_eq!(stream.problems.len(), 2);
    let merged = root.get("merged").unwrap();
    let values = ["a", "b"].map(|key| merged.get(key).and_then(Node::as_str));
    assert_eq!(values, [Some("1"), Some("2")]);
}
