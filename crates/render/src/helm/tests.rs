mod cost;

use super::*;
use crate::kustomize::merge::merge_values;
use crate::selected::Selected;
use cofferdam_syntax::tree::Value;
use cofferdam_syntax::{FileId, yaml};
use proptest::prelude::*;

fn repo(files: &[(&str, &str)]) -> Repo {
    Repo::from_texts(files)
}

fn show(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Scalar(s) => s.text.to_string(),
        Value::Seq(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Value::Map(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{}:{}", k.text, show(v)))
                .collect();
            format!("{{{}}}", entries.join(" "))
        }
        Value::Unknown(_) => "?".to_owned(),
    }
}

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.0.0\nappVersion: \"4.2\"\n";

/// What one template gives with these values.
fn given(values: &str, template: &str) -> String {
    let repo = repo(&[
        ("c/Chart.yaml", CHART),
        ("c/values.yaml", values),
        ("c/templates/t.yaml", &format!("kind: X\n{template}")),
    ]);
    let charts = read(&repo, &Selected::default());
    let objects: Vec<String> = charts.charts[0].rendered[0].objects.iter().map(show).collect();
    let text = objects
        .join(
            "
",
        )
        .replacen("{kind:X ", "", 1);
    text.strip_suffix('}').unwrap_or(&text).to_owned()
}

