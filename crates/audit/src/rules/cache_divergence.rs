//! Replicas that each keep their own copy of routing or flags disagree for as long as a copy lives.

use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::cells::{LocalCache, LocalCacheKind};
use cofferdam_model::units::show_duration;
use std::collections::BTreeMap;

/// The rule.
pub const RULE: Rule = Rule {
    id: "cache-divergence",
    group: Group::Cells,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: "replicas keep routing or flags in caches of their own that nothing invalidates: they disagree",
    page: include_str!("../../../../docs/rules/cache-divergence.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut by_owner: BTreeMap<String, Vec<&LocalCache>> = BTreeMap::new();
    for cache in &cx.env.local_caches {
        let matters = matches!(
            cache.kind,
            LocalCacheKind::Routing | LocalCacheKind::Discovery | LocalCacheKind::Flags | LocalCacheKind::RateLimit
        );
        // One replica cannot disagree with itself.
        let alone = cx.env.owner_service(&cache.owner).and_then(|s| s.scale.max.as_ref()).is_some_and(|m| m.value < 2);
        if matters && cache.invalidation.is_none() && !alone {
            by_owner.entry(cx.env.owner_name(&cache.owner)).or_default().push(cache);
        }
    }
    for (owner, caches) in by_owner {
        let mut evidence = Evidence::new();
        let mut words = Vec::new();
        for cache in &caches {
            let lives = match &cache.ttl {
                Some(ttl) => {
                    evidence.note(ttl, format!("{} lives {}", cache.name, show_duration(ttl.value)));
                    format!("{} for {}", cache.name, show_duration(ttl.value))
                }
                None => {
                    evidence.place(cache.span, format!("{} has no end", cache.name));
                    format!("{} without end", cache.name)
                }
            };
            if let Some(medium) = &cache.medium {
                evidence.note(medium, "each replica has its own");
            }
            words.push(lives);
        }
        let longest = caches.iter().filter_map(|c| c.ttl.as_ref()).map(|t| t.value).max();
        let endless = caches.iter().any(|c| c.ttl.is_none());
        let how_long = match (longest, endless) {
            (Some(ttl), false) => format!("for up to {}", show_duration(ttl)),
            _ => "until they are restarted".to_owned(),
        };
        let mut finding = Finding::new(format!("caches of {owner}"), format!("{owner}: replicas may disagree {how_long}"))
            .explain(format!(
                "Each replica keeps {} in a cache of its own, and nothing tells it that an entry is stale. After a change (a failover, a flag \
                 switched off) some replicas act on the old value and some on the new, and it depends on the replica what a user gets.",
                words.join(", ")
            ))
            .remedy("Publish changes (Redis pub/sub, a watch) and let every replica drop the entry at once; keep the TTL as a safety net, below what a wrong decision may last.")
            .figure("caches", caches.len() as f64, "caches")
            .evidence(evidence);
        if let Some(longest) = longest {
            finding = finding.figure("longest_disagreement", longest.as_secs_f64(), "s");
        }
        out.report(finding.at(caches[0].span, "the cache"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use cofferdam_model::Environment;
    use std::time::Duration;

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
            services: vec![service("router", (replicas, replicas, replicas))],
            local_caches: vec![cache(LocalCacheKind::Discovery, 300), cache(LocalCacheKind::Routing, 60)],
            ..Environment::default()
        }
    }

    #[test]
    fn the_longest_life_is_the_longest_disagreement() {
        assert_eq!(testing::only(&RULE, &env(3)).figures["longest_disagreement"].value, 300.0);
        assert!(testing::all(&RULE, &env(1)).is_empty());
        let mut told = env(3);
        for cache in &mut told.local_caches {
            cache.invalidation = Some(fact("pub/sub".to_owned(), 3));
        }
        assert!(testing::all(&RULE, &told).is_empty());
    }
}
