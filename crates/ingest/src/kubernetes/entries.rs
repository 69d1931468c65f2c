//! Files inside ConfigMaps: application settings, properties, rules. Their owner is known only when every
//! workload has been read: they belong to the workloads that mount the ConfigMap or take variables from it.

use crate::context::Place;
use crate::settings::{self, Setting};
use crate::{ideas, prometheus, secret_scan};
use cofferdam_model::secrets::SecretLiteral;
use cofferdam_model::workload::{Completeness, ObjectId, VolumeKind, Workload};
use cofferdam_model::{ByHome, Fact, Owner, Parts, Span, VariableValue};
use cofferdam_syntax::Chains;
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::properties;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Node, Scalar, Style, Value};
use cofferdam_syntax::yaml;
use std::cell::LazyCell;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;

/// Reads the entries of every ConfigMap that has been read. `values` are those of the charts that are installed with it.
pub(super) fn finish<'r>(
    repo: &Repo,
    environment: &str,
    values: impl Iterator<Item = &'r Node>,
    parts: &mut Parts,
) {
    let users = Users::new(parts);
    // Only for texts that templates made.
    let written = LazyCell::new(|| Written::of(values));
    for at in 0..parts.config_objects.len() {
        let object = &mut parts.config_objects[at];
        let is_secret = object.id.kind == "Secret";
        if !is_secret && object.id.kind != "ConfigMap" {
            continue;
        }
        let data = std::mem::take(&mut object.data);
        let id = object.id.clone();
        for text in data.values() {
            let Some(span) = text.span().filter(|_| is_file(&text.value)) else {
                continue;
            };
            let place = Place {
                repo,
                environment,
                path: repo.sources.path(span.file),
                completeness: Completeness::Whole,
            };
            match is_secret {
                true => routes(&text.value, span, place, parts),
                false => entry(&text.value, span, (&users.of(&id), &written), place, parts),
            }
        }
        parts.config_objects[at].data = data;
    }
}

/// Whether an entry is more than a variable's value, which is read with the variable.
fn is_file(text: &str) -> bool {
    text.contains('\n') || text.trim_start().starts_with('{')
}

/// Workloads by the ConfigMaps that they use.
struct Users {
    by_name: HashMap<String, ByHome<Owner>>,
}

impl Users {
    fn new(parts: &Parts) -> Users {
        let mut by_name: HashMap<String, ByHome<Owner>> = HashMap::default();
        let mut seen: HashSet<(&str, &ObjectId)> = HashSet::default();
        for workload in &parts.workloads {
            let owner = Owner {
                name: Some(workload.id.name.clone()),
                namespace: workload.id.namespace.clone(),
                deployment: workload.id.deployment,
                ..Owner::default()
            };
            for name in used_by(workload) {
                if seen.insert((name, &workload.id)) {
                    let users = by_name.entry(name.to_owned()).or_default();
                    users.push(workload.id.home(), owner.clone());
                }
            }
        }
        Users { by_name }
    }

    /// The users of a ConfigMap; if there are none, the workload with its name.
    fn of(&self, id: &ObjectId) -> Vec<Owner> {
        let known = self.by_name.get(&id.name);
        let mut users: Vec<Owner> = known.map_or_else(Vec::new, |u| u.related(id.home()).cloned().collect());
        // Two kinds of workload with one name are one owner.
        let mut names = HashSet::default();
        users.retain(|owner| names.insert((owner.name.clone(), owner.namespace.clone(), owner.deployment)));
        if !users.is_empty() {
            return users;
        }
        vec![Owner {
            name: Some(id.name.clone()),
            namespace: id.namespace.clone(),
            deployment: id.deployment,
            ..Owner::default()
        }]
    }
}

fn used_by(workload: &Workload) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for volume in &workload.volumes {
        if let VolumeKind::ConfigMap { name, .. } = &volume.kind {
            names.push(name);
        }
    }
    for container in workload.containers.iter().chain(&workload.init_containers) {
        let sources = container.variable_sources.iter().filter(|s| !s.secret);
        names.extend(sources.map(|s| s.name.value.as_str()));
        for variable in container.variables.values() {
            if let VariableValue::Config { name, .. } = &variable.value.value {
                names.push(name);
            }
        }
    }
    names
}

/// A file in a Secret is read only for the routes of Alertmanager: its operator keeps them in one, for the passwords
/// beside them.
fn routes(text: &str, span: Span, place: Place<'_>, parts: &mut Parts) {
    if !text.contains("receivers") {
        return;
    }
    let file = place.repo.sources.file(span.file);
    let stream = yaml::parse_embedded(&literal(text, span), &file.text, place.repo.sources.chains());
    let documents = stream.into_iter().flat_map(|stream| stream.documents);
    for document in documents.filter(prometheus::is_alertmanager) {
        prometheus::interpret(&document, parts);
    }
}

