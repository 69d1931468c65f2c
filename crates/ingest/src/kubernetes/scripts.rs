//! Secrets and ConfigMaps that scripts inside manifests make: a Job that calls `kubectl create secret`, a script in a
//! ConfigMap that a CronJob runs. A reference to one of them is not dangling; their contents are unknown.

use super::makers::within;
use super::object::Object;
use cofferdam_code::shell;
use cofferdam_model::Parts;
use cofferdam_syntax::tree::Node;

/// Commands that talk to a cluster.
const CLIENTS: &[&str] = &["kubectl", "oc"];

/// Kinds that scripts make and pods refer to, as a command and as a manifest write them.
const KINDS: &[(&[&str], &str)] = &[
    (&["secret", "secrets"], "Secret"),
    (&["configmap", "configmaps", "cm"], "ConfigMap"),
    (&["serviceaccount", "serviceaccounts", "sa"], "ServiceAccount"),
];

/// Lines after `kind:` in which the name of the object is looked for.
const NEAR: usize = 12;

/// What a script makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// Its kind.
    pub(crate) kind: &'static str,
    /// Its name.
    pub(crate) name: String,
    /// Its namespace, where the script names one or leaves it to the object that it stands in.
    pub(crate) namespace: Option<String>,
}

/// Records what the scripts of an object make.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) {
    for made in made(object.node, object.id.namespace.as_deref()) {
        within(object, made.kind, &made.name, made.namespace.as_deref(), parts);
    }
}

/// What the scripts of an object make that is in this namespace.
pub(crate) fn made(object: &Node, namespace: Option<&str>) -> Vec<Made> {
    let mut found = Finder {
        namespace,
        found: Vec::new(),
    };
    match object.get("kind").and_then(Node::as_str) {
        Some("ConfigMap") => {
            let entries = object.get("data").into_iter().flat_map(Node::entries);
            entries.for_each(|(_, text)| found.script(text));
        }
        _ => found.commands(object),
    }
    found.found
}

struct Finder<'a> {
    namespace: Option<&'a str>,
    found: Vec<Made>,
}

impl Finder<'_> {
    /// Finds the commands of containers, wherever these are.
    fn commands(&mut self, node: &Node) {
        let mut is_run = false;
        for (key, value) in node.entries() {
            match &*key.text {
                "command" | "args" | "script" => {
                    is_run = true;
                    let all = value.items().iter().chain([value]);
                    all.for_each(|text| self.script(text));
                }
                _ => self.commands(value),
            }
        }
        if is_run {
            // Without a shell the words are items of both lists.
            let lists = ["command", "args"].iter().filter_map(|key| node.get(key));
            let words: Vec<&str> = lists.flat_map(Node::items).filter_map(Node::as_str).collect();
            self.created(&words);
        }
        node.items().iter().for_each(|item| self.commands(item));
    }

    fn script(&mut self, text: &Node) {
        let makes = |text: &&str| {
            let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
            has(&["kubectl", "oc "]) && has(&["create", "apply", "replace"])
        };
        let Some(text) = text.as_str().filter(makes) else {
            return;
        };
        for words in shell::commands(text) {
            let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            self.created(&words);
        }
        self.written(text);
    }

    /// `kubectl create secret generic NAME`, wherever in a command it is.
    fn created(&mut self, words: &[&str]) {
        let is_client = |word: &&str| {
            let name = word.rsplit(['/', '(']).next().unwrap_or(word);
            CLIENTS.contains(&name)
        };
        let Some(client) = words.iter().position(is_client) else {
            return;
        };
        let plain: Vec<&str> = plain(&words[client + 1..]);
        let Some(at) = plain.iter().position(|word| *word == "create") else {
            return;
        };
        let kind = plain
            .get(at + 1)
            .and_then(|word| KINDS.iter().find(|(names, _)| names.contains(word)));
        let Some((_, kind)) = kind else { return };
        // A Secret has a type before its name.
        let name = plain.get(at + if *kind == "Secret" { 3 } else { 2 });
        if let Some(name) = name {
            self.add(kind, name, namespace(words));
        }
    }

    /// The objects of a manifest inside the script. It is not parsed: the script may fill in any part of it.
    fn written(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let value = |line: &&str, key: &str| -> Option<String> {
            let value = line.strip_prefix(key)?.trim().trim_matches(['"', '\'']);
            Some(value.to_owned())
        };
        for (at, line) in lines.iter().enumerate() {
            let Some(kind) = value(line, "kind:") else {
                continue;
            };
            let Some((_, kind)) = KINDS.iter().find(|(_, name)| *name == kind) else {
                continue;
            };
            let near = || {
                let after = lines.iter().skip(at + 1).take(NEAR);
                after.take_while(|line| !line.starts_with("kind:"))
            };
            let namespace = near().find_map(|line| value(line, "namespace:"));
            if let Some(name) = near().find_map(|line| value(line, "name:")) {
                self.add(kind, &name, namespace.as_deref());
            }
        }
    }

    /// Adds an object; a namespace that only the script knows is none.
    fn add(&mut self, kind: &'static str, name: &str, namespace: Option<&str>) {
        if is_name(name) {
            let namespace = match namespace {
                Some(written) => Some(written).filter(|written| is_name(written)),
                None => self.namespace,
            };
            self.found.push(Made {
                kind,
                name: name.to_owned(),
                namespace: namespace.map(str::to_owned),
            });
        }
    }
}

