//! Calls between services and to their dependencies: how long they wait, how often they try, and what limits
//! them.

use crate::owner::Owner;
use crate::source::Fact;
use crate::units::Share;
use cofferdam_syntax::Span;
use std::time::Duration;

/// The target of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallTarget {
    /// An SQL database.
    Database,
    /// A Kafka broker.
    Kafka,
    /// Redis or another cache.
    Cache,
    /// Another service, by HTTP or gRPC.
    Service,
    /// Something outside the platform.
    Outside,
    /// Vault or another secret store.
    Secrets,
}

/// What makes a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallSite {
    /// The service itself.
    #[default]
    Service,
    /// A proxy on the way to the target: an Ingress, a gateway, the mesh. It bounds and repeats the calls of others, but
    /// has no worker that waits, and is no caller of its own.
    Route,
}

/// A call from a service.
#[derive(Debug, Clone)]
pub struct Call {
    /// The callers.
    pub owner: Owner,
    /// What makes it.
    pub site: CallSite,
    /// Place of the call, client or section.
    pub span: Span,
    /// Its target.
    pub target: CallTarget,
    /// Name or host of the target.
    pub target_name: Option<Fact<String>>,
    /// The call as written, for the report (`requests.get`, `route api-gateway → auth`).
    pub what: String,
    /// Time for the whole call; `Some(None)` means "no timeout" in code that could set one.
    pub timeout: TimeoutSetting,
    /// Total number of tries (1 means no retry).
    pub attempts: Option<Fact<u32>>,
    /// Whether tries wait longer each time.
    pub backoff: Option<Fact<bool>>,
    /// Whether waits are randomised.
    pub jitter: Option<Fact<bool>>,
    /// Retries as a share of requests, at most.
    pub retry_budget: Option<Fact<Share>>,
    /// The breaker around it, if the code or configuration shows one.
    pub breaker: Option<Fact<String>>,
}

impl Call {
    /// A call of which only who makes it, where, and what kind of target it has are known.
    pub fn at(span: Span, owner: Owner, site: CallSite, target: CallTarget) -> Call {
        Call {
            owner,
            site,
            span,
            target,
            target_name: None,
            what: String::new(),
            timeout: TimeoutSetting::Unknown,
            attempts: None,
            backoff: None,
            jitter: None,
            retry_budget: None,
            breaker: None,
        }
    }
}

/// Whether a wait is bounded.
#[derive(Debug, Clone, PartialEq)]
pub enum TimeoutSetting {
    /// Bounded.
    After(Fact<Duration>),
    /// The place could set one, does not, and the library has none by default.
    Never,
    /// The place does not show it.
    Unknown,
}

/// A circuit breaker or outlier ejection.
#[derive(Debug, Clone)]
pub struct Breaker {
    /// Name.
    pub name: String,
    /// Its owner.
    pub owner: Owner,
    /// Place of it.
    pub span: Span,
    /// What it protects, if known.
    pub protects: Option<CallTarget>,
    /// Failures in a row that open it.
    pub consecutive_failures: Option<Fact<u32>>,
    /// Share of failures that opens it.
    pub failure_rate: Option<Fact<Share>>,
    /// Minimum number of calls in the window before the share counts.
    pub minimum_calls: Option<Fact<u32>>,
    /// Window over which it counts.
    pub window: Option<Fact<Duration>>,
    /// Time it stays open.
    pub open_time: Option<Fact<Duration>>,
    /// Calls allowed as probes.
    pub half_open_calls: Option<Fact<u32>>,
    /// Whether it is used, if known.
    pub used: Option<Fact<bool>>,
}

impl Breaker {
    /// A breaker of which only its name and place are known.
    pub fn at(span: Span, owner: Owner, name: impl Into<String>) -> Self {
        Breaker {
            name: name.into(),
            owner,
            span,
            protects: None,
            consecutive_failures: None,
            failure_rate: None,
            minimum_calls: None,
            window: None,
            open_time: None,
            half_open_calls: None,
            used: None,
        }
    }
}

/// The wait that a named timeout bounds, from the innermost to the outermost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineRole {
    /// One statement.
    Statement,
    /// Opening a connection.
    Connect,
    /// Waiting for a connection of the pool (which may open one).
    PoolWait,
    /// Creating or checking tables.
    Setup,
    /// One health check.
    HealthCheck,
    /// A request as its caller sees it.
    Request,
    /// The whole start-up or initialisation.
    Initialisation,
}

/// A named timeout in a section of settings; timeouts of one section contain or wait for one another.
#[derive(Debug, Clone)]
pub struct Deadline {
    /// Its owner.
    pub owner: Owner,
    /// Name as written (`pool_timeout`).
    pub name: String,
    /// The section that contains it (`staging`), for grouping; the file is part of it.
    pub section: String,
    /// The wait that it bounds.
    pub role: DeadlineRole,
    /// How long.
    pub value: Fact<Duration>,
}
