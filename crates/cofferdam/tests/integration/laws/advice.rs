//! Advice taken silences: with a remedy's number applied, the rule is silent.

use std::collections::BTreeMap;

use cofferdam_audit::Finding;

use super::platform::{NAMES, Pool, Pooler, Spec};
use super::{checked, findings, over_platforms};

#[test]
fn a_remedys_number_silences_the_rule_that_gave_it() {
    let mut taken: BTreeMap<&'static str, u32> = BTreeMap::new();
    over_platforms(|spec| {
        let report = checked(&spec.read());
        for finding in findings(&report, "database-connection-exhaustion", "main") {
            if let Some(n) = after(finding, "together be at most ") {
                *taken.entry("smaller pools").or_default() += 1;
                let mut spec = smaller(spec.clone(), n, finding.remedy.contains(" a process"));
                if finding.remedy.contains("maxSurge 0") {
                    spec.services
                        .iter_mut()
                        .for_each(|service| service.surge = Some(0));
                }
                silent(&spec, finding)?;
            }
            if let Some(n) = after(finding, "PgBouncer with at most ") {
                *taken.entry("a pooler").or_default() += 1;
                silent(&pooled(spec.clone(), n), finding)?;
            }
            if finding.remedy.contains("connect through pgbouncer") {
                *taken.entry("the pooler").or_default() += 1;
                let mut spec = spec.clone();
                spec.services.iter_mut().for_each(|service| service.pooled = true);
                silent(&spec, finding)?;
            }
        }
        for finding in findings(&report, "pooler-overcommit", "pgbouncer") {
            if let Some(n) = after(finding, "Set max_db_connections to ") {
                *taken.entry("max_db_connections").or_default() += 1;
                let mut spec = spec.clone();
                spec.pooler.iter_mut().for_each(|pooler| pooler.most = Some(n));
                silent(&spec, finding)?;
            }
        }
        for (at, name) in NAMES.iter().enumerate().take(spec.services.len()) {
            of_group(&spec, at, name, &report, &mut taken)?;
        }
        Ok(())
    });
    for kind in [
        "smaller pools",
        "a pooler",
        "the pooler",
        "max_db_connections",
        "fewer replicas",
        "fewer consumers",
        "more partitions",
        "more partitions of the largest",
        "more partitions together",
        "even members",
    ] {
        assert!(taken.get(kind).is_some_and(|n| *n >= 20), "{kind}: {taken:?}");
    }
}

