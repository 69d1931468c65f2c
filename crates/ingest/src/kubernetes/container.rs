//! Containers: image, variables, resources, probes, actions before they stop.

use super::object::{Object, is_true, seconds, text};
use super::schema;
use crate::facts::NodeFacts as _;
use crate::{arguments, secret_scan};
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::images::Image;
use cofferdam_model::secrets::{Passage, SecretUse};
use cofferdam_model::workload::{Container, IMAGE_TRIGGER, Overridden, Probe, ProbeCheck, VariableSource};
use cofferdam_model::{Bytes, Cpu, Fact, Parts, Variable, VariableValue, Variables, units};
use cofferdam_render::image::parse_image;
use cofferdam_syntax::tree::{Node, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Fields of a container that checks read as they are.
const FIELDS: &[&str] = &["imagePullPolicy", "restartPolicy", "tty", "stdin"];

/// Reads a container; its references and its secrets go into `env`.
pub(super) fn read(node: &Node, object: &Object<'_>, parts: &mut Parts) -> Container {
    super::image_variables::check(node, object, parts);
    let name = node.get("name");
    let resource = |path: &str| node.get("resources").and_then(|r| r.at(path));
    let mut container = Container {
        name: name.and_then(Node::as_str).unwrap_or_default().to_owned(),
        span: Some(name.map_or(node.span, |n| n.span)),
        image: node.get("image").and_then(image),
        command: ["command", "args"]
            .iter()
            .filter_map(|key| node.get(key))
            .flat_map(Node::items)
            .filter_map(Node::text_fact)
            .collect(),
        variables: variables(node, object, parts),
        overridden: overridden(node),
        variable_sources: variable_sources(node, object, parts),
        cpu_request: resource("requests/cpu").and_then(|n| n.fact(Cpu::parse)),
        cpu_limit: resource("limits/cpu").and_then(|n| n.fact(Cpu::parse)),
        memory_request: resource("requests/memory").and_then(|n| n.fact(Bytes::parse)),
        memory_limit: resource("limits/memory").and_then(|n| n.fact(Bytes::parse)),
        liveness: node.get("livenessProbe").and_then(probe).map(Box::new),
        readiness: node.get("readinessProbe").and_then(probe).map(Box::new),
        startup: node.get("startupProbe").and_then(probe).map(Box::new),
        ports: ports(node),
        mounts: mounts(node),
        read_only_mounts: read_only_mounts(node),
        fields: fields(node, object),
        ..Container::default()
    };
    parts
        .secret_literals
        .extend(arguments::secrets(&container.command, true));
    let checks = [
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle/postStart",
        "lifecycle/preStop",
    ];
    for check in checks.iter().filter_map(|path| node.at(path)?.at("exec/command")) {
        let found = arguments::secrets(&arguments::words(check), true);
        parts.secret_literals.extend(found);
    }
    if let Some(hook) = node.at("lifecycle/preStop") {
        (container.pre_stop, container.pre_stop_sleep) = pre_stop(hook);
    }
    for (what, check) in [
        ("liveness", &container.liveness),
        ("readiness", &container.readiness),
        ("start-up", &container.startup),
    ] {
        if let Some(check) = check {
            probe_port(what, check, &container, object, parts);
        }
    }
    container
}

/// An image as written, in its parts.
pub(crate) fn image(node: &Node) -> Option<Image> {
    let text = node.text_fact().filter(|f| !f.value.trim().is_empty())?;
    let name = parse_image(&text.value);
    let part = |value: Option<String>| value.map(|v| text.clone().map(|_| v));
    Some(Image {
        tag: part(name.tag),
        digest: part(name.digest),
        registry: name.registry,
        repository: name.repository,
        text,
    })
}

fn fields(node: &Node, object: &Object<'_>) -> BTreeMap<String, Fact<String>> {
    let mut fields: BTreeMap<String, Fact<String>> = FIELDS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), node.get(key)?.text_fact()?)))
        .collect();
    for path in [
        "resources/requests/ephemeral-storage",
        "resources/limits/ephemeral-storage",
    ] {
        if let Some(fact) = node.at(path).and_then(Node::text_fact) {
            fields.insert(path.replace('/', "."), fact);
        }
    }
    for (key, value) in node.get("securityContext").into_iter().flat_map(Node::entries) {
        if let Some(fact) = value.text_fact() {
            fields.insert(format!("securityContext.{}", key.text), fact);
        }
    }
    if schema::has_image_of_trigger(object.node, node) {
        fields.insert(
            IMAGE_TRIGGER.to_owned(),
            Fact::declared("OpenShift".to_owned(), node.span),
        );
    }
    fields
}

