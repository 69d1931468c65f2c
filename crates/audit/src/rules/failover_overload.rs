//! When a cell is lost, the other cells must carry its load.

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::cells::Cell;
use cofferdam_model::registry::{self, Need};
use cofferdam_model::units::{show_number, show_number_down, show_number_up};
use cofferdam_model::{Fact, Share};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("failover-overload"),
    group: Group::Cells,
    severity: Severity::Critical,
    fix: Fix::Advice,
    summary: Cow::Borrowed("the remaining cells cannot carry the load of a lost one"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/failover-overload.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let cells = &cx.env.cells;
    if cells.len() < 2 {
        return;
    }
    let by_rate: Option<Vec<(f64, &Cell)>> = cells
        .iter()
        .map(|c| Some((c.capacity.as_ref()?.value.0, c)))
        .collect();
    let by_share: Option<Vec<(f64, &Cell)>> = cells
        .iter()
        .map(|c| Some((share(c).as_ref()?.value.0, c)))
        .collect();
    let load: Option<f64> = cells.iter().map(|c| c.traffic.as_ref().map(|t| t.value.0)).sum();
    match (by_rate, load, by_share) {
        (Some(capacities), Some(load), _) => with_rates(&capacities, load, out),
        (_, _, Some(shares)) => with_shares(&shares, load, out),
        (Some(capacities), None, None) => {
            for (_, lost) in &capacities {
                let safe: f64 = capacities
                    .iter()
                    .filter(|(_, c)| c.name.value != lost.name.value)
                    .map(|(n, _)| n)
                    .sum();
                let needs = cells
                    .iter()
                    .map(|c| Need::of(&registry::cells::REQUESTS_PER_SECOND, &c.name.value));
                let partial = format!(
                    "without {} the load must stay below {}/s",
                    lost.name.value,
                    show_number(safe)
                );
                out.cannot_judge(format!("loss of cell {}", lost.name.value), needs, Some(partial));
            }
        }
        _ => {
            let needs = cells
                .iter()
                .map(|c| Need::of(&registry::cells::CAPACITY_OF, &c.name.value));
            out.cannot_judge("loss of a cell", needs, None);
        }
    }
}

/// As many of the remaining cells are named and shown; of more, only the number is said. A finding for each of a thousand
/// cells would name all the others.
const SHOWN: usize = 8;

fn names(cells: &[&Cell]) -> String {
    let mut names: Vec<String> = cells.iter().take(SHOWN).map(|c| c.name.value.clone()).collect();
    if cells.len() > SHOWN {
        names.push(format!("{} more", cells.len() - SHOWN));
    }
    names.join(" and ")
}

/// The cell that is lost and the remaining ones that are shown, in the order of all.
fn shown<'c>(all: &'c [(f64, &'c Cell)], lost: &'c Cell) -> impl Iterator<Item = &'c Cell> {
    let mut left = 0;
    all.iter().map(|(_, cell)| *cell).filter(move |cell| {
        let is_left = cell.name.value != lost.name.value;
        left += usize::from(is_left);
        !is_left || left <= SHOWN
    })
}

fn with_rates(capacities: &[(f64, &Cell)], load: f64, out: &mut Verdicts) {
    // It is as certain as the facts of all cells, also of those that are not shown.
    let mut certain = Evidence::new();
    for (_, cell) in capacities {
        certain.depend(&cell.traffic);
        certain.depend(&cell.capacity);
    }
    for (_, lost) in capacities {
        let left: Vec<(f64, &Cell)> = capacities
            .iter()
            .filter(|(_, c)| c.name.value != lost.name.value)
            .copied()
            .collect();
        let safe: f64 = left.iter().map(|(n, _)| n).sum();
        let utilisation = load / safe * 100.0;
        if safe <= 0.0 || load <= safe {
            continue;
        }
        let survivors: Vec<&Cell> = left.iter().map(|(_, c)| *c).collect();
        let mut evidence = certain.clone();
        for cell in shown(capacities, lost) {
            if let Some(traffic) = &cell.traffic {
                evidence.note(traffic, format!("{} at peak", traffic.value));
            }
            if let Some(capacity) = &cell.capacity {
                evidence.note(capacity, format!("carries {}", capacity.value));
            }
        }
        let mut finding = Finding::new(
            Subject::named("loss of cell", &lost.name.value),
            format!(
                "without {} the load is {} % of what {} can carry",
                lost.name.value,
                show_number(utilisation.round()),
                names(&survivors)
            ),
        )
        .explain(format!(
            "{}/s go to {}, which carries {}/s: {} % of its capacity, safe only below {}/s in total. It \
             fails too, or, with limits, refuses {}/s. The load does not move at once, but when the health \
             check has reached its threshold and the routers' caches have expired.",
            show_number(load),
            names(&survivors),
            show_number(safe),
            show_number(utilisation.round()),
            show_number(safe),
            show_number(load - safe)
        ))
        .remedy(format!(
            "Keep the load of all cells below {}/s, or give {} capacity for {}/s, or shed by priority down \
             to its capacity; move weights in steps.",
            show_number_down(safe),
            names(&survivors),
            show_number_up(load)
        ))
        .figure("utilisation", utilisation, "%")
        .figure("load", load, "requests/s")
        .figure("safe_load", safe, "requests/s");
        if let ([survivor], Some(traffic)) = (survivors.as_slice(), survivors[0].traffic.as_ref()) {
            finding = finding
                .figure("traffic_growth", (load / traffic.value.0 - 1.0) * 100.0, "%")
                .figure("traffic_factor", load / traffic.value.0, "times");
            let _ = survivor;
        }
        out.report(place(finding, lost, &survivors).evidence(evidence));
    }
}

