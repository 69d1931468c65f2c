//! Templates that ask for more work and memory than any machine has.

use super::*;
use crate::selected::Selected;

fn told(values: &str, template: &str) -> Vec<String> {
    let repo = repo(&[
        ("c/Chart.yaml", CHART),
        ("c/values.yaml", values),
        ("c/templates/t.yaml", template),
        ("c/templates/u.yaml", "kind: Y\na: 1\n"),
    ]);
    let charts = read(&repo, &Selected::default());
    let kinds: Vec<String> = charts.charts[0].rendered[0]
        .objects
        .iter()
        .filter_map(|object| object.get("kind").and_then(Node::as_str).map(str::to_owned))
        .collect();
    let mut told: Vec<String> = charts
        .notes
        .iter()
        .filter(|note| note.path.ends_with("t.yaml"))
        .map(|note| {
            let span = note.span.unwrap();
            let line = repo.sources.file(span.file).text[..span.start as usize]
                .matches('\n')
                .count();
            format!("{}: {}", line + 1, note.message)
        })
        .collect();
    told.extend(kinds);
    told
}

fn list(count: usize) -> String {
    format!("s: {}\nlist:\n{}", "a".repeat(200_000), "- a\n".repeat(count))
}

#[test]
fn lists_and_maps_nest_to_a_depth_and_are_unknown_beyond_it() {
    for step in ["$x = list $x", "$x = dict \"a\" $x", "$x = list $x $x"] {
        let template = format!(
            "{{{{ $x := list }}}}{{{{ range .Values.list }}}}{{{{ {step} }}}}{{{{ end }}}}\nkind: X\na: {{{{ $x | quote }}}}\n"
        );
        assert_eq!(told(&list(20_000), &template), ["X", "Y"], "{step}");
    }
}

#[test]
fn texts_that_grow_are_unknown_beyond_a_length() {
    for step in [
        "$x = printf \"%s%s\" $x $x",
        "$x = print $x $x",
        "$x = replace \"a\" $x $x",
        "$x = replace \"\" $x $x",
        "$x = cat $x $x",
        "$x = repeat 10 $x",
        "$x = printf \"%s%s%s%s%s%s%s%s%s%s\" $s $s $s $s $s $s $s $s $s $s",
    ] {
        let template = format!(
            "{{{{ $s := .Values.s }}}}{{{{ $x := \"aa\" }}}}{{{{ range .Values.list }}}}{{{{ {step} }}}}{{{{ end }}}}\nkind: X\na: {{{{ $x }}}}\n"
        );
        assert_eq!(told(&list(60), &template), ["X", "Y"], "{step}");
    }
}

#[test]
fn work_on_large_values_counts_and_the_line_is_named() {
    let mut values = list(30_000);
    values.push_str("map:\n");
    for n in 0..4_000 {
        values += &format!("  k{n}: {{a: 1, b: [1, 2]}}\n");
    }
    for body in [
        "{{ $y := upper $.Values.s }}",
        "{{ if eq $.Values.s \"b\" }}x{{ end }}",
        "{{ $y := toYaml $.Values.map | quote }}",
        "{{ $y := toYaml $.Values.map | nindent 4 | nindent 4 }}",
        "{{ range $.Values.list }}{{ end }}",
        "{{ $y := index $.Values.map \"k3999\" }}{{ $z := $.Values.map.k3999 }}{{ $u := $.Values.map.k3998 }}{{ $v := $.Values.map.k3998 }}",
    ] {
        let template = format!("kind: X\nb: 1\n{{{{ range .Values.list }}}}\n{body}{{{{ end }}}}\n");
        let told = told(&values, &template);
        let [message, kind] = told.as_slice() else {
            panic!("{body}: {told:?}");
        };
        assert!(message.starts_with(['3', '4']), "{body}: {message}");
        assert!(message.contains("too much time or memory"), "{body}: {message}");
        // What was printed until then could be a part of an object.
        assert_eq!(kind, "Y", "{body}");
    }
}

#[test]
fn named_templates_that_include_each_other_end() {
    let mut helpers = String::new();
    for n in 0..22 {
        let calls = format!("{{{{ include \"a{}\" . }}}}", n + 1).repeat(10);
        helpers += &format!("{{{{ define \"a{n}\" }}}}{calls}{{{{ end }}}}\n");
    }
    let template =
        format!("{helpers}{{{{ define \"a22\" }}}}x{{{{ end }}}}kind: X\nb: {{{{ include \"a0\" . }}}}\n");
    let told = told("a: 1\n", &template);
    assert!(
        told[0].contains("too much time or memory") && told[1..] == ["Y"],
        "{told:?}"
    );
}

#[test]
fn releases_are_told_of_too() {
    let template = "{{ range .Values.list }}{{ range $.Values.list }}{{ end }}{{ end }}\nkind: X\n";
    let repo = repo(&[("c/Chart.yaml", CHART), ("c/templates/t.yaml", template)]);
    let mut charts = read(&repo, &Selected::default());
    let is_cut = |charts: &Charts| charts.notes.iter().any(|n| n.message.contains("too much time"));
    assert!(!is_cut(&charts), "nothing to repeat by default");
    let values = yaml::parse(&list(2_000), FileId(0), 0).documents.remove(0);
    let installed = install(&repo, &charts, 0, &values, None);
    assert_eq!(installed[0].objects.len(), 0);
    charts.note_left_out();
    assert!(is_cut(&charts));
}
