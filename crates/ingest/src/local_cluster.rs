//! Clusters that a job or a script makes for itself (kind, minikube, k3d): what is installed there is tested, not
//! deployed.

use cofferdam_syntax::tree::Node;

/// Commands that make a cluster on the machine that runs them.
const COMMANDS: &[&str] = &[
    "kind create cluster",
    "k3d cluster create",
    "k3d create",
    "minikube start",
    "microk8s start",
    "ctlptl create cluster",
    "ct install",
];

/// Parts of the names of actions that do the same.
const ACTIONS: &[&str] = &[
    "kind-action",
    "setup-kind",
    "action-k3s",
    "k3d-action",
    "setup-k3d",
    "setup-k3s",
    "setup-minikube",
    "setup-microk8s",
    "microk8s-actions",
];

/// Whether a text has a command that makes one.
pub(crate) fn is_made_by(text: &str) -> bool {
    let blank = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let has = |line: &str| COMMANDS.iter().any(|command| line.contains(command));
    COMMANDS.iter().any(|command| {
        let program = command.split(' ').next().unwrap_or_default();
        text.contains(program)
    }) && text
        .lines()
        .map(blank)
        .any(|line| !line.starts_with('#') && has(&line))
}

/// Whether a job of a workflow makes one: in one of its steps.
pub(crate) fn is_made_in(job: &Node) -> bool {
    let steps = job.get("steps").map_or(&[][..], Node::items);
    steps.iter().any(|step| {
        let uses = step.get("uses").and_then(Node::as_str).unwrap_or_default();
        let run = step.get("run").and_then(Node::as_str).unwrap_or_default();
        ACTIONS.iter().any(|action| uses.contains(action)) || is_made_by(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_create_a_cluster_and_comments_do_not() {
        assert!(is_made_by("set -e\nkind  create cluster --name x\n"));
        assert!(is_made_by("minikube start --memory 4g"));
        assert!(!is_made_by("# kind create cluster\necho kind\n"));
        assert!(!is_made_by("kubectl apply -f a.yaml # every kind of cluster\n"));
    }
}
