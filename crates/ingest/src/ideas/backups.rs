//! Backups of databases. The shape: a retention, a schedule or a switch for point-in-time recovery, in a
//! section about a database.

use super::Section;
use super::aliases;
use super::fields::{Bare, field, is_off, on, text, time};
use crate::facts::NodeFacts as _;
use crate::parts;
use crate::settings::url;
use cofferdam_model::Parts;

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let node = section.node;
    let is_database = section.mentions(&["database", "postgres", "mysql", "aurora", "rds"])
        || section.is_under(&["db", "databases"]);
    if node.as_map().is_none() || !is_database || is_off(node) {
        return false;
    }
    let retention = time(node, aliases::RETENTION, Bare::Days);
    let interval = time(node, &["interval", "frequency", "every"], Bare::Unknown).or_else(|| daily(section));
    let switch = |names| {
        field(node, names).and_then(|(_, n)| {
            on(n)
                .or_else(|| n.text_fact().map(|f| f.map(|t| !t.is_empty())))
                .or_else(|| (!n.items().is_empty()).then(|| cofferdam_model::Fact::declared(true, n.span)))
        })
    };
    let point_in_time = switch(&[
        "pointintimerecovery",
        "pitr",
        "pointintime",
        "walarchiving",
        "continuousbackup",
    ]);
    let other_region = switch(&[
        "crossregion",
        "crossregionreplication",
        "crossregioncopy",
        "copytoregion",
        "replicateto",
        "secondaryregion",
        "otherregion",
    ]);
    let restore_tested = switch(&[
        "restoretest",
        "restoretests",
        "restoretesting",
        "testrestore",
        "testing",
        "verification",
        "restoreverification",
    ]);
    if retention.is_none() && point_in_time.is_none() && interval.is_none() && other_region.is_none() {
        return false;
    }
    let place = if node
        .like_any(&["host", "instance", "database", "cluster"])
        .is_some()
    {
        node
    } else {
        section.parent
    };
    let named = text(
        place,
        &[
            "host",
            "endpoint",
            "instance",
            "instancename",
            "cluster",
            "identifier",
        ],
    )
    .and_then(|n| url::host_of(&n.value));
    let name = named
        .or_else(|| section.owner.name.as_ref().map(|n| format!("database of {n}")))
        .unwrap_or_else(|| "database".to_owned());
    let backup = &mut parts::database_mut(parts, &name, section.key.span).backup;
    backup.declarable = true;
    backup.retention = retention.or(backup.retention.take());
    backup.interval = interval.or(backup.interval.take());
    backup.point_in_time = point_in_time.or(backup.point_in_time.take());
    backup.other_region = other_region.or(backup.other_region.take());
    backup.restore_tested = restore_tested.or(backup.restore_tested.take());
    true
}

/// A schedule in words; a cron line's period is not read.
fn daily(section: &Section<'_>) -> Option<cofferdam_model::Fact<std::time::Duration>> {
    let (_, schedule) = field(section.node, &["schedule", "frequency", "interval"])?;
    schedule.fact(|t| match t.trim().to_ascii_lowercase().as_str() {
        "hourly" => Some(std::time::Duration::from_secs(3600)),
        "daily" => Some(std::time::Duration::from_secs(86_400)),
        "weekly" => Some(std::time::Duration::from_secs(604_800)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_deployment};

    #[test]
    fn a_databases_backups_are_read() {
        let env = read_deployment(
            "database: {host: db.internal, backup: {retention_days: 7, schedule: daily, point_in_time_recovery: false, cross_region: {enabled: true}}}",
        );
        let db = &env.databases[0];
        assert_eq!(db.name, "db.internal");
        assert_eq!(db.backup.retention.as_ref().unwrap().value.as_secs(), 7 * 86_400);
        assert_eq!(db.backup.interval.as_ref().unwrap().value.as_secs(), 86_400);
        assert_eq!(db.backup.point_in_time.as_ref().map(|p| p.value), Some(false));
        assert_eq!(db.backup.other_region.as_ref().map(|p| p.value), Some(true));
        assert!(db.backup.restore_tested.is_none() && db.backup.declarable);
    }

    #[test]
    fn a_backup_of_something_else_is_ignored() {
        for text in [
            "backup: {retention: 7d}",
            "editor: {backup: true}",
            "database: {backup: true}",
        ] {
            assert!(read(text).databases.is_empty(), "{text}");
        }
    }
}
