use super::super::tests::{read, read_fragment};
use cofferdam_model::delivery::DanglingKind;
use cofferdam_model::secrets::Passage;
use cofferdam_model::secrets::SecretKind;
use cofferdam_model::workload::{Container, ProbeCheck};
use cofferdam_model::{Bytes, Cpu, Parts, VariableValue};
use std::time::Duration;

#[test]
fn the_first_of_two_variables_with_one_name_is_lost_unless_the_second_reads_it() {
    let env = read(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: [{name: A, value: '1'}, {name: A, value: '2'}, {name: B, value: x}, {name: B, value: x}, {name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: T, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: T, value: x}, {name: P, value: /bin}, {name: P, value: '$(P):/opt'}]}]}\n",
    );
    let lost: Vec<(&str, bool)> = env.workloads[0].containers[0]
        .overridden
        .iter()
        .map(|o| (o.name.as_str(), o.same))
        .collect();
    assert_eq!(lost, [("A", false), ("B", true), ("S", true), ("T", false)]);
}

use cofferdam_model::workload::Workload;

fn pod(container: &str) -> String {
    let indented = container.replace('\n', "\n      ");
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n    - name: web\n      {indented}\n"
    )
}

fn environment(container: &str) -> Parts {
    read(&pod(container))
}

fn only(parts: &Parts) -> &Container {
    let [Workload { containers, .. }] = parts.workloads.as_slice() else {
        panic!("one workload")
    };
    &containers[0]
}

#[test]
fn variables_keep_their_references() {
    let env = environment(
        "env:\n  - {name: A, value: \"1\"}\n  - {name: EMPTY}\n  - {name: S, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}\n  - {name: C, valueFrom: {configMapKeyRef: {name: c, key: k}}}\n  - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}\n  - {name: A, value: \"2\"}",
    );
    let value = |name: &str| only(&env).variables[name].value.value.clone();
    assert_eq!(value("A"), VariableValue::Literal("2".to_owned()));
    assert_eq!(value("EMPTY"), VariableValue::Literal(String::new()));
    assert_eq!(value("NODE"), VariableValue::Unknown("spec.nodeName".to_owned()));
    assert!(matches!(value("S"), VariableValue::Secret { optional: true, .. }));
    assert!(matches!(
        value("C"),
        VariableValue::Config {
            value: None,
            optional: false,
            ..
        }
    ));
    // The targets of optional references need not exist.
    let names: Vec<(DanglingKind, &str)> = env
        .references
        .iter()
        .map(|r| (r.kind, r.name.value.as_str()))
        .collect();
    assert_eq!(
        names,
        [(DanglingKind::ConfigMap, "c"), (DanglingKind::ConfigMapKey, "k")]
    );
}

#[test]
fn a_token_by_reference_and_a_password_in_clear_are_distinguished() {
    let env = environment(
        "env:\n  - name: VAULT_TOKEN\n    valueFrom: {secretKeyRef: {name: vault-credentials, key: token}}\n  - {name: DB_HOST, valueFrom: {secretKeyRef: {name: db, key: host}}}\n  - {name: DB_PASSWORD, value: h7Gk2pQ9}",
    );
    let uses: Vec<(&str, SecretKind)> = env
        .secret_uses
        .iter()
        .map(|u| (u.name.as_str(), u.kind))
        .collect();
    assert_eq!(
        uses,
        [
            ("VAULT_TOKEN", SecretKind::VaultToken),
            ("DB_PASSWORD", SecretKind::Password)
        ]
    );
    assert_eq!(env.secret_uses[1].passage, Passage::EnvironmentLiteral);
    assert_eq!(env.secret_literals.len(), 1);
    assert!(!format!("{:?}", env.secret_literals).contains("h7Gk2pQ9"));
}

#[test]
fn a_password_in_a_command_line_is_in_clear() {
    let env = environment(
        "args: [serve, --db-password=h7Gk2pQ9, '--dsn=postgresql://a:h7Gk2pQ8@db/x', --token=$(TOKEN)]",
    );
    let names: Vec<&str> = env.secret_literals.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["db-password", "dsn"]);
}

#[test]
fn variables_from_a_whole_object_keep_their_prefix() {
    let env = environment(
        "envFrom:\n  - {prefix: APP_, configMapRef: {name: c}}\n  - {secretRef: {name: s, optional: true}}",
    );
    let sources = &only(&env).variable_sources;
    assert_eq!((sources[0].secret, sources[0].prefix.as_str()), (false, "APP_"));
    assert!(sources[1].secret && sources[1].optional);
    assert!(matches!(&env.secret_uses[0].passage, Passage::EnvironmentAll { secret } if secret == "s"));
}

