//! Moves traffic between cells without overloading the next one.
//!
//! Each cell has a share of the traffic. When a cell becomes unhealthy its share moves to the others, and
//! back when it is healthy, by at most a number of points in each step: caches fill and autoscalers follow
//! meanwhile. No cell is ever sent more than its safe load. The excess is refused at the entrance, the least
//! important class first, because an overloaded cell serves no one. A cell's health changes only after
//! several readings in a row.

use std::fmt;

use crate::admission::Class;
use serde::{Deserialize, Serialize};

/// Classes of priority, most important first.
pub const CLASSES: usize = 3;

/// How traffic is moved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftConfig {
    /// Maximum change of a cell's share in one step, in (0, 1]: 0.1 is ten points.
    pub step: f64,
    /// Part of a cell's capacity that may be used, in (0, 1].
    pub safe_load: f64,
    /// Readings in a row that make a cell unhealthy.
    pub ill_after: u32,
    /// Readings in a row that make it healthy again.
    pub well_after: u32,
}

impl Default for ShiftConfig {
    fn default() -> Self {
        Self {
            step: 0.1,
            safe_load: 0.9,
            ill_after: 3,
            well_after: 6,
        }
    }
}

/// An error in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ShiftError {
    /// The step is not in (0, 1].
    #[error("a step of {0}; it must be above 0 and at most 1")]
    Step(f64),
    /// The safe load is not in (0, 1].
    #[error("a safe load of {0}; it must be above 0 and at most 1")]
    SafeLoad(f64),
    /// A cell's health would change without a reading.
    #[error("a number of readings of 0; a change needs at least one")]
    Readings,
    /// There are no cells, or their shares are invalid.
    #[error("shares that are not finite, negative, or all zero")]
    Shares,
}

/// The known state of a cell at a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellReading {
    /// Whether its health check passed.
    pub healthy: bool,
    /// Requests a second that it can carry now; anything but a positive number counts as none.
    #[serde(rename = "capacity_per_s", with = "crate::number")]
    pub capacity: f64,
}

/// The reason for the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShiftReason {
    /// Every cell has its own share.
    Steady,
    /// Traffic is moving towards its target.
    Moving,
    /// It has reached its target, with a cell unhealthy or at its safe load.
    Displaced,
    /// The healthy cells cannot carry everything.
    Shedding,
    /// No cell is healthy: nothing is sent.
    NoneWell,
}

impl fmt::Display for ShiftReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Steady => "every cell has its own share",
            Self::Moving => "traffic is moving in steps",
            Self::Displaced => "a cell is unhealthy or at its safe load, and others carry its share",
            Self::Shedding => "the healthy cells cannot carry everything",
            Self::NoneWell => "no cell is healthy",
        })
    }
}

/// What to do until the next step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftDecision {
    /// Part of each class that is refused, in [0, 1].
    pub shed: [f64; CLASSES],
    /// Why.
    pub reason: ShiftReason,
}

impl fmt::Display for ShiftDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        for (class, share) in Class::ALL.into_iter().zip(self.shed) {
            if share > 0.0 {
                write!(f, "; {:.1} % of {class} is refused", share * 100.0)?;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    share: f64,
    weight: f64,
    target: f64,
    /// Readings in a row that contradict its current health.
    against: u32,
    ill: bool,
    sent: f64,
}

/// The shares of cells, as they are now.
#[derive(Debug, Clone)]
pub struct Shift {
    config: ShiftConfig,
    cells: Vec<Cell>,
}

/// A difference of shares below this is rounding.
const TINY: f64 = 1e-12;

impl Shift {
    /// All cells healthy, each with its own share; shares need not add up to one.
    ///
    /// # Errors
    ///
    /// An invalid configuration or invalid shares.
    pub fn new(config: ShiftConfig, shares: &[f64]) -> Result<Self, ShiftError> {
        let in_unit = |n: f64| n > 0.0 && n <= 1.0;
        if !in_unit(config.step) {
            return Err(ShiftError::Step(config.step));
        }
        if !in_unit(config.safe_load) {
            return Err(ShiftError::SafeLoad(config.safe_load));
        }
        if config.ill_after == 0 || config.well_after == 0 {
            return Err(ShiftError::Readings);
        }
        let sum: f64 = shares.iter().sum();
        if !(sum.is_finite() && sum > 0.0) || shares.iter().any(|share| *share < 0.0) {
            return Err(ShiftError::Shares);
        }
        let cell = |share: &f64| {
            let share = share / sum;
            Cell {
                share,
                weight: share,
                target: share,
                against: 0,
                ill: false,
                sent: 0.0,
            }
        };
        Ok(Self {
            config,
            cells: shares.iter().map(cell).collect(),
        })
    }

