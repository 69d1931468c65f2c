//! The overlay's statements about parts of the platform, as typed statements. The same sections are possible
//! at the top and under `environments.NAME`.

use super::fields::{Fields, is_percent};
use cofferdam_model::database::{Backup, Engine};
use cofferdam_model::platform::Callers;
use cofferdam_model::{Bytes, Fact, Priority, Rate, Scale, Share, Span};
use cofferdam_syntax::repo::normalise;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// All statements about parts, for one environment or for all.
#[derive(Debug, Clone, Default)]
pub(super) struct Sections {
    pub(super) services: Vec<Named<ServiceEntry>>,
    pub(super) databases: Vec<Named<DatabaseEntry>>,
    pub(super) poolers: Vec<Named<PoolerEntry>>,
    pub(super) kafka: Option<KafkaEntry>,
    pub(super) cells: Vec<Named<CellEntry>>,
    pub(super) slos: Vec<Named<SloEntry>>,
    pub(super) secrets: Vec<Named<SecretEntry>>,
}

impl Sections {
    /// Whether it contains any. A name without a value states nothing.
    pub(super) fn states_parts(&self) -> bool {
        fn any<T>(all: &[Named<T>]) -> bool {
            all.iter().any(|said| said.has_values)
        }
        any(&self.services)
            || any(&self.databases)
            || any(&self.poolers)
            || any(&self.cells)
            || any(&self.slos)
            || any(&self.secrets)
            || self.kafka.as_ref().is_some_and(|kafka| kafka.has_values)
    }

    /// Records which of its statements the section of one environment makes itself.
    pub(super) fn mark_own(&mut self, own: &Sections) {
        fn mark<T>(all: &mut [Named<T>], own: &[Named<T>]) {
            for said in all {
                said.is_own = own.iter().any(|o| o.has_values && o.name == said.name);
            }
        }
        mark(&mut self.databases, &own.databases);
        mark(&mut self.cells, &own.cells);
        mark(&mut self.slos, &own.slos);
        if let (Some(kafka), Some(own)) = (&mut self.kafka, &own.kafka) {
            mark(&mut kafka.topics, &own.topics);
        }
    }

    /// Makes directories of code relative to the root, which is at `above` from the overlay. Those outside of
    /// it were not read.
    pub(super) fn code_below(&mut self, above: &Path) {
        for service in &mut self.services {
            let code = std::mem::take(&mut service.entry.code).into_iter();
            let below = code.filter_map(|directory| {
                let directory = normalise(&directory);
                match directory.strip_prefix(above) {
                    Ok(below) => Some(below.to_path_buf()),
                    Err(_) => above.starts_with(&directory).then(PathBuf::new),
                }
            });
            service.entry.code = below.collect();
        }
    }
}

