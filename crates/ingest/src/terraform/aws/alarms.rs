//! Alarms of CloudWatch.

use crate::facts::NodeFacts as _;
use crate::terraform::{Context, header, inner, name_of, seconds_fact};
use cofferdam_model::alerts::{Alert, Timing};
use cofferdam_model::{Fact, Owner, Parts};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::Node;
use std::time::Duration;

/// What an alarm may do that tells nobody: it acts on the machine, or changes a number of instances. Services in names of
/// Amazon (`arn:aws:automate:…`), and types of resources.
const AUTOMATIC: (&[&str], &[&str]) = (
    &["automate", "swf", "autoscaling"],
    &["aws_autoscaling_policy", "aws_appautoscaling_policy"],
);

/// Whether an action tells nobody. The service decides, which may be known where other parts of the name are not.
fn is_automatic(context: &Context<'_>, action: &Node) -> bool {
    let (services, types) = AUTOMATIC;
    let service = |written: &str| {
        let mut parts = written.split(':');
        let (arn, service) = (parts.next(), parts.nth(1));
        arn == Some("arn") && service.is_some_and(|service| services.contains(&service))
    };
    let refers = |address: &str| address.split('.').any(|part| types.contains(&part));
    match action.as_str() {
        Some(text) => service(text),
        None => service(&context.written(action)) || hcl::reference(action).is_some_and(refers),
    }
}

/// The time between two evaluations of an alarm: 10 s if its period is less than a minute.
fn between_evaluations(period: Duration) -> Fact<Duration> {
    let (seconds, words) = match period < Duration::from_secs(60) {
        true => (
            10,
            "CloudWatch evaluates an alarm of less than a minute every 10 s",
        ),
        false => (60, "CloudWatch evaluates an alarm once a minute"),
    };
    Fact::assumed(Duration::from_secs(seconds), words)
}

/// An alarm of CloudWatch fires if enough of the last `evaluation_periods` periods are bad. The window of these periods
/// moves on with each evaluation, so it lies in the fault completely as soon as the fault has lasted that long; the
/// next evaluation sees it. Source: Amazon CloudWatch User Guide, "Alarm evaluation" and "Alarm evaluation windows".
pub(super) fn metric_alarm(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let actions = body.get("alarm_actions").map_or(&[][..], Node::items);
    if !actions.is_empty() && actions.iter().all(|action| is_automatic(context, action)) {
        return;
    }
    let of_query = || {
        let queries = hcl::blocks(body, "metric_query").into_iter();
        let periods = queries.filter_map(|query| inner(query, "metric")?.get("period"));
        periods.filter_map(seconds_fact).max_by_key(|period| period.value)
    };
    let period = body.get("period").and_then(seconds_fact).or_else(of_query);
    let periods = body
        .get("datapoints_to_alarm")
        .or_else(|| body.get("evaluation_periods"))
        .and_then(Node::u32_fact);
    let hold = period
        .as_ref()
        .zip(periods)
        .and_then(|(period, n)| Some(period.value.checked_mul(n.value)?).map(|total| n.map(|_| total)));
    let signals: Vec<Fact<String>> = ["metric_name", "namespace"]
        .iter()
        .filter_map(|key| body.get(key)?.text_fact())
        .collect();
    let selects = body
        .get("dimensions")
        .into_iter()
        .flat_map(Node::entries)
        .filter(|(key, _)| {
            let key = cofferdam_syntax::tree::fold(&key.text);
            ["service", "servicename", "topic", "consumergroup"].contains(&key.as_str())
        })
        .filter_map(|(_, value)| value.text_fact())
        .collect();
    let told = |node: &Node| match hcl::reference(node).and_then(|r| context.at(r)) {
        Some(topic) => Some(Fact::declared(name_of(topic, &["name"]).value, node.span)),
        None => node.text_fact(),
    };
    parts.alerts.push(Alert {
        name: name_of(resource, &["alarm_name"]),
        span: header(resource),
        owner: Owner::default(),
        severity: None,
        labels: std::collections::BTreeMap::new(),
        enabled: body.get("actions_enabled").and_then(Node::bool_fact),
        query: None,
        signals,
        selects,
        threshold: body.get("threshold").and_then(Node::f64_fact),
        timing: Timing::Generic {
            product: Some("CloudWatch"),
            window: None,
            interval: hold.as_ref().and(period).map(|p| between_evaluations(p.value)),
            hold,
        },
        notifies: actions.iter().filter_map(told).collect(),
        promised: None,
    });
}

