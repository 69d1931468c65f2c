//! Caches that each replica keeps for itself. A shared cache (Redis) does not count, and one without a stated
//! purpose counts only if it is in the process.

use super::aliases;
use super::fields::{Bare, field, is_off, on, text, time, time_of};
use super::{Section, said};
use crate::facts::NodeFacts as _;
use crate::settings::caches::{kind_of, push};
use cofferdam_model::cells::{LocalCache, LocalCacheKind};
use cofferdam_model::workload::VolumeKind;
use cofferdam_model::{Fact, Owner, Parts};
use cofferdam_syntax::tree::{Key, Node, fold};
use std::time::Duration;

/// Media that are a replica's own.
const OWN: &[&str] = &[
    "emptydir",
    "memory",
    "inmemory",
    "local",
    "inprocess",
    "process",
    "lru",
    "caffeine",
    "guava",
    "disk",
    "tmpfs",
    "ehcache",
];

/// Reads a key that may be a cache or a cache's lifetime. It is called for every key, because a cache may
/// have the name of what it serves (`feature_flags: {cache_ttl: 300}`).
pub(super) fn read(section: &Section<'_>, parts: &mut Parts) {
    let own = section.path.last().map_or("", String::as_str);
    // The routing's own cache is read with the routing, which knows its cells.
    let in_routing = section.is_under(aliases::CELL_ROUTING) && aliases::CACHE.contains(&own);
    if in_routing || section.is_under(aliases::EMERGENCY) {
        return;
    }
    if is_cache(own) && section.node.as_map().is_some() {
        cache(section, own, parts);
    } else if is_cache(own) && !section.node.items().is_empty() {
        named_caches(section, parts);
    } else if let Some(purpose) = own.strip_suffix("cachettl").or_else(|| cache_ttl_with_unit(own)) {
        lone_ttl(section, purpose, parts);
    } else if own.ends_with("localfallback") && section.is_under(aliases::RATE_LIMIT) {
        local_fallback(section, parts);
    }
}

fn is_cache(own: &str) -> bool {
    own.contains("cache") || aliases::CACHE.contains(&own)
}

/// `cache_ttl_seconds` and similar names: the words before `cachettl`.
fn cache_ttl_with_unit(own: &str) -> Option<&str> {
    let (purpose, unit) = own.split_once("cachettl")?;
    ["s", "ms", "sec", "seconds", "minutes", "hours", "millis"]
        .contains(&unit)
        .then_some(purpose)
}

/// The kind in the nearest key that has one.
fn kind_on_path(path: &[String]) -> Option<LocalCacheKind> {
    path.iter().rev().find_map(|p| kind_of(p))
}

fn cache(section: &Section<'_>, own: &str, parts: &mut Parts) {
    let node = section.node;
    // `caches: {discovery: {ttl}, flags: {ttl}}` contains caches; a cache itself has a lifetime or a medium.
    let ttl = time(node, aliases::TTL, Bare::Seconds);
    let medium = text(node, aliases::MEDIUM);
    if is_off(node) {
        return;
    }
    if ttl.is_none() && medium.is_none() {
        named_caches(section, parts);
        return;
    }
    let is_own = medium
        .as_ref()
        .map(|m| OWN.iter().any(|own| fold(&m.value).contains(own)));
    let kind = kind_of(own).or_else(|| kind_on_path(section.path));
    let kind = match (is_own, kind) {
        // A shared medium (`redis`) cannot have different views.
        (Some(false), _) => return,
        (_, Some(kind)) => kind,
        (Some(true), None) => LocalCacheKind::Other,
        (None, None) => return,
    };
    push(
        parts,
        entry(section.key, node, section.owner, Held { kind, ttl, medium }),
    );
}

/// `caches: {service_discovery: {ttl: 300}, feature_flags: 5m}`.
fn named_caches(section: &Section<'_>, parts: &mut Parts) {
    for (name, span, item) in section.node.named_items() {
        let Some(kind) = kind_of(&fold(name)) else {
            continue;
        };
        // A key with `cache` in its own name is read when the walk reaches it.
        if fold(name).contains("cache") && section.node.as_map().is_some() {
            continue;
        }
        let key = Key {
            text: name.into(),
            span,
        };
        let ttl = time(item, aliases::TTL, Bare::Seconds).or_else(|| time_of(item, Bare::Seconds));
        let medium = text(item, aliases::MEDIUM);
        let shared = medium
            .as_ref()
            .is_some_and(|m| !OWN.iter().any(|own| fold(&m.value).contains(own)));
        if !shared && (ttl.is_some() || medium.is_some()) {
            push(
                parts,
                entry(&key, item, section.owner, Held { kind, ttl, medium }),
            );
        }
    }
}

