use super::*;
use proptest::prelude::*;

#[test]
fn expressions_are_parsed_like_in_go() {
    let field = |parts: &[&'static str]| Expr::Field(parts.to_vec());
    for (text, wanted) in [
        (".", field(&[])),
        (" .Values.a.b ", field(&["Values", "a", "b"])),
        ("$", Expr::Variable("", vec![])),
        ("$x.y", Expr::Variable("x", vec!["y"])),
        ("\"a\\\"b\"", Expr::Text("a\"b".to_owned())),
        ("-1.5", Expr::Plain("-1.5")),
        ("true", Expr::Plain("true")),
        (
            ".a | default 3 | quote",
            Expr::Call(
                "quote",
                vec![Expr::Call("default", vec![Expr::Plain("3"), field(&["a"])])],
            ),
        ),
        (
            "and (not .a) (eq .b \"x\")",
            Expr::Call(
                "and",
                vec![
                    Expr::Call("not", vec![field(&["a"])]),
                    Expr::Call("eq", vec![field(&["b"]), Expr::Text("x".to_owned())]),
                ],
            ),
        ),
        (
            "(f .).b",
            Expr::Of(Box::new(Expr::Call("f", vec![field(&[])])), vec!["b"]),
        ),
        (".a \"b\"", Expr::Unknown),
        ("a ) b", Expr::Unknown),
        ("\"open", Expr::Unknown),
    ] {
        assert_eq!(expression(text), wanted, "{text}");
    }
}

#[test]
fn blocks_nest_and_trim() {
    let mut defines = Defines::new();
    let items = parse(
        "a\n{{- if .x }}\n  b\n{{- else if .y -}}\n c {{ else }}d{{ end }}\n{{ define \"n\" }}z{{ end }}",
        &mut defines,
    )
    .unwrap();
    let Item::If(branches) = &items[1] else {
        panic!("{items:?}")
    };
    assert_eq!(branches.len(), 3);
    assert_eq!(
        branches[1].1,
        [Item::Text {
            start: 39,
            text: "c "
        }]
    );
    assert_eq!(defines["n"].len(), 1);
    assert_eq!(items[0], Item::Text { start: 0, text: "a" });
}

#[test]
fn an_unclosed_block_is_reported() {
    for (text, at) in [
        ("a {{ .x", 2),
        ("{{ if .x }} a", 11),
        ("x {{ end }}", 11),
        ("{{ \"}} ", 0),
    ] {
        assert_eq!(parse(text, &mut Defines::new()).unwrap_err().at, at, "{text}");
    }
}

#[test]
fn comments_and_strings_may_contain_braces() {
    let items = parse("{{/* }} */}}{{ \"}}\" }}", &mut Defines::new()).unwrap();
    assert_eq!(items.len(), 1);
}

proptest! {
    #[test]
    fn no_template_panics(text in "(\\{\\{-? ?|-? ?\\}\\}|if|end|else|range|\\$x|:=|\\.a|[\"`()|]|\n| |é){0,30}") {
        let _ = parse(&text, &mut Defines::new());
    }
}
