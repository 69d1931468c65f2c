//! Which declarations are one service.

use super::kafka::topic;
use super::stores::sql_pool;
use super::{
    autoscaler, consumer_in, declared, deployment, env, in_namespace, names, object, span, with_variables,
    workload,
};
use crate::calls::{Call, CallSite, CallTarget};
use crate::link::link;
use crate::owner::Owner;
use crate::platform::Service;
use crate::source::Fact;
use crate::units::Rate;
use std::time::Duration;

#[test]
fn each_name_is_one_service_and_a_canary_is_separate() {
    let mut env = env("production");
    env.workloads = vec![
        deployment("web"),
        deployment("api"),
        workload("CronJob", "api"),
        deployment("api-canary"),
        workload("DaemonSet", "agent"),
    ];
    link(&mut env);
    assert_eq!(names(&env), ["agent", "api", "api-canary", "web"]);
    assert_eq!(env.services[1].workloads.len(), 2);
    let owner = &env.workloads[0].owner;
    assert_eq!(env.owner_name(owner), "web");
}

#[test]
fn one_name_in_two_namespaces_is_two_services_and_an_unknown_namespace_matches_both() {
    let mut env = env("production");
    env.workloads = vec![
        deployment("api"),
        in_namespace(deployment("api"), "b"),
        in_namespace(deployment("api"), "a"),
    ];
    link(&mut env);
    let namespaces: Vec<_> = env.services.iter().map(|s| s.namespace.as_deref()).collect();
    assert_eq!(namespaces, [Some("a"), Some("b")]);
    assert_eq!(env.services.iter().map(|s| s.workloads.len()).sum::<usize>(), 3);
}

#[test]
fn facts_of_other_formats_join_the_service_and_statements_win() {
    let mut env = env("production");
    env.workloads = vec![deployment("data-collector")];
    for (rate, stated) in [(100.0, false), (300.0, true), (200.0, false)] {
        let fact = if stated {
            Fact::stated(Rate(rate), span(7))
        } else {
            Fact::declared(Rate(rate), span(7))
        };
        env.services.push(Service {
            name: "DataCollector".to_owned(),
            peak_rate: Some(fact),
            ..Service::default()
        });
    }
    env.services.push(Service {
        name: "billing".to_owned(),
        ..Service::default()
    });
    link(&mut env);
    assert_eq!(names(&env), ["billing", "data-collector"]);
    assert_eq!(
        env.services[1].peak_rate.as_ref().map(|r| r.value),
        Some(Rate(300.0))
    );
}

#[test]
fn ten_thousand_workloads_link_without_a_quadratic_step() {
    let mut env = env("production");
    for n in 0..10_000usize {
        let name = format!("service-{n}");
        let mut workload = with_variables(deployment(&name), &[("POOL_SIZE", "5"), ("LOG_LEVEL", "info")]);
        workload.replicas = declared(2);
        env.workloads.push(workload);
        env.autoscalers.push(autoscaler(
            "HorizontalPodAutoscaler",
            Some(object(
                "Deployment",
                &format!("{name}{}", if n % 2 == 0 { "" } else { "-gone" }),
            )),
            (Some(1), Some(3)),
        ));
        let mut consumer = consumer_in(&format!("services/{name}/src"), &name);
        consumer.topics = vec![Fact::declared(format!("topic-{}", n + 5000), span(0))];
        env.consumers.push(consumer);
        env.topics.push(topic(&format!("topic-{n}")));
        env.pools.push(sql_pool(&name, Some("db")));
        let owner = Owner::named(name.to_uppercase());
        env.calls
            .push(Call::at(span(0), owner, CallSite::default(), CallTarget::Outside));
    }
    let start = std::time::Instant::now();
    link(&mut env);
    // An unoptimised build on a busy machine; a quadratic step takes minutes.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(env.services.len(), 10_000);
    assert_eq!(env.dangling.len(), 10_000);
}
