//! Network policies, and their effect on one workload. Kubernetes' policies only add permissions: a pod that
//! no policy selects may talk to all, a selected one only as any of its policies allows.

use crate::by_home::ByHome;
use crate::scaling::Selector;
use crate::source::Texts;
use crate::workload::{ObjectId, Workload};
use cofferdam_syntax::Span;

/// A namespace that a file declares.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Name.
    pub name: String,
    /// Labels; Kubernetes adds `kubernetes.io/metadata.name`.
    pub labels: Texts,
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

/// The network policies of an environment, to find those of a workload.
#[derive(Debug)]
pub struct Policies<'a>(ByHome<&'a NetworkPolicy>);

impl<'a> Policies<'a> {
    /// All of one environment.
    pub fn of(all: &'a [NetworkPolicy]) -> Self {
        let mut policies = ByHome::default();
        for policy in all {
            policies.push(policy.id.home(), policy);
        }
        Policies(policies)
    }

    /// Policies in the namespace of this one.
    pub fn beside(&self, policy: &'a NetworkPolicy) -> impl Iterator<Item = &'a NetworkPolicy> {
        self.0.related(policy.id.home()).copied()
    }

    /// The policies that apply to `workload`: those of its namespace whose selector matches its pod labels.
    pub fn reach(&self, workload: &Workload) -> Reach<'a> {
        // If one namespace is known and the other is not, this is undecided.
        let here = self.0.related(workload.id.home());
        Self::governing(
            here.filter(|policy| policy.id.namespace == workload.id.namespace),
            workload,
        )
    }

    /// The same, including policies that may apply to it because a namespace is not known. Only if this finds
    /// none may a rule claim that a workload has no policy.
    pub fn possible_reach(&self, workload: &Workload) -> Reach<'a> {
        Self::governing(self.0.near(workload.id.namespace.as_deref()), workload)
    }

    fn governing<'p>(policies: impl Iterator<Item = &'p &'a NetworkPolicy>, workload: &Workload) -> Reach<'a>
    where
        'a: 'p,
    {
        let governing: Vec<&NetworkPolicy> = policies
            .copied()
            .filter(|policy| policy.selector.matches(&workload.labels))
            .collect();
        Reach {
            egress: governing.iter().copied().filter(|p| p.egress).collect(),
            ingress: governing.into_iter().filter(|p| p.ingress).collect(),
        }
    }
}