    /// The number of cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Part of the traffic that is intended for a cell.
    #[must_use]
    pub fn weight(&self, cell: usize) -> f64 {
        self.cells.get(cell).map_or(0.0, |cell| cell.weight)
    }

    /// Requests a second that a cell should get: never more than its safe load, none if it is unhealthy.
    #[must_use]
    pub fn sent(&self, cell: usize) -> f64 {
        self.cells.get(cell).map_or(0.0, |cell| cell.sent)
    }

    /// Whether a cell counts as unhealthy.
    #[must_use]
    pub fn is_ill(&self, cell: usize) -> bool {
        self.cells.get(cell).is_some_and(|cell| cell.ill)
    }

    /// Takes one step with the current data: demand by class in requests a second, and a reading of each cell
    /// (a missing one counts as unhealthy).
    pub fn step(&mut self, demand: [f64; CLASSES], readings: &[CellReading]) -> ShiftDecision {
        let demand = demand.map(|rate| if rate.is_finite() { rate.max(0.0) } else { 0.0 });
        let total: f64 = demand.iter().sum();
        for number in 0..self.cells.len() {
            let healthy = readings.get(number).is_some_and(|reading| reading.healthy);
            self.read(number, healthy);
        }
        if self.cells.iter().all(|cell| cell.ill) {
            for cell in &mut self.cells {
                cell.sent = 0.0;
            }
            return ShiftDecision {
                shed: demand.map(|rate| if rate > 0.0 { 1.0 } else { 0.0 }),
                reason: ShiftReason::NoneWell,
            };
        }
        self.aim(total, readings);
        self.move_weights();
        let mut carried = 0.0;
        for (number, cell) in self.cells.iter_mut().enumerate() {
            let safe = safe_load(self.config, readings, number);
            cell.sent = if cell.ill {
                0.0
            } else {
                (cell.weight * total).min(safe)
            };
            carried += cell.sent;
        }
        let refused = (total - carried).max(0.0);
        let shed = shed(demand, refused);
        ShiftDecision {
            shed,
            reason: self.reason(refused > total * 1e-9),
        }
    }

    fn read(&mut self, number: usize, healthy: bool) {
        let cell = &mut self.cells[number];
        if healthy == cell.ill {
            cell.against += 1;
        } else {
            cell.against = 0;
        }
        let enough = if cell.ill {
            self.config.well_after
        } else {
            self.config.ill_after
        };
        if cell.against >= enough {
            cell.ill = !cell.ill;
            cell.against = 0;
        }
    }

    /// The target: each healthy cell's own share of the traffic, none above its safe load as long as another
    /// has room.
    fn aim(&mut self, total: f64, readings: &[CellReading]) {
        let config = self.config;
        let most = |number: usize, cell: &Cell| {
            if cell.ill {
                0.0
            } else if total > 0.0 {
                safe_load(config, readings, number) / total
            } else {
                1.0
            }
        };
        for cell in &mut self.cells {
            cell.target = 0.0;
        }
        let mut left = 1.0;
        // Each round fills at least one cell or distributes everything, so there are at most as many rounds
        // as cells.
        for _ in 0..self.cells.len() {
            let open = |number: usize, cell: &Cell| !cell.ill && cell.target + TINY < most(number, cell);
            let shares: f64 = self
                .cells
                .iter()
                .enumerate()
                .filter(|(n, c)| open(*n, c))
                .map(|(_, c)| weight_of(c))
                .sum();
            if shares <= 0.0 || left <= TINY {
                break;
            }
            let round = left;
            for number in 0..self.cells.len() {
                let cell = self.cells[number];
                if open(number, &cell) {
                    let given = (round * weight_of(&cell) / shares).min(most(number, &cell) - cell.target);
                    self.cells[number].target += given;
                    left -= given;
                }
            }
        }
        if left > TINY {
            // The excess is shed; its share stays with the healthy cells, in proportion.
            let placed: f64 = self.cells.iter().map(|cell| cell.target).sum();
            let well = self.cells.iter().filter(|cell| !cell.ill).count() as f64;
            for cell in self.cells.iter_mut().filter(|cell| !cell.ill) {
                cell.target += if placed > TINY {
                    left * cell.target / placed
                } else {
                    left / well
                };
            }
        }
    }