/// The advice about a group of consumers.
fn of_group(
    spec: &Spec,
    at: usize,
    name: &str,
    report: &cofferdam_audit::Report,
    taken: &mut BTreeMap<&'static str, u32>,
) -> Result<(), String> {
    let subject = format!("consumer group {name}");
    for finding in findings(report, "kafka-idle-members", &subject) {
        let replicas = after(finding, "Limit the autoscaler to ").or_else(|| after(finding, "Run at most "));
        if let Some(n) = replicas {
            *taken.entry("fewer replicas").or_default() += 1;
            let mut spec = spec.clone();
            spec.services[at].most = n;
            spec.services[at].least = spec.services[at].least.min(n);
            silent(&spec, finding)?;
        }
        if let Some(n) = after(finding, "Build at most ") {
            *taken.entry("fewer consumers").or_default() += 1;
            let mut spec = spec.clone();
            let service = &mut spec.services[at];
            (service.least, service.most) = (1, 1);
            if let Pool::Sized(_, _, processes) = &mut service.pool {
                *processes = 1;
            }
            if let Some(consumer) = &mut service.consumer {
                consumer.consumers = Some(n);
            }
            silent(&spec, finding)?;
        }
        if let Some(n) = after(finding, "give the largest topic at least ") {
            *taken.entry("more partitions of the largest").or_default() += 1;
            let mut spec = spec.clone();
            if let Some(consumer) = &mut spec.services[at].consumer {
                consumer.partitions.sort_unstable_by(|a, b| b.cmp(a));
                consumer.partitions[0] = n;
            }
            silent(&spec, finding)?;
        }
        if let Some(n) = after(finding, "give its topics at least ") {
            *taken.entry("more partitions together").or_default() += 1;
            let mut spec = spec.clone();
            if let Some(consumer) = &mut spec.services[at].consumer {
                let sum: u32 = consumer.partitions.iter().sum();
                consumer.partitions[0] += n - sum;
            }
            silent(&spec, finding)?;
        }
        if let Some(n) = after(finding, "give the topic at least ") {
            *taken.entry("more partitions").or_default() += 1;
            let mut spec = spec.clone();
            if let Some(consumer) = &mut spec.services[at].consumer {
                consumer.partitions[0] = n;
            }
            silent(&spec, finding)?;
        }
    }
    for finding in findings(report, "kafka-uneven-members", &subject) {
        let listed = finding
            .remedy
            .split_once(" (")
            .and_then(|(_, rest)| rest.split_once(')'));
        let each = members_of_replica(spec, at);
        for n in listed
            .iter()
            .flat_map(|(list, _)| list.split(", "))
            .filter_map(|n| n.parse::<u32>().ok())
        {
            if n.is_multiple_of(each) {
                *taken.entry("even members").or_default() += 1;
                let mut spec = spec.clone();
                (spec.services[at].least, spec.services[at].most) = (n / each, n / each);
                silent(&spec, finding)?;
            }
        }
    }
    Ok(())
}

fn members_of_replica(spec: &Spec, at: usize) -> u32 {
    let service = &spec.services[at];
    let processes = match service.pool {
        Pool::Sized(_, _, processes) => processes,
        Pool::Stated(_) | Pool::Unknown => 1,
    };
    processes
        * service
            .consumer
            .as_ref()
            .and_then(|consumer| consumer.consumers)
            .unwrap_or(1)
}

/// The number behind these words of a remedy.
fn after(finding: &Finding, words: &str) -> Option<u32> {
    let (_, rest) = finding.remedy.split_once(words)?;
    let number: String = rest
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == ',')
        .collect();
    number.replace(',', "").parse().ok()
}

/// Whether the rule that gave a finding says nothing more of its subject.
fn silent(spec: &Spec, finding: &Finding) -> Result<(), String> {
    let report = checked(&spec.read());
    let still = findings(&report, finding.rule.as_str(), &finding.subject);
    match still.first() {
        None => Ok(()),
        Some(still) => Err(format!(
            "{}: {}\nadvice: {}\nafterwards: {}",
            finding.rule, finding.title, finding.remedy, still.title
        )),
    }
}

/// Pools with at most so many connections, of each process or of each replica, where services connect directly.
fn smaller(mut spec: Spec, n: u32, of_process: bool) -> Spec {
    let is_pooled = spec.pooler.is_some();
    for service in spec
        .services
        .iter_mut()
        .filter(|service| !(is_pooled && service.pooled))
    {
        match &mut service.pool {
            Pool::Stated(each) => *each = (*each).min(n),
            Pool::Sized(size, overflow, processes) => {
                let most = if of_process { n } else { n / *processes };
                *size = (*size + *overflow).min(most);
                *overflow = 0;
            }
            Pool::Unknown => {}
        }
    }
    spec
}

/// A pooler in front of the database, whose replicas together open at most so many connections.
fn pooled(mut spec: Spec, n: u32) -> Spec {
    // Two replicas, if there is a connection for each.
    let replicas = n.min(2);
    spec.pooler = Some(Pooler {
        replicas: Some(replicas),
        pool: Some(n),
        reserve: None,
        most: Some(n / replicas),
        users: None,
        leases: true,
    });
    spec.services.iter_mut().for_each(|service| service.pooled = true);
    spec.checklist = None;
    spec
}
