//! Cloud Run services that no file declares but a command deploys: `gcloud run deploy` in a script, in a step
//! of a pipeline, in Cloud Build, in a list of words or a table of services in Python. Each becomes the
//! object that the same flags would create, with every value at its flag.

mod steps;

use crate::context::Place;
use crate::facts::NodeFacts as _;
use crate::kubernetes;
use crate::parts;
use crate::trials::Trials;
use cofferdam_code::python::Code;
use cofferdam_code::shell::{self, Word};
use cofferdam_model::workload::{Completeness, Workload};
use cofferdam_model::{Fact, Parts, Span};
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Key, Map, Node, Value};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The format's name for reports.
pub const FORMAT: &str = "gcloud commands";

/// One deployment of a service, from a command or a table.
#[derive(Debug, Clone)]
pub struct Deploy {
    /// The file.
    pub path: PathBuf,
    /// Name of the service.
    pub name: Fact<String>,
    /// Place of the name.
    pub span: Span,
    /// The environment from its names; `None` means all environments of its file.
    pub environment: Option<String>,
    /// Whether it only changes an existing service.
    pub update: bool,
    /// Its settings, by flag without the dashes (`max-instances`), each with its value.
    pub flags: BTreeMap<String, Vec<Node>>,
}

/// Every deployment of `repo`, whole deployments before updates.
pub fn read(repo: &Repo, code: &Code) -> Vec<Deploy> {
    let mut found = Vec::new();
    let trials = Trials::of(repo);
    for (path, id) in repo.own_files() {
        let text = &*repo.sources.file(*id).text;
        if !(text.contains("gcloud") || text.contains("deploy-cloudrun")) || trials.holds(path) {
            continue;
        }
        let span = |range: std::ops::Range<usize>| Span::new(*id, range.start, range.end);
        if is_script(path) {
            for words in shell::commands(text) {
                found.extend(of_words(path, &placed(words, &span)));
            }
        } else if let Some(stream) = repo.yaml.get(path) {
            for document in &stream.documents {
                steps::read(path, document, text, &mut found);
            }
        }
    }
    for (path, words) in &code.commands {
        found.extend(of_words(path, words));
    }
    for (path, table) in &code.service_tables {
        found.extend(of_table(path, table));
    }
    found.sort_by_key(|deploy| deploy.update);
    found
}

fn is_script(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    matches!(ending, "sh" | "bash" | "mk") || name.eq_ignore_ascii_case("makefile")
}

fn placed(words: Vec<Word>, place: &dyn Fn(std::ops::Range<usize>) -> Span) -> Vec<Node> {
    words
        .into_iter()
        .map(|word| value(&word.text, place(word.place)))
        .collect()
}

/// A value; one that contains a variable is unknown.
fn value(text: &str, span: Span) -> Node {
    if text.contains('$') {
        return Node {
            span,
            value: Value::Unknown("a variable of the script".into()),
        };
    }
    Node::plain(text, span)
}

/// Reads `gcloud run deploy NAME …` from its words.
fn of_words(path: &Path, words: &[Node]) -> Option<Deploy> {
    let at = words.iter().position(|w| {
        w.as_str()
            .is_some_and(|t| t == "gcloud" || t.ends_with("/gcloud"))
    })?;
    of_arguments(path, &words[at + 1..])
}

/// The same from the words after `gcloud`.
fn of_arguments(path: &Path, words: &[Node]) -> Option<Deploy> {
    let mut rest = words
        .iter()
        .skip_while(|w| matches!(w.as_str(), Some("beta" | "alpha")))
        .peekable();
    if rest.next()?.as_str() != Some("run") {
        return None;
    }
    let update = match rest.next()?.as_str()? {
        "deploy" => false,
        "services" => matches!(rest.next()?.as_str()?, "update").then_some(true)?,
        _ => return None,
    };
    let mut name = None;
    let mut flags: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    while let Some(word) = rest.next() {
        let Some(flag) = word.as_str().and_then(|t| t.strip_prefix("--")) else {
            name = name.or_else(|| word.text_fact());
            continue;
        };
        let (flag, given) = match flag.split_once('=') {
            Some((flag, text)) => (flag, Some(value(text, word.span))),
            // A flag whose value is a separate word.
            None => match rest.peek() {
                Some(next) if !next.as_str().is_some_and(|t| t.starts_with("--")) && takes_value(flag) => {
                    (flag, rest.next().cloned())
                }
                _ => (flag, None),
            },
        };
        if let Some(given) = given {
            flags.entry(flag.to_owned()).or_default().push(given);
        }
    }
    let name = name?;
    Some(Deploy {
        path: path.to_path_buf(),
        environment: environment_of(&name.value, &flags),
        span: name.span()?,
        name,
        update,
        flags,
    })
}