    /// Moves each weight towards its target, none by more than a step, and keeps the sum at one.
    fn move_weights(&mut self) {
        let step = self.config.step;
        let wanted = |cell: &Cell| (cell.target - cell.weight).clamp(-step, step);
        let up: f64 = self.cells.iter().map(|cell| wanted(cell).max(0.0)).sum();
        let down: f64 = self.cells.iter().map(|cell| (-wanted(cell)).max(0.0)).sum();
        // Increases and decreases must be equal: the larger side is scaled to the smaller.
        let moved = up.min(down);
        if moved <= TINY {
            return;
        }
        for cell in &mut self.cells {
            let wish = wanted(cell);
            cell.weight += if wish > 0.0 {
                wish * moved / up
            } else {
                wish * moved / down
            };
        }
    }

    fn reason(&self, sheds: bool) -> ShiftReason {
        let far = |from: f64, to: f64| (from - to).abs() > 1e-9;
        if sheds {
            ShiftReason::Shedding
        } else if self.cells.iter().any(|cell| far(cell.weight, cell.target)) {
            ShiftReason::Moving
        } else if self
            .cells
            .iter()
            .any(|cell| cell.ill || far(cell.weight, cell.share))
        {
            ShiftReason::Displaced
        } else {
            ShiftReason::Steady
        }
    }
}

/// A cell's own share; a cell with a share of zero can still take over a little.
fn weight_of(cell: &Cell) -> f64 {
    cell.share.max(1e-6)
}

fn safe_load(config: ShiftConfig, readings: &[CellReading], number: usize) -> f64 {
    let capacity = readings.get(number).map_or(0.0, |reading| reading.capacity);
    if capacity.is_finite() && capacity > 0.0 {
        capacity * config.safe_load
    } else {
        0.0
    }
}

/// Takes the refused requests from the least important class first.
fn shed(demand: [f64; CLASSES], refused: f64) -> [f64; CLASSES] {
    let mut left = refused;
    let mut shed = [0.0; CLASSES];
    for class in (0..CLASSES).rev() {
        let taken = left.min(demand[class]);
        if demand[class] > 0.0 {
            shed[class] = (taken / demand[class]).clamp(0.0, 1.0);
        }
        left -= taken;
    }
    shed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONFIG: ShiftConfig = ShiftConfig {
        step: 0.2,
        safe_load: 1.0,
        ill_after: 2,
        well_after: 3,
    };

    fn reading(healthy: bool, capacity: f64) -> CellReading {
        CellReading { healthy, capacity }
    }

    #[test]
    fn the_survivor_gets_its_capacity_and_the_rest_is_shed_by_class() {
        // 12,000 requests a second in cells of 7,000 and 5,000; the larger is lost. 7,000 must be refused: all of the
        // 600 optional, all of the 3,000 important, and 3,400 of the 8,400 critical.
        let demand = [8400.0, 3000.0, 600.0];
        let mut shift = Shift::new(CONFIG, &[7.0, 5.0]).unwrap();
        let lost = [reading(false, 0.0), reading(true, 5000.0)];
        let decisions: Vec<_> = (0..6).map(|_| shift.step(demand, &lost)).collect();
        assert!(shift.is_ill(0));
        assert_eq!(shift.sent(0), 0.0);
        assert_eq!(shift.sent(1), 5000.0);
        let last = decisions[5];
        assert_eq!(last.reason, ShiftReason::Shedding);
        assert_eq!(&last.shed[1..], &[1.0, 1.0]);
        assert!((last.shed[0] - 3400.0 / 8400.0).abs() < 1e-9);
        assert!((shift.weight(1) - 1.0).abs() < 1e-9);
        assert_eq!(
            last.to_string(),
            "the healthy cells cannot carry everything; 40.5 % of critical is refused; \
             100.0 % of important is refused; 100.0 % of optional is refused"
        );
    }

    #[test]
    fn one_bad_measurement_moves_no_traffic() {
        let mut shift = Shift::new(CONFIG, &[0.6, 0.4]).unwrap();
        let well = [reading(true, 1000.0), reading(true, 1000.0)];
        let ill = [reading(false, 1000.0), reading(true, 1000.0)];
        for readings in [ill, well, ill, well] {
            let decision = shift.step([500.0, 0.0, 0.0], &readings);
            assert_eq!(decision.reason, ShiftReason::Steady);
        }
        assert!((shift.weight(0) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn traffic_comes_back_in_steps() {
        let mut shift = Shift::new(CONFIG, &[0.6, 0.4]).unwrap();
        let lost = [reading(false, 1000.0), reading(true, 1000.0)];
        for _ in 0..5 {
            shift.step([500.0, 0.0, 0.0], &lost);
        }
        assert!(shift.weight(0).abs() < 1e-9);
        let well = [reading(true, 1000.0), reading(true, 1000.0)];
        let weights: Vec<f64> = (0..6)
            .map(|_| {
                shift.step([500.0, 0.0, 0.0], &well);
                (shift.weight(0) * 10.0).round() / 10.0
            })
            .collect();
        // Healthy after three readings, then 20 points a step up to 60.
        assert_eq!(weights, [0.0, 0.0, 0.2, 0.4, 0.6, 0.6]);
    }

    #[test]
    fn a_cell_at_its_safe_load_passes_traffic_to_others() {
        // Shares of 900 and 100 at 1,000 requests a second; the first can carry 500: the second takes the rest.
        let mut shift = Shift::new(CONFIG, &[0.9, 0.1]).unwrap();
        let readings = [reading(true, 500.0), reading(true, 800.0)];
        let decisions: Vec<_> = (0..3)
            .map(|_| shift.step([1000.0, 0.0, 0.0], &readings))
            .collect();
        assert_eq!(decisions[0].reason, ShiftReason::Shedding);
        assert_eq!(decisions[2].reason, ShiftReason::Displaced);
        assert!((shift.weight(0) - 0.5).abs() < 1e-9);
        assert_eq!(decisions[2].shed, [0.0; 3]);
    }

    #[test]
    fn without_a_healthy_cell_nothing_is_sent() {
        let mut shift = Shift::new(CONFIG, &[1.0]).unwrap();
        shift.step([10.0, 0.0, 0.0], &[]);
        let decision = shift.step([10.0, 0.0, 0.0], &[]);
        assert_eq!(decision.reason, ShiftReason::NoneWell);
        assert_eq!(decision.shed, [1.0, 0.0, 0.0]);
    }

    #[test]
    fn an_invalid_configuration_is_refused() {
        let with = |config| Shift::new(config, &[1.0]).map(|_| ());
        assert_eq!(
            with(ShiftConfig { step: 0.0, ..CONFIG }),
            Err(ShiftError::Step(0.0))
        );
        assert_eq!(
            with(ShiftConfig {
                safe_load: 1.5,
                ..CONFIG
            }),
            Err(ShiftError::SafeLoad(1.5))
        );
        assert_eq!(
            with(ShiftConfig {
                ill_after: 0,
                ..CONFIG
            }),
            Err(ShiftError::Readings)
        );
        assert!(Shift::new(CONFIG, &[]).is_err());
        assert!(Shift::new(CONFIG, &[f64::NAN]).is_err());
    }

    proptest! {
        #[test]
        fn no_cell_gets_more_than_its_safe_load(
            shares in prop::collection::vec(0.0_f64..10.0, 1..6),
            rounds in prop::collection::vec(
                (prop::collection::vec((any::<bool>(), 0.0_f64..5000.0), 6), [0.0_f64..5000.0, 0.0..5000.0, 0.0..5000.0]),
                1..40,
            ),
            step in 0.01_f64..1.0,
            safe_load in 0.1_f64..1.0,
        ) {
            let config = ShiftConfig { step, safe_load, ..CONFIG };
            prop_assume!(shares.iter().sum::<f64>() > 0.0);
            let mut shift = Shift::new(config, &shares).unwrap();
            for (readings, demand) in rounds {
                let readings: Vec<_> = readings.iter().map(|(healthy, capacity)| reading(*healthy, *capacity)).collect();
                let before: Vec<f64> = (0..shares.len()).map(|cell| shift.weight(cell)).collect();
                let decision = shift.step(demand, &readings);
                let mut sum = 0.0;
                let mut sent = 0.0;
                for cell in 0..shares.len() {
                    prop_assert!(shift.sent(cell) <= readings[cell].capacity * safe_load + 1e-6);
                    prop_assert!((shift.weight(cell) - before[cell]).abs() <= step + 1e-9);
                    prop_assert!(shift.weight(cell) >= -1e-9);
                    sum += shift.weight(cell);
                    sent += shift.sent(cell);
                }
                prop_assert!((sum - 1.0).abs() < 1e-6, "weights add up to {}", sum);
                // Requests that are not sent are shed, and a more important class only after all less
                // important ones.
                let total: f64 = demand.iter().sum();
                let shed: f64 = demand.iter().zip(decision.shed).map(|(rate, share)| rate * share).sum();
                prop_assert!((total - shed - sent).abs() <= 1e-6 * total.max(1.0), "{} of {} sent, {} shed", sent, total, shed);
                for (more, less) in [(0, 1), (1, 2)] {
                    if decision.shed[more] > 1e-9 && demand[less] > 0.0 {
                        prop_assert!(decision.shed[less] > 1.0 - 1e-9);
                    }
                }
            }
        }
    }
}