#[test]
fn a_volume_is_read_only_if_all_its_mounts_are() {
    let env = environment(
        "volumeMounts: [{name: a, mountPath: /a, readOnly: true}, {name: b, mountPath: /b, readOnly: true}, {name: b, mountPath: /c}, {name: d, mountPath: /d}]",
    );
    assert_eq!(only(&env).read_only_mounts, ["a"]);
}

#[test]
fn resources_are_quantities() {
    let env =
        environment("resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {cpu: \"1\", memory: 2Gi}}");
    let c = only(&env);
    assert_eq!(c.cpu_request.as_ref().unwrap().value, Cpu(500));
    assert_eq!(c.cpu_limit.as_ref().unwrap().value, Cpu(1000));
    assert_eq!(c.memory_limit.as_ref().unwrap().value, Bytes(2 << 30));
}

#[test]
fn probes_of_all_kinds_are_read() {
    let env = environment(
        "ports: [{name: http, containerPort: 8080}]\nlivenessProbe: {httpGet: {port: http}, periodSeconds: 5, failureThreshold: 4, initialDelaySeconds: 7}\nreadinessProbe: {tcpSocket: {port: 8080}}\nstartupProbe: {exec: {command: [cat, /tmp/ok]}}",
    );
    let c = only(&env);
    let liveness = c.liveness.as_ref().unwrap();
    assert_eq!(
        liveness.check,
        ProbeCheck::Http {
            path: "/".to_owned(),
            port: "http".to_owned()
        }
    );
    // 7 s delay + 5 s × 4 tries.
    assert_eq!(liveness.patience(), Duration::from_secs(27));
    assert_eq!(
        c.readiness.as_ref().unwrap().check,
        ProbeCheck::Tcp {
            port: "8080".to_owned()
        }
    );
    assert_eq!(
        c.startup.as_ref().unwrap().check,
        ProbeCheck::Exec("cat /tmp/ok".to_owned())
    );
    assert!(env.dangling.is_empty(), "{:?}", env.dangling);
}

#[test]
fn a_probe_of_a_missing_port_is_a_dangling_reference() {
    let text = "ports: [{name: http, containerPort: 8080}]\nlivenessProbe: {httpGet: {path: /, port: htp}}";
    let env = environment(text);
    let [dangling] = env.dangling.as_slice() else {
        panic!("one: {:?}", env.dangling)
    };
    assert_eq!(
        (dangling.kind, dangling.nearest.as_deref()),
        (DanglingKind::Port, Some("http"))
    );
    let span = dangling.name.span().expect("the port is in the file");
    assert_eq!(span.end - span.start, 3, "it points at `htp`, not at `httpGet`");
    assert!(read_fragment(&pod(text)).dangling.is_empty());
}

#[test]
fn the_sleep_before_a_stop_is_found_in_every_spelling() {
    let table = [
        ("exec: {command: [sleep, \"15\"]}", Some(15)),
        ("exec: {command: [sh, -c, sleep 15]}", Some(15)),
        (
            "exec: {command: [/bin/sh, -c, \"sleep 5 && nginx -s quit; sleep 10\"]}",
            Some(15),
        ),
        ("exec: {command: [/bin/sleep, 15s]}", Some(15)),
        ("sleep: {seconds: 15}", Some(15)),
        (
            "exec: {command: [sh, -c, \"while true; do sleep 1; done\"]}",
            None,
        ),
        ("exec: {command: [sh, -c, sleep $N]}", None),
        ("httpGet: {path: /drain, port: 80}", None),
    ];
    for (hook, seconds) in table {
        let env = environment(&format!("lifecycle: {{preStop: {{{hook}}}}}"));
        let c = only(&env);
        assert!(c.pre_stop.is_some(), "{hook}");
        let sleep = c.pre_stop_sleep.as_ref().map(|f| f.value.as_secs());
        assert_eq!(sleep, seconds, "{hook}");
    }
}

#[test]
fn an_image_name_is_split_and_keeps_its_location() {
    let env = environment("image: r.io/team/web:1.2@sha256:aa");
    let image = only(&env).image.as_ref().unwrap();
    assert_eq!(image.registry.as_deref(), Some("r.io"));
    assert_eq!(image.repository, "team/web");
    assert_eq!(image.tag.as_ref().unwrap().value, "1.2");
    assert!(image.digest.as_ref().unwrap().span().is_some());
}