#[test]
fn values_are_filled_in_and_missing_values_are_unknown() {
    let values = "image: {repository: r.io/web, tag: \"\"}\nport: 80\nname: n\non: true\nzero: 0\nlist: [a, b]\nenv: {B: 2, A: one}\nempty: {}\n";
    for (template, wanted) in [
        ("a: {{ .Values.port }}", "a:80"),
        ("a: {{ .Values.port | quote }}", "a:80"),
        (
            "a: \"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\"",
            "a:r.io/web:4.2",
        ),
        ("a: {{ .Values.none }}", "a:?"),
        ("a: x-{{ .Values.none }}-y", "a:?"),
        ("a: {{ .Values.none | default 5 }}", "a:5"),
        ("a: {{ .Values.none | default \"x\" | quote }}", "a:x"),
        ("a: {{ .Release.Name }}-web", "a:shop-web"),
        ("a: {{ .Release.Namespace }}", "a:?"),
        ("a: {{ randAlphaNum 5 }}", "a:?"),
        ("a: {{ printf \"%s/%d\" .Values.name .Values.port }}", "a:n/80"),
        ("{{ if .Values.on }}a: 1{{ else }}b: 2{{ end }}", "a:1"),
        (
            "{{- if .Values.zero }}\na: 1\n{{- else }}\nb: 2\n{{- end }}",
            "b:2",
        ),
        (
            "{{- if and .Values.on (eq .Values.name \"n\") }}\na: 1\n{{- end }}",
            "a:1",
        ),
        ("{{- if not .Values.none }}\na: 1\n{{- end }}", "a:1"),
        (
            "{{- if .Capabilities.APIVersions.Has \"x\" }}\na: 1\n{{- else }}\na: 2\n{{- end }}\nb: 3",
            "a:? b:3",
        ),
        ("a:\n{{- range .Values.list }}\n- {{ . }}\n{{- end }}", "a:[a b]"),
        (
            "a:\n{{- range $k, $v := .Values.env }}\n- {name: {{ $k }}, value: {{ $v | quote }}}\n{{- end }}",
            "a:[{name:A value:one} {name:B value:2}]",
        ),
        (
            "a:\n{{- range $i, $v := .Values.list }}\n  x{{ $i }}: {{ $v }}\n{{- end }}",
            "a:{x0:a x1:b}",
        ),
        (
            "a:\n  {{- toYaml .Values.env | nindent 2 }}\n  c: 3",
            "a:{B:2 A:one c:3}",
        ),
        ("a:\n{{ toYaml .Values.list | indent 2 }}", "a:[a b]"),
        ("a: {{ toYaml .Values.empty }}", "a:{}"),
        (
            "{{- with .Values.env }}\na:\n  {{- toYaml . | nindent 2 }}\n{{- end }}",
            "a:{B:2 A:one}",
        ),
        ("{{- with .Values.empty }}\na: {{ . }}\n{{- end }}\nb: 1", "b:1"),
        ("a:\n  {{- include \"gone\" . | nindent 2 }}\n  c: 3", "a:{c:3}"),
        ("a:\n  {{- include \"gone\" . | nindent 2 }}\nb: 1", "a:? b:1"),
        (
            "a:\n  - x\n  {{- include \"gone\" . | nindent 2 }}\nb: 1",
            "a:[x] b:1",
        ),
        ("{{- $x := .Values.name }}\na: {{ $x }}", "a:n"),
        (
            "{{- $x := 1 }}{{ if .Values.on }}{{ $x = 2 }}{{ end }}\na: {{ $x }}",
            "a:2",
        ),
        (
            "{{ define \"f\" }}{{ .n | upper }}-{{ $.n }}{{ end }}a: {{ include \"f\" (dict \"n\" .Values.name) }}",
            "a:N-n",
        ),
        (
            "a:\n{{- range $i := until 3 }}\n- x{{ $i }}\n{{- end }}",
            "a:[x0 x1 x2]",
        ),
        (
            "a:\n{{- range untilStep 8 2 -3 }}\n- {{ . }}\n{{- end }}",
            "a:[8 5]",
        ),
        ("a:\n{{- range until -2 }}\n- {{ . }}\n{{- end }}", "a:[0 -1]"),
        ("a:\n{{- range until 0 }}\n- {{ . }}\n{{- end }}", "a:null"),
        ("a: {{ .Values.name | trunc 63 | trimSuffix \"-\" }}", "a:n"),
        ("a: {{ ternary \"x\" \"y\" .Values.on }}", "a:x"),
        (
            "{{ if semverCompare \">=1.19-0\" .Capabilities.KubeVersion.GitVersion }}\na: new\n{{ else }}\na: old\n{{ end }}",
            "a:new",
        ),
        ("a: {{ index .Values.list 1 }}", "a:b"),
        // One branch of an unknown condition holds, and never two.
        (
            "a: {{ if .Release.IsUpgrade }}x{{ else }}y{{ end }}\nb: 1",
            "a:? b:1",
        ),
        (
            "a: {{ if .Release.IsUpgrade }}x{{ else }}x{{ end }}\nb: 1",
            "a:x b:1",
        ),
        ("a: p{{ if .Release.IsUpgrade }}-x{{ end }}\nb: 1", "a:? b:1"),
        (
            "a: {{ with .Release.IsUpgrade }}x{{ else }}y{{ end }}\nb: 1",
            "a:? b:1",
        ),
        (
            "a:\n{{- if .Release.IsUpgrade }}\n- x\n- y\n{{- else }}\n- z\n{{- end }}\n- w",
            "a:[x y w]",
        ),
        (
            "a:\n{{- if .Release.IsUpgrade }}\n  x: 1\n  s: 1\n{{- else if .Release.IsInstall }}\n  y: 2\n  s: 2\n{{- end }}\n  z: 3",
            "a:{x:1 s:? z:3}",
        ),
        (
            "{{ define \"g\" }}{{ if .Release.IsUpgrade }}\nx: 1\n{{ else }}\ny: 2\n{{ end }}{{ end }}a:\n  {{- include \"g\" . | nindent 2 }}\n  z: 3",
            "a:{x:1 z:3}",
        ),
        (
            "{{- $x := 1 }}{{ if .Release.IsUpgrade }}{{ $x = 2 }}{{ end }}\na: {{ $x }}",
            "a:?",
        ),
        (
            "{{ if .Capabilities.APIVersions.Has \"policy/v1beta1/PodSecurityPolicy\" }}\na: old\n{{ else }}\na: new\n{{ end }}",
            "a:new",
        ),
        (
            "{{ if $.Capabilities.APIVersions.Has \"networking.k8s.io/v1/Ingress\" }}\na: new\n{{ else }}\na: old\n{{ end }}",
            "a:new",
        ),
        ("a: {{ .Values.port | int }}", "a:80"),
    ] {
        assert_eq!(given(values, template), wanted, "{template}");
    }
}