fn ports(node: &Node) -> Vec<(Option<String>, Fact<u32>)> {
    let ports = node.get("ports").map_or(&[][..], Node::items);
    ports
        .iter()
        .filter_map(|port| {
            let name = port.get("name").and_then(Node::as_str).map(str::to_owned);
            Some((name, port.get("containerPort")?.u32_fact()?))
        })
        .collect()
}

fn mounts(node: &Node) -> Vec<(String, Fact<String>)> {
    let mounts = node.get("volumeMounts").map_or(&[][..], Node::items);
    mounts
        .iter()
        .filter_map(|mount| Some((mount.get("name")?.as_str()?.to_owned(), text(mount, "mountPath")?)))
        .collect()
}

fn read_only_mounts(node: &Node) -> Vec<String> {
    let all = node.get("volumeMounts").map_or(&[][..], Node::items);
    let name = |mount: &Node| mount.get("name").and_then(Node::as_str).map(str::to_owned);
    let writable: Vec<Option<String>> = all.iter().filter(|m| !is_true(m, "readOnly")).map(name).collect();
    let names = all.iter().map(name).filter(|n| !writable.contains(n));
    names.flatten().collect()
}

/// `env`: names with their values or references. Of two equal names the last counts, as in the kubelet.
fn variables(node: &Node, object: &Object<'_>, parts: &mut Parts) -> Variables {
    let mut variables = Variables::new();
    for entry in node.get("env").map_or(&[][..], Node::items) {
        let Some(name) = entry.get("name").and_then(Node::text_fact) else {
            continue;
        };
        let span = name.span().unwrap_or(entry.span);
        let (value, at) = match (entry.get("value"), entry.get("valueFrom")) {
            (Some(value), _) => (literal(value), value),
            (None, Some(from)) => (reference(from, entry, &name.value, (object, parts)), from),
            (None, None) => (VariableValue::Literal(String::new()), entry),
        };
        if let VariableValue::Literal(text) = &value {
            note_literal(&name.value, text, at, (object, parts));
        }
        variables.insert(
            name.value,
            Variable {
                value: Fact::declared(value, at.span),
                name_span: span,
            }
            .into(),
        );
    }
    variables
}

/// Entries of `env` that a later one of the same name replaces. One that the later one reads (`$(PATH):/opt`)
/// is not lost.
fn overridden(node: &Node) -> Vec<Overridden> {
    let mut seen: BTreeMap<&str, &Node> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in node.get("env").map_or(&[][..], Node::items) {
        let Some(name) = entry.get("name").and_then(Node::as_str) else {
            continue;
        };
        let value = |entry: &Node| entry.get("value").and_then(Node::as_str).map(str::to_owned);
        let Some(first) = seen.insert(name, entry) else {
            continue;
        };
        let (old, new) = (value(first), value(entry));
        if new.as_ref().is_some_and(|v| v.contains(&format!("$({name})"))) {
            continue;
        }
        let place = |entry: &Node| entry.get("name").map_or(entry.span, |n| n.span);
        found.push(Overridden {
            name: name.to_owned(),
            first: place(first),
            last: place(entry),
            same: old.is_some() && old == new,
        });
    }
    found
}

fn literal(value: &Node) -> VariableValue {
    match &value.value {
        Value::Scalar(scalar) => VariableValue::Literal(scalar.text.to_string()),
        Value::Null => VariableValue::Literal(String::new()),
        Value::Unknown(what) => {
            let what = cofferdam_render::hcl::reference(value).unwrap_or(what);
            VariableValue::Unknown(what.to_owned())
        }
        Value::Seq(_) | Value::Map(_) => VariableValue::Unknown("it is not a text".to_owned()),
    }
}