/// Flags without a value; a word after one is the service's name.
fn takes_value(flag: &str) -> bool {
    !matches!(
        flag,
        "allow-unauthenticated"
            | "no-allow-unauthenticated"
            | "quiet"
            | "async"
            | "no-traffic"
            | "cpu-boost"
            | "no-cpu-boost"
            | "cpu-throttling"
            | "no-cpu-throttling"
            | "use-http2"
            | "session-affinity"
            | "no-session-affinity"
            | "clear-vpc-connector"
            | "clear-env-vars"
    )
}

/// The environment in the service's own name or that of its project.
fn environment_of(name: &str, flags: &BTreeMap<String, Vec<Node>>) -> Option<String> {
    let project = flags.get("project").and_then(|p| p.first()?.as_str());
    let of = |text: &str| environment::of_name(text).map(str::to_owned);
    of(name).or_else(|| project.and_then(of))
}

/// Fields of a table of services and their flags, folded.
const FIELDS: &[(&str, &[&str])] = &[
    ("image", &["image", "imageurl", "containerimage"]),
    ("min-instances", &["mininstances", "mininstancecount", "minscale"]),
    ("max-instances", &["maxinstances", "maxinstancecount", "maxscale"]),
    ("cpu", &["cpu", "cpulimit"]),
    ("memory", &["memory", "memorylimit"]),
    ("concurrency", &["concurrency", "containerconcurrency"]),
    ("timeout", &["timeout", "timeoutseconds", "requesttimeout"]),
    ("port", &["port", "containerport"]),
    ("vpc-connector", &["vpcconnector"]),
    ("vpc-egress", &["vpcegress"]),
    ("project", &["project", "projectid"]),
    (
        "source",
        &["directory", "sourcedir", "source", "contextdir", "context"],
    ),
];

/// Reads an entry of a table of services: it has a name, a number of instances and a size.
fn of_table(path: &Path, table: &Node) -> Option<Deploy> {
    let name = table
        .like_any(&["cloudrunname", "cloudrunservice", "servicename", "name"])
        .and_then(|(_, n)| n.text_fact())?;
    let mut flags: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    for (flag, names) in FIELDS {
        if let Some((_, node)) = table.like_any(names) {
            flags.insert((*flag).to_owned(), vec![node.clone()]);
        }
    }
    let has = |flag: &str| flags.contains_key(flag);
    if !has("max-instances") || !(has("memory") || has("cpu") || has("min-instances")) {
        return None;
    }
    let variables = table
        .like_any(&["environmentvars", "envvars", "environment", "env"])
        .filter(|(_, n)| n.as_map().is_some());
    if let Some((_, variables)) = variables {
        flags.insert("env".to_owned(), vec![variables.clone()]);
    }
    Some(Deploy {
        path: path.to_path_buf(),
        environment: environment_of(&name.value, &flags),
        span: name.span()?,
        name,
        update: false,
        flags,
    })
}

/// Passes the deployments for `env` to the reader of Cloud Run's objects. A service that a file declares is
/// not deployed a second time: if the command sets something else, both values are kept.
pub fn interpret<'d>(deploys: impl Iterator<Item = &'d Deploy>, place: Place<'_>, parts: &mut Parts) {
    let is_ours = |workload: &Workload| workload.id.kind.starts_with("Cloud Run");
    let mut known: HashMap<String, usize> = (parts.workloads.iter().enumerate())
        .filter(|(_, w)| is_ours(w))
        .map(|(at, w)| (w.id.name.clone(), at))
        .collect();
    for deploy in deploys {
        if let Some(source) = deploy
            .flag("source")
            .and_then(Node::as_str)
            .filter(|s| is_directory(s))
        {
            let service = parts::service_mut(parts, &deploy.name.value, deploy.span);
            service
                .directories
                .push(cofferdam_syntax::repo::normalise(Path::new(source)));
        }
        if let Some(at) = known.get(&deploy.name.value).copied() {
            if !deploy.update {
                compare(deploy, at, parts);
            }
            continue;
        }
        let place = Place {
            path: &deploy.path,
            completeness: Completeness::Fragment,
            ..place
        };
        let before = parts.workloads.len();
        kubernetes::interpret(&deploy.object(), place, parts);
        if parts.workloads.len() > before {
            known.insert(deploy.name.value.clone(), before);
        }
    }
}

