//! Runs scenarios many times and summarises the results.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use cofferdam_model::Environment;
use cofferdam_model::overlay::Overlay;
use cofferdam_policy::Time;
use cofferdam_policy::trace::{Recorder, Recording};
use rayon::prelude::*;

use crate::chance::Streams;
use crate::limits;
use crate::outcome::{Kind, Outcome, Role, Series};
use crate::scenarios::{self, Case, Prepared, Scenario};
use crate::statistics::{self, Interval};
use cofferdam_formulas::{Input, Need};

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Runs of each case, at least 1.
    pub runs: u32,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Whether the decisions of the first run are kept.
    pub trace: bool,
}

/// The result of a scenario for an environment.
#[derive(Debug)]
pub struct Rehearsal {
    /// The scenario.
    pub scenario: Scenario,
    /// The environment.
    pub environment: String,
    /// The results.
    pub results: Vec<Summary>,
    /// The facts that are needed to run more.
    pub needs: Vec<Need>,
    /// Why it does not apply here.
    pub nothing: Option<String>,
    /// What is too large to be run, as sentences without a full stop.
    pub beyond: Vec<String>,
}

/// The runs of one case, summarised.
#[derive(Debug)]
pub struct Summary {
    /// The subject.
    pub subject: String,
    /// How many runs.
    pub runs: u32,
    /// The seed.
    pub seed: u64,
    /// What happened, in order of time.
    pub timeline: Vec<Happening>,
    /// Figures in the scenario's order.
    pub figures: Vec<FigureSummary>,
    /// Curves of the first run.
    pub series: Vec<Series>,
    /// Mean over the runs of the share of the work that is lost, in [0, 1].
    pub harm: f64,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// Its assumptions.
    pub assumptions: Vec<String>,
    /// Decisions of the first run's policies, if they were wanted.
    pub trace: Recording,
}

/// A moment over all runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// Its name across runs.
    pub key: &'static str,
    /// Its role in the story.
    pub role: Role,
    /// Median time over the runs in which it happened.
    pub at: Time,
    /// Earliest and latest time.
    pub range: (Time, Time),
    /// Time in the first run, if it happened there.
    pub first_run: Option<Time>,
    /// In how many runs it happened.
    pub runs: u32,
    /// The text of the first run in which it happened.
    pub text: String,
}

/// A figure over all runs.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureSummary {
    /// Its name.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Quantity or share of runs.
    pub kind: Kind,
    /// Value with interval, over the runs that have it.
    pub interval: Interval,
    /// Value of each run that has it, by run.
    pub values: BTreeMap<u32, f64>,
}

impl Summary {
    /// The first moment with a role, if there is one.
    #[must_use]
    pub fn first(&self, role: Role) -> Option<&Happening> {
        self.timeline.iter().find(|happening| happening.role == role)
    }