/// `feature_flags: {cache_ttl: 300}`: the section shows what is cached.
fn lone_ttl(section: &Section<'_>, purpose: &str, parts: &mut Parts) {
    let above = &section.path[..section.path.len() - 1];
    let Some(kind) = kind_of(purpose).or_else(|| kind_on_path(above)) else {
        return;
    };
    let Some(ttl) = time(section.parent, &["cachettl"], Bare::Seconds).or_else(|| section_time(section))
    else {
        return;
    };
    let name = match above.last() {
        Some(_) if purpose.is_empty() => format!("{} cache", section.written[above.len() - 1]),
        _ => section.key.text.to_string(),
    };
    let mut cache = entry(
        section.key,
        section.parent,
        section.owner,
        Held {
            kind,
            ttl: Some(ttl),
            medium: text(section.parent, &["cachetype", "cachemedium"]),
        },
    );
    cache.name = name;
    push(parts, cache);
}

fn section_time(section: &Section<'_>) -> Option<Fact<Duration>> {
    let folded = section.path.last()?;
    if folded.ends_with("ttlms") || folded.ends_with("ttlmillis") {
        return section.node.fact(cofferdam_model::units::millis);
    }
    if folded.ends_with("minutes") || folded.ends_with("hours") {
        let factor = if folded.ends_with("hours") { 3600.0 } else { 60.0 };
        return section
            .node
            .fact(|t| Duration::try_from_secs_f64(t.trim().parse::<f64>().ok()? * factor).ok());
    }
    time_of(section.node, Bare::Seconds)
}

/// A rate limiter that counts by itself when it cannot reach the shared count.
fn local_fallback(section: &Section<'_>, parts: &mut Parts) {
    if on(section.node).is_some_and(|f| f.value) || section.node.as_str() == Some("local") {
        let ttl = time(section.node, aliases::TTL, Bare::Seconds);
        let mut cache = entry(
            section.key,
            section.node,
            section.owner,
            Held {
                kind: LocalCacheKind::RateLimit,
                ttl,
                medium: None,
            },
        );
        cache.medium = Some(said("local fallback", section.key.span));
        push(parts, cache);
    }
}

/// The cache of a routing section; returns the lifetime of its entries.
pub(super) fn of_routing(
    key: &Key,
    node: &Node,
    section: &Section<'_>,
    parts: &mut Parts,
) -> Option<Fact<Duration>> {
    if node.as_map().is_none() || is_off(node) {
        return None;
    }
    let ttl = time(node, aliases::TTL, Bare::Seconds);
    let medium = text(node, aliases::MEDIUM);
    let shared = medium
        .as_ref()
        .is_some_and(|m| !OWN.iter().any(|own| fold(&m.value).contains(own)));
    if !shared && (ttl.is_some() || medium.is_some()) {
        let mut cache = entry(
            key,
            node,
            section.owner,
            Held {
                kind: LocalCacheKind::Routing,
                ttl: ttl.clone(),
                medium,
            },
        );
        cache.name = "cell routing cache".to_owned();
        push(parts, cache);
    }
    ttl
}

/// What a cache contains, for how long, and where.
struct Held {
    kind: LocalCacheKind,
    ttl: Option<Fact<Duration>>,
    medium: Option<Fact<String>>,
}

fn entry(key: &Key, node: &Node, owner: &Owner, held: Held) -> LocalCache {
    let invalidation = field(node, aliases::INVALIDATION).and_then(|(key, value)| match on(value) {
        Some(on) => on.value.then(|| said(&key.text, value.span)),
        None => value.text_fact(),
    });
    LocalCache {
        name: key.text.to_string(),
        owner: owner.clone(),
        span: key.span,
        kind: held.kind,
        ttl: held.ttl,
        medium: held.medium,
        invalidation,
    }
}

