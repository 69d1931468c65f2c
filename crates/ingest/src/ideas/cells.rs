//! Cells and how requests are routed to them. The shape: at least two named items, each with a weight, a
//! capacity or a region; a plain number under `cells` is not a cell.

use super::Section;
use super::aliases::{self, CELL_ROUTING, CELLS};
use super::caches;
use super::fields::{self, Bare, field, number, on, share, text, time};
use crate::facts::NodeFacts as _;
use crate::parts::same_owner;
use cofferdam_model::cells::{Cell, Routing};
use cofferdam_model::{Fact, Parts, Rate, Share, Span};
use cofferdam_syntax::tree::Node;

/// Lists of cells under other names, inside a section that says that it routes to cells.
const LISTS: aliases::Aliases = &[
    "targets",
    "destinations",
    "routes",
    "backends",
    "clusters",
    "endpoints",
    "upstreams",
    "regions",
];

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let own = section.path.last().map_or("", String::as_str);
    if CELLS.contains(&own) {
        let Some(cells) = cells_of(section.node) else {
            return false;
        };
        let mut places = Vec::new();
        let above = section
            .path
            .len()
            .checked_sub(2)
            .map(|at| section.path[at].as_str());
        let in_routing = above.is_some_and(|a| CELL_ROUTING.contains(&a));
        if in_routing || !section.is_deployment() {
            places.push(section.parent);
        }
        places.extend(
            CELL_ROUTING
                .iter()
                .chain(aliases::FAILOVER)
                .filter_map(|name| section.parent.like(name)),
        );
        routing(section, &cells, &places, parts);
        push(cells, parts);
        return true;
    }
    // `cell_routing: {targets: [...]}`: only a name with `cell` in it shows what the targets are.
    if !own.contains("cell") || CELLS.iter().any(|name| section.node.like(name).is_some()) {
        return false;
    }
    let found = field(section.node, LISTS).and_then(|(_, list)| cells_of(list));
    if let Some(cells) = found {
        routing(section, &cells, &[section.node], parts);
        push(cells, parts);
        return true;
    }
    false
}

/// A cell as written, with its numbers before they are shares.
struct Written {
    cell: Cell,
    weight: Option<Fact<f64>>,
}

/// The cells of a list or map, if it has the shape.
fn cells_of(node: &Node) -> Option<Vec<Cell>> {
    let items = node.named_items();
    let written: Vec<Written> = items
        .iter()
        .filter(|(_, _, item)| item.as_map().is_some())
        .map(|(name, span, item)| cell(name, *span, item))
        .collect();
    let has_numbers = |w: &Written| {
        w.weight.is_some()
            || w.cell.capacity.is_some()
            || w.cell.capacity_share.is_some()
            || w.cell.traffic.is_some()
    };
    let shaped = written
        .iter()
        .filter(|w| has_numbers(w) || w.cell.region.is_some())
        .count();
    if shaped < 2 || shaped < written.len() {
        return None;
    }
    // Weights are parts of their sum; 0 is a standby cell.
    let total: f64 = written
        .iter()
        .filter_map(|w| w.weight.as_ref())
        .map(|w| w.value)
        .sum();
    let capacities: f64 = written
        .iter()
        .filter_map(|w| w.cell.capacity.as_ref())
        .map(|c| c.value.0)
        .sum();
    let hundredths = (capacities - 100.0).abs() < 0.5;
    Some(
        written
            .into_iter()
            .map(|Written { mut cell, weight }| {
                cell.weight = weight
                    .filter(|_| total > 0.0)
                    .map(|w| w.map(|n| Share(n / total)));
                // Capacities that add up to 100 are parts of the total, not requests a second.
                if hundredths && cell.capacity_share.is_none() {
                    cell.capacity_share = cell.capacity.take().map(|c| c.map(|Rate(n)| Share(n / 100.0)));
                }
                cell
            })
            .collect(),
    )
}

fn cell(name: &str, span: Span, item: &Node) -> Written {
    // A map's key names the cell unless the item has a name of its own.
    let name = text(item, &["name"]).unwrap_or_else(|| Fact::declared(name.to_owned(), span));
    let weight = field(item, aliases::WEIGHT).and_then(|(_, n)| {
        n.fact(|t| t.trim().trim_end_matches('%').trim().parse::<f64>().ok())
            .filter(|w| w.value >= 0.0 && w.value.is_finite())
    });
    let capacity = field(item, aliases::CAPACITY).map(|(_, n)| n);
    let in_percent = capacity
        .and_then(Node::as_str)
        .is_some_and(|t| t.trim().ends_with('%'));
    let capacity_share = share(item, aliases::CAPACITY_SHARE).or_else(|| {
        let node = capacity.filter(|_| in_percent)?;
        node.fact(cofferdam_model::units::share)
    });
    Written {
        cell: Cell {
            name,
            weight: None,
            capacity_share,
            capacity: capacity.filter(|_| !in_percent).and_then(fields::rate_of),
            traffic: field(item, aliases::TRAFFIC).and_then(|(_, n)| fields::rate_of(n)),
            region: text(item, aliases::REGION),
            failover_to: text(item, aliases::FAILOVER_TO),
            said: Default::default(),
        },
        weight,
    }
}