    /// The figure with a name, if there is one.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&FigureSummary> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

/// Runs scenarios in an environment. `progress` is called after each run with the number of finished runs and
/// the total; it is called from several threads.
#[must_use]
pub fn rehearse(
    scenarios: &[&Scenario],
    (environment, overlay): (&Environment, &Overlay),
    settings: Settings,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Rehearsal> {
    let runs = settings.runs.max(1);
    let beyond = limits::beyond(environment);
    let prepared: Vec<_> = scenarios
        .iter()
        .map(|scenario| match &beyond {
            Some(why) => Prepared::beyond(why.clone()),
            None => (scenario.prepare)(environment, overlay),
        })
        .collect();
    let jobs: Vec<(&Case, u32)> = prepared
        .iter()
        .flat_map(|prepared| &prepared.cases)
        .flat_map(|case| (0..runs).map(move |run| (case, run)))
        .collect();
    let done = AtomicUsize::new(0);
    let mut outcomes = jobs
        .par_iter()
        .map(|(case, run)| {
            let mut trace = Recorder::new(settings.trace && *run == 0);
            let outcome = (case.rehearse)(&Streams::new(settings.seed, u64::from(*run)), &mut trace);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
            (outcome, trace.finish())
        })
        .collect::<Vec<_>>()
        .into_iter();
    let mut rehearsals = Vec::with_capacity(scenarios.len());
    for (scenario, prepared) in scenarios.iter().zip(prepared) {
        let mut results = Vec::with_capacity(prepared.cases.len());
        for case in prepared.cases {
            let own: Vec<_> = outcomes.by_ref().take(runs as usize).collect();
            results.push(sum_up(case, own, settings.seed));
        }
        rehearsals.push(Rehearsal {
            scenario: **scenario,
            environment: environment.name.clone(),
            results,
            needs: prepared.needs,
            nothing: prepared.nothing,
            beyond: prepared.beyond,
        });
    }
    rehearsals
}

/// The facts that the scenarios ask for in an environment, each once. Nothing is run.
#[must_use]
pub fn needs((environment, overlay): (&Environment, &Overlay)) -> Vec<Need> {
    if limits::beyond(environment).is_some() {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for scenario in scenarios::ALL {
        for need in (scenario.prepare)(environment, overlay).needs {
            if seen.insert(need.path()) {
                all.push(need);
            }
        }
    }
    all
}

fn sum_up(case: Case, outcomes: Vec<(Outcome, Recording)>, seed: u64) -> Summary {
    let runs = u32::try_from(outcomes.len()).unwrap_or(u32::MAX);
    let mut series = Vec::new();
    let mut trace = Recording::default();
    let mut only_outcomes = Vec::with_capacity(outcomes.len());
    for (number, (mut outcome, recorded)) in outcomes.into_iter().enumerate() {
        if number == 0 {
            series = std::mem::take(&mut outcome.series);
            trace = recorded;
        }
        only_outcomes.push(outcome);
    }
    Summary {
        subject: case.subject,
        runs,
        seed,
        timeline: timeline(&only_outcomes),
        figures: figures(&only_outcomes),
        series,
        harm: only_outcomes.iter().map(|outcome| outcome.harm).sum::<f64>() / f64::from(runs.max(1)),
        inputs: case.inputs,
        assumptions: case.assumptions,
        trace,
    }
}

fn timeline(outcomes: &[Outcome]) -> Vec<Happening> {
    // Times of each moment in order of first appearance; if one comes several times in a run the first
    // counts.
    let mut found: Vec<(&'static str, Role, String, Vec<Time>)> = Vec::new();
    let mut first_run: BTreeMap<&'static str, Time> = BTreeMap::new();
    for (run, outcome) in outcomes.iter().enumerate() {
        let mut moments: Vec<_> = outcome.moments.iter().collect();
        moments.sort_by_key(|moment| moment.at);
        let mut told: Vec<&'static str> = Vec::new();
        for moment in moments {
            if told.contains(&moment.key) {
                continue;
            }
            told.push(moment.key);
            if run == 0 {
                first_run.insert(moment.key, moment.at);
            }
            match found.iter_mut().find(|(key, ..)| *key == moment.key) {
                Some((_, _, _, times)) => times.push(moment.at),
                None => found.push((moment.key, moment.role, moment.text.clone(), vec![moment.at])),
            }
        }
    }
    let mut timeline: Vec<Happening> = found
        .into_iter()
        .filter_map(|(key, role, text, mut times)| {
            times.sort_unstable();
            Some(Happening {
                key,
                role,
                at: times[times.len() / 2],
                range: (*times.first()?, *times.last()?),
                first_run: first_run.get(key).copied(),
                runs: u32::try_from(times.len()).unwrap_or(u32::MAX),
                text,
            })
        })
        .collect();
    timeline.sort_by_key(|happening| (happening.at, happening.role));
    timeline
}

fn figures(outcomes: &[Outcome]) -> Vec<FigureSummary> {
    let mut found: Vec<FigureSummary> = Vec::new();
    for (run, outcome) in outcomes.iter().enumerate() {
        let run = u32::try_from(run).unwrap_or(u32::MAX);
        for figure in &outcome.figures {
            match found.iter_mut().find(|f| f.name == figure.name) {
                Some(known) => {
                    known.values.insert(run, figure.value);
                }
                None => found.push(FigureSummary {
                    name: figure.name,
                    unit: figure.unit,
                    kind: figure.kind,
                    interval: Interval {
                        mean: 0.0,
                        low: 0.0,
                        high: 0.0,
                        runs: 0,
                    },
                    values: BTreeMap::from([(run, figure.value)]),
                }),
            }
        }
    }
    for figure in &mut found {
        let values: Vec<f64> = figure.values.values().copied().collect();
        let interval = match figure.kind {
            Kind::Amount => statistics::mean(&values),
            Kind::Whether => {
                let happened = values.iter().filter(|value| **value > 0.5).count();
                statistics::wilson(happened, values.len())
            }
        };
        if let Some(mut interval) = interval {
            // A value that was never below zero in any run is not below zero on average: with few runs that
            // differ widely, Student's interval is wider than possible.
            if values.iter().all(|value| *value >= 0.0) {
                interval.low = interval.low.max(0.0);
            }
            figure.interval = interval;
        }
    }
    found
}

/// The case in which most of the work is lost, if any is.
#[must_use]
pub fn worst(rehearsals: &[Rehearsal]) -> Option<(&Rehearsal, &Summary)> {
    rehearsals
        .iter()
        .flat_map(|rehearsal| rehearsal.results.iter().map(move |summary| (rehearsal, summary)))
        .filter(|(_, summary)| summary.harm > 0.0)
        // The first of equals, so that the order of the scenarios decides.
        .fold(None, |worst: Option<(&Rehearsal, &Summary)>, one| match worst {
            Some(known) if known.1.harm >= one.1.harm => Some(known),
            _ => Some(one),
        })
}

/// The decisions of a recording in words, as its replay takes them: who, what, and how often in a row.
#[cfg(test)]
pub(crate) fn told(recording: &Recording) -> Vec<(String, String, u64)> {
    use cofferdam_policy::trace::{Case, Header, Replay, VERSION, last_line};

    let header = Header {
        version: VERSION,
        by: "a test".into(),
        tool: "0".into(),
        seed: None,
    };
    let mut all: Vec<(String, String, u64)> = Vec::new();
    let mut replay = Replay::new();
    let lines = recording.lines(&Case::default(), &str::to_owned);
    for text in std::iter::once(header.line()).chain(lines) {
        for line in text.lines() {
            let mut one = |told: &cofferdam_policy::trace::Told<'_>| match all.last_mut() {
                Some((entity, words, times)) if entity == told.entity && *words == told.words() => {
                    *times += 1
                }
                _ => all.push((told.entity.to_owned(), told.words(), 1)),
            };
            replay.line_told(line, &mut one).unwrap();
        }
    }
    replay.line(&last_line(recording.decisions())).unwrap();
    replay.finish().unwrap();
    all
}

#[cfg(test)]
mod tests {
    use cofferdam_model::registry::kafka;
    use std::time::Duration;

    use cofferdam_policy::Random;

    use super::*;
    use crate::scenarios::Prepared;
    use cofferdam_formulas::Evidence;

    fn prepare(_: &Environment, _: &Overlay) -> Prepared {
        let mut prepared = Prepared::default();
        prepared.add(Ok(Case::new("one", Evidence::new(), |streams, trace| {
            let mut chance = streams.stream("one", "test");
            let wait = Duration::from_millis(chance.below(1000));
            trace.event(Time::ZERO, || ("autoscaler".into(), 3));
            let mut outcome = Outcome::default();
            outcome.moment(
                Time::ZERO + wait,
                Role::Cause,
                "full",
                format!("full after {wait:?}"),
            );
            outcome.amount("wait", wait.as_secs_f64(), "s");
            outcome.whether("lost", chance.unit() < 0.5);
            outcome.series("chart", "a", "s", vec![(Time::ZERO, 1.0)]);
            outcome
        })));
        prepared.add(Err(vec![Need::one(&kafka::BROKERS).because("it matters")]));
        prepared
    }

    const SCENARIO: Scenario = Scenario {
        name: "test",
        title: "a test",
        text: "",
        rules: &[],
        prepare,
    };

    fn run(threads: usize) -> Vec<Rehearsal> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let settings = Settings {
            runs: 40,
            seed: 3,
            trace: true,
        };
        pool.install(|| {
            rehearse(
                &[&SCENARIO],
                (&Environment::default(), &Overlay::default()),
                settings,
                &|_, _| {},
            )
        })
    }

    #[test]
    fn runs_are_summed_up_with_intervals() {
        let rehearsals = run(1);
        let summary = &rehearsals[0].results[0];
        assert_eq!(summary.runs, 40);
        assert_eq!(summary.timeline[0].runs, 40);
        let (first, last) = summary.timeline[0].range;
        assert!(first < summary.timeline[0].at && summary.timeline[0].at < last);
        let wait = summary.figure("wait").unwrap();
        // Uniform in 0 to 1 s: mean 0.5, deviation 0.289, standard error 0.046.
        assert!((wait.interval.mean - 0.5).abs() < 0.2);
        assert!(wait.interval.low < wait.interval.mean && wait.interval.mean < wait.interval.high);
        assert_eq!(wait.values.len(), 40);
        assert_eq!(summary.figure("lost").unwrap().kind, Kind::Whether);
        assert!(!summary.trace.is_empty());
        assert_eq!(rehearsals[0].needs[0].path(), "kafka.brokers");
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        assert_eq!(format!("{:?}", run(1)), format!("{:?}", run(2)));
    }
}
