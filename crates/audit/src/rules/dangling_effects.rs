//! What happens when a port or a selector leads to nothing, by the thing that names it.

use crate::finding::Severity;

/// The consequence when the port that this subject names does not exist. A probe whose port cannot be found is an error, not
/// a failure: the kubelet's worker throws the result away, so the state stays what it was at the start (liveness: success,
/// readiness: failure, start-up: unknown). Source: Kubernetes, pkg/kubelet/prober/worker.go (`newWorker`, `doProbe`).
pub(crate) fn asks_nothing(subject: &str) -> Option<(&'static str, Severity)> {
    const KINDS: [(&str, &str, Severity); 4] = [
        (
            "the liveness probe ",
            "The kubelet cannot find the port and ignores the result, so the probe never fails: a process that \
             hangs is not restarted.",
            Severity::Medium,
        ),
        (
            "the start-up probe ",
            "The kubelet cannot find the port and ignores the result, so the container never counts as started: \
             its liveness and readiness probes never run, the pod never gets ready, and a rollout stops.",
            Severity::High,
        ),
        (
            "the readiness probe ",
            "The kubelet cannot find the port and ignores the result, so the pod never gets ready: it gets no \
             request, and a rollout stops.",
            Severity::High,
        ),
        (
            "Service ",
            "The Service has no endpoint on this port: every connection to it fails.",
            Severity::High,
        ),
    ];
    let found = KINDS.iter().find(|(kind, ..)| subject.starts_with(kind));
    found.map(|(_, happens, severity)| (*happens, *severity))
}

/// The consequence when a selector of this subject selects nothing.
pub(crate) fn selects_nothing(subject: &str) -> &'static str {
    const KINDS: [(&str, &str); 5] = [
        (
            "Service ",
            "The Service has no endpoint: every connection to it fails.",
        ),
        (
            "PodDisruptionBudget ",
            "It protects no pod: a drain may evict all of the intended pods at once.",
        ),
        (
            "NetworkPolicy ",
            "The policy applies to no pod: traffic that it should block stays open, and traffic that it \
             should allow is not allowed by it.",
        ),
        (
            "a peer of ",
            "That part of the rule allows no peer: if the intended pods have other labels, their connections \
             are refused.",
        ),
        (
            "ServiceMonitor ",
            "Nothing is scraped: the metrics are absent, and alerts on them stay silent.",
        ),
    ];
    let found = KINDS.iter().find(|(kind, _)| subject.starts_with(kind));
    found.map_or(
        "It selects nothing and therefore does nothing.",
        |(_, happens)| happens,
    )
}