/// Options of these commands whose value is a word of its own.
const WITH_VALUE: &[&str] = &[
    "-n",
    "--namespace",
    "-o",
    "--output",
    "--context",
    "--kubeconfig",
    "-s",
    "--server",
    "--token",
    "--as",
    "--field-manager",
];

/// The words that are no options and no values of options.
fn plain<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let mut found = Vec::new();
    let mut is_value = false;
    for word in words {
        match (is_value, word.starts_with('-')) {
            (true, _) => is_value = false,
            (_, true) => is_value = WITH_VALUE.contains(word),
            _ => found.push(*word),
        }
    }
    found
}

/// The namespace that a command names.
fn namespace<'w>(words: &[&'w str]) -> Option<&'w str> {
    let mut all = words.iter();
    while let Some(word) = all.next() {
        if matches!(*word, "-n" | "--namespace") {
            return all.next().copied();
        }
        let joined = ["--namespace=", "-n="]
            .iter()
            .find_map(|start| word.strip_prefix(start));
        if joined.is_some() {
            return joined;
        }
    }
    None
}

/// Whether a word can be the name of an object: a variable that is not known cannot.
fn is_name(word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !word.is_empty() && word.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::super::tests::finished;

    const POD: &str = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {containers: [{name: c, image: r.io/a:1, envFrom: [{secretRef: {name: made}}, {configMapRef: {name: settings}}]}]}\n";

    /// The references that are left dangling beside a Job with this script.
    fn left(namespace: &str, script: &str) -> Vec<String> {
        let script: String = script.lines().map(|line| format!("          {line}\n")).collect();
        let job = format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j, namespace: {namespace}}}\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        image: r.io/kubectl:1\n        command: [sh, -c]\n        args:\n        - |\n{script}"
        );
        let env = finished(&(job + POD));
        env.dangling.iter().map(|d| d.name.value.clone()).collect()
    }

    #[test]
    fn what_a_script_of_a_manifest_makes_is_not_missing() {
        for script in [
            "kubectl create secret generic made --from-literal=a=b",
            "kubectl -n shop create secret generic made --from-literal=a=b",
            "oc create secret tls made --cert=a --key=b -n shop",
            "kubectl create secret --namespace=shop docker-registry made",
            "if ! kubectl get secret made; then kubectl create secret generic made; fi",
            "name=made\nkubectl create secret generic $name --from-literal=a=b --dry-run=client -o yaml | kubectl apply -f -",
            "/usr/bin/kubectl create secret generic \\\n  made --from-file=x",
            "cat <<EOF | kubectl apply -f -\napiVersion: v1\nkind: Secret\nmetadata:\n  name: made\n  namespace: shop\nstringData: {a: $B}\nEOF",
            "kubectl apply -f - <<EOF\napiVersion: v1\nkind: Secret\nmetadata:\n  name: \"made\"\nEOF",
        ] {
            assert_eq!(left("shop", script), ["settings"], "{script}");
        }
        assert_eq!(
            left("shop", "kubectl create configmap settings --from-file=x"),
            ["made"]
        );
    }

    #[test]
    fn a_command_without_a_shell_counts_too() {
        for command in [
            "command: [kubectl, create, secret, generic, made]",
            "command: [/bin/kubectl], args: [create, secret, generic, made, --from-literal, a=b]",
        ] {
            let job = format!(
                "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: j, namespace: shop}}\nspec: {{schedule: '0 0 * * *', jobTemplate: {{spec: {{template: {{spec: {{containers: [{{name: c, image: r.io/k:1, {command}}}]}}}}}}}}}}\n"
            );
            let env = finished(&(job + POD));
            let left: Vec<&str> = env.dangling.iter().map(|d| d.name.value.as_str()).collect();
            assert_eq!(left, ["settings"], "{command}");
        }
    }

    #[test]
    fn other_commands_make_nothing() {
        for script in [
            "kubectl get secret made",
            "kubectl delete secret made",
            "echo create secret generic made",
            "kubectl create secret generic other",
            "kubectl create secret generic made -n elsewhere",
            "kubectl create secret generic $NAME",
        ] {
            assert_eq!(left("shop", script), ["made", "settings"], "{script}");
        }
        assert_eq!(
            left("elsewhere", "kubectl create secret generic made"),
            ["made", "settings"]
        );
    }

    #[test]
    fn a_script_in_a_config_map_counts_too() {
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata:\n  run.sh: |\n    kubectl create secret generic made\n";
        assert!(finished(&(map.to_owned() + POD)).dangling.is_empty());
    }
}
