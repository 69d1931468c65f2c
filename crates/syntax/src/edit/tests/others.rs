//! Edits of the other formats in their different notations.

use super::*;

fn edit(format: Format, text: &str, place: &str, op: Op) -> String {
    apply(text, format, &[Edit::new(route(place), op)]).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(format: Format, text: &str, place: &str, op: Op) -> bool {
    match apply(text, format, &[Edit::new(route(place), op)]) {
        Err(EditError::NotSafe { .. }) | Ok(_) => false,
        Err(_) => true,
    }
}

fn map(pairs: &[(&str, Data)]) -> Data {
    Data::Map(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
}

#[test]
fn json_keeps_its_indentation() {
    let text = "{\n\t\"a\": 1,\n\t\"b\": []\n}\n";
    let value = map(&[("c", Data::List(vec![1.into()])), ("d", Data::Null)]);
    assert_eq!(
        edit(
            Format::Json,
            text,
            "",
            Op::Append(Addition::pair("x", value.clone()))
        ),
        "{\n\t\"a\": 1,\n\t\"b\": [],\n\t\"x\": {\n\t\t\"c\": [\n\t\t\t1\n\t\t],\n\t\t\"d\": null\n\t}\n}\n"
    );
    assert_eq!(
        edit(Format::Json, text, "b", Op::Append(Addition::element("é\n"))),
        "{\n\t\"a\": 1,\n\t\"b\": [\n\t\t\"é\\n\"\n\t]\n}\n"
    );
    assert_eq!(edit(Format::Json, text, "b", Op::Delete), "{\n\t\"a\": 1\n}\n");
    let tight = "{\"a\":1}";
    assert_eq!(
        edit(
            Format::Json,
            tight,
            "a",
            Op::InsertAfter(Addition::pair("x", value))
        ),
        "{\"a\":1,\"x\":{\"c\":[1],\"d\":null}}"
    );
}

#[test]
fn json_has_several_values_and_comments() {
    let text = "{\"a\": 1} // one\n{\"a\": 2}\n";
    assert_eq!(
        edit(Format::Json, text, "[1].a", Op::Replace(3.into())),
        text.replace('2', "3")
    );
    let text = "[\n  1, // one\n  2 // two\n]\n";
    assert_eq!(
        edit(Format::Json, text, "[0][1]", Op::Delete),
        "[\n  1 // one\n]\n"
    );
    assert!(refused(
        Format::Json,
        "[1]",
        "[0][0]",
        Op::Replace(Data::Number("0x1".into()))
    ));
    assert!(refused(Format::Json, "{\"a\": 1, \"a\": 2}", "a", Op::Delete));
}

#[test]
fn hcl_changes_attributes_blocks_and_objects() {
    let text = "resource \"db\" \"main\" {\n  size    = 1 # one\n  name    = \"x\"\n  tags = {\n    a = 1\n  }\n  ports = [1, 2]\n\n  rule {\n    from = 1\n  }\n}\n";
    let at = "resource.db.main";
    let change = |place: &str, op: Op| edit(Format::Hcl, text, &format!("{at}{place}"), op);
    assert_eq!(
        change(".size", Op::Replace(2.into())),
        text.replace("= 1 #", "= 2 #")
    );
    assert_eq!(
        change(".name", Op::Replace("${a} %{b}".into())),
        text.replace("\"x\"", "\"$${a} %%{b}\"")
    );
    assert_eq!(
        change(".name", Op::Replace(Data::Expression("var.name".into()))),
        text.replace("\"x\"", "var.name")
    );
    assert_eq!(
        change(".name", Op::InsertAfter(Addition::pair("zone", "z"))),
        text.replace("\"x\"\n", "\"x\"\n  zone    = \"z\"\n")
    );
    assert_eq!(
        change(".tags", Op::Append(Addition::pair("b c", true))),
        text.replace("    a = 1\n", "    a = 1\n    \"b c\" = true\n")
    );
    assert_eq!(change(".ports[0]", Op::Delete), text.replace("[1, 2]", "[2]"));
    let block = Data::Block(vec![("from".into(), 3.into())]);
    assert_eq!(
        change("", Op::Append(Addition::pair("lifecycle", block.clone()))),
        text.replace(
            "    from = 1\n  }\n",
            "    from = 1\n  }\n  lifecycle {\n    from = 3\n  }\n"
        )
    );
    assert_eq!(
        change(".rule", Op::Delete),
        text.replace("  rule {\n    from = 1\n  }\n", "")
    );
    assert!(refused(Format::Hcl, text, at, Op::Replace(1.into())));
    assert!(refused(Format::Hcl, text, at, Op::RenameKey("other".into())));
    assert!(refused(
        Format::Hcl,
        text,
        "resource.db.main.size",
        Op::Replace(Data::Expression("1\nx = 2".into()))
    ));
}

#[test]
fn hcl_blocks_of_one_kind_are_a_list() {
    let text = "a {\n  x = 1\n}\nb = 1\na {\n  x = 2\n}\n";
    assert_eq!(
        edit(Format::Hcl, text, "a[1].x", Op::Replace(3.into())),
        text.replace("x = 2", "x = 3")
    );
    assert_eq!(
        edit(Format::Hcl, text, "a[0]", Op::Delete),
        "b = 1\na {\n  x = 2\n}\n"
    );
    assert_eq!(
        edit(
            Format::Hcl,
            text,
            "a",
            Op::Append(Addition::element(Data::Block(vec![("x".into(), 3.into())])))
        ),
        format!("{text}a {{\n  x = 3\n}}\n")
    );
    // A single one may be addressed as the first.
    assert_eq!(
        edit(Format::Hcl, "a {\n  x = 1\n}\n", "a[0].x", Op::Replace(2.into())),
        "a {\n  x = 2\n}\n"
    );
}

#[test]
fn toml_changes_keys_tables_and_arrays() {
    let text = "n = 1 # one\nlist = [\n  \"a\", # a\n]\n\n[t] # t\nx = 'y'\n\n[t.sub]\nz = 1\n";
    let change = |place: &str, op: Op| edit(Format::Toml, text, place, op);
    assert_eq!(change("t.x", Op::Replace("w".into())), text.replace("'y'", "'w'"));
    assert_eq!(
        change("list", Op::Append(Addition::element("b"))),
        text.replace("\"a\", # a\n", "\"a\", # a\n  \"b\",\n")
    );
    assert_eq!(
        change(
            "t",
            Op::Append(Addition::pair("new key", map(&[("k", 1.into())])))
        ),
        text.replace("'y'\n", "'y'\n\"new key\" = { k = 1 }\n")
    );
    assert_eq!(
        change("", Op::Append(Addition::pair("m", 2))),
        text.replace("]\n\n[t]", "]\nm = 2\n\n[t]")
    );
    assert_eq!(
        change("t", Op::Delete),
        "n = 1 # one\nlist = [\n  \"a\", # a\n]\n\n\n"
    );
    assert!(refused(Format::Toml, text, "n", Op::Replace(Data::Null)));
    assert!(refused(Format::Toml, text, "t", Op::RenameKey("u".into())));
    assert!(refused(
        Format::Toml,
        text,
        "t.sub",
        Op::InsertAfter(Addition::pair("k", 1))
    ));
    let tree = &read(text, Format::Toml).nodes()[0];
    assert_eq!(tree.at("t/sub/z").unwrap().as_i64(), Some(1));
}

#[test]
fn properties_keep_separators_and_escapes() {
    let text = "# c\na : 1\nlong = x,\\\n  y\n! d\nbare\n";
    let change = |place: &str, op: Op| edit(Format::Properties, text, place, op);
    assert_eq!(change("a", Op::Replace(2.into())), text.replace(": 1", ": 2"));
    assert_eq!(
        change("long", Op::Replace(" ü\n".into())),
        "# c\na : 1\nlong = \\ \\u00FC\\n\n! d\nbare\n"
    );
    assert_eq!(
        change("bare", Op::Replace("v".into())),
        text.replace("bare", "bare : v")
    );
    assert_eq!(
        change("a", Op::InsertAfter(Addition::pair("k=l", "v"))),
        text.replace(": 1\n", ": 1\nk\\=l : v\n")
    );
    assert_eq!(change("long", Op::Delete), "# c\na : 1\n! d\nbare\n");
    assert!(refused(Format::Properties, text, "a", Op::Replace(map(&[]))));
    assert_eq!(
        edit(
            Format::Properties,
            "k.é=1\n",
            "[\"k.é\"]",
            Op::Replace("ü".into())
        ),
        "k.é=ü\n"
    );
}

#[test]
fn ini_knows_sections() {
    let text = "[a]\nx = 1 ; one\ny = \"two words\"\n\n[b]\n";
    let change = |place: &str, op: Op| edit(Format::Ini, text, place, op);
    assert_eq!(change("a.x", Op::Replace(2.into())), text.replace("= 1", "= 2"));
    assert_eq!(
        change("a.y", Op::Replace("three".into())),
        text.replace("two words", "three")
    );
    assert_eq!(
        change("b", Op::Append(Addition::pair("z", 3))),
        text.replace("[b]\n", "[b]\nz = 3\n")
    );
    assert_eq!(
        change("", Op::Append(Addition::pair("c", map(&[("k", "v".into())])))),
        format!("{text}\n[c]\nk = v\n")
    );
    assert_eq!(change("a", Op::Delete), "\n[b]\n");
    assert!(refused(Format::Ini, text, "a.x", Op::Replace("a ; b".into())));
    assert!(refused(Format::Ini, text, "a.x", Op::Replace("a\nb".into())));
    assert!(refused(Format::Ini, text, "a", Op::RenameKey("c".into())));
    assert!(refused(Format::Ini, "[a]\n[b]\n[A]\n", "a", Op::Delete));
}

#[test]
fn env_files_keep_export_and_quotes() {
    let text = "# c\nexport A=1 # one\nB=\"two\"\nC='three'\nD=\n";
    let change = |place: &str, op: Op| edit(Format::Env, text, place, op);
    assert_eq!(
        change("A", Op::Replace("x y".into())),
        text.replace("=1", "=\"x y\"")
    );
    assert_eq!(
        change("B", Op::Replace("$x\n".into())),
        text.replace("\"two\"", "\"\\$x\\n\"")
    );
    assert_eq!(
        change("C", Op::Replace("it's".into())),
        text.replace("'three'", "\"it's\"")
    );
    assert_eq!(change("D", Op::Replace(5.into())), text.replace("D=", "D=5"));
    assert_eq!(
        change("A", Op::InsertAfter(Addition::pair("N", "v"))),
        text.replace("# one\n", "# one\nexport N=v\n")
    );
    assert_eq!(change("B", Op::Delete), text.replace("B=\"two\"\n", ""));
    assert!(refused(Format::Env, text, "A", Op::RenameKey("1A".into())));
}

#[test]
fn python_changes_literals_and_arguments() {
    let text = "POOL = 5  # five\nengine = create_engine(\n    url,\n    pool_size=POOL,\n)\nclass S:\n    acks = '1'\n    opts = {'a': 1}\n    def f(self, n=1):\n        return Client(retries=3).get(timeout=1.5)\n";
    let change = |place: &str, op: Op| edit(Format::Python, text, place, op);
    assert_eq!(
        change("POOL", Op::Replace(20.into())),
        text.replace("= 5 ", "= 20 ")
    );
    assert_eq!(
        change("S.acks", Op::Replace("all".into())),
        text.replace("'1'", "'all'")
    );
    assert_eq!(
        change("S.opts", Op::Append(Addition::pair("b", true))),
        text.replace("{'a': 1}", "{'a': 1, 'b': True}")
    );
    assert_eq!(
        change("engine.pool_size", Op::Replace(9.into())),
        text.replace("=POOL", "=9")
    );
    assert_eq!(
        change("engine", Op::Append(Addition::pair("pool_timeout", 30))),
        text.replace("pool_size=POOL,\n", "pool_size=POOL,\n    pool_timeout=30,\n")
    );
    assert_eq!(
        change("engine.pool_size", Op::Delete),
        text.replace("    pool_size=POOL,\n", "")
    );
    assert_eq!(change("S.f.n", Op::Replace(2.into())), text.replace("n=1", "n=2"));
    let doc = read(text, Format::Python);
    let timeout = doc.route_at(text.find("1.5").unwrap()).unwrap();
    assert_eq!(
        apply(
            text,
            Format::Python,
            &[Edit::new(timeout, Op::Replace(Data::Number("2.5".into())))]
        ),
        Ok(text.replace("1.5", "2.5"))
    );
    assert!(refused(Format::Python, text, "POOL", Op::Delete));
    assert!(refused(Format::Python, text, "engine", Op::Replace(1.into())));
    assert!(refused(
        Format::Python,
        text,
        "engine",
        Op::Append(Addition::element(1))
    ));
    assert!(refused(Format::Python, "a = (", "a", Op::Replace(1.into())));
}

#[test]
fn a_file_of_each_format_may_be_empty() {
    for (format, pair, text) in [
        (Format::Hcl, Addition::pair("a", 1), "a = 1\n"),
        (Format::Toml, Addition::pair("a", 1), "a = 1\n"),
        (Format::Properties, Addition::pair("a", 1), "a=1\n"),
        (Format::Env, Addition::pair("a", 1), "a=1\n"),
        (
            Format::Ini,
            Addition::pair("s", map(&[("a", 1.into())])),
            "[s]\na=1\n",
        ),
    ] {
        assert_eq!(edit(format, "", "", Op::Append(pair)), text, "{}", format.name());
    }
}

#[test]
fn formats_are_known_by_their_names() {
    for (name, format) in [
        ("a/deployment.yaml", Some(Format::Yaml)),
        ("kustomization", Some(Format::Yaml)),
        ("main.tf", Some(Format::Hcl)),
        ("prod.tfvars", Some(Format::Hcl)),
        ("main.tf.json", Some(Format::Json)),
        (".env.production", Some(Format::Env)),
        ("pyproject.toml", Some(Format::Toml)),
        ("pgbouncer.ini", Some(Format::Ini)),
        ("server.properties", Some(Format::Properties)),
        ("settings.py", Some(Format::Python)),
        ("README.md", None),
    ] {
        assert_eq!(Format::of(std::path::Path::new(name)), format, "{name}");
    }
}