/// A directory below the root identifies the owner of the code; `.` does not.
fn is_directory(source: &str) -> bool {
    !source.is_empty() && !matches!(source, "." | "./") && !source.contains("://") && !source.starts_with('/')
}

/// Records the values that the command and the declaration set, so that a difference is visible.
fn compare(deploy: &Deploy, at: usize, parts: &mut Parts) {
    let workload: &Workload = &parts.workloads[at];
    let declared_by = workload.id.kind.clone();
    let container = workload.containers.first();
    let scaler = parts.autoscalers.iter().find(|a| {
        let target = a.target.as_ref().map(|t| &t.value);
        target.is_some_and(|id| id.kind == workload.id.kind && id.name == workload.id.name)
    });
    let text = |fact: Option<Fact<String>>| fact.filter(|f| f.span().is_some());
    let number = |fact: Option<&Fact<u32>>| text(fact.map(|f| f.as_ref().map(ToString::to_string)));
    let declared = [
        (
            "most instances",
            "max-instances",
            number(scaler.and_then(|a| a.max.as_ref())),
        ),
        (
            "fewest instances",
            "min-instances",
            number(scaler.and_then(|a| a.min.as_ref())),
        ),
        (
            "memory limit",
            "memory",
            text(
                container
                    .and_then(|c| c.memory_limit.as_ref())
                    .map(|f| f.as_ref().map(ToString::to_string)),
            ),
        ),
        (
            "cpu limit",
            "cpu",
            text(
                container
                    .and_then(|c| c.cpu_limit.as_ref())
                    .map(|f| f.as_ref().map(ToString::to_string)),
            ),
        ),
    ];
    let mut told = Vec::new();
    for (attribute, flag, declared) in declared {
        let given = deploy.flag(flag).and_then(|n| match flag {
            "memory" => n
                .fact(cofferdam_model::Bytes::parse)
                .map(|f| f.map(|b| b.to_string())),
            "cpu" => n
                .fact(cofferdam_model::Cpu::parse)
                .map(|f| f.map(|c| c.to_string())),
            _ => n.text_fact(),
        });
        if let (Some(declared), Some(given)) = (declared, given)
            && declared.span() != given.span()
        {
            told.push((attribute, declared, given));
        }
    }
    for (attribute, declared, given) in told {
        let subject = format!("service {}", deploy.name.value);
        parts::describe(parts, subject.clone(), attribute, declared, &declared_by);
        parts::describe(parts, subject, attribute, given, "gcloud run deploy");
    }
}

impl Deploy {
    fn flag(&self, name: &str) -> Option<&Node> {
        self.flags.get(name).and_then(|all| all.last())
    }

    fn any(&self, names: &[&str]) -> Option<&Node> {
        names.iter().find_map(|name| self.flag(name))
    }

    /// The object that the flags create.
    fn object(&self) -> Node {
        let span = self.span;
        let map = |entries: Vec<(&str, Option<Node>)>| {
            let entries = entries.into_iter().filter_map(|(name, node)| {
                let node = node?;
                Some((
                    Key {
                        text: name.into(),
                        span: node.span,
                    },
                    node,
                ))
            });
            Node {
                span,
                value: Value::Map(entries.collect::<Map>()),
            }
        };
        let own = |names: &[&str]| self.any(names).cloned();
        let text = |text: &str| Some(Node::text(text, span));
        let annotations = map(vec![
            ("autoscaling.knative.dev/minScale", own(&["min-instances", "min"])),
            ("autoscaling.knative.dev/maxScale", own(&["max-instances", "max"])),
            ("run.googleapis.com/vpc-access-connector", own(&["vpc-connector"])),
            ("run.googleapis.com/vpc-access-egress", own(&["vpc-egress"])),
            (
                "run.googleapis.com/cloudsql-instances",
                own(&["add-cloudsql-instances", "set-cloudsql-instances"]),
            ),
        ]);
        let limits = map(vec![("cpu", own(&["cpu"])), ("memory", own(&["memory"]))]);
        let container = map(vec![
            ("image", own(&["image"])),
            ("env", Some(self.variables())),
            ("resources", Some(map(vec![("limits", Some(limits))]))),
        ]);
        let containers = Node {
            span,
            value: Value::Seq(vec![container]),
        };
        let spec = map(vec![
            ("containerConcurrency", own(&["concurrency"])),
            ("timeoutSeconds", own(&["timeout"])),
            ("serviceAccountName", own(&["service-account"])),
            ("containers", Some(containers)),
        ]);
        let template = map(vec![
            ("metadata", Some(map(vec![("annotations", Some(annotations))]))),
            ("spec", Some(spec)),
        ]);
        let location = own(&["region"]).or_else(|| text(""));
        let labels = map(vec![("cloud.googleapis.com/location", location)]);
        map(vec![
            ("apiVersion", text("serving.knative.dev/v1")),
            ("kind", text("Service")),
            (
                "metadata",
                Some(map(vec![
                    ("name", text(&self.name.value)),
                    ("labels", Some(labels)),
                ])),
            ),
            ("spec", Some(map(vec![("template", Some(template))]))),
        ])
    }