/// Records a secret that the file contains as a variable's value.
fn note_literal(name: &str, text: &str, at: &Node, (object, env): (&Object<'_>, &mut Parts)) {
    let Some((kind, evidence)) = secret_scan::classify(name, text) else {
        if let Some(found) = secret_scan::by_name_alone(name, text) {
            env.secret_literals.push(cofferdam_model::secrets::SecretLiteral {
                doubtful: true,
                ..secret_scan::literal(name, text, at.span, found)
            });
        }
        return;
    };
    let found = secret_scan::literal(name, text, at.span, (kind, evidence));
    env.secret_literals.push(found);
    env.secret_uses.push(SecretUse {
        owner: object.owner(),
        span: at.span,
        name: name.to_owned(),
        kind,
        passage: Passage::EnvironmentLiteral,
        dynamic: None,
    });
}

fn reference(
    from: &Node,
    entry: &Node,
    variable: &str,
    (object, env): (&Object<'_>, &mut Parts),
) -> VariableValue {
    if let Some(secret) = from.get("secretKeyRef") {
        let (Some(name), Some(key)) = (text(secret, "name"), text(secret, "key")) else {
            return VariableValue::Unknown("a key of a Secret whose name is not known".to_owned());
        };
        let optional = is_true(secret, "optional");
        if let Some(kind) = secret_scan::kind_of_reference(variable, &key.value) {
            env.secret_uses.push(SecretUse {
                owner: object.owner(),
                span: entry.get("name").map_or(entry.span, |n| n.span),
                name: variable.to_owned(),
                kind,
                passage: Passage::EnvironmentReference {
                    secret: name.value.clone(),
                    key: key.value.clone(),
                },
                dynamic: None,
            });
        }
        let value = VariableValue::Secret {
            name: name.value.clone(),
            key: key.value.clone(),
            optional,
        };
        if !optional {
            let within = Some(name.value.clone());
            object.refers(env, DanglingKind::Secret, name);
            object.refers_within(env, DanglingKind::SecretKey, key, within);
        }
        return value;
    }
    if let Some(config) = from.get("configMapKeyRef") {
        let (Some(name), Some(key)) = (text(config, "name"), text(config, "key")) else {
            return VariableValue::Unknown("a key of a ConfigMap whose name is not known".to_owned());
        };
        let optional = is_true(config, "optional");
        let value = VariableValue::Config {
            name: name.value.clone(),
            key: key.value.clone(),
            value: None,
            optional,
        };
        if !optional {
            let within = Some(name.value.clone());
            object.refers(env, DanglingKind::ConfigMap, name);
            object.refers_within(env, DanglingKind::ConfigMapKey, key, within);
        }
        return value;
    }
    let what = ["fieldRef/fieldPath", "resourceFieldRef/resource"]
        .iter()
        .find_map(|path| from.at(path)?.as_str())
        .unwrap_or("a reference that is known only at run time");
    VariableValue::Unknown(what.to_owned())
}

/// `envFrom`: objects of which every key becomes a variable.
fn variable_sources(node: &Node, object: &Object<'_>, parts: &mut Parts) -> Vec<VariableSource> {
    let mut sources = Vec::new();
    for entry in node.get("envFrom").map_or(&[][..], Node::items) {
        for (key, secret) in [("configMapRef", false), ("secretRef", true)] {
            let Some(from) = entry.get(key) else { continue };
            let Some(name) = text(from, "name") else { continue };
            let optional = is_true(from, "optional");
            if secret {
                parts.secret_uses.push(SecretUse {
                    owner: object.owner(),
                    span: name.span().unwrap_or(from.span),
                    name: name.value.clone(),
                    kind: secret_scan::kind_of_reference(&name.value, "")
                        .unwrap_or(cofferdam_model::secrets::SecretKind::Other),
                    passage: Passage::EnvironmentAll {
                        secret: name.value.clone(),
                    },
                    dynamic: None,
                });
            }
            if !optional {
                let kind = if secret {
                    DanglingKind::Secret
                } else {
                    DanglingKind::ConfigMap
                };
                object.refers(parts, kind, name.clone());
            }
            sources.push(VariableSource {
                secret,
                name,
                prefix: entry
                    .get("prefix")
                    .and_then(Node::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                optional,
            });
        }
    }
    sources
}

/// A probe; one without a check that Kubernetes knows is not a probe.
pub(super) fn probe(node: &Node) -> Option<Probe> {
    let port = |check: &Node| {
        check
            .get("port")
            .and_then(Node::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let check = if let Some(http) = node.get("httpGet") {
        let path = http.get("path").and_then(Node::as_str).filter(|p| !p.is_empty());
        ProbeCheck::Http {
            path: path.unwrap_or("/").to_owned(),
            port: port(http),
        }
    } else if let Some(tcp) = node.get("tcpSocket") {
        ProbeCheck::Tcp { port: port(tcp) }
    } else if let Some(grpc) = node.get("grpc") {
        let service = grpc.get("service").and_then(Node::as_str).unwrap_or_default();
        ProbeCheck::Grpc {
            port: port(grpc),
            service: service.to_owned(),
        }
    } else {
        ProbeCheck::Exec(words(node.at("exec/command")?))
    };
    let asks = ["httpGet", "tcpSocket", "grpc"]
        .iter()
        .find_map(|kind| node.get(kind));
    Some(Probe {
        check,
        span: node.span,
        port_span: asks.and_then(|asks| asks.get("port")).map(|port| port.span),
        initial_delay: seconds(node.get("initialDelaySeconds")),
        period: seconds(node.get("periodSeconds")),
        timeout: seconds(node.get("timeoutSeconds")),
        failure_threshold: node.get("failureThreshold").and_then(Node::u32_fact),
    })
}

/// A probe names a port: the kubelet looks the name up among the container's own ports.
fn probe_port(what: &str, probe: &Probe, container: &Container, object: &Object<'_>, parts: &mut Parts) {
    let (ProbeCheck::Http { port, .. } | ProbeCheck::Tcp { port } | ProbeCheck::Grpc { port, .. }) =
        &probe.check
    else {
        return;
    };
    let named = |n: &(Option<String>, Fact<u32>)| n.0.as_deref() == Some(port);
    let is_number = port.chars().all(|c| c.is_ascii_digit());
    if !object.is_whole() || is_number || container.ports.iter().any(named) {
        return;
    }
    let names = container.ports.iter().filter_map(|(name, _)| name.as_deref());
    parts.dangling.push(Dangling {
        subject: format!("the {what} probe of {}", object.subject()),
        kind: DanglingKind::Port,
        name: Fact::declared(port.clone(), probe.port_span.unwrap_or(probe.span)),
        nearest: cofferdam_syntax::nearest::nearest(port, names).map(str::to_owned),
        certain: true,
    });
}

/// What runs before TERM, and how long it sleeps if that can be read.
fn pre_stop(hook: &Node) -> (Option<Fact<String>>, Option<Fact<Duration>>) {
    if let Some(command) = hook.at("exec/command") {
        let text = words(command);
        let sleep = sleep_in(&text).map(|d| Fact::declared(d, command.span));
        return (Some(Fact::declared(text, command.span)), sleep);
    }
    if let Some(length) = hook.at("sleep/seconds") {
        let sleep = seconds(Some(length));
        return (length.fact(|t| Some(format!("sleep {t}"))), sleep);
    }
    let other = ["httpGet/path", "httpGet/port", "tcpSocket/port"]
        .iter()
        .find_map(|path| hook.at(path)?.text_fact());
    (other, None)
}

fn words(list: &Node) -> String {
    match list.as_str() {
        Some(text) => text.to_owned(),
        None => {
            let words: Vec<&str> = list.items().iter().filter_map(Node::as_str).collect();
            words.join(" ")
        }
    }
}

/// The seconds of every `sleep N` in a command that is a plain sequence of words. A command with a variable
/// or a loop is not evaluated.
fn sleep_in(command: &str) -> Option<Duration> {
    let words: Vec<&str> = command
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '\'' | '"' | '(' | ')'))
        .filter(|w| !w.is_empty())
        .collect();
    if words
        .iter()
        .any(|w| matches!(*w, "while" | "until" | "for" | "if" | "case"))
    {
        return None;
    }
    let mut total = None;
    for pair in words.windows(2) {
        if pair[0] == "sleep" || pair[0].ends_with("/sleep") {
            total = Some(total.unwrap_or(Duration::ZERO) + units::seconds(pair[1])?);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_fragment};
    use super::*;
    use cofferdam_model::secrets::SecretKind;

    #[test]
    fn the_first_of_two_variables_with_one_name_is_lost_unless_the_second_reads_it() {
        let env = read(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: [{name: A, value: '1'}, {name: A, value: '2'}, {name: B, value: x}, {name: B, value: x}, {name: P, value: /bin}, {name: P, value: '$(P):/opt'}]}]}\n",
        );
        let lost: Vec<(&str, bool)> = env.workloads[0].containers[0]
            .overridden
            .iter()
            .map(|o| (o.name.as_str(), o.same))
            .collect();
        assert_eq!(lost, [("A", false), ("B", true)]);
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
        let text =
            "ports: [{name: http, containerPort: 8080}]\nlivenessProbe: {httpGet: {path: /, port: htp}}";
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
}
