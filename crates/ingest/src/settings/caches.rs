//! Caches of a process, by the names of settings (`FEATURE_FLAG_CACHE_TTL_SECONDS`).

use super::Setting;
use crate::parts::same_owner;
use cofferdam_model::cells::{LocalCache, LocalCacheKind};
use cofferdam_model::{Fact, Owner, Parts};
use cofferdam_syntax::tree::fold;
use std::time::Duration;

/// Words in a name and the contents of a cache with that name; the first match counts.
const KINDS: &[(&str, LocalCacheKind)] = &[
    ("featureflag", LocalCacheKind::Flags),
    ("flag", LocalCacheKind::Flags),
    ("toggle", LocalCacheKind::Flags),
    ("discovery", LocalCacheKind::Discovery),
    ("registry", LocalCacheKind::Discovery),
    ("ratelimit", LocalCacheKind::RateLimit),
    ("throttl", LocalCacheKind::RateLimit),
    ("rout", LocalCacheKind::Routing),
    ("cell", LocalCacheKind::Routing),
];

/// The kind of cache in a folded name.
pub(crate) fn kind_of(name: &str) -> Option<LocalCacheKind> {
    KINDS
        .iter()
        .find(|(word, _)| name.contains(word))
        .map(|(_, kind)| *kind)
}

/// Adds a cache in place of an earlier one of the same name.
pub(crate) fn push(parts: &mut Parts, cache: LocalCache) {
    parts
        .local_caches
        .retain(|c| !(c.kind == cache.kind && c.name == cache.name && same_owner(&c.owner, &cache.owner)));
    parts.local_caches.push(cache);
}

/// Records a cache that a variable's name suggests (`FEATURE_FLAG_CACHE_TTL_SECONDS`).
pub(super) fn of_variable(setting: &Setting, owner: &Owner, parts: &mut Parts) -> bool {
    let Setting {
        name,
        name_span,
        value,
    } = setting;
    let folded = fold(name);
    let Some((purpose, unit)) = folded.split_once("cachettl") else {
        return false;
    };
    let Some(kind) = kind_of(purpose) else {
        return false;
    };
    let text = value.value.trim();
    let ttl = match unit {
        "" | "s" | "sec" | "secs" | "seconds" => cofferdam_model::units::seconds(text),
        "ms" | "millis" => cofferdam_model::units::millis(text),
        "minutes" | "mins" => text
            .parse()
            .ok()
            .and_then(|n: f64| Duration::try_from_secs_f64(n * 60.0).ok()),
        _ => None,
    };
    let Some(ttl) = ttl else { return false };
    push(
        parts,
        LocalCache {
            name: name.clone(),
            owner: owner.clone(),
            span: *name_span,
            kind,
            ttl: Some(Fact {
                value: ttl,
                source: value.source.clone(),
            }),
            medium: None,
            invalidation: None,
        },
    );
    true
}