    /// Variables in clear text and from Secret Manager.
    fn variables(&self) -> Node {
        let mut variables = Vec::new();
        let mut add = |name: &str, parts: Vec<(&str, Node)>, span: Span| {
            let mut map = Map::default();
            let key = |text: &str| Key {
                text: text.into(),
                span,
            };
            map.insert(key("name"), Node::text(name, span));
            for (part, node) in parts {
                map.insert(key(part), node);
            }
            variables.push(Node {
                span,
                value: Value::Map(map),
            });
        };
        for flag in ["set-env-vars", "update-env-vars", "env-vars"] {
            for node in self.flags.get(flag).into_iter().flatten() {
                for (name, text) in pairs(node) {
                    add(name, vec![("value", value(text, node.span))], node.span);
                }
            }
        }
        for (key, node) in self.flag("env").into_iter().flat_map(Node::entries) {
            add(&key.text, vec![("value", node.clone())], node.span);
        }
        for flag in ["set-secrets", "update-secrets"] {
            for node in self.flags.get(flag).into_iter().flatten() {
                for (name, text) in pairs(node).filter(|(name, _)| !name.starts_with('/')) {
                    let (secret, version) = text.split_once(':').unwrap_or((text, "latest"));
                    let key = |text: &str| Key {
                        text: text.into(),
                        span: node.span,
                    };
                    let map = |entries: Vec<(Key, Node)>| Node {
                        span: node.span,
                        value: Value::Map(entries.into_iter().collect()),
                    };
                    let reference = map(vec![
                        (key("name"), Node::text(secret, node.span)),
                        (key("key"), Node::text(version, node.span)),
                    ]);
                    let from = map(vec![(key("secretKeyRef"), reference)]);
                    add(name, vec![("valueFrom", from)], node.span);
                }
            }
        }
        Node {
            span: self.span,
            value: Value::Seq(variables),
        }
    }
}

