//! Automated backups of RDS, with what AWS Backup and a replication of backups add to them.

use crate::facts::NodeFacts as _;
use crate::parts::fill;
use crate::terraform::{Context, days_fact, inner};
use cofferdam_model::Fact;
use cofferdam_model::database::Backup;
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::Node;
use std::time::Duration;

pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// Automated backups: once a day, with the log kept for point-in-time recovery as long as the backups.
/// Source: Amazon RDS User Guide, "Introduction to backups".
pub(super) fn automated(
    context: &Context<'_>,
    resource: &Resource,
    retention: Option<Fact<Duration>>,
) -> Backup {
    let mut backup = Backup {
        declarable: true,
        point_in_time: retention.clone().map(|f| f.map(|d| !d.is_zero())),
        interval: retention.as_ref().filter(|r| !r.value.is_zero()).map(|_| {
            Fact::assumed(
                DAY,
                "automated backups are made once a day (Amazon RDS User Guide, \"Backup window\")",
            )
        }),
        retention,
        ..Backup::default()
    };
    let is_this = |node: &Node| {
        hcl::reference(node)
            .and_then(|r| context.at(r))
            .is_some_and(|found| found.address == resource.address)
    };
    for copy in context.managed("aws_db_instance_automated_backups_replication") {
        if let Some(source) = copy.body.get("source_db_instance_arn").filter(|n| is_this(n)) {
            backup.other_region = Some(Fact::declared(true, source.span));
        }
    }
    for selection in context.managed("aws_backup_selection") {
        let resources = selection.body.get("resources").map_or(&[][..], Node::items);
        if !resources.iter().any(is_this) {
            continue;
        }
        let plan = selection
            .body
            .get("plan_id")
            .and_then(|p| context.follow(p, "aws_backup_plan", &["name"]));
        for rule in plan.into_iter().flat_map(|p| hcl::blocks(&p.body, "rule")) {
            planned(rule, &mut backup);
        }
    }
    backup
}

/// A rule of AWS Backup: it may keep longer, continuously, and copy to another vault.
fn planned(rule: &Node, backup: &mut Backup) {
    let kept = inner(rule, "lifecycle").and_then(|l| days_fact(l.get("delete_after")?));
    if let Some(kept) = kept
        && backup.retention.as_ref().is_none_or(|r| r.value < kept.value)
    {
        backup.retention = Some(kept);
    }
    let continuous = rule.get("enable_continuous_backup").and_then(Node::bool_fact);
    if let Some(on) = continuous.filter(|c| c.value) {
        backup.point_in_time = Some(on);
    }
    if let Some(copy) = hcl::block(rule, "copy_action") {
        let why = "the backups are copied to another vault, which is assumed to be in another region";
        fill(
            &mut backup.other_region,
            Some(Fact::inferred(true, copy.span, why)),
        );
    }
}