/// A text as a node. It is treated as a block: its lines are looked for in the file, and any other notation is detected.
fn literal(text: &str, span: Span) -> Node {
    let (text, style) = (text.into(), Style::Literal);
    Node {
        span,
        value: Value::Scalar(Scalar { text, style }),
    }
}

/// Reads one entry for its users.
fn entry<'r>(
    text: &str,
    span: Span,
    (users, written): (&[Owner], &impl Deref<Target = Written<'r>>),
    place: Place<'_>,
    parts: &mut Parts,
) {
    let file = place.repo.sources.file(span.file);
    let node = literal(text, span);
    let mut stream = yaml::parse_embedded(&node, &file.text, place.repo.sources.chains());
    if let Some(stream) = &mut stream
        && yaml::block_lines(text, span, &file.text).is_none()
    {
        let chains = place.repo.sources.chains();
        let documents = stream.documents.iter_mut();
        documents.for_each(|document| written_at(chains, written, document));
    }
    let stream = stream
        .filter(|stream| stream.errors.is_empty() && stream.documents.iter().any(|d| d.as_map().is_some()));
    let Some(stream) = stream else {
        assignments(&node, text, users, place, parts);
        return;
    };
    for document in &stream.documents {
        if document.as_map().is_none() || super::is_object(document) {
            continue;
        }
        parts.secret_literals.extend(secrets_of(document));
        if !prometheus::interpret(document, parts) {
            section(document, users, place, parts);
        }
    }
}

/// The maps and lists of the values that charts are installed with. A template prints some of them (`toYaml`) as the
/// text of an entry.
#[derive(Default)]
struct Written<'r> {
    /// By what two parts that say the same have in common.
    by_shape: HashMap<Shape<'r>, Vec<&'r Node>>,
}

/// How many values a part has, and its first key.
type Shape<'n> = (usize, &'n str);

fn shape_of(node: &Node) -> Option<Shape<'_>> {
    match &node.value {
        Value::Map(map) => map.iter().next().map(|(key, _)| (map.len(), &*key.text)),
        Value::Seq(items) if !items.is_empty() => Some((items.len(), "")),
        _ => None,
    }
}

impl<'r> Written<'r> {
    fn of(values: impl Iterator<Item = &'r Node>) -> Written<'r> {
        let mut written = Written::default();
        let mut left: VecDeque<&Node> = values.collect();
        while let Some(node) = left.pop_front() {
            left.extend(node.entries().map(|(_, below)| below));
            left.extend(node.items());
            if let Some(shape) = shape_of(node) {
                written.by_shape.entry(shape).or_default().push(node);
            }
        }
        written
    }

    /// The part that says the same as this one. A part of the file that the text is in comes before all others.
    fn like(&self, node: &Node) -> Option<&'r Node> {
        let alike = self.by_shape.get(&shape_of(node)?)?;
        let is_own = |written: &&&Node| written.span.file == node.span.file;
        let others = alike.iter().filter(|written| !is_own(written));
        let mut all = alike.iter().filter(is_own).chain(others);
        all.find(|written| node.says_the_same(written)).copied()
    }
}

/// Parts of a text that were printed from values keep their place there.
fn written_at(chains: &Chains, written: &Written<'_>, node: &mut Node) {
    if let Some(same) = written.like(node) {
        // It came here in the same way as the text.
        let links = chains.of(node.span);
        *node = same.clone();
        chains.mark(node, &links);
        return;
    }
    match &mut node.value {
        Value::Map(map) => map
            .iter_mut()
            .for_each(|(_, below)| written_at(chains, written, below)),
        Value::Seq(items) => items
            .iter_mut()
            .for_each(|below| written_at(chains, written, below)),
        _ => {}
    }
}

/// Passes a document to the readers of ideas and of flat settings, once for each user. Facts without a user
/// (cells, topics, alerts) are kept once.
fn section(document: &Node, users: &[Owner], place: Place<'_>, parts: &mut Parts) {
    let top: BTreeMap<&str, &Node> = document
        .entries()
        .filter(|(_, value)| value.as_str().is_some())
        .map(|(key, value)| (&*key.text, value))
        .collect();
    let flat: Vec<Setting> = top
        .into_iter()
        .flat_map(|(key, value)| settings::flatten(value, key))
        .collect();
    for (at, user) in users.iter().enumerate() {
        let shared = Shared::of(parts);
        settings::apply(&flat, user, place, parts);
        ideas::read_section(document, user, place, parts);
        if at > 0 {
            shared.restore(parts);
        }
    }
}