#[cfg(test)]
mod tests {
    use crate::terraform::tests::environment;
    use cofferdam_model::alerts::Timing;

    fn alarm(arguments: &str) -> String {
        format!(
            "resource \"aws_cloudwatch_metric_alarm\" \"a\" {{\n  alarm_name = \"a\"\n{arguments}\n}}\nresource \"aws_sns_topic\" \"page\" {{\n  name = \"page\"\n}}\n"
        )
    }

    #[test]
    fn the_periods_of_an_alarm_move_on_with_each_evaluation() {
        for (arguments, seconds) in [
            ("period = 300\nevaluation_periods = 1", Some((300, 60))),
            (
                "period = 60\nevaluation_periods = 20\ndatapoints_to_alarm = 1",
                Some((60, 60)),
            ),
            ("period = 60\nevaluation_periods = 3", Some((180, 60))),
            ("period = 10\nevaluation_periods = 2", Some((20, 10))),
            (
                "evaluation_periods = 3\nmetric_query {\n  id = \"m\"\n  metric {\n    period = 300\n  }\n}",
                Some((900, 60)),
            ),
            ("evaluation_periods = 3", None),
        ] {
            let env = environment(&[("main.tf", &alarm(arguments))]);
            let Timing::Generic {
                window,
                interval,
                hold,
                ..
            } = &env.alerts[0].timing
            else {
                panic!("{arguments}");
            };
            assert!(window.is_none(), "{arguments}");
            let found = hold.as_ref().zip(interval.as_ref());
            assert_eq!(
                found.map(|(h, i)| (h.value.as_secs(), i.value.as_secs())),
                seconds,
                "{arguments}"
            );
            assert!(interval.as_ref().is_none_or(|i| i.is_assumed()));
        }
    }

    #[test]
    fn an_alarm_that_only_acts_by_itself_is_no_alert() {
        for (actions, count) in [
            ("[\"arn:aws:automate:eu-west-1:ec2:reboot\"]", 0),
            (
                "[\"arn:aws:automate:eu-west-1:ec2:recover\", aws_autoscaling_policy.up.arn]",
                0,
            ),
            (
                "[\"arn:aws:automate:eu-west-1:ec2:reboot\", aws_sns_topic.page.arn]",
                1,
            ),
            (
                "[\"arn:aws:automate:${data.aws_region.here.name}:ec2:reboot\"]",
                0,
            ),
            (
                "[\"arn:${data.aws_partition.p.partition}:automate:${data.aws_region.here.name}:ec2:stop\"]",
                0,
            ),
            (
                "[format(\"arn:aws:swf:%s:1:action\", data.aws_region.here.name)]",
                0,
            ),
            (
                "[join(\":\", [\"arn\", \"aws\", \"automate\", data.aws_region.here.name, \"ec2\", \"stop\"])]",
                1,
            ),
            ("[\"arn:aws-us-gov:automate:us-gov-west-1:ec2:reboot\"]", 0),
            ("[\"arn:aws:sns:${data.aws_region.here.name}:1:automate\"]", 1),
            ("[\"${data.aws_region.here.name}:automate:x\"]", 1),
            ("local.actions", 0),
            ("[aws_sns_topic.page.arn]", 1),
            ("[]", 1),
        ] {
            let text = alarm(&format!(
                "period = 60\nevaluation_periods = 1\nalarm_actions = {actions}"
            ));
            let more = "resource \"aws_autoscaling_policy\" \"up\" {}\n\
                data \"aws_region\" \"here\" {}\ndata \"aws_partition\" \"p\" {}\n\
                locals {\n  actions = [\"arn:aws:automate:${data.aws_region.here.name}:ec2:reboot\"]\n}\n";
            let env = environment(&[("main.tf", &format!("{text}{more}"))]);
            assert_eq!(env.alerts.len(), count, "{actions}");
        }
    }
}
