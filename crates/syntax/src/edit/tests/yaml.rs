//! Edits of YAML in its different notations.

use super::*;

/// The text after one edit.
fn edit(text: &str, place: &str, op: Op) -> String {
    apply(text, Format::Yaml, &[Edit::new(route(place), op)]).unwrap_or_else(|e| panic!("{e}"))
}

fn set(text: &str, place: &str, data: impl Into<Data>) -> String {
    edit(text, place, Op::Replace(data.into()))
}

fn refusal(text: &str, place: &str, op: Op) -> EditError {
    apply(text, Format::Yaml, &[Edit::new(route(place), op)]).unwrap_err()
}

fn map(pairs: &[(&str, Data)]) -> Data {
    Data::Map(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
}

#[test]
fn a_scalar_keeps_its_quotes_and_its_comment() {
    let text = "a: one # c\nb: 'two'\nc: \"three\"\nd: 4\n";
    assert_eq!(set(text, "a", "x"), text.replace("one", "x"));
    assert_eq!(set(text, "b", "it's"), text.replace("'two'", "'it''s'"));
    assert_eq!(set(text, "c", "q\""), text.replace("\"three\"", "\"q\\\"\""));
    assert_eq!(set(text, "d", 5), text.replace('4', "5"));
}

#[test]
fn text_that_would_read_as_something_else_is_quoted() {
    for (new, written) in [
        ("yes", "\"yes\""),
        ("1.0", "\"1.0\""),
        ("null", "\"null\""),
        ("a: b", "\"a: b\""),
        ("- a", "\"- a\""),
        ("#a", "\"#a\""),
        ("", "\"\""),
        ("010", "\"010\""),
        ("1:20", "\"1:20\""),
        ("nginx:1.27", "nginx:1.27"),
        ("100m", "100m"),
    ] {
        assert_eq!(set("k: v\n", "k", new), format!("k: {written}\n"));
    }
    // The file's own quotes if some are needed.
    assert_eq!(
        set("k: v\nl: 'w x'\nm: 'y'\n", "k", "yes"),
        "k: 'yes'\nl: 'w x'\nm: 'y'\n"
    );
}

#[test]
fn a_new_key_is_quoted_and_indented_like_its_neighbours() {
    let text = "spec:\n    a: \"x\"\n    b: \"y\"\n";
    let pair = Addition::pair("c", map(&[("d", "z".into()), ("num", 1.into())]));
    assert_eq!(
        edit(text, "spec.b", Op::InsertAfter(pair)),
        "spec:\n    a: \"x\"\n    b: \"y\"\n    c:\n        d: \"z\"\n        num: 1\n"
    );
}

#[test]
fn lists_keep_the_indentation_of_their_dashes() {
    let new = || {
        Op::Append(Addition::pair(
            "args",
            Data::List(vec!["x".into(), map(&[("k", 1.into()), ("l", 2.into())])]),
        ))
    };
    assert_eq!(
        edit("a:\n- 1\nm:\n  k: v\n", "m", new()),
        "a:\n- 1\nm:\n  k: v\n  args:\n  - x\n  - k: 1\n    l: 2\n"
    );
    assert_eq!(
        edit("a:\n  - 1\nm:\n  k: v\n", "m", new()),
        "a:\n  - 1\nm:\n  k: v\n  args:\n    - x\n    - k: 1\n      l: 2\n"
    );
    assert_eq!(
        edit(
            "-   a: 1\n",
            "[0][0]",
            Op::InsertAfter(Addition::element(map(&[("b", 1.into()), ("c", 2.into())])))
        ),
        "-   a: 1\n-   b: 1\n    c: 2\n"
    );
}

#[test]
fn comments_stay_where_they_belong() {
    let text = "# about a\na: 1 # one\n# about b\nb: 2 # two\n# end\n";
    assert_eq!(
        edit(text, "b", Op::Delete),
        "# about a\na: 1 # one\n# about b\n# end\n"
    );
    assert_eq!(
        edit(text, "b", Op::InsertBefore(Addition::pair("num", 0))),
        "# about a\na: 1 # one\nnum: 0\n# about b\nb: 2 # two\n# end\n"
    );
    assert_eq!(
        edit(text, "a", Op::InsertBefore(Addition::pair("num", 0))),
        "# about a\nnum: 0\na: 1 # one\n# about b\nb: 2 # two\n# end\n"
    );
    let nested = "env:\n  # about A\n  - name: A # a\n    # inside A\n\n  - name: B\n";
    assert_eq!(
        edit(nested, "env[0]", Op::InsertBefore(Addition::element("x"))),
        nested.replace("  # about A", "  - x\n  # about A")
    );
    assert_eq!(
        edit(nested, "env[0]", Op::InsertAfter(Addition::element("x"))),
        nested.replace("# inside A\n", "# inside A\n  - x\n")
    );
}

#[test]
fn the_last_entry_leaves_an_empty_collection() {
    assert_eq!(edit("a:\n  b: 1 # c\nd: 2\n", "a.b", Op::Delete), "a: {}\nd: 2\n");
    assert_eq!(edit("a: # c\n- 1\n", "a[0]", Op::Delete), "a: [] # c\n");
    assert_eq!(edit("a: [1]\n", "a[0]", Op::Delete), "a: []\n");
    assert_eq!(edit("a: 1\n", "a", Op::Delete), "{}\n");
    assert_eq!(
        edit("a: {} # c\n", "a", Op::Append(Addition::pair("b", 1))),
        "a: # c\n  b: 1\n"
    );
}

#[test]
fn the_first_key_after_a_dash_can_be_removed_and_added() {
    let text = "- name: a # n\n  value: 1\n- name: b\n  # about\n  value: 2\n";
    assert_eq!(
        edit(text, "[0][0].name", Op::Delete),
        "- value: 1\n- name: b\n  # about\n  value: 2\n"
    );
    assert_eq!(
        edit(text, "[0][1].name", Op::Delete),
        "- name: a # n\n  value: 1\n-\n  # about\n  value: 2\n"
    );
    assert_eq!(
        edit(text, "[0][0].name", Op::InsertBefore(Addition::pair("kind", "k"))),
        "- kind: k\n  name: a # n\n  value: 1\n- name: b\n  # about\n  value: 2\n"
    );
}

#[test]
fn collections_in_brackets_keep_their_lines_and_commas() {
    let text = "a: [\n  one, # first\n  two\n]\nb: {x: 1, y: 2}\nc: [1, 2,]\n";
    assert_eq!(
        edit(text, "a[1]", Op::InsertAfter(Addition::element("three"))),
        text.replace("  two\n", "  two,\n  three\n")
    );
    assert_eq!(
        edit(text, "a[1]", Op::Delete),
        text.replace("one, # first\n  two\n", "one # first\n")
    );
    assert_eq!(
        edit(text, "b.x", Op::Delete),
        text.replace("{x: 1, y: 2}", "{y: 2}")
    );
    assert_eq!(
        edit(text, "b.y", Op::InsertAfter(Addition::pair("z", "a, b"))),
        text.replace("y: 2}", "y: 2, z: \"a, b\"}")
    );
    assert_eq!(edit(text, "c[1]", Op::Delete), text.replace("[1, 2,]", "[1,]"));
}

#[test]
fn blocks_of_text_stay_blocks() {
    let text = "a: |- # c\n    one\n    two\nb: 1\n";
    assert_eq!(set(text, "a", "x\ny\n"), "a: | # c\n    x\n    y\nb: 1\n");
    assert_eq!(set(text, "a", "x"), "a: x # c\nb: 1\n");
    assert_eq!(set("a: 1 # c\n", "a", "x\n\ny"), "a: |- # c\n  x\n\n  y\n");
    // A line that begins with a blank would need an indicator, a quoted neighbour stays quoted.
    assert_eq!(set("a: 1\n", "a", " x\ny"), "a: \" x\\ny\"\n");
    assert_eq!(set("a: \"q\"\n", "a", "x\ny"), "a: \"x\\ny\"\n");
}

#[test]
fn a_value_changes_its_kind() {
    assert_eq!(
        set("a: 1 # c\nb: 2\n", "a", map(&[("x", 1.into())])),
        "a: # c\n  x: 1\nb: 2\n"
    );
    assert_eq!(
        set("a: # c\n  # in\n  x: 1\nb: 2\n", "a", 5),
        "a: 5 # c\n  # in\nb: 2\n"
    );
    assert_eq!(
        set("- 1\n- 2 # c\n", "[0][0]", map(&[("x", 1.into())])),
        "- x: 1\n- 2 # c\n"
    );
    assert_eq!(
        set("- 1\n- 2 # c\n", "[0][1]", map(&[("x", 1.into())])),
        "- 1\n- # c\n  x: 1\n"
    );
    assert_eq!(set("a:\nb: 2\n", "a", "x"), "a: x\nb: 2\n");
    assert_eq!(
        set("a:\n  x: 1\n", "a", Data::List(vec![1.into(), 2.into()])),
        "a:\n  - 1\n  - 2\n"
    );
}

#[test]
fn between_two_maps_only_the_difference_is_written() {
    let text = "a:\n  x: 1 # x\n  # about y\n  y: 'two'\n  z: 3\n";
    let new = map(&[("y", "two".into()), ("x", 9.into()), ("w", 4.into())]);
    assert_eq!(
        set(text, "a", new),
        "a:\n  x: 9 # x\n  # about y\n  y: 'two'\n  w: 4\n"
    );
    let list = "a:\n- 1 # one\n- 2 # two\n- 3 # three\n";
    let new = Data::List(vec![1.into(), 3.into()]);
    assert_eq!(set(list, "a", new), "a:\n- 1 # one\n- 3 # three\n");
}

#[test]
fn anchors_and_tags_stay_with_a_new_value() {
    assert_eq!(set("a: &x 1\n", "a", 2), "a: &x 2\n");
    assert_eq!(set("a: !Ref b\n", "a", "c"), "a: !Ref c\n");
    assert_eq!(set("a: &x\n  b: 1\n", "a", "c"), "a: &x c\n");
    assert_eq!(set("a: &x 1\n", "a", map(&[("b", 1.into())])), "a: &x\n  b: 1\n");
}

#[test]
fn aliases_merges_and_used_anchors_are_refused_with_their_places() {
    let text = "base: &b\n  x: 1\nuse: *b\nmore:\n  <<: *b\n  y: 2\n";
    assert_eq!(
        refusal(text, "use.x", Op::Delete),
        EditError::ThroughAlias {
            route: route("use.x"),
            alias: 3,
            anchor: 2
        }
    );
    assert_eq!(
        refusal(text, "use", Op::Append(Addition::pair("z", 1))),
        EditError::ThroughAlias {
            route: route("use"),
            alias: 3,
            anchor: 2
        }
    );
    assert_eq!(
        refusal(text, "more.x", Op::Replace(2.into())),
        EditError::ThroughMerge {
            route: route("more.x"),
            merge: 5,
            anchor: 2
        }
    );
    assert_eq!(
        refusal(text, "base", Op::Delete),
        EditError::AnchorInUse {
            route: route("base"),
            anchor: "b".into(),
            alias: 3
        }
    );
    // At the alias itself, and over the merge, there is one place to write.
    assert_eq!(set(text, "use", 5), text.replace("use: *b", "use: 5"));
    assert_eq!(
        edit(text, "more.y", Op::InsertAfter(Addition::pair("x", 9))),
        text.replace("  y: 2\n", "  y: 2\n  x: 9\n")
    );
    assert_eq!(set(text, "base.x", 3), text.replace("x: 1", "x: 3"));
}

#[test]
fn ambiguous_keys_are_refused() {
    assert_eq!(
        refusal("a: 1\nb: 2\na: 3\n", "a", Op::Delete),
        EditError::DuplicateKey {
            route: route("a"),
            first: 1,
            second: 3
        }
    );
    assert!(matches!(
        refusal("? a\n: 1\n", "a", Op::Delete),
        EditError::ComplexKey { line: 1, .. }
    ));
    assert!(matches!(
        refusal("a: 1\nb: 2\n", "b", Op::InsertBefore(Addition::pair("a", 1))),
        EditError::KeyExists { line: 1, .. }
    ));
    assert!(matches!(
        refusal("a: 1\nb: 2\n", "b", Op::RenameKey("a".into())),
        EditError::KeyExists { .. }
    ));
}

#[test]
fn a_route_to_nothing_suggests_the_nearest_name() {
    let error = refusal("spec:\n  replicas: 1\n", "spec.replica", Op::Delete).to_string();
    assert_eq!(
        error,
        "`[0].spec.replica` does not exist: a map in line 2 has no key `replica`; did you mean `replicas`?"
    );
    let error = refusal("a: [1]\n", "a[3]", Op::Delete).to_string();
    assert_eq!(
        error,
        "`[0].a[3]` does not exist: a list in line 1 has no element 3, only 1"
    );
}

#[test]
fn each_document_of_a_stream_is_edited_alone() {
    let text = "a: 1\n---\n# nothing\n---\nb: 2 # c\n...\n---\nlast\n";
    assert_eq!(set(text, "[1].b", 3), text.replace("b: 2", "b: 3"));
    assert_eq!(set(text, "[2]", "other"), text.replace("last", "other"));
    assert_eq!(edit(text, "[1].b", Op::Delete), text.replace("b: 2 # c", "{}"));
}

#[test]
fn line_ends_byte_order_marks_and_a_missing_final_newline_stay() {
    let text = "\u{feff}a: 1\r\nb:\r\n- x";
    assert_eq!(
        edit(
            text,
            "b",
            Op::Append(Addition::element(map(&[("k", 1.into()), ("l", 2.into())])))
        ),
        "\u{feff}a: 1\r\nb:\r\n- x\r\n- k: 1\r\n  l: 2"
    );
    assert_eq!(
        edit(text, "a", Op::InsertBefore(Addition::pair("z", 0))),
        "\u{feff}z: 0\r\na: 1\r\nb:\r\n- x"
    );
    assert_eq!(edit(text, "b", Op::Delete), "\u{feff}a: 1");
    assert_eq!(edit(text, "a", Op::Delete), "\u{feff}b:\r\n- x");
}

#[test]
fn lines_below_a_block_of_text_do_not_become_part_of_it() {
    assert_eq!(
        edit("a: |+\n  x\n\nb: 1\n\nc: 2\n", "b", Op::Delete),
        "a: |+\n  x\n\nc: 2\n"
    );
    assert!(matches!(
        refusal("a: |\n  x\nb: 1\n  # deep\n", "b", Op::Delete),
        EditError::Unsupported { line: 3, .. }
    ));
    assert_eq!(
        set("a:\n  b: 1\n  # deep\nc: 2\n", "a", "x\ny"),
        "a: \"x\\ny\"\n  # deep\nc: 2\n"
    );
}

#[test]
fn several_edits_are_applied_together_or_not_at_all() {
    let text = "a: 1\nlist:\n- x\n- y\n- z\nb: 2\n";
    let edits = [
        Edit::new(route("list[0]"), Op::Delete),
        Edit::new(route("list[2]"), Op::Replace("Z".into())),
        Edit::new(route("list[1]"), Op::InsertAfter(Addition::element("y1"))),
        Edit::new(route("list[1]"), Op::InsertAfter(Addition::element("y2"))),
        Edit::new(route("a"), Op::RenameKey("aa".into())),
        Edit::new(route(""), Op::Append(Addition::pair("c", 3))),
    ];
    let edited = apply_all(text, Format::Yaml, &edits).unwrap();
    assert_eq!(edited.text, "aa: 1\nlist:\n- y\n- y1\n- y2\n- Z\nb: 2\nc: 3\n");
    let conflict = [
        Edit::new(route("list"), Op::Delete),
        Edit::new(route("list[1]"), Op::Replace("q".into())),
    ];
    assert!(matches!(
        apply(text, Format::Yaml, &conflict),
        Err(EditError::Conflict { first, second, .. }) if first == route("list") && second == route("list[1]")
    ));
}

#[test]
fn several_entries_for_one_place_are_written_in_the_given_order() {
    for (text, place, key) in [("- x\n", "[0][0]", false), ("x: 0\n", "x", true)] {
        let new = |name: &str| match key {
            true => Addition::pair(name, 0),
            false => Addition::element(name),
        };
        let edits = [
            Edit::new(route(place), Op::InsertBefore(new("a"))),
            Edit::new(route(place), Op::InsertAfter(new("c"))),
            Edit::new(route(place), Op::InsertBefore(new("b"))),
            Edit::new(route(place), Op::InsertAfter(new("d"))),
        ];
        let expected = match key {
            true => "a: 0\nb: 0\nx: 0\nc: 0\nd: 0\n",
            false => "- a\n- b\n- x\n- c\n- d\n",
        };
        assert_eq!(apply(text, Format::Yaml, &edits).as_deref(), Ok(expected));
    }
}

#[test]
fn places_and_routes_can_be_converted_to_each_other() {
    let text = "base: &b {x: 1}\nuse: *b\nmore:\n  <<: *b\nlist:\n- name: n\n";
    let doc = read(text, Format::Yaml);
    let slice = |span: crate::source::Span| &text[span.start as usize..span.end as usize];
    let place = doc.place(&route("list[0].name")).unwrap();
    assert_eq!(
        (slice(place.value), slice(place.key.unwrap()), slice(place.entry)),
        ("n", "name", "name: n")
    );
    assert_eq!(doc.route_of(place.value), Some(route("list[0].name")));
    assert_eq!(
        doc.route_at(text.find("name").unwrap()),
        Some(route("list[0].name"))
    );
    let place = doc.place(&route("use")).unwrap();
    assert_eq!((slice(place.value), slice(place.entry)), ("{x: 1}", "use: *b"));
    assert!(matches!(place.via[..], [crate::document::Via::Alias(at)] if slice(at) == "*b"));
    let place = doc.place(&route("more.x")).unwrap();
    assert_eq!(slice(place.value), "1");
    assert!(
        matches!(place.via[..], [crate::document::Via::Merge(at)] if at.start as usize == text.rfind("*b").unwrap())
    );
}

#[test]
fn a_comment_left_of_a_text_is_no_line_of_it() {
    let text = |comment: &str| format!("a:\n  b:\n    - |-\n      x\n  c: 1\n{comment}# deep\nz: 1\n");
    assert_eq!(
        edit(&text("    "), "a.c", Op::Delete),
        "a:\n  b:\n    - |-\n      x\n    # deep\nz: 1\n"
    );
    for comment in ["      ", "        "] {
        assert!(matches!(
            refusal(&text(comment), "a.c", Op::Delete),
            EditError::Unsupported { .. }
        ));
    }
    // Where the header says how far right the lines begin, they may begin left of where the first one seems to.
    let said = text("    ").replace("|-", "|1-");
    assert!(matches!(
        refusal(&said, "a.c", Op::Delete),
        EditError::Unsupported { .. }
    ));
}