/// The part of the total that a cell has.
fn share(cell: &Cell) -> &Option<Fact<Share>> {
    match &cell.capacity_share {
        None => &cell.weight,
        share => share,
    }
}

fn with_shares(shares: &[(f64, &Cell)], load: Option<f64>, out: &mut Verdicts) {
    let total: f64 = shares.iter().map(|(n, _)| n).sum();
    let mut certain = Evidence::new();
    for (_, cell) in shares {
        certain.depend(share(cell));
    }
    for (_, lost) in shares {
        let left: Vec<(f64, &Cell)> = shares
            .iter()
            .filter(|(_, c)| c.name.value != lost.name.value)
            .copied()
            .collect();
        let kept: f64 = left.iter().map(|(n, _)| n).sum::<f64>() / total.max(f64::MIN_POSITIVE);
        // If the remaining cells have most of the total capacity, they carry the load; their reserve decides
        // how much "most" is.
        if kept <= 0.0 || kept > 0.75 {
            continue;
        }
        let survivors: Vec<&Cell> = left.iter().map(|(_, c)| *c).collect();
        let factor = 1.0 / kept;
        let mut evidence = certain.clone();
        for fact in shown(shares, lost).filter_map(|cell| share(cell).as_ref()) {
            evidence.note(fact, format!("{}", fact.value));
        }
        evidence
            .assume("the percentages are both the traffic of each cell and its part of the total capacity");
        let needs = shares.iter().flat_map(|(_, c)| {
            let facts: [&'static registry::Entry; 2] = [
                &registry::cells::CAPACITY_OF,
                &registry::cells::REQUESTS_PER_SECOND,
            ];
            facts.map(|fact| Need::of(fact, &c.name.value))
        });
        if load.is_none() {
            let partial = format!(
                "without {} the load must stay below {} % of the total capacity",
                lost.name.value,
                show_number(kept * 100.0)
            );
            out.cannot_judge(format!("loss of cell {}", lost.name.value), needs, Some(partial));
        }
        let finding = Finding::new(
            Subject::named("loss of cell", &lost.name.value),
            format!(
                "without {} the traffic of {} grows {} times; safe only below {} % of the total capacity",
                lost.name.value,
                names(&survivors),
                show_number(factor),
                show_number(kept * 100.0)
            ),
        )
        .severity(Severity::High)
        .explain(format!(
            "{} has {} % of the total capacity and then gets all of the traffic: its traffic grows by {} %. \
             Its utilisation is the whole load over its own capacity, so it is safe only while the platform \
             as a whole uses less than {} % of its capacity.",
            names(&survivors),
            show_number(kept * 100.0),
            show_number((factor - 1.0) * 100.0),
            show_number(kept * 100.0)
        ))
        .remedy(
            "Declare loads and capacities of the cells for the exact figure. Keep enough reserve in each \
            cell for the loss of the largest other cell, or shed by priority.",
        )
        .figure("traffic_factor", factor, "times")
        .figure("traffic_growth", (factor - 1.0) * 100.0, "%")
        .figure("safe_load_share", kept * 100.0, "%");
        out.report(place(finding, lost, &survivors).evidence(evidence));
    }
}

