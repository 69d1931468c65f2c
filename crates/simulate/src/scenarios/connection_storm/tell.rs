//! The outcome of a connection storm: moments, figures and curves.

use cofferdam_model::units::{amount, count};
use cofferdam_policy::Time;

use super::requests::Why;
use super::storm::Storm;
use super::{END, LOAD};
use crate::outcome::{Outcome, Role, shown};
use cofferdam_formulas::erlang::erlang_b;

/// The outcome of a run.
pub(super) fn tell(storm: &Storm<'_>) -> Outcome {
    let mut out = Outcome::default();
    out.moment(
        LOAD,
        Role::Trigger,
        "load",
        "load arrives, and every autoscaler asks for its maximum of replicas",
    );
    if let Some(scaled) = storm.seen.scaled {
        out.moment(
            scaled,
            Role::Effect,
            "full scale",
            format!("{}, the maximum", count(storm.replicas.len() as u64, "replica")),
        );
    }
    let missing = missing(storm);
    refusals(storm, &mut out);
    timeouts(storm, &mut out);
    connections(storm, missing, &mut out);
    at_the_server(storm, &mut out);
    let failing = requests(storm, &mut out);
    let wanted = f64::from(storm.setup.wanted().max(1));
    out.harm = (f64::from(missing) / wanted).max(failing);
    curves(storm, &mut out);
    out
}

/// Connections that replicas want and do not have.
fn missing(storm: &Storm<'_>) -> u32 {
    storm.wanted() - storm.open()
}

/// How many replicas of each service lack connections (`27 of api`).
fn who(storm: &Storm<'_>) -> String {
    let parts = storm.setup.parts.iter().enumerate();
    let words: Vec<String> = parts
        .filter_map(|(number, part)| {
            let short = storm.up[number].iter();
            let short = short
                .filter(|replica| storm.replicas[**replica].open < part.each)
                .count();
            (short > 0).then(|| format!("{short} of {}", part.service))
        })
        .collect();
    words.join(", ")
}

/// The limit that ran out: slots of the server, or clients of the pooler.
fn refusals(storm: &Storm<'_>, out: &mut Outcome) {
    let setup = storm.setup;
    let (Some(full), Some(refused)) = (storm.seen.full, storm.seen.first_refusal) else {
        return;
    };
    let what = if setup.between.is_some() {
        "clients of the pooler"
    } else {
        "connections"
    };
    out.moment(
        full,
        Role::Cause,
        "slots full",
        format!("all {} {what} are taken", shown(f64::from(setup.there_are()), "")),
    );
    out.moment(
        refused.max(full),
        Role::Effect,
        "refused",
        format!(
            "from here on every new connection is refused at once: \"{}\"",
            setup.refusal
        ),
    );
    out.moment(
        END,
        Role::Loop,
        "trying again",
        format!(
            "replicas lack connections ({}) and try again, {} a second; replicas that have connections \
             never give them up, so this does not end",
            who(storm),
            amount(storm.seen.refused_rate.round(), "time")
        ),
    );
    let instead = if setup.between.is_some() {
        "let the pooler accept more clients, or replicas open fewer,".to_owned()
    } else {
        format!(
            "keep the sum of all pools below {}, by a pooler or by fewer connections a replica,",
            shown(f64::from(setup.there_are()), "")
        )
    };
    out.moment(
        full,
        Role::Action,
        "limit",
        format!("{instead} before it is full"),
    );
    out.amount(
        "time until the slots are full",
        full.since(LOAD).as_secs_f64(),
        "s",
    );
}

/// Connections of replicas to the pooler whose first statement waits without result.
fn timeouts(storm: &Storm<'_>, out: &mut Outcome) {
    let (Some(first), Some(between)) = (storm.seen.first_timeout, &storm.setup.between) else {
        return;
    };
    let wait = between.config.query_wait_timeout;
    let begun = Time::from_nanos(first.as_nanos().saturating_sub(wait.as_nanos() as u64));
    let most = between.server_connections(storm.replicas.len() as u32);
    out.moment(
        begun,
        Role::Cause,
        "pooler full",
        format!(
            "all {} of the pooler to the server are taken, each by one client permanently: more \
             clients wait",
            count(most.min(storm.setup.slots()).into(), "connection")
        ),
    );
    out.moment(
        first,
        Role::Effect,
        "disconnected",
        format!(
            "the pooler disconnects clients that have waited {} s: query_wait_timeout",
            shown(wait.as_secs_f64(), "")
        ),
    );
    out.moment(
        END,
        Role::Loop,
        "waiting again",
        format!(
            "replicas lack connections ({}), connect again and wait again; those that have one never give it up",
            who(storm)
        ),
    );
    out.moment(
        begun,
        Role::Action,
        "pool mode",
        "pool transactions instead of sessions, or open no more connections than the pooler has to the server",
    );
}

