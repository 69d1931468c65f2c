//! Network policies, and what they amount to for one workload. Kubernetes' policies only add: a pod
//! that no policy selects may talk to all, a selected one to whatever any of its policies allows.

use crate::platform::Environment;
use crate::scaling::Selector;
use crate::source::Fact;
use crate::workload::{ObjectId, Workload};
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
    /// Whether it governs what pods may receive.
    pub ingress: bool,
    /// Whether it governs what pods may send.
    pub egress: bool,
    /// What may come in.
    pub ingress_rules: Vec<PolicyRule>,
    /// What may go out.
    pub egress_rules: Vec<PolicyRule>,
}

/// One rule: these peers (none listed is all), these ports (none listed is all).
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
    /// What it is.
    pub kind: PeerKind,
}

/// What a peer is.
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
        /// Blocks in it that are left out.
        except: Vec<String>,
    },
}

/// Ports of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRange {
    /// `TCP` (the default), `UDP` or `SCTP`.
    pub protocol: String,
    /// First port, or a port's name; `None` is every port.
    pub port: Option<String>,
    /// Last port.
    pub end: Option<u32>,
}

/// What a workload may send, after all policies.
#[derive(Debug)]
pub struct Reach<'a> {
    /// The egress policies that select it. Empty: it may send anything anywhere.
    pub egress: Vec<&'a NetworkPolicy>,
    /// The ingress policies that select it. Empty: anything may reach it.
    pub ingress: Vec<&'a NetworkPolicy>,
}

impl Environment {
    /// The policies that govern `workload`: those of its namespace whose selector matches its pod labels.
    pub fn reach(&self, workload: &Workload) -> Reach<'_> {
        // Where one namespace is known and the other is not, nobody can say.
        self.reach_where(workload, |policy, workload| {
            policy.namespace == workload.namespace && policy.home().is_related(workload.home())
        })
    }

    /// The same with the policies that may govern it, because a namespace is not known. That a workload has no policy
    /// may be said only where this finds none.
    pub fn possible_reach(&self, workload: &Workload) -> Reach<'_> {
        self.reach_where(workload, |policy, workload| {
            policy.home().may_meet(workload.home())
        })
    }

    fn reach_where(&self, workload: &Workload, meet: impl Fn(&ObjectId, &ObjectId) -> bool) -> Reach<'_> {
        let governs = |policy: &&NetworkPolicy| {
            meet(&policy.id, &workload.id) && policy.selector.matches(&workload.labels)
        };
        Reach {
            egress: self
                .network_policies
                .iter()
                .filter(|p| p.egress)
                .filter(governs)
                .collect(),
            ingress: self
                .network_policies
                .iter()
                .filter(|p| p.ingress)
                .filter(governs)
                .collect(),
        }
    }
}