/// Adds cells to the environment; an existing one gets the new values.
fn push(cells: Vec<Cell>, parts: &mut Parts) {
    for cell in cells {
        match parts.cells.iter_mut().find(|c| c.name.value == cell.name.value) {
            None => parts.cells.push(cell),
            Some(known) => {
                known.weight = cell.weight.or(known.weight.take());
                known.capacity_share = cell.capacity_share.or(known.capacity_share.take());
                known.capacity = cell.capacity.or(known.capacity.take());
                known.traffic = cell.traffic.or(known.traffic.take());
                known.region = cell.region.or(known.region.take());
                known.failover_to = cell.failover_to.or(known.failover_to.take());
            }
        }
    }
}

/// The routing settings in the sections around the cells.
fn routing(section: &Section<'_>, cells: &[Cell], places: &[&Node], parts: &mut Parts) {
    let mut found = Routing {
        name: "cell routing".to_owned(),
        owner: section.owner.clone(),
        span: section.key.span,
        health_path: None,
        health_interval: None,
        health_threshold: None,
        healthy_threshold: None,
        gradual: None,
        second_try: None,
        cache_ttl: None,
        cells: cells.iter().map(|c| c.name.value.clone()).collect(),
    };
    for place in places {
        health(place, &mut found);
        let failover = field(place, aliases::FAILOVER).map(|(_, n)| n);
        for node in [Some(*place), failover].into_iter().flatten() {
            found.gradual = found.gradual.or_else(|| gradual(node));
            found.second_try = found.second_try.or_else(|| second_try(node));
            if node.as_map().is_some() && !std::ptr::eq(node, *place) {
                health(node, &mut found);
            }
        }
        if let Some((key, cache)) = field(place, &["cache", "routingcache", "caching"]) {
            let cache = caches::of_routing(key, cache, section, parts);
            found.cache_ttl = found.cache_ttl.or(cache);
        }
        found.cache_ttl = found.cache_ttl.or_else(|| {
            time(
                place,
                &["cachettl", "routingcachettl", "decisionttl"],
                Bare::Seconds,
            )
        });
    }
    match parts
        .routings
        .iter_mut()
        .find(|r| r.cells == found.cells && same_owner(&r.owner, &found.owner))
    {
        Some(known) => *known = found,
        None => parts.routings.push(found),
    }
}

fn health(place: &Node, found: &mut Routing) {
    let check = field(place, &["healthcheck", "healthchecks", "health", "healthprobe"])
        .map(|(_, n)| n)
        .filter(|n| n.as_map().is_some());
    let (path, interval, threshold, well) = match check {
        Some(check) => (
            text(check, aliases::PATH),
            time(check, aliases::INTERVAL, Bare::Wait),
            number(check, aliases::FAILURES),
            number(check, aliases::SUCCESSES),
        ),
        None => (
            text(place, &["healthcheckpath", "healthpath"]),
            time(place, &["healthcheckinterval", "healthinterval"], Bare::Wait),
            number(
                place,
                &["unhealthythreshold", "healthcheckthreshold", "healththreshold"],
            ),
            number(place, &["healthythreshold", "recoverythreshold"]),
        ),
    };
    found.health_path = found.health_path.take().or(path);
    found.health_interval = found.health_interval.take().or(interval);
    found.health_threshold = found.health_threshold.take().or(threshold);
    found.healthy_threshold = found.healthy_threshold.take().or(well);
}

/// Whether weights move in steps.
fn gradual(node: &Node) -> Option<Fact<bool>> {
    const SWITCHES: aliases::Aliases = &[
        "gradual",
        "gradualfailover",
        "gradualshift",
        "slowstart",
        "rampup",
        "ramp",
        "trafficshift",
        "shiftsteps",
        "steps",
        "steppercentage",
        "gradualrecovery",
    ];
    if let Some((_, value)) = field(node, SWITCHES) {
        // A number, a time or a list of steps shows that there are steps.
        return on(value).or_else(|| Some(Fact::declared(!value.is_null(), value.span)));
    }
    let mode = text(node, &["strategy", "mode", "method", "policy", "type"])?;
    let lower = mode.value.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    if says(&["gradual", "progressive", "ramp", "linear", "stepped"]) {
        Some(mode.map(|_| true))
    } else if says(&["immediate", "instant", "hard", "all-at-once", "all_at_once"]) {
        Some(mode.map(|_| false))
    } else {
        None
    }
}

