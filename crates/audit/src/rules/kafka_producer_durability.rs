//! A producer that does not wait for the replicas loses messages that only the failed leader had.

use super::common::{self, count};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::kafka::{Acks, KafkaClient, Producer, ProducerRole};
use cofferdam_model::registry::{self, Need};
use cofferdam_model::units::{amount, show_number};
use cofferdam_model::{Environment, Linked, Rate};
use std::borrow::Cow;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("kafka-producer-durability"),
    group: Group::Kafka,
    severity: Severity::Critical,
    fix: Fix::Automatic,
    summary: Cow::Borrowed(
        "a producer can lose or duplicate messages: acks, idempotence, requests in flight, retries",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!(
        "../../../../docs/rules/kafka-producer-durability.md"
    )),
    check: Check::BuiltIn(check),
};

/// Retries must last longer than a leader election and a broker's restart; `delivery.timeout.ms` defaults to
/// 120 s.
const SHORT_DELIVERY: Duration = Duration::from_secs(30);

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for producer in cx.env.producers.iter().filter(|p| p.role == ProducerRole::Main) {
        judge(cx, producer, out);
    }
}

/// The acknowledgement for which a producer waits, by its setting or its client's default.
pub(crate) fn effective_acks(producer: &Producer, evidence: &mut Evidence) -> Option<Acks> {
    if let Some(acks) = &producer.acks {
        return Some(evidence.take(acks, format!("acks={}", acks_name(acks.value))));
    }
    let client = producer.client.as_ref()?;
    let (acks, why) = match client.value {
        KafkaClient::Java => (
            Acks::All,
            "acks is not set; the Java client's default is all since 3.0",
        ),
        KafkaClient::Librdkafka => (Acks::All, "acks is not set; librdkafka's default is all"),
        KafkaClient::KafkaPython => (Acks::Leader, "acks is not set; kafka-python's default is 1"),
        KafkaClient::AioKafka => (
            Acks::Leader,
            "acks is not set; aiokafka's default is 1 without idempotence",
        ),
        KafkaClient::Sarama => (
            Acks::Leader,
            "RequiredAcks is not set; Sarama's default is WaitForLocal (1)",
        ),
        KafkaClient::KafkaJs => (Acks::All, "acks is not set; KafkaJS's default is all"),
    };
    evidence.note(client, "the producer's client");
    evidence.assume(why);
    Some(acks)
}

pub(crate) fn acks_name(acks: Acks) -> &'static str {
    match acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    }
}

fn judge(cx: &Context<'_>, producer: &Producer, out: &mut Verdicts) {
    let name = cx.env.owner_name(&producer.owner);
    let mut evidence = Evidence::new();
    let acks = effective_acks(producer, &mut evidence);
    let mut problems: Vec<String> = Vec::new();
    let mut remedies: Vec<&str> = Vec::new();
    let loses = matches!(acks, Some(Acks::None | Acks::Leader));
    if loses {
        remedies.push("acks=all with min.insync.replicas=2 on the topic");
    }
    if let Some(idempotence) = producer.idempotence.as_ref().filter(|f| !f.value) {
        evidence.note(idempotence, "idempotence is off");
        problems.push("idempotence is off: a retried batch is stored twice or out of order".to_owned());
    }
    if loses || !problems.is_empty() {
        remedies.push("enable.idempotence=true");
    }
    if let Some(flight) = producer.max_in_flight.as_ref().filter(|f| f.value > 5) {
        evidence.note(
            flight,
            format!("{} in flight", count(flight.value.into(), "request")),
        );
        problems.push(format!(
            "{} requests in flight: idempotence keeps order for at most 5",
            flight.value
        ));
        remedies.push("max.in.flight.requests.per.connection at most 5");
    }
    bounded_retries(producer, &mut evidence, &mut problems, &mut remedies);
    if !loses && problems.is_empty() {
        return;
    }
    let Some(acks) = acks.filter(|_| loses) else {
        let title = format!(
            "{name}: its Kafka producer can duplicate, reorder or drop messages: {}",
            problems.join("; ")
        );
        out.report(
            Finding::new(common::of_owner(cx.env, "producer", &producer.owner), title)
                .cause("retries")
                .severity(Severity::Medium)
                .explain(
                    "Acknowledged messages are safe, but when a broker restarts the client retries, and \
                    these settings decide what the retry does.",
                )
                .remedy(format!("Set {}.", remedies.join(", ")))
                .at(producer.span, "the producer")
                .evidence(evidence),
        );
        return;
    };
    report_loss(
        cx.env,
        producer,
        &name,
        Loss {
            acks,
            problems,
            remedies,
            evidence,
        },
        out,
    );
}

