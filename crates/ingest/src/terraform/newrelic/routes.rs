//! Receivers of New Relic's alerts. A condition names a policy, and other resources say who is told about it.

use crate::terraform::{Context, name_of};
use cofferdam_model::Fact;
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::Node;
use std::collections::BTreeMap;

/// The receivers of each policy, by the policy's address.
pub(super) type Routes<'a> = BTreeMap<&'a str, Vec<Fact<String>>>;

/// Finds the receivers of policies: workflows whose filter names the policy and whose destinations are
/// channels, or (older) channels that are attached to policies.
pub(super) fn routes<'a>(context: &Context<'a>) -> Routes<'a> {
    let mut routes: Routes<'a> = BTreeMap::new();
    let mut add = |policy: &Node, who: Fact<String>| {
        if let Some(policy) = context.follow(policy, "newrelic_alert_policy", &["name"]) {
            let known = routes.entry(&policy.address).or_default();
            if !known.iter().any(|k| k.value == who.value) {
                known.push(who);
            }
        }
    };
    for link in context.managed("newrelic_alert_policy_channel") {
        let channels = link.body.get("channel_ids").map_or(&[][..], Node::items);
        for channel in channels.iter().chain(link.body.get("channel_id")) {
            if let (Some(policy), Some(channel)) = (
                link.body.get("policy_id"),
                context.follow(channel, "newrelic_alert_channel", &["name"]),
            ) {
                add(policy, name_of(channel, &["name"]));
            }
        }
    }
    for workflow in context.managed("newrelic_workflow") {
        let named: Vec<Fact<String>> = hcl::blocks(&workflow.body, "destination")
            .into_iter()
            .filter_map(|d| context.follow(d.get("channel_id")?, "newrelic_notification_channel", &["name"]))
            .map(|channel| name_of(channel, &["name"]))
            .collect();
        let named = if named.is_empty() {
            vec![name_of(workflow, &["name"])]
        } else {
            named
        };
        for filter in hcl::blocks(&workflow.body, "issues_filter") {
            for predicate in hcl::blocks(filter, "predicate") {
                for policy in predicate.get("values").map_or(&[][..], Node::items) {
                    named.iter().for_each(|who| add(policy, who.clone()));
                }
            }
        }
    }
    routes
}

pub(super) fn notified(context: &Context<'_>, resource: &Resource, routes: &Routes<'_>) -> Vec<Fact<String>> {
    resource
        .body
        .get("policy_id")
        .and_then(|policy| context.follow(policy, "newrelic_alert_policy", &["name"]))
        .and_then(|policy| routes.get(policy.address.as_str()))
        .cloned()
        .unwrap_or_default()
}
