//! What the network rules share: address blocks, and what a rule of a policy opens.

use cofferdam_model::network::{NetworkPolicy, Peer, PeerKind, PolicyRule, PortRange};
use cofferdam_model::workload::Workload;
use std::net::IpAddr;

/// The address at which clouds tell a machine its credentials.
/// Source: AWS EC2 and Google Cloud documentation, "instance metadata".
pub(crate) const METADATA: &str = "169.254.169.254";

/// Whether the block `cidr` holds `address`. A block that cannot be read holds nothing.
pub(crate) fn holds(cidr: &str, address: &str) -> bool {
    let (Some((network, length)), Ok(address)) = (split(cidr), address.parse::<IpAddr>()) else {
        return false;
    };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            u32::from(network) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(length.min(128)))
                .unwrap_or(0);
            u128::from(network) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}

fn split(cidr: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = cidr.split_once('/')?;
    Some((address.trim().parse().ok()?, length.trim().parse().ok()?))
}

/// Whether the block is the whole internet.
pub(crate) fn is_everything(cidr: &str) -> bool {
    split(cidr).is_some_and(|(_, length)| length == 0)
}

/// Whether a peer lets `address` through.
pub(crate) fn reaches(peer: &Peer, address: &str) -> bool {
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

/// Whether a rule lets `port` through.
pub(crate) fn opens(rule: &PolicyRule, port: u32) -> bool {
    rule.ports.is_empty()
        || rule.ports.iter().any(|p| match (&p.port, p.end) {
            (None, _) => true,
            (Some(first), None) => *first == port.to_string() || (port == 53 && first.starts_with("dns")),
            (Some(first), Some(end)) => first
                .parse::<u32>()
                .is_ok_and(|first| (first..=end).contains(&port)),
        })
}

/// The workloads that a policy governs, of `all`; for the words of a finding.
pub(crate) fn governed<'a>(policy: &NetworkPolicy, all: &'a [Workload]) -> Vec<&'a Workload> {
    all.iter()
        .filter(|w| policy.id.home().is_related(w.id.home()) && policy.selector.matches(&w.labels))
        .collect()
}

/// Names of workloads for a sentence: the first three and how many more.
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
    fn blocks_hold_their_addresses() {
        assert!(holds("0.0.0.0/0", METADATA));
        assert!(holds("169.254.0.0/16", METADATA));
        assert!(!holds("10.0.0.0/8", METADATA));
        assert!(holds("169.254.169.254/32", METADATA));
        assert!(!holds("nonsense", METADATA) && !holds("::/0", METADATA));
        assert!(is_everything("0.0.0.0/0") && is_everything("::/0") && !is_everything("10.0.0.0/8"));
    }
}