fn bounded_retries(
    producer: &Producer,
    evidence: &mut Evidence,
    problems: &mut Vec<String>,
    remedies: &mut Vec<&'static str>,
) {
    if let Some(delivery) = producer
        .delivery_timeout
        .as_ref()
        .filter(|f| f.value < SHORT_DELIVERY)
    {
        let shown = cofferdam_model::units::show_duration(delivery.value);
        evidence.note(delivery, "gives up here");
        problems.push(format!(
            "it gives up after {shown}, before a leader election may be over"
        ));
        remedies.push("delivery.timeout.ms of 120000 or more");
    }
    // A number of retries alone does not bound the time when the client waits between them; a handful of
    // retries may end before a broker has restarted.
    if let Some(retries) = producer.retries.as_ref().filter(|f| f.value < 10) {
        evidence.note(retries, count(retries.value, "retry"));
        problems.push(format!("it gives up after {}", count(retries.value, "retry")));
        remedies.push("no bound on retries (delivery.timeout.ms bounds the time)");
    }
}

struct Loss<'a> {
    acks: Acks,
    problems: Vec<String>,
    remedies: Vec<&'a str>,
    evidence: Evidence,
}

fn report_loss(env: &Environment, producer: &Producer, name: &str, loss: Loss<'_>, out: &mut Verdicts) {
    let Loss {
        acks,
        problems,
        remedies,
        mut evidence,
    } = loss;
    let service = env.owner_service(&producer.owner);
    let rate = producer
        .peak_rate
        .as_ref()
        .or_else(|| service.and_then(|s| s.peak_rate.as_ref()));
    let cluster = env
        .kafka_clusters
        .iter()
        .find(|c| c.replication_lag.is_some())
        .or(env.kafka_clusters.first());
    let lag = cluster.and_then(|c| c.replication_lag.as_ref());
    let brokers = cluster.and_then(|c| c.brokers.as_ref());
    let mut finding_figures: Vec<(&str, f64)> = Vec::new();
    let mut counted = String::new();
    if let (Some(rate), Some(lag)) = (rate, lag) {
        // The owner of the producer affects only the count, not the loss itself.
        if producer.peak_rate.is_none() && producer.owner.linked != Linked::Named {
            evidence.likely();
        }
        let Rate(rate) = evidence.take(rate, "messages a second at peak");
        let lag = evidence.take(lag, "how far followers are behind").as_secs_f64();
        let all = rate * lag;
        finding_figures.push(("messages_lost_if_one_broker_leads_all", all));
        counted = format!(
            " {} messages/s × {} ms not yet replicated is up to {} if one broker leads every partition",
            show_number(rate),
            show_number(lag * 1e3),
            amount(all, "message")
        );
        if let Some(brokers) = brokers.filter(|b| b.value > 0) {
            let brokers = f64::from(evidence.take(brokers, "brokers share the leaders"));
            finding_figures.push(("messages_lost_per_broker_failover", all / brokers));
            finding_figures.push(("messages_lost_per_rolling_restart", all));
            counted.push_str(&format!(
                "; with leaders spread over {}, about {} for each broker that fails and {} when all are restarted in turn",
                amount(brokers, "broker"),
                show_number((all / brokers).round()),
                show_number(all)
            ));
        }
        counted.push('.');
    } else {
        let mut needs = Vec::new();
        if rate.is_none() {
            let need = common::need(env, &producer.owner, &registry::services::REQUESTS_PER_SECOND);
            needs.push(need.because("messages at peak"));
        }
        if lag.is_none() {
            let need = Need::one(&registry::kafka::REPLICATION_LAG);
            needs.push(need.because("how far followers are behind"));
        }
        out.cannot_judge(
            format!("producer of {name}"),
            needs,
            Some("the messages at risk are not counted".to_owned()),
        );
    }
    let message = match acks {
        Acks::None => "sent message",
        _ => "acknowledged message",
    };
    let each = (finding_figures.iter())
        .find(|(n, _)| *n == "messages_lost_per_broker_failover")
        .or(finding_figures.first());
    let headline = match each {
        // Less than one on average is one now and then.
        Some((_, n)) if *n < 1.0 => format!("at most 1 {message} lost with each broker failover"),
        Some(("messages_lost_per_broker_failover", n)) => format!(
            "about {} lost with each broker failover",
            amount(n.round(), message)
        ),
        Some((_, n)) => format!("up to {} lost with each leader failover", amount(*n, message)),
        None => format!("{message}s are lost with each leader failover"),
    };
    let waits = match acks {
        Acks::None => {
            "The producer waits for no broker at all (acks=0): messages that a broker does not get, or that no follower \
             has copied when it fails or is restarted, are lost, and the producer never learns it."
        }
        _ => {
            "The producer waits for the leader only (acks=1): messages that the leader has acknowledged and no follower has \
             copied are lost when that broker fails or is restarted."
        }
    };
    let mut explanation =
        format!("{waits}{counted} The failover of a broker loses them, not the restart of a pod.");
    for problem in problems {
        explanation.push_str(&format!(" Besides, {problem}."));
    }
    let mut finding = Finding::new(
        common::of_owner(env, "producer", &producer.owner),
        format!("{name}: {headline} (acks={})", acks_name(acks)),
    )
    .explain(explanation)
    .remedy(format!("Set {}.", remedies.join(", ")))
    .evidence(evidence)
    .at(producer.span, "the producer");
    if each.is_some_and(|(_, n)| *n < 1.0) {
        finding = finding.severity(Severity::Medium);
    }
    for (figure, value) in finding_figures {
        finding = finding.figure(figure, value, "messages");
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use cofferdam_model::Parts;
    use cofferdam_model::kafka::KafkaCluster;

    fn env(acks: Option<Acks>) -> Environment {
        let mut producer = Producer::at(span(1), owned_by(0), ProducerRole::Main);
        producer.acks = acks.map(|a| fact(a, 2));
        let mut collector = service("collector", (2, 2, 4));
        collector.peak_rate = Some(fact(Rate(7000.0), 3));
        Environment {
            parts: Parts {
                services: vec![collector],
                producers: vec![producer],
                kafka_clusters: vec![KafkaCluster {
                    brokers: Some(fact(3, 4)),
                    replication_lag: Some(fact(Duration::from_millis(50), 5)),
                    ..KafkaCluster::default()
                }],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn without_acknowledgements_sent_messages_are_lost() {
        let finding = testing::only(&RULE, &env(Some(Acks::None)));
        assert!(
            finding.title.contains("about 117 sent messages lost"),
            "{}",
            finding.title
        );
        assert!(
            !finding.explanation.contains("acknowledged"),
            "{}",
            finding.explanation
        );
    }

    #[test]
    fn less_than_a_message_for_each_failover_is_no_catastrophe() {
        let mut env = env(Some(Acks::Leader));
        env.services[0].peak_rate = Some(fact(Rate(100.0), 3));
        env.kafka_clusters[0].replication_lag = Some(fact(Duration::from_millis(10), 5));
        // 100/s × 0.010 s / 3 brokers = 0.33.
        let finding = testing::only(&RULE, &env);
        assert!(
            finding.title.contains("at most 1 acknowledged message lost"),
            "{}",
            finding.title
        );
        assert_eq!(finding.severity, Some(Severity::Medium));
    }

    #[test]
    fn seven_thousand_a_second_and_fifty_milliseconds_are_350_messages_and_117_a_broker() {
        // 7,000/s × 0.050 s = 350; 350 / 3 brokers = 116.67.
        let finding = testing::only(&RULE, &env(Some(Acks::Leader)));
        assert_eq!(
            finding.figures["messages_lost_if_one_broker_leads_all"].value,
            350.0
        );
        assert!((finding.figures["messages_lost_per_broker_failover"].value - 116.6667).abs() < 1e-3);
        assert!(finding.title.contains("about 117"), "{}", finding.title);
    }

    #[test]
    fn acks_all_and_unset_acks_of_an_unknown_client_are_silent() {
        assert!(testing::all(&RULE, &env(Some(Acks::All))).is_empty());
        assert!(testing::all(&RULE, &env(None)).is_empty());
    }

    #[test]
    fn without_the_lag_the_fault_is_reported_and_the_figure_is_asked_for() {
        let mut env = env(Some(Acks::Leader));
        env.kafka_clusters.clear();
        let verdicts = testing::verdicts(&RULE, &env);
        assert!(verdicts.findings[0].figures.is_empty());
        assert!(
            verdicts.unjudged[0].needs[0]
                .to_string()
                .contains("replication_lag")
        );
    }

    #[test]
    fn six_requests_in_flight_break_the_order() {
        let mut env = env(Some(Acks::All));
        env.producers[0].max_in_flight = Some(fact(6, 9));
        assert_eq!(testing::only(&RULE, &env).severity, Some(Severity::Medium));
        env.producers[0].max_in_flight = Some(fact(5, 9));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