/// Whether a failed request is tried on another cell, or hedged.
fn second_try(node: &Node) -> Option<Fact<bool>> {
    const SWITCHES: aliases::Aliases = &[
        "hedging",
        "requesthedging",
        "hedge",
        "hedgedrequests",
        "retryothercell",
        "retryonothercell",
        "crosscellretry",
        "crosscellretries",
        "retryalternatecell",
        "retryonalternatecell",
        "retryonalternate",
        "retrynextcell",
        "alternatecellretry",
    ];
    field(node, SWITCHES).and_then(|(_, value)| on(value))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_deployment};
    use std::time::Duration;

    /// The configuration that the deep technical analysis quotes in 1.2.
    const QUOTED: &str = "cells:\n  - name: us-core-ops\n    capacity_percentage: 60\n  - name: us-alt-mule\n    capacity_percentage: 40\n";

    #[test]
    fn the_quoted_cells_have_their_share_of_the_capacity() {
        let env = read(QUOTED);
        let shares: Vec<_> = env
            .cells
            .iter()
            .map(|c| (c.name.value.as_str(), c.capacity_share.as_ref().unwrap().value.0))
            .collect();
        assert_eq!(shares, [("us-core-ops", 0.6), ("us-alt-mule", 0.4)]);
        assert!(
            env.cells
                .iter()
                .all(|c| c.weight.is_none() && c.capacity.is_none())
        );
        assert_eq!(env.routings[0].cells, ["us-core-ops", "us-alt-mule"]);
        assert!(env.routings[0].gradual.is_none() && env.routings[0].second_try.is_none());
    }

    #[test]
    fn a_map_and_other_spellings_are_read_the_same() {
        let env = read(
            "cellRouting:\n  cells:\n    us-core-ops: {Weight: 60, capacityRps: 7000, region: us-east-1}\n    us-alt-mule: {Weight: 40, capacityRps: 5000}\n  healthCheck: {path: /health, intervalSeconds: 10, unhealthyThreshold: 3, healthyThreshold: 2}\n  failover: {strategy: immediate}\n  hedging: {enabled: false}\n  cache: {type: emptyDir, ttl: 300}\n",
        );
        let weights: Vec<_> = env
            .cells
            .iter()
            .map(|c| {
                (
                    c.weight.as_ref().unwrap().value.0,
                    c.capacity.as_ref().unwrap().value.0,
                )
            })
            .collect();
        assert_eq!(weights, [(0.6, 7000.0), (0.4, 5000.0)]);
        let [routing] = env.routings.as_slice() else {
            panic!("{:?}", env.routings)
        };
        assert_eq!(
            routing.health_interval.as_ref().unwrap().value,
            Duration::from_secs(10)
        );
        assert_eq!(routing.health_threshold.as_ref().unwrap().value, 3);
        assert_eq!(routing.healthy_threshold.as_ref().unwrap().value, 2);
        assert_eq!(routing.health_path.as_ref().unwrap().value, "/health");
        assert_eq!(routing.gradual.as_ref().map(|g| g.value), Some(false));
        assert_eq!(routing.second_try.as_ref().map(|g| g.value), Some(false));
        assert_eq!(
            routing.cache_ttl.as_ref().unwrap().value,
            Duration::from_secs(300)
        );
        assert_eq!(env.local_caches[0].medium.as_ref().unwrap().value, "emptyDir");
        // The cells' health check is not the service's.
        assert!(env.descriptions.is_empty(), "{:?}", env.descriptions);
    }

    #[test]
    fn weights_are_shares_of_their_sum() {
        let env = read("cells: [{name: a, weight: 3}, {name: b, weight: 1}, {name: c, weight: 0}]");
        let weights: Vec<f64> = env
            .cells
            .iter()
            .map(|c| c.weight.as_ref().unwrap().value.0)
            .collect();
        assert_eq!(weights, [0.75, 0.25, 0.0]);
    }

    #[test]
    fn capacities_that_sum_to_a_hundred_are_shares_and_others_are_rates() {
        let env = read("cells: {a: {capacity: 60}, b: {capacity: 40}}");
        assert_eq!(env.cells[0].capacity_share.as_ref().unwrap().value.0, 0.6);
        let env = read("cells: {a: {capacity: 7000}, b: {capacity: 5000}}");
        assert_eq!(env.cells[0].capacity.as_ref().unwrap().value.0, 7000.0);
        let env = read("cells: {a: {capacity: '60%'}, b: {capacity: '40%'}}");
        assert_eq!(env.cells[1].capacity_share.as_ref().unwrap().value.0, 0.4);
    }

    #[test]
    fn other_things_called_cells_are_ignored() {
        for text in [
            "cells: 12",
            "cells: [1, 2, 3]",
            "cells: {rows: 3, columns: 4}",
            "cells: [{name: a}, {name: b}]",
            "cells: [{cell_type: code, source: []}, {cell_type: markdown, source: []}]",
            "table: {cells: [{name: x, value: 1}, {name: y, value: 2}]}",
            "cells: [{name: only, weight: 100}]",
            "routing: {targets: [{name: a, weight: 50}, {name: b, weight: 50}]}",
        ] {
            let env = read(text);
            assert!(env.cells.is_empty() && env.routings.is_empty(), "{text}");
        }
    }

    #[test]
    fn the_health_check_of_a_service_is_not_that_of_a_cell() {
        let text = format!("{QUOTED}health_checks: {{path: /health}}\nfailover: {{mode: gradual}}\n");
        let env = read_deployment(&text);
        assert!(env.routings[0].health_path.is_none());
        assert_eq!(env.routings[0].gradual.as_ref().map(|g| g.value), Some(true));
    }
}
