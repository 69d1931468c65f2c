//! What evaluating files may cost. A few lines can ask for more work and memory than any machine has, so each
//! evaluation gets an allowance, and all evaluations of one kind share a budget. What is left out because of it is
//! the same in each run, whatever the number of threads.

use cofferdam_syntax::Span;
use rayon::prelude::*;
use std::cell::Cell;

/// Bytes that count as one step: to write a text takes time too.
const BYTES_A_STEP: u64 = 256;
/// Evaluations that are started side by side before their cost is counted.
const ROUND: usize = 64;
/// The same for those that need a large allowance.
const LARGE_ROUND: usize = 2;

/// An amount of work and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Steps, each of less than a microsecond.
    pub(crate) steps: u64,
    /// Bytes.
    pub(crate) bytes: u64,
}

impl Cost {
    fn least(self, other: Cost) -> Cost {
        Cost {
            steps: self.steps.min(other.steps),
            bytes: self.bytes.min(other.bytes),
        }
    }

    fn less(self, other: Cost) -> Cost {
        Cost {
            steps: self.steps.saturating_sub(other.steps),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// What one evaluation may cost, and what it has cost so far.
#[derive(Debug)]
pub(crate) struct Allowance {
    most: Cost,
    steps: Cell<u64>,
    made: Cell<u64>,
    kept: Cell<u64>,
    ended_at: Cell<Option<Span>>,
}

impl Allowance {
    /// An allowance of `most`.
    pub(crate) fn new(most: Cost) -> Allowance {
        Allowance {
            most,
            steps: Cell::new(0),
            made: Cell::new(0),
            kept: Cell::new(0),
            ended_at: Cell::new(None),
        }
    }

    /// An allowance for one part of the work: `most`, or what is left.
    pub(crate) fn part(&self, most: Cost) -> Allowance {
        let spent = Cost {
            steps: self.steps.get(),
            bytes: self.made.get(),
        };
        Allowance::new(self.most.less(spent).least(most))
    }

    /// Takes what a part of the work has cost.
    pub(crate) fn take(&self, part: &Allowance) {
        self.steps.set(self.steps.get().saturating_add(part.steps.get()));
        self.made.set(self.made.get().saturating_add(part.made.get()));
        self.keep(part.kept.get() as usize);
    }

    /// Takes `steps`; false if nothing is left.
    pub(crate) fn step(&self, steps: usize) -> bool {
        self.steps.set(self.steps.get().saturating_add(steps as u64));
        !self.is_spent()
    }

    /// Takes the making of `bytes`; false if nothing is left.
    pub(crate) fn make(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        self.made.set(self.made.get().saturating_add(bytes));
        self.steps
            .set(self.steps.get().saturating_add(bytes / BYTES_A_STEP));
        !self.is_spent()
    }

    /// Counts bytes that stay after the evaluation.
    pub(crate) fn keep(&self, bytes: usize) {
        self.kept.set(self.kept.get().saturating_add(bytes as u64));
    }

    /// Whether nothing is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.steps.get() > self.most.steps || self.made.get() > self.most.bytes
    }

    /// Notes where the evaluation ended; the first place counts.
    pub(crate) fn end_at(&self, span: Span) {
        if self.ended_at.get().is_none() {
            self.ended_at.set(Some(span));
        }
    }

    /// Where the evaluation ended because nothing was left.
    pub(crate) fn ended_at(&self) -> Option<Span> {
        self.ended_at.get()
    }

    /// The steps that were taken, and the bytes that stay.
    pub(crate) fn spent(&self) -> Cost {
        Cost {
            steps: self.steps.get(),
            bytes: self.kept.get(),
        }
    }
}

/// What all evaluations together may still cost.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Cost,
}

impl Budget {
    /// A budget of `cost`.
    pub(crate) fn new(cost: Cost) -> Budget {
        Budget { left: cost }
    }

    /// An allowance of `most`, or of what is left.
    pub(crate) fn allow(&self, most: Cost) -> Allowance {
        Allowance::new(self.left.least(most))
    }

    /// Takes what an evaluation has cost.
    pub(crate) fn take(&mut self, spent: Cost) {
        self.left = self.left.less(spent);
    }

    /// Evaluates all items side by side. Each gets a small allowance; those for which that is not enough are
    /// evaluated again with a large one, in their order.
    pub(crate) fn spread<T: Sync, R: Send>(
        &mut self,
        items: &[T],
        (small, large): (Cost, Cost),
        evaluate: impl Fn(&T, &Allowance) -> R + Sync,
    ) -> Vec<R> {
        let run = |item: &T, most: Cost| {
            let allowance = Allowance::new(most);
            let result = evaluate(item, &allowance);
            (result, allowance.spent(), allowance.is_spent())
        };
        let mut results = Vec::with_capacity(items.len());
        let mut again = Vec::new();
        for round in items.chunks(ROUND) {
            let most = self.left.least(small);
            let done: Vec<(R, Cost, bool)> = round.par_iter().map(|item| run(item, most)).collect();
            for (result, spent, is_spent) in done {
                if is_spent {
                    again.push(results.len());
                    // Its result goes, but the time is gone.
                    self.take(Cost { bytes: 0, ..spent });
                } else {
                    self.take(spent);
                }
                results.push(result);
            }
        }
        for round in again.chunks(LARGE_ROUND) {
            let most = self.left.least(large);
            let done: Vec<(R, Cost, bool)> = round.par_iter().map(|at| run(&items[*at], most)).collect();
            for (at, (result, spent, _)) in round.iter().zip(done) {
                self.take(spent);
                results[*at] = result;
            }
        }
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn cost(steps: u64, bytes: u64) -> Cost {
        Cost { steps, bytes }
    }

    /// Takes the steps it needs one by one; how many it got, and whether that was all.
    fn work(need: &u64, allowance: &Allowance) -> (u64, bool) {
        let got = (0..*need).take_while(|_| allowance.step(1)).count() as u64;
        (got, got == *need)
    }

    #[test]
    fn an_allowance_ends_with_steps_or_bytes() {
        let allowance = Allowance::new(cost(2, 1_000));
        assert!(allowance.step(2) && !allowance.step(1));
        let allowance = Allowance::new(cost(100, 1_000));
        assert!(allowance.make(1_000) && !allowance.make(1));
        // To make bytes takes steps as well.
        let allowance = Allowance::new(cost(3, 1 << 20));
        assert!(!allowance.make(4 * BYTES_A_STEP as usize));
    }

    #[test]
    fn a_large_evaluation_gets_more_and_the_budget_ends_for_those_after_it() {
        let mut budget = Budget::new(cost(1_000, 1_000));
        let results = budget.spread(&[5, 300, 5, 900, 400, 5], (cost(10, 10), cost(500, 500)), work);
        assert_eq!(results[0], (5, true));
        assert_eq!(results[1], (300, true));
        assert_eq!(results[2], (5, true));
        assert_eq!(results[5], (5, true));
        assert!(!results[3].1, "more than the largest allowance");
        assert!(!results[4].1, "nothing is left for it");
    }

    #[test]
    fn results_do_not_depend_on_threads() {
        let needs: Vec<u64> = (0..2_000).map(|n| n * 7 % 60).collect();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| Budget::new(cost(20_000, 0)).spread(&needs, (cost(30, 0), cost(50, 0)), work))
        };
        assert_eq!(run(1), run(5));
    }
}