#[test]
fn documents_are_separated_as_helm_does() {
    for (template, wanted) in [
        ("a: 1\n---\nkind: Y\nb: 2\n", "a:1}\n{kind:Y b:2"),
        // The next document comes right behind the dashes.
        (
            "a: 1\n---\n{{- /* of the rest */ -}}\nkind: Y\nb: 2\n",
            "a:1}\n{kind:Y b:2",
        ),
        (
            "a: 1\n---\n{{- if true -}}\nkind: Y\nb: 2\n{{- end }}",
            "a:1}\n{kind:Y b:2",
        ),
        (
            "a: 1\n---\n{{- if .Values.on -}}\nkind: Y\nb: 2\n{{- end }}\n",
            "a:1}\n{kind:Y b:2",
        ),
        (
            "a: 1\n{{- range .Values.names }}\n---\n{{- $x := . -}}\nkind: Y\nb: {{ $x }}\n{{- end }}\n",
            "a:1}\n{kind:Y b:p}\n{kind:Y b:q",
        ),
        (
            "a: 1\n---\t {{- with .Values.on -}}   kind: Y\nb: {{ . }}\n{{- end }}\n",
            "a:1}\n{kind:Y b:true",
        ),
        ("a: 1\n--- # comment\nkind: Y\nb: 2\n", "a:1}\n{kind:Y b:2"),
        ("a: 1\n---{{ \"\" }}\nkind: Y\n", "a:1}\n{kind:Y"),
        // An unknown condition around it.
        (
            "a: 1\n---\n{{- if .Release.IsUpgrade -}}\nkind: Y\nb: 2\n{{- end }}\n---\nkind: Z\n",
            "a:1}\n{kind:Y b:2}\n{kind:Z",
        ),
        // Dashes within a text separate nothing.
        ("a: |\n  ---x\nb: 2\n", "a:---x\n b:2"),
        ("a: x---\nb: 2\n", "a:x--- b:2"),
        (
            "a: 1\r\n---\r\n{{- /* c */ -}}\r\nkind: Y\r\nb: 2\r\n",
            "a:1}\n{kind:Y b:2",
        ),
    ] {
        assert_eq!(given("on: true\nnames: [p, q]\n", template), wanted, "{template}");
    }
}

#[test]
fn values_are_printed_as_json_and_yaml() {
    let values = "map: {b: 1, a: [x, \"y, z\"], t: \"true\", on: true}\nlist: [1, two]\ntext: 'say \"hi\"'\nempty: {}\nnone: null\nnumber: 7\nlong: |\n  p\n  q\n";
    for (template, wanted) in [
        ("a: {{ toJson .Values.map }}", "a:{b:1 a:[x y, z] t:true on:true}"),
        ("a: {{ .Values.list | toJson }}", "a:[1 two]"),
        ("a: {{ .Values.text | toRawJson }}", "a:say \"hi\""),
        ("a: {{ .Values.number | mustToJson }}", "a:7"),
        ("a: {{ .Values.long | toJson }}", "a:p\nq\n"),
        ("a: {{ .Values.empty | toJson }}", "a:{}"),
        ("a: {{ .Values.none | toJson }}", "a:null"),
        ("a: {{ .Values.gone | toJson }}", "a:null"),
        (
            "a: {{ .Values.map | toPrettyJson | nindent 2 }}",
            "a:{b:1 a:[x y, z] t:true on:true}",
        ),
        (
            "a: {{ toJson .Values.map | quote }}",
            "a:{\"b\": 1, \"a\": [\"x\", \"y, z\"], \"t\": \"true\", \"on\": true}",
        ),
        (
            "a: {{ toJson .Values.map | squote }}",
            "a:{\"b\": 1, \"a\": [\"x\", \"y, z\"], \"t\": \"true\", \"on\": true}",
        ),
        (
            "a: {{ dict \"x\" .Values.list \"y\" \"z\" | toJson }}",
            "a:{x:[1 two] y:z}",
        ),
        (
            "a: {{- dict \"x\" .Values.list \"y\" (list 1 \"b\") | toYaml | nindent 2 }}",
            "a:{x:[1 two] y:[1 b]}",
        ),
        (
            "a:\n  {{- list \"x\" .Values.number | toYaml | nindent 2 }}",
            "a:[x 7]",
        ),
        ("a: {{- toYaml .Values.gone | nindent 2 }}", "a:null"),
        ("a: {{ list | toJson }}", "a:[]"),
        ("a: {{ randAlpha 3 | toJson }}", "a:?"),
        ("a: {{ dict \"x\" (randAlpha 3) | toJson }}", "a:?"),
        // Where entries are expected, nothing is an error of the chart that a value may repair.
        ("a: 1\n{{ toYaml .Values.gone }}", "a:1"),
    ] {
        assert_eq!(given(values, template), wanted, "{template}");
    }
}

