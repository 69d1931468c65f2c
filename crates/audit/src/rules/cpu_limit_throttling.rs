//! The kernel enforces a CPU limit in periods of 100 ms. If more threads run than the limit has cores, they
//! use up the quota early and are stopped for the rest of the period.

use super::pods;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::throttling::{self, PERIOD_MS, Stall, Threads};
use cofferdam_model::units::show_number;
use cofferdam_model::workload::{Container, Workload};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("cpu-limit-throttling"),
    group: Group::Scaling,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("more threads run than the CPU limit has cores, so every period has a stall"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/cpu-limit-throttling.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for workload in pods::present(cx.env) {
        for container in &workload.containers {
            judge(cx, workload, container, out);
        }
    }
}

fn judge(cx: &Context<'_>, workload: &Workload, container: &Container, out: &mut Verdicts) {
    let Some(limit) = &container.cpu_limit else { return };
    let Some(service) = pods::service(cx.env, workload) else {
        return;
    };
    let Some(Threads {
        count: place, words, ..
    }) = throttling::threads(cx.env, service, workload, container)
    else {
        return;
    };
    let (threads, cores) = (place.value, limit.value.cores());
    let Some(Stall { runs, stalls: stall }) = throttling::stall(threads, cores) else {
        return;
    };
    let mut evidence = Evidence::new();
    evidence.note(limit, format!("limit {}", limit.value));
    evidence.note(place, words.clone());
    evidence.assume("all of these threads want CPU at once, as they do under load");
    let scaled = !service.autoscalers.is_empty();
    if let Some(request) = container.cpu_request.as_ref().filter(|_| scaled) {
        evidence.note(
            request,
            format!("the autoscaler counts utilisation of {}", request.value),
        );
    }
    let utilisation = container
        .cpu_request
        .as_ref()
        .filter(|r| r.value.0 > 0)
        .map(|r| limit.value.0 as f64 / r.value.0 as f64 * 100.0);
    let mut explanation = format!(
        "The limit gives {} ms of CPU in each period of 100 ms. {words} {} it up in {} ms and {} then stopped for {} ms, ten times a second, whatever the average shows. Latency increases \
         in steps of 100 ms while graphs show a pod that is not busy.",
        show_number(cores * PERIOD_MS),
        if threads == 1 {
            "uses"
        } else {
            "that run at once use"
        },
        show_number(runs),
        if threads == 1 { "is" } else { "are" },
        show_number(stall)
    );
    if let Some(utilisation) = utilisation.filter(|_| scaled) {
        explanation.push_str(&format!(
            " The autoscaler compares with the request, and the limit is {} % of the request.",
            show_number(utilisation.round())
        ));
    }
    out.report(
        Finding::new(
            &workload.id,
            format!(
                "{}: {words} under a limit of {}: up to {} ms of every 100 ms stalled",
                workload.id,
                limit.value,
                show_number(stall.round())
            ),
        )
        .explain(explanation)
        .remedy(match cores >= 1.0 {
            true => format!(
                "Remove the CPU limit (keep the request), or run at most {} of them in this container.",
                cores.floor()
            ),
            false => format!(
                "Remove the CPU limit (keep the request), or raise it to {threads}: less than one CPU stops even one thread."
            ),
        })
        .cause(("container", container.name.as_str()))
        .figure("stall", stall, "ms")
        .figure("runs", runs, "ms")
        .figure("threads", threads, "threads")
        .evidence(evidence),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer, fact};
    use cofferdam_model::Cpu;

    #[test]
    fn seven_workers_under_one_core_stall_86_of_100_milliseconds() {
        // 1 core × 100 ms ÷ 7 = 14.29 ms; 100 − 14.29 = 85.71 ms.
        let mut env = env_with_consumer(12, (2, 2, 50), Some(7));
        env.workloads = pods::testing::env((2, 2, 50), |w| {
            w.containers[0].cpu_limit = Some(fact(Cpu(1000), 9));
            w.containers[0].cpu_request = Some(fact(Cpu(500), 10));
        })
        .parts
        .workloads;
        let mut fragment = testing::only(&RULE, &env);
        env.workloads[0].completeness = cofferdam_model::workload::Completeness::Fragment;
        let finding = testing::only(&RULE, &env);
        assert_eq!(
            finding.figures,
            std::mem::take(&mut fragment.figures),
            "what a chart makes is judged alike"
        );
        assert!((finding.figures["stall"].value - 85.714).abs() < 1e-3);
        assert!(
            !finding.explanation.contains("autoscaler"),
            "{}",
            finding.explanation
        );
        env.services[0].autoscalers = vec![cofferdam_model::AutoscalerId(0)];
        let explanation = testing::only(&RULE, &env).explanation;
        assert!(explanation.contains("200 %"), "{explanation}");
    }

    #[test]
    fn as_many_threads_and_as_much_cpu_as_advised_are_silent() {
        for (threads, limit) in
            (1u32..9).flat_map(|threads| [(threads, 500), (threads, 1500), (threads, 3000)])
        {
            let with = |threads: u32, limit: u64| {
                let mut env = env_with_consumer(12, (2, 2, 2), Some(threads));
                env.workloads = pods::testing::env((2, 2, 2), |w| {
                    w.containers[0].cpu_limit = Some(fact(Cpu(limit), 9));
                })
                .parts
                .workloads;
                testing::all(&RULE, &env)
            };
            for finding in with(threads, limit) {
                let number = |words: &str| -> Option<u64> {
                    let (_, rest) = finding.remedy.split_once(words)?;
                    rest.split([' ', ':']).next()?.parse().ok()
                };
                let after = match (number("at most "), number("raise it to ")) {
                    (Some(threads), _) => with(threads as u32, limit),
                    (None, Some(cores)) => with(threads, cores * 1000),
                    _ => panic!("{}", finding.remedy),
                };
                assert!(after.is_empty(), "{threads} under {limit}: {}", finding.remedy);
            }
        }
    }

    #[test]
    fn one_process_is_singular() {
        let mut env = env_with_consumer(12, (2, 2, 2), None);
        env.services[0].processes = Some(fact(1, 8));
        env.workloads = pods::testing::env((2, 2, 2), |w| {
            w.containers[0].cpu_limit = Some(fact(Cpu(500), 9));
        })
        .parts
        .workloads;
        let text = testing::only(&RULE, &env).explanation;
        assert!(
            text.contains("1 process uses it up in 50 ms and is then stopped for 50 ms"),
            "{text}"
        );
    }

    #[test]
    fn a_limit_with_a_core_for_each_worker_and_no_limit_are_silent() {
        let mut env = env_with_consumer(12, (2, 2, 50), Some(2));
        env.workloads = pods::testing::env((2, 2, 50), |w| {
            w.containers[0].cpu_limit = Some(fact(Cpu(2000), 9))
        })
        .parts
        .workloads;
        assert!(testing::all(&RULE, &env).is_empty());
        env.workloads[0].containers[0].cpu_limit = None;
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