/// A statement about the thing with this name.
#[derive(Debug, Clone)]
pub(super) struct Named<T> {
    pub(super) name: String,
    /// Place of the name.
    pub(super) span: Span,
    /// Whether a key below the name has a value. `init` writes names whose statements are all commented out.
    pub(super) has_values: bool,
    /// Whether it is stated for this environment, and not for all.
    pub(super) is_own: bool,
    pub(super) entry: T,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ServiceEntry {
    pub(super) rate: Option<Fact<Rate>>,
    pub(super) connections: Option<Fact<u32>>,
    pub(super) pool: Option<PoolEntry>,
    pub(super) driver: Option<Fact<String>>,
    pub(super) processes: Option<Fact<u32>>,
    pub(super) consumers_per_process: Option<Fact<u32>>,
    pub(super) workers_build_consumers: Option<Fact<bool>>,
    pub(super) code: Vec<PathBuf>,
    pub(super) priority: Option<Fact<Priority>>,
    pub(super) scale: Scale,
    pub(super) start_up_time: Option<Fact<Duration>>,
    pub(super) request_time: Option<Fact<Duration>>,
    pub(super) service_time: Option<Fact<Duration>>,
    pub(super) transaction_time: Option<Fact<Duration>>,
    pub(super) capacity_per_pod: Option<Fact<Rate>>,
    pub(super) cpu_per_request: Option<Fact<Duration>>,
    pub(super) memory_per_message: Option<Fact<Bytes>>,
    pub(super) callers: Callers,
    pub(super) time_per_message: Option<Fact<Duration>>,
    pub(super) depends_on: Vec<Fact<String>>,
    pub(super) database: Option<Fact<String>>,
}

#[derive(Debug, Clone)]
pub(super) struct PoolEntry {
    pub(super) span: Span,
    pub(super) size: Option<Fact<u32>>,
    pub(super) overflow: Option<Fact<u32>>,
    pub(super) timeout: Option<Fact<Duration>>,
    pub(super) connect_timeout: Option<Fact<Duration>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct DatabaseEntry {
    pub(super) engine: Option<Fact<Engine>>,
    pub(super) version: Option<Fact<String>>,
    pub(super) tier: Option<Fact<String>>,
    pub(super) memory: Option<Fact<Bytes>>,
    pub(super) max_connections: Option<Fact<u32>>,
    pub(super) reserved_connections: Option<Fact<u32>>,
    pub(super) limits: Vec<(Fact<u32>, String)>,
    pub(super) shared_buffers: Option<Fact<Bytes>>,
    pub(super) work_mem: Option<Fact<Bytes>>,
    pub(super) multi_zone: Option<Fact<bool>>,
    pub(super) public: Option<Fact<bool>>,
    pub(super) tls_required: Option<Fact<bool>>,
    pub(super) deletion_protection: Option<Fact<bool>>,
    pub(super) used_by: Vec<Fact<String>>,
    pub(super) backup: Backup,
    pub(super) hosts: Vec<Fact<String>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct PoolerEntry {
    pub(super) users: Option<Fact<u32>>,
    pub(super) databases: Option<Fact<u32>>,
    pub(super) replicas: Option<Fact<u32>>,
    pub(super) version: Option<Fact<String>>,
    pub(super) dynamic_credentials: Option<Fact<bool>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct KafkaEntry {
    pub(super) has_values: bool,
    pub(super) brokers: Option<Fact<u32>>,
    pub(super) replication_lag: Option<Fact<Duration>>,
    pub(super) version: Option<Fact<String>>,
    pub(super) topics: Vec<Named<TopicEntry>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct TopicEntry {
    pub(super) partitions: Option<Fact<u32>>,
    pub(super) replication_factor: Option<Fact<u32>>,
    pub(super) min_insync_replicas: Option<Fact<u32>>,
    pub(super) retention: Option<Fact<Duration>>,
    pub(super) rate: Option<Fact<Rate>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct CellEntry {
    pub(super) rate: Option<Fact<Rate>>,
    pub(super) capacity: Option<Fact<Rate>>,
    pub(super) capacity_share: Option<Fact<Share>>,
    pub(super) weight: Option<Fact<Share>>,
    pub(super) region: Option<Fact<String>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct SloEntry {
    pub(super) service: Option<Fact<String>>,
    pub(super) target: Option<Fact<Share>>,
    pub(super) window: Option<Fact<Duration>>,
    pub(super) indicator: Option<Fact<String>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct SecretEntry {
    pub(super) rotation: Option<Fact<Duration>>,
    pub(super) overlap: Option<Fact<bool>>,
    pub(super) reload: Option<Fact<bool>>,
}

const PRIORITIES: &[(&str, Priority)] = &[
    ("critical", Priority::Critical),
    ("important", Priority::Important),
    ("optional", Priority::Optional),
];

const ENGINES: &[(&str, Engine)] = &[
    ("postgresql", Engine::PostgreSql),
    ("rds-postgresql", Engine::RdsPostgreSql),
    ("aurora-postgresql", Engine::AuroraPostgreSql),
    ("mysql", Engine::MySql),
    ("sqlserver", Engine::SqlServer),
];

impl Sections {
    /// Takes the sections out of `top`; other keys are left to the caller.
    pub(super) fn read(top: &mut Fields<'_>) -> Sections {
        Sections {
            services: named(top, "services", service),
            databases: named(top, "databases", database),
            poolers: named(top, "poolers", pooler),
            kafka: top.map("kafka").map(kafka),
            cells: named(top, "cells", cell),
            slos: slos(top),
            secrets: named(top, "secrets", secret),
        }
    }
}

fn named<T>(top: &mut Fields<'_>, key: &'static str, read: fn(Fields<'_>) -> T) -> Vec<Named<T>> {
    top.named(key)
        .into_iter()
        .map(|(name, fields)| Named {
            name: name.text.to_string(),
            span: name.span,
            has_values: !fields.says_nothing(),
            is_own: false,
            entry: read(fields),
        })
        .collect()
}

fn service(mut f: Fields<'_>) -> ServiceEntry {
    let mut scale = Scale::default();
    if let Some(mut replicas) = f.map("replicas") {
        scale.min = replicas.u32("min");
        scale.max = replicas.u32("max");
        scale.current = replicas.u32("current");
        if let (Some(min), Some(max)) = (&scale.min, &scale.max)
            && min.value > max.value
        {
            let message = format!("`min` {} is above `max` {}", min.value, max.value);
            replicas.problems().add(replicas.span, message);
        }
        replicas.finish();
    }
    let pool = f.map("pool").and_then(|mut p| {
        let has_values = !p.says_nothing();
        let entry = PoolEntry {
            span: p.span,
            size: p.u32("size"),
            overflow: p.u32("overflow"),
            timeout: p.duration("timeout"),
            connect_timeout: p.duration("connect_timeout"),
        };
        p.finish();
        has_values.then_some(entry)
    });
    let callers = f.map("callers").map_or_else(Callers::default, |mut c| {
        let callers = Callers {
            timeout: c.duration("timeout"),
            attempts: c.count("attempts"),
            backoff: c.duration("backoff"),
        };
        c.finish();
        callers
    });
    let entry = ServiceEntry {
        rate: f.rate("requests_per_second"),
        connections: f.u32("connections_per_pod"),
        pool,
        driver: f.text("driver"),
        processes: f.count("processes"),
        consumers_per_process: f.count("consumers_per_process"),
        workers_build_consumers: f.bool("workers_build_consumers"),
        code: paths(f.texts("code")),
        priority: f.choice("priority", PRIORITIES),
        scale,
        start_up_time: f.duration("start_up_time"),
        request_time: f.duration("request_time"),
        service_time: f.duration("service_time"),
        transaction_time: f.duration("transaction_time"),
        capacity_per_pod: f.rate("capacity_per_pod"),
        cpu_per_request: f.duration("cpu_per_request"),
        memory_per_message: f.bytes("memory_per_message"),
        callers,
        time_per_message: f.duration("time_per_message"),
        depends_on: f.texts("depends_on"),
        database: f.text("database"),
    };
    f.finish();
    entry
}

/// Directories below the root, as readers write them.
fn paths(texts: Vec<Fact<String>>) -> Vec<PathBuf> {
    texts
        .iter()
        .map(|t| cofferdam_syntax::repo::normalise(std::path::Path::new(t.value.trim_matches('/'))))
        .collect()
}

fn database(mut f: Fields<'_>) -> DatabaseEntry {
    let mut limits = Vec::new();
    for mut limit in f.list("limits") {
        match (limit.u32("connections"), limit.text("reason")) {
            (Some(connections), Some(reason)) => limits.push((connections, reason.value)),
            (None, _) => limit.missing("connections"),
            (_, None) => limit.missing("reason"),
        }
        limit.finish();
    }
    let mut backup = Backup::default();
    if let Some(mut b) = f.map("backups") {
        backup.retention = b.duration("retention");
        backup.interval = b.duration("interval");
        backup.point_in_time = b.bool("point_in_time");
        backup.other_region = b.bool("other_region");
        backup.restore_tested = b.bool("restore_tested");
        b.finish();
    }
    backup.detection = f.duration("detection");
    let entry = DatabaseEntry {
        engine: f.choice("engine", ENGINES),
        version: f.scalar("version"),
        tier: f.text("tier"),
        memory: f.bytes("memory"),
        max_connections: f.count("max_connections"),
        reserved_connections: f.u32("reserved_connections"),
        limits,
        shared_buffers: f.bytes("shared_buffers"),
        work_mem: f.bytes("work_mem"),
        multi_zone: f.bool("multi_zone"),
        public: f.bool("public"),
        tls_required: f.bool("tls_required"),
        deletion_protection: f.bool("deletion_protection"),
        used_by: f.texts("used_by"),
        backup,
        hosts: f
            .texts("hosts")
            .into_iter()
            .map(|h| h.map(|host| host.to_ascii_lowercase()))
            .collect(),
    };
    f.finish();
    entry
}

fn pooler(mut f: Fields<'_>) -> PoolerEntry {
    let entry = PoolerEntry {
        users: f.count("users"),
        databases: f.count("databases"),
        replicas: f.u32("replicas"),
        version: f.scalar("version"),
        dynamic_credentials: f.bool("dynamic_credentials"),
    };
    f.finish();
    entry
}

fn kafka(mut f: Fields<'_>) -> KafkaEntry {
    let entry = KafkaEntry {
        has_values: !f.says_nothing(),
        brokers: f.count("brokers"),
        replication_lag: f.duration("replication_lag"),
        version: f.scalar("version"),
        topics: named(&mut f, "topics", |mut t| {
            let topic = TopicEntry {
                partitions: t.count("partitions"),
                replication_factor: t.count("replication_factor"),
                min_insync_replicas: t.count("min_insync_replicas"),
                retention: t.duration("retention"),
                rate: t.rate("messages_per_second"),
            };
            t.finish();
            topic
        }),
    };
    f.finish();
    entry
}

fn cell(mut f: Fields<'_>) -> CellEntry {
    // Capacity is a rate, or a share of the whole platform's with a percent sign.
    let share = f.get("capacity").is_some_and(is_percent);
    let entry = CellEntry {
        rate: f.rate("requests_per_second"),
        capacity: if share { None } else { f.rate("capacity") },
        capacity_share: if share { f.share("capacity") } else { None },
        weight: f.share("weight"),
        region: f.text("region"),
    };
    f.finish();
    entry
}

fn slos(top: &mut Fields<'_>) -> Vec<Named<SloEntry>> {
    let mut all = Vec::new();
    for mut f in top.list("slos") {
        let name = f.text("name");
        let entry = SloEntry {
            service: f.text("service"),
            target: f.share("target"),
            window: f.duration("window"),
            indicator: f.text("indicator"),
        };
        match name {
            Some(name) => all.push(Named {
                span: name.span().unwrap_or(f.span),
                name: name.value,
                has_values: true,
                is_own: false,
                entry,
            }),
            None => f.missing("name"),
        }
        f.finish();
    }
    all
}

fn secret(mut f: Fields<'_>) -> SecretEntry {
    let entry = SecretEntry {
        rotation: f.duration("rotation"),
        overlap: f.bool("overlap"),
        reload: f.bool("reload"),
    };
    f.finish();
    entry
}