#[test]
fn a_file_inside_a_template_keeps_its_known_values() {
    let text = given(
        "acks: all\n",
        "data:\n  kafka.properties: |\n    acks={{ .Values.acks }}\n    client.id={{ .Release.Namespace }}\n",
    );
    assert_eq!(
        text,
        "data:{kafka.properties:acks=all\nclient.id={{ .Release.Namespace }}\n}"
    );
}

fn shop() -> Repo {
    repo(&[
        ("shop/Chart.yaml", CHART),
        (
            "shop/values.yaml",
            "replicas: 2\nimage:\n  repository: r.io/shop\n  tag: \"1.0\"\nautoscaling: {enabled: false}\nresources:\n  limits: {cpu: 500m}\n",
        ),
        (
            "shop/values-prod.yaml",
            "replicas: 12\nautoscaling: {enabled: true, max: 50}\n",
        ),
        ("shop/values-staging.yaml", "image:\n  tag: latest\n"),
        ("shop/values-extra.yaml", "x: 1\n"),
        (
            "shop/templates/_helpers.tpl",
            "{{- define \"shop.name\" -}}\n{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix \"-\" }}\n{{- end }}\n{{- define \"shop.labels\" -}}\napp: {{ include \"shop.name\" . }}\ntier: front\n{{- end }}\n",
        ),
        (
            "shop/templates/web.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ include \"shop.name\" . }}\n  labels:\n    {{- include \"shop.labels\" . | nindent 4 }}\nspec:\n  {{- if not .Values.autoscaling.enabled }}\n  replicas: {{ .Values.replicas }}\n  {{- end }}\n  template:\n    spec:\n      containers:\n        - name: web\n          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n          resources:\n            {{- toYaml .Values.resources | nindent 12 }}\n          livenessProbe: {periodSeconds: 10}\n",
        ),
        (
            "shop/templates/hpa.yaml",
            "{{- if .Values.autoscaling.enabled }}\nkind: HorizontalPodAutoscaler\nspec: {maxReplicas: {{ .Values.autoscaling.max }}}\n{{- end }}\n",
        ),
        (
            "shop/templates/tests/t.yaml",
            "kind: Pod\nmetadata: {annotations: {\"helm.sh/hook\": test}}\n",
        ),
        ("shop/templates/NOTES.txt", "{{ .Oops"),
    ])
}

#[test]
fn a_chart_is_rendered_for_each_environment() {
    let repo = shop();
    let charts = read(&repo, &Selected::default());
    assert_eq!(charts.charts.len(), 1);
    let chart = &charts.charts[0];
    let environments: Vec<Option<&str>> = chart.values.iter().map(|v| v.environment.as_deref()).collect();
    assert_eq!(environments, [None, Some("production"), Some("staging")]);
    assert_eq!(chart.rendered.len(), 2, "the chart's own values are not deployed");
    let production = &chart.rendered[0];
    assert_eq!(production.environment.as_deref(), Some("production"));
    let kinds: Vec<&str> = production
        .objects
        .iter()
        .map(|o| o.get("kind").unwrap().as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["HorizontalPodAutoscaler", "Deployment"]);
    let web = &production.objects[1];
    assert!(web.at("spec/replicas").is_none());
    assert_eq!(show(web.at("metadata/labels").unwrap()), "{app:shop tier:front}");
    let staging = &chart.rendered[1].objects;
    assert_eq!(staging.len(), 1);
    assert_eq!(staging[0].at("spec/replicas").and_then(Node::as_i64), Some(2));
    assert!(charts.consumed.contains(Path::new("shop/templates/_helpers.tpl")));
    assert!(charts.consumed.contains(Path::new("shop/values-extra.yaml")));
}

