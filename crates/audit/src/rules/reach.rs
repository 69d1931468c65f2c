//! Shared code of the network rules: address blocks, and what a rule of a policy opens.

use crate::rule::Context;
use cofferdam_model::network::{NetworkPolicy, Peer, PeerKind, PolicyRule, PortRange};
use cofferdam_model::workload::Workload;
use cofferdam_model::{Absence, ByHome, Environment, FileId, Near};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// The address at which clouds give a machine its credentials. Source: AWS EC2 and Google Cloud
/// documentation, "instance metadata".
pub(crate) const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// Whether the block `cidr` contains `address`. A block that cannot be parsed contains nothing.
pub(crate) fn holds(cidr: &str, address: IpAddr) -> bool {
    block(cidr).is_some_and(|block| block.contains(&address))
}

fn block(cidr: &str) -> Option<IpNet> {
    cidr.trim().parse().ok()
}

/// Whether blocks together contain all addresses of the block `whole`.
pub(crate) fn covers(blocks: &[String], whole: &str) -> bool {
    let parts = blocks.iter().filter_map(|b| block(b)).collect();
    block(whole).is_some_and(|whole| IpNet::aggregate(&parts).iter().any(|part| part.contains(&whole)))
}

/// Whether the block is the whole internet.
pub(crate) fn is_everything(cidr: &str) -> bool {
    block(cidr).is_some_and(|block| block.prefix_len() == 0)
}

/// Whether a peer allows `address`.
pub(crate) fn reaches(peer: &Peer, address: IpAddr) -> bool {
    match &peer.kind {
        PeerKind::Addresses { cidr, except } => {
            holds(cidr, address) && !except.iter().any(|e| holds(e, address))
        }
        PeerKind::Pods { .. } => false,
    }
}

/// Ports in words: `443/TCP`, `every port`.
pub(crate) fn ports(rule: &PolicyRule) -> String {
    if rule.ports.is_empty() {
        return "every port".to_owned();
    }
    let one = |p: &PortRange| match (&p.port, p.end) {
        (Some(port), Some(end)) => format!("{port}-{end}/{}", p.protocol),
        (Some(port), None) => format!("{port}/{}", p.protocol),
        (None, _) => format!("every {} port", p.protocol),
    };
    rule.ports.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whether a rule allows `port` by `protocol`.
pub(crate) fn opens(rule: &PolicyRule, port: u32, protocol: &str) -> bool {
    let is_meant = |p: &&PortRange| protocol == p.protocol;
    rule.ports.is_empty()
        || rule
            .ports
            .iter()
            .filter(is_meant)
            .any(|p| match (&p.port, p.end) {
                (None, _) => true,
                (Some(first), None) => *first == port.to_string() || (port == 53 && first.starts_with("dns")),
                (Some(first), Some(end)) => first
                    .parse::<u32>()
                    .is_ok_and(|first| (first..=end).contains(&port)),
            })
}

/// The workloads of an environment, to find those to which a policy applies.
pub(crate) struct Pods<'a>(ByHome<&'a Workload>);

impl<'a> Pods<'a> {
    pub(crate) fn of(env: &'a Environment) -> Self {
        let mut pods = ByHome::default();
        for workload in &env.workloads {
            pods.push(workload.id.home(), workload);
        }
        Pods(pods)
    }

    /// The workloads to which a policy applies.
    pub(crate) fn governed(&self, policy: &NetworkPolicy) -> Vec<&'a Workload> {
        let here = self.0.related(policy.id.home()).copied();
        here.filter(|w| policy.id.namespace == w.id.namespace && policy.selector.matches(&w.labels))
            .collect()
    }
}

/// Of workloads that no policy selects, those for which that is certain: everything was read that could bring a policy to
/// them. `None` if there are none.
pub(crate) fn without_policy<'w>(cx: &Context<'_>, workloads: &[&'w Workload]) -> Option<Vec<&'w Workload>> {
    let place = (cx.env.project, cx.env.name.as_str());
    let scope = &cx.platform.scope;
    if scope.open_for(Absence::NetworkPolicy, place.0, place.1).is_none() {
        return Some(workloads.to_vec());
    }
    // The answer is the same for all that stand in one file and namespace.
    let mut known: BTreeMap<(FileId, Option<&str>), bool> = BTreeMap::new();
    let is_closed = |workload: &Workload| {
        let near = Near {
            files: vec![workload.span.file],
            path: Some(cx.platform.sources.path(workload.span.file)),
            namespace: workload.id.namespace.as_deref(),
            cluster: cx.env.cluster.as_deref(),
            ..Near::default()
        };
        scope.open_near(Absence::NetworkPolicy, place, &near).is_none()
    };
    let mut closed: Vec<&Workload> = Vec::new();
    for workload in workloads.iter().copied() {
        let key = (workload.span.file, workload.id.namespace.as_deref());
        if *known.entry(key).or_insert_with(|| is_closed(workload)) {
            closed.push(workload);
        }
    }
    (!closed.is_empty()).then_some(closed)
}

/// Names of workloads for a sentence: the first three and the number of the others.
pub(crate) fn names(workloads: &[&Workload]) -> String {
    let mut names: Vec<&str> = workloads.iter().map(|w| w.id.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let shown = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 3 {
        format!("{shown} and {} more", names.len() - 3)
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_blocks_cover_a_block_alone_or_together() {
        let covered = |blocks: &[&str]| {
            let blocks: Vec<String> = blocks.iter().map(|b| (*b).to_owned()).collect();
            covers(&blocks, "10.0.0.0/8")
        };
        assert!(covered(&["10.0.0.0/8"]) && covered(&["192.168.0.0/16", "8.0.0.0/6"]));
        assert!(covered(&["10.128.0.0/9", "10.0.0.0/9"]));
        assert!(!covered(&["10.0.0.0/24"]) && !covered(&["10.0.0.0/9"]) && !covered(&[]));
    }

    #[test]
    fn a_block_contains_its_addresses() {
        assert!(holds("0.0.0.0/0", METADATA));
        assert!(holds("169.254.0.0/16", METADATA));
        assert!(!holds("10.0.0.0/8", METADATA));
        assert!(holds("169.254.169.254/32", METADATA));
        assert!(!holds("nonsense", METADATA) && !holds("::/0", METADATA));
        // No mask has 33 bits: a block that every server refuses opens nothing.
        assert!(!holds("169.254.169.254/33", METADATA));
        assert!(is_everything("0.0.0.0/0") && is_everything("::/0") && !is_everything("10.0.0.0/8"));
    }
}