fn connections(storm: &Storm<'_>, missing: u32, out: &mut Outcome) {
    let setup = storm.setup;
    let wanted = f64::from(setup.wanted());
    out.amount("connections wanted at full scale", wanted, "connections");
    out.amount(
        "available connections",
        f64::from(setup.there_are()),
        "connections",
    );
    out.amount(
        "connections missing at full scale",
        f64::from(missing),
        "connections",
    );
    out.amount(
        "share of the connections that is missing",
        f64::from(missing) / wanted.max(1.0) * 100.0,
        "%",
    );
    let without = storm.replicas.iter().filter(|r| r.up && r.open == 0).count();
    out.amount("replicas without any connection", without as f64, "replicas");
    out.amount(
        "refused attempts a second, at the end",
        storm.seen.refused_rate,
        "/s",
    );
    let surge: u32 = setup
        .parts
        .iter()
        .map(|part| {
            part.each
                .saturating_mul(part.scaler.maximum.saturating_add(part.surge))
        })
        .fold(0, u32::saturating_add);
    out.amount(
        "connections wanted while a rollout overlaps",
        f64::from(surge),
        "connections",
    );
    if setup.between.is_none() {
        let blocked = erlang_b(setup.slots(), wanted) * 100.0;
        out.amount("refused if each request opened its own (Erlang B)", blocked, "%");
    }
}

/// Connections to the server, and their cost.
fn at_the_server(storm: &Storm<'_>, out: &mut Outcome) {
    let setup = storm.setup;
    let replicas = storm.replicas.len() as u32;
    out.amount(
        "maximum connections to the server at a time",
        f64::from(storm.seen.most),
        "connections",
    );
    let mut may = storm.seen.most;
    if let Some(between) = &setup.between {
        may = between.server_connections(replicas);
        out.amount(
            "connections that the pooler may open to the server",
            f64::from(may),
            "connections",
        );
        if may > setup.slots() {
            out.amount(
                "connections of the pooler that the server has no slot for",
                f64::from(may - setup.slots()),
                "connections",
            );
        }
    }
    if let Some((limit, why)) = &setup.stated {
        out.amount(
            "connections to the server above the stated limit",
            f64::from(may.saturating_sub(*limit)),
            "connections",
        );
        if may > *limit {
            let can = if setup.between.is_some() {
                "the pooler may open"
            } else {
                "available"
            };
            out.moment(
                END,
                Role::Effect,
                "above the limit",
                format!(
                    "{can} {} to the server, and {why} allows {limit}",
                    count(may.into(), "connection")
                ),
            );
        }
    }
    if let Some(answer) = storm
        .seen
        .answers
        .percentile(0.95)
        .filter(|_| storm.seen.answers.count() > 0)
    {
        out.amount(
            "the server's answer to an attempt to connect, 95th percentile",
            answer as f64 * 1e-6,
            "ms",
        );
    }
    if let Some([(from, before), (until, after)]) = storm.seen.spent {
        let measured = until.since(from).as_secs_f64().max(1e-9);
        let busy = (after.postmaster - before.postmaster).as_secs_f64() / measured;
        out.amount(
            "share of the postmaster's time for new processes, at full scale",
            rounded(busy * 100.0, 10.0),
            "%",
        );
        out.amount(
            "server processors used by connection attempts, at full scale",
            rounded((after.work - before.work).as_secs_f64() / measured, 100.0),
            "processors",
        );
        if setup.between.is_some() {
            let rate = rounded((after.opened - before.opened) as f64 / measured, 1.0);
            out.amount(
                "connections that the pooler opens a second, at full scale",
                rate,
                "/s",
            );
            churn(storm, rate, out);
        }
    }
}

/// A rate, without the digits that only reflect how long was measured.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// Too many users for the connections that they share.
fn churn(storm: &Storm<'_>, rate: f64, out: &mut Outcome) {
    let Some(first) = storm.seen.first_evicted.filter(|_| rate >= 1.0) else {
        return;
    };
    out.moment(
        first,
        Role::Cause,
        "pooler full",
        "a replica of the pooler has all the connections that it may have, and more users than connections",
    );
    out.moment(
        first,
        Role::Action,
        "users",
        "let replicas share users, so that the pooler has fewer users than connections",
    );
    out.moment(
        END,
        Role::Loop,
        "closed for another",
        format!(
            "the pooler closes the connection of one user to open one of another, {} times a second, and \
             each is a new process of the server",
            shown(rate.round(), "")
        ),
    );
}

