//! What one environment lacks and another may have on the same cluster.

use crate::pipeline::read_files;

/// A workload that names a service account, in an environment, and the account in another one; both deployed by
/// applications to these clusters. `both` has the workload in both.
fn missing(environments: [&str; 2], clusters: [&str; 2], both: bool) -> Vec<String> {
    let pod = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent, namespace: agents}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {serviceAccountName: agent, containers: [{name: a, image: a}]}}}\n";
    let account = |name: &str, namespace: &str| {
        format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {namespace}}}\n")
    };
    let [first, second] = environments;
    let mut files = vec![
        (
            format!("envs/{first}/kustomization.yaml"),
            "resources: [a.yaml, b.yaml]\n".to_owned(),
        ),
        (format!("envs/{first}/a.yaml"), pod.to_owned()),
        (format!("envs/{first}/b.yaml"), account("other", "agents")),
        (
            format!("envs/{second}/kustomization.yaml"),
            format!("resources: [a.yaml{}]\n", if both { ", b.yaml" } else { "" }),
        ),
        (format!("envs/{second}/a.yaml"), account("agent", "agents")),
    ];
    if both {
        files.push((format!("envs/{second}/b.yaml"), pod.to_owned()));
    }
    for (environment, cluster) in environments
        .iter()
        .zip(clusters)
        .filter(|(_, cluster)| !cluster.is_empty())
    {
        files.push((
            format!("applications/{environment}.yaml"),
            format!(
                "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a-{environment}}}\nspec: {{source: {{repoURL: git, path: envs/{environment}}}, destination: {{name: {cluster}}}}}\n"
            ),
        ));
    }
    let files = files
        .into_iter()
        .map(|(path, text)| (path.into(), text.into_bytes()));
    let platform = read_files(files);
    let all = platform.environments.iter();
    all.flat_map(|env| env.dangling.iter().map(move |d| (env, d)))
        .filter(|(_, dangling)| dangling.name.value == "agent")
        .map(|(env, dangling)| format!("{} {}", env.name, dangling.subject))
        .collect()
}

#[test]
fn what_another_environment_has_on_the_same_cluster_is_not_missing() {
    let none = [""; 0];
    assert_eq!(missing(["hill", "dale"], ["one", "one"], false), none);
    // The names of environments may be guessed; only two stages are never on one cluster.
    assert_eq!(missing(["prod", "dale"], ["", ""], false), none);
    assert_eq!(missing(["prod", "dale"], ["one", ""], false), none);
    let of = |name: &str| [format!("{name} DaemonSet agents/agent")];
    assert_eq!(missing(["hill", "dale"], ["one", "two"], false), of("hill"));
    assert_eq!(missing(["prod", "dev"], ["", ""], false), of("production"));
    assert_eq!(missing(["prod", "dev"], ["one", "one"], false), none);
    assert_eq!(
        missing(["hill", "dale"], ["", ""], true),
        of("hill"),
        "one cluster cannot have the same pods twice"
    );
}
