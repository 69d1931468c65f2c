//! Replicas that each cache routing or flags themselves disagree until their entries expire.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::cells::{LocalCache, LocalCacheKind};
use cofferdam_model::units::show_duration;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("cache-divergence"),
    group: Group::Cells,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "each replica caches routing or flags itself and nothing invalidates the entries: replicas disagree",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/cache-divergence.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut by_owner: BTreeMap<(String, Option<&str>), Vec<&LocalCache>> = BTreeMap::new();
    for cache in &cx.env.local_caches {
        let matters = matches!(
            cache.kind,
            LocalCacheKind::Routing
                | LocalCacheKind::Discovery
                | LocalCacheKind::Flags
                | LocalCacheKind::RateLimit
        );
        // A single replica cannot disagree with itself.
        let alone = cx
            .env
            .owner_service(&cache.owner)
            .and_then(|s| s.scale.max.as_ref())
            .is_some_and(|m| m.value < 2);
        if matters && cache.invalidation.is_none() && !alone {
            by_owner
                .entry((
                    cx.env.owner_name(&cache.owner),
                    common::namespace(cx.env, &cache.owner),
                ))
                .or_default()
                .push(cache);
        }
    }
    for ((owner, namespace), caches) in by_owner {
        report((&owner, namespace), &caches, out);
    }
}

/// What a kind of cache contains, in words for sentences.
fn holds(kind: LocalCacheKind) -> &'static str {
    match kind {
        LocalCacheKind::Routing => "routing decisions",
        LocalCacheKind::Discovery => "addresses of services",
        LocalCacheKind::Flags => "feature flags",
        LocalCacheKind::RateLimit => "counts of the rate limiter",
        LocalCacheKind::Other => "other entries",
    }
}

fn report((owner, namespace): (&str, Option<&str>), caches: &[&LocalCache], out: &mut Verdicts) {
    let mut evidence = Evidence::new();
    // Settings, code and a volume may describe the same cache, so caches are identified by what they contain.
    // The lifetime is the longest that any of them gives.
    let mut lives: BTreeMap<LocalCacheKind, Option<Duration>> = BTreeMap::new();
    for cache in caches {
        let life = lives.entry(cache.kind).or_default();
        *life = (*life).max(cache.ttl.as_ref().map(|t| t.value));
        match &cache.ttl {
            Some(ttl) => evidence.note(ttl, format!("lives {}", show_duration(ttl.value))),
            None => evidence.place(cache.span, holds(cache.kind)),
        }
        if let Some(medium) = &cache.medium {
            evidence.note(medium, "each replica has its own");
        }
    }
    let words: Vec<String> = lives
        .iter()
        .map(|(kind, life)| match (kind, life) {
            // Counts are not stale; they are separate in each replica.
            (LocalCacheKind::RateLimit, _) => holds(*kind).to_owned(),
            (_, Some(life)) => format!("{} for {}", holds(*kind), show_duration(*life)),
            (_, None) => format!("{} forever", holds(*kind)),
        })
        .collect();
    let stale = || {
        lives
            .iter()
            .filter(|(kind, _)| **kind != LocalCacheKind::RateLimit)
            .map(|(_, life)| *life)
    };
    let longest = stale().flatten().max();
    let how_long = match longest {
        Some(life) if stale().all(|l| l.is_some()) => format!("for up to {}", show_duration(life)),
        None if stale().next().is_none() => "about who is over the limit".to_owned(),
        _ => "until they are restarted".to_owned(),
    };
    // Code that was not read may remove entries.
    evidence.likely();
    let mut finding = Finding::new(
        Subject::of("caches", owner).in_namespace(namespace),
        format!("{owner}: replicas may disagree {how_long}"),
    )
    .explain(format!(
        "Each replica keeps {} in its own cache, and nothing invalidates a stale entry. After a change \
             (a failover, a flag switched off) some replicas use the old value and some the new one. What a \
             user gets depends on which replica answers.",
        words.join(", ")
    ))
    .remedy(
        "Publish changes (Redis pub/sub, a watch) and let every replica remove the entry at once. \
            Keep the TTL as a safety net, shorter than the time for which a wrong decision is acceptable.",
    )
    .figure("caches", lives.len() as f64, "caches")
    .evidence(evidence);
    if let Some(longest) = longest {
        finding = finding.figure("longest_disagreement", longest.as_secs_f64(), "s");
    }
    out.report(finding.at(caches[0].span, "the cache"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use cofferdam_model::{Environment, Parts};

    fn env(replicas: u32) -> Environment {
        let cache = |kind, ttl| LocalCache {
            name: "cache".to_owned(),
            owner: owned_by(0),
            span: span(1),
            kind,
            ttl: Some(fact(Duration::from_secs(ttl), 2)),
            medium: None,
            invalidation: None,
        };
        Environment {
            parts: Parts {
                services: vec![service("router", (replicas, replicas, replicas))],
                local_caches: vec![
                    cache(LocalCacheKind::Discovery, 300),
                    cache(LocalCacheKind::Routing, 60),
                ],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn replicas_can_disagree_for_as_long_as_the_longest_ttl() {
        assert_eq!(
            testing::only(&RULE, &env(3)).figures["longest_disagreement"].value,
            300.0
        );
        assert!(testing::all(&RULE, &env(1)).is_empty());
        let mut told = env(3);
        for cache in &mut told.local_caches {
            cache.invalidation = Some(fact("pub/sub".to_owned(), 3));
        }
        assert!(testing::all(&RULE, &told).is_empty());
    }
}