/// Finds the caches that workloads keep on a volume that is deleted with the pod. A name must say that it is
/// a cache of routing, discovery or flags, because scratch space is often called a cache.
pub fn finish(parts: &mut Parts) {
    let mut found = Vec::new();
    for workload in &parts.workloads {
        let mut owner = workload.owner.clone();
        owner.name.get_or_insert_with(|| workload.id.name.clone());
        for volume in workload
            .volumes
            .iter()
            .filter(|v| matches!(v.kind, VolumeKind::EmptyDir | VolumeKind::BoundedEmptyDir))
        {
            let mounts = workload
                .containers
                .iter()
                .flat_map(|c| &c.mounts)
                .filter(|(name, _)| *name == volume.name);
            let paths: Vec<String> = mounts.map(|(_, path)| fold(&path.value)).collect();
            let names = std::iter::once(fold(&volume.name)).chain(paths);
            let is_cache = |n: &String| n.contains("cache");
            let names: Vec<String> = names.filter(is_cache).collect();
            let workload_kind = || kind_of(&fold(&workload.id.name)).filter(|_| !names.is_empty());
            if let Some(kind) = names.iter().find_map(|n| kind_of(n)).or_else(workload_kind) {
                found.push(LocalCache {
                    name: volume.name.clone(),
                    owner: owner.clone(),
                    span: volume.span,
                    kind,
                    ttl: None,
                    medium: Some(said("emptyDir", volume.span)),
                    invalidation: None,
                });
            }
        }
    }
    for cache in found {
        push(parts, cache);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    fn kinds(text: &str) -> Vec<(LocalCacheKind, Option<u64>)> {
        read(text)
            .local_caches
            .iter()
            .map(|c| (c.kind, c.ttl.as_ref().map(|t| t.value.as_secs())))
            .collect()
    }

    #[test]
    fn the_cache_layers_of_the_analysis_are_found_in_any_spelling() {
        use LocalCacheKind::{Discovery, Flags, RateLimit};
        for text in [
            "service_discovery: {cache_ttl: 300}\nfeature_flags: {cacheTtlSeconds: 300}\n",
            "serviceDiscovery: {cache: {ttl: 5m}}\nfeatureFlags: {cache: {ttl_minutes: 5}}\n",
            "caches:\n  service_discovery: {ttl: 300}\n  feature_flags: {ttl: 300}\n",
            "caches:\n  - {name: discovery_cache, ttl: 300}\n  - {name: flag_cache, ttl: 300}\n",
            "discovery_cache: {ttl: 300}\nflag_cache: {ttl: 300}\n",
        ] {
            assert_eq!(
                kinds(text),
                [(Discovery, Some(300)), (Flags, Some(300))],
                "{text}"
            );
        }
        assert_eq!(
            kinds("rate_limiter: {local_fallback: true, requests_per_second: 100}"),
            [(RateLimit, None)]
        );
    }

    #[test]
    fn a_shared_or_unnamed_cache_has_no_views_that_differ() {
        for text in [
            "cache: {ttl: 300}",
            "cache: {type: redis, ttl: 300}",
            "feature_flags: {cache: {type: redis, ttl: 300}}",
            "emergency_mode: {enabled: true, features: {cache_ttl: 3600}}",
            "docker: {cache: true}",
            "feature_flags: {cache: {enabled: false, ttl: 300}}",
        ] {
            assert!(kinds(text).is_empty(), "{text}");
        }
        assert_eq!(
            kinds("cache: {type: memory, ttl: 60}"),
            [(LocalCacheKind::Other, Some(60))]
        );
    }

    #[test]
    fn settings_that_invalidate_entries_are_read() {
        let env = read(
            "feature_flags: {cache: {ttl: 300, invalidation: redis-pubsub}}\nservice_discovery: {cache: {ttl: 300, watch: true}}",
        );
        let told: Vec<_> = env
            .local_caches
            .iter()
            .map(|c| c.invalidation.as_ref().map(|i| i.value.as_str()))
            .collect();
        assert_eq!(told, [Some("redis-pubsub"), Some("watch")]);
        let env = read("feature_flags: {cache: {ttl: 300, invalidation: none}}");
        assert!(env.local_caches[0].invalidation.is_none());
    }
}