#[test]
fn a_value_has_the_location_where_it_is_written() {
    let repo = shop();
    let charts = read(&repo, &Selected::default());
    let place = |node: &Node| {
        (
            repo.sources.path(node.span.file).display().to_string(),
            repo.sources.text(node.span).to_owned(),
        )
    };
    let chart = &charts.charts[0];
    let at = |file: &str, text: &str| (format!("shop/{file}"), text.to_owned());
    let web = &chart.rendered[1].objects[0];
    assert_eq!(place(web.at("spec/replicas").unwrap()), at("values.yaml", "2"));
    let container = &web.at("spec/template/spec/containers").unwrap().items()[0];
    assert_eq!(
        place(container.get("image").unwrap()),
        at("values-staging.yaml", "latest")
    );
    assert_eq!(
        place(container.at("resources/limits/cpu").unwrap()),
        at("values.yaml", "500m")
    );
    let (key, _) = container
        .at("resources")
        .unwrap()
        .as_map()
        .unwrap()
        .entry("limits")
        .unwrap();
    assert_eq!(repo.sources.text(key.span), "limits");
    let period = container.at("livenessProbe/periodSeconds").unwrap();
    assert_eq!(place(period), at("templates/web.yaml", "10"));
    assert_eq!(
        place(web.get("kind").unwrap()),
        at("templates/web.yaml", "Deployment")
    );
    let max = chart.rendered[0].objects[0].at("spec/maxReplicas").unwrap();
    assert_eq!(place(max), at("values-prod.yaml", "50"));
}

#[test]
fn images_of_values_are_found_once_and_with_their_environment() {
    let repo = shop();
    let charts = read(&repo, &Selected::default());
    let images: Vec<(Option<&str>, String)> = charts.charts[0]
        .images
        .iter()
        .map(|i| (i.environment.as_deref(), i.image.image.to_string()))
        .collect();
    assert_eq!(
        images,
        [
            (None, "r.io/shop:1.0".to_owned()),
            (Some("staging"), "r.io/shop:latest".to_owned())
        ]
    );
}

#[test]
fn a_subchart_gets_its_values_and_its_condition() {
    let files = |enabled: &str| {
        vec![
            (
                "p/Chart.yaml".to_owned(),
                "apiVersion: v2\nname: p\ndependencies:\n- {name: sub, alias: s, version: 1.x, repository: \"\", condition: s.enabled}\n".to_owned(),
            ),
            ("p/values.yaml".to_owned(), format!("s: {{enabled: {enabled}, n: 7}}\nglobal: {{g: 1}}\n")),
            ("p/charts/sub/Chart.yaml".to_owned(), "apiVersion: v2\nname: sub\n".to_owned()),
            ("p/charts/sub/values.yaml".to_owned(), "n: 1\nm: 2\n".to_owned()),
            (
                "p/charts/sub/templates/x.yaml".to_owned(),
                "kind: X\na: [{{ .Values.n }}, {{ .Values.m }}, {{ .Values.global.g }}, {{ .Release.Name }}]\n".to_owned(),
            ),
        ]
    };
    for (enabled, objects) in [("true", vec!["{kind:X a:[7 2 1 p]}"]), ("false", vec![])] {
        let files = files(enabled);
        let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let charts = read(&repo(&files), &Selected::default());
        let sub = &charts.charts[1];
        assert_eq!(sub.parent, Some(0));
        let given: Vec<String> = sub.rendered.iter().flat_map(|r| &r.objects).map(show).collect();
        assert_eq!(given, objects);
        assert_eq!(charts.notes.len(), 1, "{:?}", charts.notes);
    }
}

#[test]
fn named_templates_of_a_local_library_are_found() {
    let repo = repo(&[
        ("lib/Chart.yaml", "apiVersion: v2\nname: lib\ntype: library\n"),
        ("lib/templates/_l.tpl", "{{ define \"lib.x\" }}42{{ end }}"),
        (
            "app/Chart.yaml",
            "apiVersion: v2\nname: app\ndependencies: [{name: lib, repository: \"file://../lib\"}]\n",
        ),
        ("app/templates/x.yaml", "kind: X\na: {{ include \"lib.x\" . }}\n"),
    ]);
    let charts = read(&repo, &Selected::default());
    assert_eq!(show(&charts.charts[0].rendered[0].objects[0]), "{kind:X a:42}");
    assert!(charts.charts[1].rendered.is_empty());
}

#[test]
fn one_note_for_all_charts_says_that_helm_is_not_run() {
    let repo = repo(&[
        ("a/Chart.yaml", CHART),
        ("b/Chart.yaml", CHART),
        ("c/Chart.yaml", CHART),
    ]);
    let notes = read(&repo, &Selected::default()).notes;
    assert_eq!(notes.len(), 1);
    assert!(
        notes[0].message.ends_with("2 other charts)"),
        "{}",
        notes[0].message
    );
}