/// The number of facts that belong to no one service.
struct Shared([usize; 8]);

impl Shared {
    fn of(parts: &Parts) -> Shared {
        Shared([
            parts.cells.len(),
            parts.topics.len(),
            parts.kafka_clusters.len(),
            parts.databases.len(),
            parts.routings.len(),
            parts.alerts.len(),
            parts.log_stores.len(),
            parts.metric_sources.len(),
        ])
    }

    fn restore(self, parts: &mut Parts) {
        let [
            cells,
            topics,
            clusters,
            databases,
            routings,
            alerts,
            logs,
            metrics,
        ] = self.0;
        parts.cells.truncate(cells);
        parts.topics.truncate(topics);
        parts.kafka_clusters.truncate(clusters);
        parts.databases.truncate(databases);
        parts.routings.truncate(routings);
        parts.alerts.truncate(alerts);
        parts.log_stores.truncate(logs);
        parts.metric_sources.truncate(metrics);
    }
}

/// An entry that is not YAML: properties, if nearly every line assigns something. Scripts and prose contain
/// only some assignments, and a pooler's own file contains nothing about its users.
fn assignments(node: &Node, text: &str, users: &[Owner], place: Place<'_>, parts: &mut Parts) {
    if text
        .lines()
        .any(|l| matches!(l.trim(), "[pgbouncer]" | "[databases]"))
    {
        return;
    }
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with(['#', '!', ';', '[']))
        .collect();
    let assigns = lines
        .iter()
        .filter(|l| l.contains('=') || l.contains(": "))
        .count();
    if lines.is_empty() || assigns * 10 < lines.len() * 9 {
        return;
    }
    let settings = properties_of(node, text, place);
    for setting in &settings {
        let value = unquoted(&setting.value.value);
        if let (Some(span), Some(found)) = (setting.value.span(), secret_scan::classify(&setting.name, value))
        {
            let literal = secret_scan::literal(&setting.name, value, span, found);
            parts.secret_literals.push(literal);
        }
    }
    for user in users {
        settings::apply(&settings, user, place, parts);
    }
}

/// A text without the quotes around it: many formats that look like properties quote their texts.
fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// The lines of an entry as properties, each at its place if the entry's lines are the file's.
fn properties_of(node: &Node, text: &str, place: Place<'_>) -> Vec<Setting> {
    let (file, sources) = (node.span.file, &place.repo.sources);
    let file_text = &sources.file(file).text;
    let lines = yaml::block_lines(text, node.span, file_text);
    let links = sources
        .chains()
        .inside(node.span, yaml::is_file(node.span, file_text));
    let at = |span: Span| match &lines {
        Some(lines) => sources.chains().extended(lines.place(span), &links),
        None => node.span,
    };
    let mut settings = settings::of_entries(properties::read(text, file, 0));
    for setting in &mut settings {
        setting.name_span = at(setting.name_span);
        if let Some(span) = setting.value.span() {
            setting.value = Fact::declared(setting.value.value.clone(), at(span));
        }
    }
    settings
}

/// The secrets among all texts of a tree, each under its key.
fn secrets_of(root: &Node) -> Vec<SecretLiteral> {
    let mut found = Vec::new();
    secrets_under("", root, &mut found);
    found
}

