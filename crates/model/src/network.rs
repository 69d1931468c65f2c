//! Network policies, and their effect on one workload. Kubernetes' policies only add permissions: a pod that
//! no policy selects may talk to all, a selected one only as any of its policies allows.

use crate::scaling::Selector;
use crate::source::Fact;
use crate::workload::ObjectId;
use cofferdam_syntax::Span;
use std::collections::BTreeMap;

/// A namespace that a file declares.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Name.
    pub name: String,
    /// Labels; Kubernetes adds `kubernetes.io/metadata.name`.
    pub labels: BTreeMap<String, Fact<String>>,
    /// Place of its name.
    pub span: Span,
}

/// A network policy.
#[derive(Debug, Clone)]
pub struct NetworkPolicy {
    /// Identity (`kind` is `NetworkPolicy`).
    pub id: ObjectId,
    /// Place of its name.
    pub span: Span,
    /// Pods it selects, in its namespace.
    pub selector: Selector,
    /// Whether it restricts what pods may receive.
    pub ingress: bool,
    /// Whether it restricts what pods may send.
    pub egress: bool,
    /// Allowed incoming traffic.
    pub ingress_rules: Vec<PolicyRule>,
    /// Allowed outgoing traffic.
    pub egress_rules: Vec<PolicyRule>,
}

/// One rule: these peers (an empty list means all), these ports (an empty list means all).
#[derive(Debug, Clone)]
pub struct PolicyRule {
    /// Place of the rule.
    pub span: Span,
    /// Peers.
    pub peers: Vec<Peer>,
    /// Ports.
    pub ports: Vec<PortRange>,
}

/// A peer of a rule.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Place of the peer.
    pub span: Span,
    /// Its kind.
    pub kind: PeerKind,
}

/// The kind of a peer.
#[derive(Debug, Clone)]
pub enum PeerKind {
    /// Pods: of the policy's own namespace without a namespace selector; all pods of the namespaces
    /// without a pod selector.
    Pods {
        /// Namespaces.
        namespaces: Option<Selector>,
        /// Pods.
        pods: Option<Selector>,
    },
    /// Addresses.
    Addresses {
        /// The block (`0.0.0.0/0`).
        cidr: String,
        /// Blocks in it that are excluded.
        except: Vec<String>,
    },
}

/// Ports of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRange {
    /// `TCP` (the default), `UDP` or `SCTP`.
    pub protocol: String,
    /// First port, or a port's name; `None` means every port.
    pub port: Option<String>,
    /// Last port.
    pub end: Option<u32>,
}

/// What a workload may send under all policies.
#[derive(Debug)]
pub struct Reach<'a> {
    /// The egress policies that select it. Empty: it may send anything anywhere.
    pub egress: Vec<&'a NetworkPolicy>,
    /// The ingress policies that select it. Empty: anything may reach it.
    pub ingress: Vec<&'a NetworkPolicy>,
}
