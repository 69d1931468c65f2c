//! Cells that share the load, how requests find them, and the caches that each replica keeps.

use crate::owner::Owner;
use crate::source::Fact;
use crate::stated::Said;
use crate::units::{Rate, Share};
use cofferdam_syntax::Span;
use std::time::Duration;

/// A cell (region, zone, shard) that carries a part of the load and may have to carry another's.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Name.
    pub name: Fact<String>,
    /// Part of the traffic that is routed to it.
    pub weight: Option<Fact<Share>>,
    /// Its part of the whole platform's capacity, if a file declares capacity in hundredths.
    pub capacity_share: Option<Fact<Share>>,
    /// Requests a second that it can carry.
    pub capacity: Option<Fact<Rate>>,
    /// Requests a second that it gets at peak.
    pub traffic: Option<Fact<Rate>>,
    /// Region.
    pub region: Option<Fact<String>>,
    /// Its own failover target, if named.
    pub failover_to: Option<Fact<String>>,
    /// Facts that only people state.
    pub said: Said,
}

/// How requests are routed to cells.
#[derive(Debug, Clone)]
pub struct Routing {
    /// Name for reports.
    pub name: String,
    /// Its owner.
    pub owner: Owner,
    /// Place of the section.
    pub span: Span,
    /// Health check: path.
    pub health_path: Option<Fact<String>>,
    /// Health check: time between.
    pub health_interval: Option<Fact<Duration>>,
    /// Health check: failures in a row that count.
    pub health_threshold: Option<Fact<u32>>,
    /// Health check: successes in a row after which a failed cell is healthy again.
    pub healthy_threshold: Option<Fact<u32>>,
    /// Whether weights move in steps, or a slow start is set.
    pub gradual: Option<Fact<bool>>,
    /// Whether a failed request is tried on another cell, or hedged.
    pub second_try: Option<Fact<bool>>,
    /// Lifetime of a routing decision in a router's cache.
    pub cache_ttl: Option<Fact<Duration>>,
    /// Names of the cells that it routes to.
    pub cells: Vec<String>,
}

/// The contents of a cache that each replica keeps for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LocalCacheKind {
    /// Routing decisions.
    Routing,
    /// Service discovery.
    Discovery,
    /// Feature flags.
    Flags,
    /// Counts of a rate limiter.
    RateLimit,
    /// Anything else.
    Other,
}

/// A cache that each replica keeps for itself.
#[derive(Debug, Clone)]
pub struct LocalCache {
    /// Name as written.
    pub name: String,
    /// Its owner.
    pub owner: Owner,
    /// Place of it.
    pub span: Span,
    /// Its contents.
    pub kind: LocalCacheKind,
    /// Lifetime of an entry; `None` if none is set.
    pub ttl: Option<Fact<Duration>>,
    /// Its storage (`emptyDir`, `memory`).
    pub medium: Option<Fact<String>>,
    /// What invalidates stale entries, if anything does.
    pub invalidation: Option<Fact<String>>,
}

/// A rate limit.
#[derive(Debug, Clone)]
pub struct RateLimit {
    /// Name for reports.
    pub name: String,
    /// Its owner.
    pub owner: Owner,
    /// The limit.
    pub limit: Fact<Rate>,
    /// Whether each replica counts separately.
    pub per_replica: Option<Fact<bool>>,
}
