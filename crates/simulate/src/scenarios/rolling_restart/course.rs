//! A rollout, second by second.

use std::time::Duration;

use cofferdam_policy::{Random, Time};

use super::{BEGINS, Setup, WATCHED};
use crate::chance::{Chance, Streams};

/// A pod of either version.
#[derive(Debug, Clone, Copy)]
struct Pod {
    new: bool,
    ready_at: u64,
    /// When it can serve; without a probe nobody waits for this.
    serves_at: u64,
    /// When it was told to stop.
    stops: Option<u64>,
    /// For how long proxies still send to it, in seconds.
    lag: f64,
}

impl Pod {
    const fn ready(&self, second: u64) -> bool {
        self.ready_at <= second && self.stops.is_none()
    }
}

pub(super) struct Course {
    pods: Vec<Pod>,
    pub(super) failed: u64,
    /// Of them: at new pods that could not serve yet.
    pub(super) deaf: u64,
    pub(super) overloaded: u64,
    pub(super) requests: u64,
    pub(super) fewest: u32,
    pub(super) most: u32,
    pub(super) done: Option<u64>,
    pub(super) points: Vec<(Time, f64, f64, f64)>,
}

pub(super) const fn at(second: u64) -> Time {
    Time::from_nanos(second * 1_000_000_000)
}

/// Replaces pods as the Deployment controller does: new ones up to the surge, old ones stopped as far as the
/// rest are available.
fn roll(setup: &Setup, course: &mut Course, second: u64, chance: &mut Chance) {
    let start = setup.start_up.unwrap_or(Duration::ZERO).as_secs_f64();
    let period = setup.readiness.1.as_secs_f64();
    let live = |course: &Course| course.pods.iter().filter(|pod| pod.stops.is_none()).count() as u32;
    let new = |course: &Course| course.pods.iter().filter(|pod| pod.new).count() as u32;
    while live(course) < setup.replicas + setup.surge && new(course) < setup.replicas {
        // Ready at the first check after it can serve; the kubelet's checks begin at a random moment of their period.
        let can = start.max(setup.readiness.0.as_secs_f64());
        let checked = if period > 0.0 { period * chance.unit() } else { 0.0 };
        let serves_at = second + (can + checked).ceil() as u64;
        course.pods.push(Pod {
            new: true,
            ready_at: if setup.probed { serves_at } else { second + 1 },
            serves_at,
            stops: None,
            lag: 0.0,
        });
    }
    let available = |course: &Course| course.pods.iter().filter(|pod| pod.ready(second)).count() as u32;
    while available(course) > setup.replicas.saturating_sub(setup.unavailable) {
        let lag = setup.lag.as_secs_f64() * chance.unit();
        let Some(old) = course.pods.iter_mut().find(|pod| !pod.new && pod.ready(second)) else {
            break;
        };
        old.stops = Some(second);
        old.lag = lag;
    }
}

/// One rollout, second by second.
pub(super) fn course(setup: &Setup, streams: &Streams) -> Course {
    let mut chance = streams.stream(&setup.name, "rollout");
    let mut arrivals = streams.stream(&setup.name, "arrivals");
    let pods = vec![
        Pod {
            new: false,
            ready_at: 0,
            serves_at: 0,
            stops: None,
            lag: 0.0
        };
        setup.replicas as usize
    ];
    let mut course = Course {
        pods,
        failed: 0,
        deaf: 0,
        overloaded: 0,
        requests: 0,
        fewest: setup.replicas,
        most: 0,
        done: None,
        points: Vec::new(),
    };
    let each = setup.connections.unwrap_or(0);
    let held = setup
        .pause
        .max(setup.longest.unwrap_or(Duration::ZERO))
        .min(setup.grace)
        .as_secs();
    for second in 0..WATCHED {
        if second >= BEGINS && course.done.is_none() {
            roll(setup, &mut course, second, &mut chance);
        }
        let ready = course.pods.iter().filter(|pod| pod.ready(second)).count() as u32;
        let deaf = |pod: &&Pod| pod.ready(second) && pod.serves_at > second;
        let deaf = course.pods.iter().filter(deaf).count() as u32;
        let serving = ready - deaf;
        // Requests that proxies still send to pods that refuse them: the part of this second before the
        // proxies know.
        let stopping: f64 = course
            .pods
            .iter()
            .filter_map(|pod| {
                let since = second.checked_sub(pod.stops?)? as f64;
                let refused = pod.lag - setup.pause.as_secs_f64();
                Some((refused - since).clamp(0.0, 1.0))
            })
            .sum();
        let rate = setup.rate;
        let requests = arrivals.poisson(rate);
        let each_gets = requests as f64 / (f64::from(ready) + stopping).max(1.0);
        let (to_stopping, to_deaf) = (each_gets * stopping, each_gets * f64::from(deaf));
        let room = setup
            .capacity
            .map_or(f64::INFINITY, |capacity| capacity * f64::from(serving));
        // Load above the capacity of all replicas together is not caused by the rollout.
        let usual = setup
            .capacity
            .map_or(f64::INFINITY, |capacity| capacity * f64::from(setup.replicas));
        let over = ((requests as f64).min(usual) - to_stopping - to_deaf - room).max(0.0);
        if second >= BEGINS && (course.done.is_none() || deaf > 0) {
            course.requests += requests;
        }
        course.failed += (to_stopping + to_deaf + over).round() as u64;
        course.deaf += to_deaf.round() as u64;
        course.overloaded += u64::from(over > 0.0);
        let open = course
            .pods
            .iter()
            .filter(|pod| pod.stops.is_none_or(|stop| second < stop + held))
            .count() as u32;
        course.fewest = course.fewest.min(serving);
        course.most = course.most.max(open);
        course.points.push((
            at(second),
            f64::from(serving),
            f64::from(open * each.max(1)),
            (to_stopping + to_deaf + over) / (requests as f64).max(1.0) * 100.0,
        ));
        let rolled = course
            .pods
            .iter()
            .filter(|pod| pod.new && pod.ready(second))
            .count() as u32
            >= setup.replicas;
        if rolled && course.done.is_none() {
            course.done = Some(second);
        }
        if course.done.is_some_and(|done| second >= done + 30) && deaf == 0 {
            break;
        }
    }
    course
}
