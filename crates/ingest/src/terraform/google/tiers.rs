//! Tiers of Cloud SQL: their memory, the connections that follow from it, and tiers that do not exist.

use cofferdam_model::database::{Database, Engine};
use cofferdam_model::{Bytes, Fact};

const MIB: u64 = 1024 * 1024;

/// MiB of memory of a tier, by its name. Source: Cloud SQL documentation, "Machine types".
pub(super) fn tier_memory(tier: &str) -> Option<Bytes> {
    let mib = match tier {
        "db-f1-micro" => 614,
        "db-g1-small" => 1_740,
        _ => {
            let parts: Vec<&str> = tier.strip_prefix("db-")?.split('-').collect();
            let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n <= 4_194_304);
            match parts.as_slice() {
                ["custom", _, memory] => number(memory)?,
                // 3.75 and 6.5 GB a CPU.
                ["n1", "standard", cpus] => number(cpus)? * 3_840,
                ["n1", "highmem", cpus] => number(cpus)? * 6_656,
                // Enterprise Plus: 8 GB a CPU.
                ["perf", "optimized", "N", cpus] => number(cpus)? * 8_192,
                _ => return None,
            }
        }
    };
    Some(Bytes(mib * MIB))
}

/// max_connections of PostgreSQL by memory in MiB: lower bound and number. Source: Cloud SQL for PostgreSQL
/// documentation, "Configure database flags", max_connections.
const POSTGRES_CONNECTIONS: &[(u64, u32)] = &[
    (122_880, 1_000),
    (61_440, 800),
    (30_720, 600),
    (15_360, 500),
    (7_680, 400),
    (6_144, 200),
    (3_840, 100),
    (1_740, 50),
    (0, 25),
];

pub(super) fn default_connections(database: &Database) -> Option<Fact<u32>> {
    let tier = &database.tier.as_ref()?.value;
    let n = match database.engine.as_ref()?.value {
        Engine::PostgreSql => {
            let memory = database.memory.as_ref()?.value.0 / MIB;
            POSTGRES_CONNECTIONS.iter().find(|(from, _)| memory >= *from)?.1
        }
        // Source: Cloud SQL for MySQL documentation, "Quotas and limits".
        Engine::MySql => match tier.as_str() {
            "db-f1-micro" => 250,
            "db-g1-small" => 1_000,
            _ => 4_000,
        },
        _ => return None,
    };
    let why = format!("max_connections is {n}, Cloud SQL's default for {tier}");
    Some(Fact::assumed(n, why))
}

/// The error of a tier that does not exist. Source: Cloud SQL documentation, "Machine types": shared core is
/// db-f1-micro and db-g1-small only; a custom one has 1 or an even number of CPUs, memory in multiples of 256
/// MiB, at least 3,840 MiB, and 0.9 to 6.5 GB a CPU.
pub(super) fn impossible_tier(tier: &str) -> Option<String> {
    if (tier.starts_with("db-f1-") && tier != "db-f1-micro")
        || (tier.starts_with("db-g1-") && tier != "db-g1-small")
    {
        return Some(format!("the tier `{tier}` does not exist"));
    }
    let rest = tier.strip_prefix("db-custom-")?;
    let (cpus, memory) = rest.split_once('-')?;
    let (cpus, memory): (u64, u64) = (cpus.parse().ok()?, memory.parse().ok()?);
    let a_cpu = memory as f64 / 1024.0 / cpus.max(1) as f64;
    if cpus == 0 || (cpus > 1 && cpus % 2 == 1) {
        Some(format!(
            "`{tier}` has {cpus} CPUs; a custom tier has 1 or an even number"
        ))
    } else if memory < 3_840 || memory % 256 != 0 {
        Some(format!(
            "`{tier}` has {memory} MiB; a custom tier has at least 3840 MiB, in multiples of 256"
        ))
    } else if !(0.89..=6.51).contains(&a_cpu) {
        Some(format!(
            "`{tier}` has {a_cpu:.1} GB a CPU; a custom tier has 0.9 to 6.5"
        ))
    } else {
        None
    }
}