/// Requests, if it is known how long they hold a connection; the share that fails.
fn requests(storm: &Storm<'_>, out: &mut Outcome) -> f64 {
    let requests = &storm.requests;
    let failed = requests.failed_in_all();
    let all = requests.served + failed;
    if all == 0 {
        return 0.0;
    }
    let flows = storm.setup.flows();
    let busy: f64 = flows.map(|flow| flow.rate * flow.hold.as_secs_f64()).sum();
    out.amount(
        "connections that transactions want at a time",
        busy,
        "connections",
    );
    for (name, rank) in [
        ("wait for a connection at full scale, median", 0.5),
        ("wait for a connection at full scale, 95th percentile", 0.95),
        ("wait for a connection at full scale, 99th percentile", 0.99),
    ] {
        if let Some(wait) = requests.waits.percentile(rank) {
            out.amount(name, wait as f64 * 1e-6, "ms");
        }
    }
    let all = all as f64;
    out.amount(
        "requests that fail without a connection, at full scale",
        failed as f64 / all * 100.0,
        "%",
    );
    overload(storm, busy, out);
    if let Some((at, why)) = requests.first_failure {
        let parts = storm.setup.parts.iter().zip(&requests.hurt);
        let hurt: Vec<&str> = parts
            .filter_map(|(part, hurt)| hurt.then_some(part.service.as_str()))
            .collect();
        out.moment(
            at,
            Role::Effect,
            "requests fail",
            format!("requests of {} fail: {}", hurt.join(" and "), words(why)),
        );
    }
    for why in Why::ALL {
        let count = requests.failures[why as usize];
        if count > 0 {
            out.amount(share_name(why), count as f64 / all * 100.0, "%");
        }
    }
    failed as f64 / all
}

/// More transactions at a time than connections: of a service's own pools, or of the pooler.
fn overload(storm: &Storm<'_>, busy: f64, out: &mut Outcome) {
    let setup = storm.setup;
    let mut add = |whose: &str, want: f64, most: u32| {
        out.moment(
            END,
            Role::Loop,
            "more transactions than connections",
            format!(
                "transactions{whose} want {} at a time and {} {}: requests wait longer and \
                 longer, until they give up",
                amount(want.round(), "connection"),
                shown(f64::from(most), ""),
                if most == 1 { "exists" } else { "exist" }
            ),
        );
    };
    for part in &setup.parts {
        let want = part.flow.map_or(0.0, |flow| flow.rate * flow.hold.as_secs_f64());
        let most = part.each.saturating_mul(part.scaler.maximum);
        if want > f64::from(most) {
            add(&format!(" of {}", part.service), want, most);
            return;
        }
    }
    let replicas = storm.replicas.len() as u32;
    let may = (setup.between.as_ref()).map_or(u32::MAX, |between| between.server_connections(replicas));
    let most = may.min(setup.slots());
    if busy > f64::from(most) {
        add("", busy, most);
    }
}

const fn words(why: Why) -> &'static str {
    match why {
        Why::OwnPool => "no connection of their service's own pool becomes free in time",
        Why::QueryWait => "the pooler disconnects them after query_wait_timeout",
        Why::Server => "the server refuses the pooler, which passes it on",
        Why::NoEnd => "they wait without end",
    }
}

const fn share_name(why: Why) -> &'static str {
    match why {
        Why::OwnPool => "requests that wait too long for their service's own pool",
        Why::QueryWait => "requests that the pooler ends after query_wait_timeout",
        Why::Server => "requests that the server's refusal of the pooler ends",
        Why::NoEnd => "requests that wait without end",
    }
}

fn curves(storm: &Storm<'_>, out: &mut Outcome) {
    let setup = storm.setup;
    let by = |pick: fn(&(Time, u32, u32, u32)) -> u32| {
        let course = storm.seen.course.iter();
        course.map(|one| (one.0, f64::from(pick(one)))).collect()
    };
    let chart = "connections";
    out.series(chart, "wanted", "connections", by(|one| one.1));
    out.series(chart, "open", "connections", by(|one| one.2));
    if setup.between.is_some() {
        out.series(chart, "to the server", "connections", by(|one| one.3));
    }
    // A limit far above the wanted connections would make all other curves flat.
    if setup.there_are() <= setup.wanted().saturating_mul(2) {
        let most = f64::from(setup.there_are());
        out.series(
            chart,
            "available",
            "connections",
            vec![(Time::ZERO, most), (END, most)],
        );
    }
    let course = &storm.requests.course;
    let longest = course.iter().map(|(_, wait)| *wait).fold(0.0, f64::max);
    // No chart if nothing waits.
    if longest >= 1e-3 {
        let (unit, parts) = if longest < 1.0 { ("ms", 1e3) } else { ("s", 1.0) };
        out.series(
            "95th percentile of the wait for a connection, for some time at full scale",
            "wait",
            unit,
            course.iter().map(|(at, wait)| (*at, wait * parts)).collect(),
        );
    }
}