#[test]
fn an_unreadable_template_is_reported_once() {
    let repo = repo(&[
        ("c/Chart.yaml", CHART),
        ("c/values-prod.yaml", "a: 1"),
        ("c/values-dev.yaml", "a: 2"),
        ("c/templates/a.yaml", "kind: X\n{{ if .x }}\n"),
        ("c/templates/b.yaml", "kind: X\na: [\n"),
    ]);
    let charts = read(&repo, &Selected::default());
    let messages: Vec<&str> = charts.notes.iter().map(|n| n.message.as_str()).collect();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[1].contains("never closed") && messages[2].contains("no YAML"));
}

#[test]
fn templates_that_call_themselves_end() {
    let text = given(
        "a: 1",
        "{{ define \"f\" }}{{ include \"f\" . }}{{ end }}a: {{ include \"f\" . }}",
    );
    assert_eq!(text, "a:?");
    let doubling =
        "{{ define \"f\" }}{{ include \"f\" . }}{{ include \"f\" . }}{{ end }}a: {{ include \"f\" . }}";
    given("a: 1", doubling);
    let growing = "{{ $x = printf \"%s%s\" $x $x }}{{ $y = list $y $y }}".repeat(100);
    let text = given(
        "a: 1",
        &format!("{{{{ $x := \"a\" }}}}{{{{ $y := list 1 }}}}{growing}a: {{{{ $x }}}}"),
    );
    assert_eq!(text, "a:?");
}

#[test]
fn a_chart_of_another_tool_is_ignored() {
    let charts = read(
        &repo(&[("Chart.yaml", "title: sales\n"), ("values.yaml", "a: 1")]),
        &Selected::default(),
    );
    assert!(charts.charts.is_empty() && charts.consumed.is_empty());
}

#[test]
fn an_application_renders_with_its_own_values() {
    let repo = shop();
    let charts = read(&repo, &Selected::default());
    let mut values = charts.charts[0].values[0].values.clone();
    let over = yaml::parse("replicas: 9", FileId(0), 0).documents.remove(0);
    merge_values(repo.sources.chains(), &mut values, &over);
    let release = Node::text("eu-shop", values.span);
    let objects = install(&repo, &charts, 0, &values, Some(&release))
        .remove(0)
        .objects;
    assert_eq!(objects[0].at("spec/replicas").and_then(Node::as_i64), Some(9));
}

#[test]
fn a_hostile_template_costs_no_more_than_its_limits() {
    // Each pipe is a call inside another: 5,000 of them would overflow the stack.
    let pipes = format!("a: {{{{ .Values.x{} }}}}\nb: 1", " | quote".repeat(5_000));
    assert!(given("x: 1\n", &pipes).contains("b:1"));
    assert_eq!(
        given("x: t\n", "a: {{ .Values.x | upper | lower | quote }}"),
        "a:t"
    );
    // Rounds of empty bodies are counted: 10,000 × 10,000 × 10,000 of them would never end.
    let list: Vec<&str> = vec!["1"; 10_000];
    let range = "{{ range .Values.x }}";
    let nested = format!("a: 1\n{}{}", range.repeat(3), "{{ end }}".repeat(3));
    given(&format!("x: [{}]\n", list.join(",")), &nested);
}

proptest! {
    #[test]
    fn no_template_panics(
        template in "(\\{\\{-? ?|-? ?\\}\\}|if |end|else|range |with |\\$x|:=|\\.Values\\.a|\\.|toYaml |include \"f\"|define \"f\"|\\| nindent 2|\\| quote|a: |- |[\"()]|\n|  |é){0,30}",
        values in "a: (1|\\[1, x\\]|\\{b: \\[\\{c: d\\}\\]\\}|\"t\\\\\"x\"|~|\\[\\]|é)",
    ) {
        let repo = repo(&[
            ("c/Chart.yaml", CHART),
            ("c/values.yaml", &values),
            ("c/templates/t.yaml", &format!("kind: X\n{template}")),
        ]);
        let charts = read(&repo, &Selected::default());
        for object in charts.charts[0].rendered.iter().flat_map(|r| &r.objects) {
            let text = &repo.sources.file(object.span.file).text;
            prop_assert!(object.span.end as usize <= text.len() + 1);
        }
    }
}
