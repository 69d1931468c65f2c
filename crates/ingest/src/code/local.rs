//! Facts that a module decides itself: caches in memory, variables it reads, processes.

use super::found::Parts;
use super::kafka::each_setting;
use super::reading::Reading;
use super::resolved::{last, whole};
use cofferdam_code::python::clients::ClientKind;
use cofferdam_code::python::value::Val;
use cofferdam_model::cells::{LocalCache, LocalCacheKind};
use cofferdam_model::delivery::VariableUse;
use cofferdam_model::{Fact, Span};
use std::time::Duration;

pub(super) fn read(reading: &Reading<'_, '_>, parts: &mut Parts) {
    variables(reading, parts);
    caches(reading, parts);
    processes(reading, parts);
}

fn variables(reading: &Reading<'_, '_>, parts: &mut Parts) {
    for read in &reading.module.env_reads {
        let default = read.default.as_ref().filter(|d| !d.is_none());
        parts.variable_uses.push(VariableUse {
            owner: reading.owner.clone(),
            name: Fact::declared(read.name.clone(), read.name_span),
            default: default.and_then(|d| Some(Fact::declared(d.scalar_text()?, d.span))),
            required: read.required,
        });
    }
}

// --- Caches ---

fn caches(reading: &Reading<'_, '_>, parts: &mut Parts) {
    let module = reading.module;
    let file = module
        .path
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or_default();
    let mut found: Vec<LocalCache> = Vec::new();
    for call in reading.calls.iter().filter(|c| c.kind == ClientKind::Cache) {
        let ttl = reading.arg(call, &["ttl", "maxageseconds"], Val::as_seconds);
        let decorates = call.place.decorates.as_deref();
        let Some(name) = call.assigned.as_deref().map(last).or(decorates) else {
            continue;
        };
        // The topic of a file or class identifies a cache with a lifetime; a function that is only memoised
        // must identify itself.
        let around = ttl.is_some();
        let class = call.place.class.as_deref().filter(|_| around);
        let words = [Some(name), class, Some(file).filter(|_| around)];
        let kind = kind(&words);
        if kind == LocalCacheKind::Other && ttl.is_none() {
            continue;
        }
        found.push(cache(reading, (name, call.span), kind, ttl));
    }
    // Caches that the code keeps in dictionaries are recognised by the lifetime of their entries. One in
    // Redis is shared, and does not count here.
    let shared = reading.calls.iter().any(|c| c.kind == ClientKind::Redis);
    each_setting(&module.settings, 0, &mut |name, value, span| {
        let folded = cofferdam_syntax::tree::fold(name);
        let is_ttl = folded.contains("ttl")
            && (folded.contains("cache")
                || file.contains("cache")
                || kind(&[Some(name)]) != LocalCacheKind::Other);
        let kind = kind(&[Some(name), Some(file)]);
        if shared || !is_ttl || kind == LocalCacheKind::Other || !found.is_empty() {
            return;
        }
        let millis = folded.ends_with("ms");
        let read = |v: &Val| if millis { v.as_millis() } else { v.as_seconds() };
        if let Some(ttl) = reading.resolve(value).and_then(|k| k.fact(read)) {
            // The place of `CACHE_TTL` shows what the cache contains.
            let telling = self::kind(&[Some(name)]) != LocalCacheKind::Other;
            let shown = if telling {
                name.to_owned()
            } else {
                format!("{file} ({name})")
            };
            found.push(cache(reading, (&shown, span), kind, Some(ttl)));
        }
    });
    parts.local_caches.extend(found);
}

fn cache(
    reading: &Reading<'_, '_>,
    (name, span): (&str, Span),
    kind: LocalCacheKind,
    ttl: Option<Fact<Duration>>,
) -> LocalCache {
    let clears = |f: &&(String, Span)| {
        let folded = cofferdam_syntax::tree::fold(&f.0);
        ["invalidate", "onconfigchange", "clearcache", "purge"]
            .iter()
            .any(|w| folded.contains(w))
    };
    LocalCache {
        name: name.to_owned(),
        owner: reading.owner.clone(),
        span,
        kind,
        ttl,
        medium: Some(Fact::inferred(
            "memory".to_owned(),
            span,
            "an object of the process",
        )),
        invalidation: reading
            .module
            .functions
            .iter()
            .find(clears)
            .map(|(name, span)| Fact::inferred(name.clone(), *span, "a function that removes entries")),
    }
}

fn kind(words: &[Option<&str>]) -> LocalCacheKind {
    const WORDS: &[(&str, LocalCacheKind)] = &[
        ("ratelimit", LocalCacheKind::RateLimit),
        ("limiter", LocalCacheKind::RateLimit),
        ("throttl", LocalCacheKind::RateLimit),
        ("flag", LocalCacheKind::Flags),
        ("feature", LocalCacheKind::Flags),
        ("discovery", LocalCacheKind::Discovery),
        ("endpoint", LocalCacheKind::Discovery),
        ("registry", LocalCacheKind::Discovery),
        ("rout", LocalCacheKind::Routing),
        ("cell", LocalCacheKind::Routing),
    ];
    words
        .iter()
        .flatten()
        .find_map(|word| {
            let folded = cofferdam_syntax::tree::fold(word);
            WORDS.iter().find(|(w, _)| folded.contains(w)).map(|(_, k)| *k)
        })
        .unwrap_or(LocalCacheKind::Other)
}

// --- Processes ---

/// `workers = 4` in Gunicorn's configuration, `uvicorn.run(app, workers=4)`.
fn processes(reading: &Reading<'_, '_>, parts: &mut Parts) {
    let module = reading.module;
    let name = module
        .path
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default();
    let gunicorn = name.to_ascii_lowercase().contains("gunicorn");
    let configured = module.settings.get("workers").filter(|_| gunicorn);
    let run = reading
        .calls
        .iter()
        .find(|c| c.kind == ClientKind::Server)
        .and_then(|c| c.arg("workers"))
        .map(|a| &a.value);
    let count = configured
        .or(run)
        .and_then(|v| reading.resolve(v))
        .and_then(|k| k.fact(whole));
    if let Some(count) = count.filter(|c| c.value > 0) {
        parts.processes.push((reading.owner.clone(), count));
    }
}