/// `A=1,B=2`, or with another separator `^@^A=1@B=2`; lines too, as an action's input has them.
fn pairs(node: &Node) -> impl Iterator<Item = (&str, &str)> {
    let text = node.as_str().unwrap_or_default().trim();
    let (separator, text) = match text.strip_prefix('^').and_then(|rest| rest.split_once('^')) {
        Some((separator, rest)) if !separator.is_empty() => (separator, rest),
        _ if text.contains('\n') => ("\n", text),
        _ => (",", text),
    };
    text.split(separator)
        .filter_map(|pair| pair.trim().trim_end_matches(',').split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use crate::pipeline::read_files;
    use cofferdam_model::Platform;

    fn platform(files: &[(&str, &str)]) -> Platform {
        read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
    }

    fn only(files: &[(&str, &str)]) -> (Platform, String) {
        let platform = platform(files);
        let env: &cofferdam_model::Environment = &platform.environments[0];
        let workload = env.workloads.first().expect("a service");
        let container = &workload.containers[0];
        let scaler = &env.autoscalers[0];
        let number = |f: &Option<cofferdam_model::Fact<u32>>| f.as_ref().map_or(-1, |f| i64::from(f.value));
        let names: Vec<&str> = container.variables.keys().map(String::as_str).collect();
        let text = format!(
            "{} {} {}..{} {} {}",
            env.name,
            workload.id,
            number(&scaler.min),
            number(&scaler.max),
            container
                .memory_limit
                .as_ref()
                .map_or("-".to_owned(), |m| m.value.to_string()),
            names.join(",")
        );
        (platform, text)
    }

    const WANTED: &str = "staging Cloud Run service api-staging 1..20 4 GiB DATABASE_URL,DB_POOL_SIZE";

    #[test]
    fn a_command_in_a_script_deploys_a_service() {
        let script = "#!/bin/sh\nMAX=20\ngcloud run deploy api-staging --image gcr.io/p/api:1 \\\n  --min-instances 1 --max-instances=$MAX --memory 4Gi --allow-unauthenticated \\\n  --set-env-vars=DB_POOL_SIZE=10 --set-secrets DATABASE_URL=database-url:latest\ngcloud run services update api-staging --max-instances 1\n";
        let (platform, text) = only(&[("scripts/deploy.sh", script)]);
        assert_eq!(text, WANTED);
        let max = platform.environments[0].autoscalers[0].max.as_ref().unwrap();
        assert_eq!(platform.sources.text(max.span().unwrap()), "--max-instances=$MAX");
    }

    #[test]
    fn steps_of_pipelines_deploy_services() {
        let action = "on: push\njobs:\n  d:\n    runs-on: x\n    steps:\n    - uses: google-github-actions/deploy-cloudrun@v2\n      with:\n        service: api-staging\n        image: gcr.io/p/api:1\n        flags: --min-instances=1 --max-instances=20 --memory=4Gi\n        env_vars: |-\n          DB_POOL_SIZE=10\n        secrets: |-\n          DATABASE_URL=database-url:latest\n";
        let run = "on: push\njobs:\n  d:\n    runs-on: x\n    steps:\n    - run: |\n        echo hello\n        gcloud run deploy api-staging --memory 4Gi --min-instances=1 --max-instances=20 --set-env-vars DB_POOL_SIZE=10,DATABASE_URL=x\n";
        let build = "steps:\n- name: gcr.io/google.com/cloudsdktool/cloud-sdk\n  entrypoint: gcloud\n  args: [run, deploy, api-staging, --memory=4Gi, --min-instances, '1', --max-instances=20, '--set-env-vars=DB_POOL_SIZE=10,DATABASE_URL=x']\n";
        for (path, text) in [
            (".github/workflows/deploy.yml", action),
            (".github/workflows/deploy.yml", run),
            ("cloudbuild.yaml", build),
        ] {
            assert_eq!(only(&[(path, text)]).1, WANTED, "{text}");
        }
    }

    #[test]
    fn tables_and_lists_in_python_deploy_services() {
        let list = "import subprocess\nsubprocess.run(['gcloud', 'run', 'deploy', 'api-staging', '--memory', '4Gi', '--min-instances=1', '--max-instances', '20', '--set-env-vars', 'DB_POOL_SIZE=10,DATABASE_URL=x'])\n";
        let table = "# gcloud run\nSERVICES = [ServiceConfig(name='api', cloud_run_name='api-staging', directory='backend', memory='4Gi', cpu='2', min_instances=1, max_instances=20, environment_vars={'DB_POOL_SIZE': '10', 'DATABASE_URL': 'x'})]\n";
        let dictionary = "# gcloud run\nSERVICES = {'api': {'service_name': 'api-staging', 'memory': '4Gi', 'min_instances': 1, 'max_instances': 20, 'env_vars': {'DB_POOL_SIZE': '10', 'DATABASE_URL': 'x'}}}\n";
        for text in [list, table, dictionary] {
            assert_eq!(only(&[("scripts/deploy_to_gcp.py", text)]).1, WANTED, "{text}");
        }
    }

    #[test]
    fn a_command_and_a_file_that_disagree_are_shown_side_by_side() {
        let declared = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: api-staging}\nspec:\n  template:\n    metadata: {annotations: {autoscaling.knative.dev/maxScale: '20', run.googleapis.com/cpu-throttling: 'false'}}\n    spec: {containers: [{image: a, resources: {limits: {memory: 2Gi}}}]}\n";
        let platform = platform(&[
            ("run.yaml", declared),
            (
                "deploy.sh",
                "gcloud run deploy api-staging --max-instances=10 --memory=2048Mi\n",
            ),
        ]);
        let env = &platform.environments[0];
        assert_eq!(env.workloads.len(), 1);
        let told: Vec<(&str, &str)> = env
            .descriptions
            .iter()
            .map(|d| (d.attribute.as_str(), d.value.value.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("most instances", "20"),
                ("most instances", "10"),
                ("memory limit", "2 GiB"),
                ("memory limit", "2 GiB")
            ]
        );
    }

    #[test]
    fn other_commands_deploy_nothing() {
        for text in [
            "gcloud run services list\n",
            "echo gcloud run\n",
            "gcloud run deploy\n",
            "gcloud sql run deploy x\n",
        ] {
            let platform = platform(&[("a.sh", text)]);
            assert!(
                platform.environments.iter().all(|e| e.workloads.is_empty()),
                "{text}"
            );
        }
    }
}