fn secrets_under(key: &str, node: &Node, found: &mut Vec<SecretLiteral>) {
    match &node.value {
        Value::Scalar(scalar) => {
            if let Some(secret) = secret_scan::classify(key, &scalar.text) {
                found.push(secret_scan::literal(key, &scalar.text, node.span, secret));
            }
        }
        Value::Seq(items) => items.iter().for_each(|item| secrets_under(key, item, found)),
        Value::Map(map) => {
            // A list of `{name, value}` names its values beside them.
            let named = map.get("name").and_then(Node::as_str);
            for (own, value) in map.iter() {
                let key = match (&*own.text, named) {
                    ("value", Some(name)) => name,
                    (own, _) => own,
                };
                secrets_under(key, value, found);
            }
        }
        Value::Null | Value::Unknown(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::finished;

    #[test]
    fn properties_in_a_config_map_keep_their_lines() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  producer.properties: |\n    # who waits\n    acks=1\n    linger.ms=5\n    bootstrap.servers=kafka:9092\n";
        let env = finished(text);
        let producer = env.producers.first().expect("a producer");
        let span = producer.acks.as_ref().unwrap().span().unwrap();
        assert_eq!(&text[span.start as usize..span.end as usize], "1");
    }

    #[test]
    fn secrets_deep_in_an_entry_are_found_at_their_line() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  app.yaml: |\n    database:\n      password: h7Gk2pQ9\n      host: db\n";
        let env = finished(text);
        let [one] = env.secret_literals.as_slice() else {
            panic!("{:?}", env.secret_literals)
        };
        assert_eq!(&text[one.span.start as usize..one.span.end as usize], "h7Gk2pQ9");
    }

    #[test]
    fn a_quoted_reference_in_an_entry_is_no_secret() {
        let secrets = |value: &str| {
            let text = format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n  agent.conf: |\n    sasl_password = {value}\n    sasl_username = \"agent\"\n"
            );
            finished(&text).secret_literals.len()
        };
        assert_eq!(secrets("\"$AGENT_PASSWORD\""), 0);
        assert_eq!(secrets("$AGENT_PASSWORD"), 0);
        assert_eq!(secrets("\"h7Gk2pQ9\""), 1);
        assert_eq!(secrets("h7Gk2pQ9"), 1);
    }

    #[test]
    fn an_entry_belongs_to_the_workloads_that_mount_it() {
        let pod = |name: &str| {
            format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [], volumes: [{{name: c, configMap: {{name: shared}}}}]}}\n"
            )
        };
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata:\n  app.yaml: |\n    database: {pool_size: 5, max_overflow: 10}\n    cells: [{name: us, weight: 60}, {name: eu, weight: 40}]\n";
        let owners = |text: &str| {
            let env = finished(text);
            let names = env.pools.iter().map(|p| p.owner.name.clone().unwrap_or_default());
            (names.collect::<Vec<_>>(), env.cells.len())
        };
        assert_eq!(owners(map), (vec!["shared".to_owned()], 2));
        let both = format!("{map}{}{}", pod("api"), pod("worker"));
        assert_eq!(owners(&both), (vec!["api".to_owned(), "worker".to_owned()], 2));
    }

    #[test]
    fn routes_of_alertmanager_are_read_in_a_secret_too() {
        let routes = "route: {receiver: page, group_wait: 10m}\nreceivers: [{name: page}]\n";
        let plain = routes.replace('\n', "\n    ");
        // The same in base64.
        let encoded =
            "cm91dGU6IHtyZWNlaXZlcjogcGFnZSwgZ3JvdXBfd2FpdDogMTBtfQpyZWNlaXZlcnM6IFt7bmFtZTogcGFnZX1dCg==";
        for data in [
            format!("stringData:\n  alertmanager.yaml: |\n    {plain}"),
            format!("data: {{alertmanager.yaml: {encoded}}}"),
        ] {
            let env = finished(&format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: alertmanager-main}}\n{data}\n"
            ));
            let [route] = env.alert_defaults.routes.as_slice() else {
                panic!("{data}: {:?}", env.alert_defaults.routes)
            };
            let wait = route.group_wait.as_ref().expect("a wait").value;
            assert_eq!(wait.as_secs(), 600, "{data}");
        }
    }

    #[test]
    fn rules_in_an_entry_are_alerts() {
        let env = finished(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: rules}\ndata:\n  rules.yml: |\n    groups: [{name: g, rules: [{alert: Down, expr: 'up == 0'}]}]\n",
        );
        assert_eq!(env.alerts.len(), 1);
    }

    #[test]
    fn a_value_that_a_template_prints_has_its_location_in_the_values_file() {
        let values = "config:\n  cells:\n    - {name: us, weight: 60}\n    - {name: eu, weight: 40}\n";
        let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  router.yaml: |\n    {{- toYaml .Values.config | nindent 4 }}\n";
        let platform = crate::pipeline::read_files(
            [
                ("c/Chart.yaml", "apiVersion: v2\nname: c\n"),
                ("c/values.yaml", values),
                ("c/templates/cm.yaml", template),
            ]
            .map(|(p, t)| (p.into(), t.as_bytes().to_vec())),
        );
        let cells = &platform.environments[0].cells;
        let places: Vec<&str> = cells
            .iter()
            .map(|c| platform.sources.text(c.name.span().unwrap()))
            .collect();
        assert_eq!(places, ["us", "eu"]);
    }

    #[test]
    fn a_script_is_not_a_properties_file() {
        let env = finished(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  run.sh: |\n    set -e\n    acks=1\n    exec app\n    echo done\n",
        );
        assert!(env.producers.is_empty());
    }
}