fn place(mut finding: Finding, lost: &Cell, survivors: &[&Cell]) -> Finding {
    if let Some(span) = lost.name.span() {
        finding = finding.at(span, "lost");
    }
    for survivor in survivors.iter().take(SHOWN) {
        if let Some(span) = survivor.name.span() {
            finding = finding.at(span, "left");
        }
    }
    finding
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::{Environment, Parts, Rate};

    /// A cell with its part of the total and, if known, its traffic and capacity.
    pub(crate) fn cell(name: &str, n: usize, share: f64, rates: Option<(f64, f64)>) -> Cell {
        Cell {
            name: fact(name.to_owned(), n),
            weight: None,
            capacity_share: Some(fact(Share(share), n + 1)),
            capacity: rates.map(|(_, capacity)| fact(Rate(capacity), n + 2)),
            traffic: rates.map(|(traffic, _)| fact(Rate(traffic), n + 3)),
            region: None,
            failover_to: None,
            said: Default::default(),
        }
    }

    fn find<'a>(all: &'a [Finding], lost: &str) -> &'a Finding {
        all.iter().find(|f| f.subject.ends_with(lost)).unwrap()
    }

    #[test]
    fn twelve_thousand_requests_on_a_cell_for_five_thousand_are_240_percent() {
        // 7,000 + 5,000 = 12,000; 12,000 / 5,000 = 2.4; 12,000 / 7,000 = 1.714.
        let env = Environment {
            parts: Parts {
                cells: vec![
                    cell("core", 10, 0.6, Some((7000.0, 7000.0))),
                    cell("mule", 20, 0.4, Some((5000.0, 5000.0))),
                ],
                ..Parts::default()
            },
            ..Environment::default()
        };
        let all = testing::all(&RULE, &env);
        assert_eq!(find(&all, "core").figures["utilisation"].value, 240.0);
        assert_eq!(find(&all, "core").figures["safe_load"].value, 5000.0);
        assert!((find(&all, "mule").figures["utilisation"].value - 171.43).abs() < 0.01);
    }

    #[test]
    fn without_the_60_percent_cell_the_other_gets_two_and_a_half_times_its_traffic() {
        let env = Environment {
            parts: Parts {
                cells: vec![cell("core", 10, 0.6, None), cell("mule", 20, 0.4, None)],
                ..Parts::default()
            },
            ..Environment::default()
        };
        let all = testing::all(&RULE, &env);
        assert!((find(&all, "core").figures["traffic_factor"].value - 2.5).abs() < 1e-9);
        assert!((find(&all, "core").figures["traffic_growth"].value - 150.0).abs() < 1e-9);
    }

    #[test]
    fn of_many_cells_the_first_are_named_and_the_others_counted() {
        let cells = (0..20).map(|n| cell(&format!("c{n}"), 10 * n, 0.05, Some((100.0, 100.0))));
        let env = Environment {
            parts: Parts {
                cells: cells.collect(),
                ..Parts::default()
            },
            ..Environment::default()
        };
        let all = testing::all(&RULE, &env);
        assert_eq!(all.len(), 20);
        let last = find(&all, "c19");
        assert!(last.title.ends_with("c7 and 11 more can carry"), "{}", last.title);
        // Each cell has a place of its own, and one for its load and one for its capacity.
        assert_eq!(last.locations.len(), 3 * 9);
        assert_eq!(last.figures["safe_load"].value, 1900.0);
    }

    #[test]
    fn enough_reserve_for_the_loss_is_silent() {
        let env = Environment {
            parts: Parts {
                cells: vec![
                    cell("a", 10, 0.5, Some((4000.0, 9000.0))),
                    cell("b", 20, 0.5, Some((4000.0, 9000.0))),
                ],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert!(testing::all(&RULE, &env).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn a_load_and_a_capacity_as_advised_are_silent(
            (a, b) in (1.0f64..9000.0, 1.0f64..9000.0), (can_a, can_b) in (1.0f64..9000.0, 1.0f64..9000.0),
        ) {
            let with = |(a, can_a): (f64, f64), (b, can_b): (f64, f64)| {
                let cells = vec![cell("core", 10, 0.5, Some((a, can_a))), cell("mule", 20, 0.5, Some((b, can_b)))];
                let env = Environment { parts: Parts { cells, ..Parts::default() }, ..Environment::default() };
                testing::all(&RULE, &env)
            };
            let all = with((a, can_a), (b, can_b));
            for finding in all.iter().filter(|finding| finding.subject.ends_with("core")) {
                let number = |before: &str| -> f64 {
                    testing::advised(&finding.remedy, before, "/s").unwrap().replace(',', "").parse().unwrap()
                };
                let (load, capacity) = (number("cells below "), number("mule capacity for "));
                let smaller = with((a * load / (a + b), can_a), (b * load / (a + b), can_b));
                let larger = with((a, can_a), (b, capacity));
                for still in [smaller, larger] {
                    proptest::prop_assert!(!still.iter().any(|still| still.subject.ends_with("core")), "{}", finding.remedy);
                }
            }
        }
    }
}
