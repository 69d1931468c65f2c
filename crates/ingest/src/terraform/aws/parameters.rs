//! Parameter groups of RDS, and what the engines do where no parameter says otherwise. A default is used only if
//! every group that could set the parameter was read.

use super::limits::{AURORA_BUFFERS, MYSQL_DEFAULT, POSTGRES_DEFAULT, formula};
use crate::facts::NodeFacts as _;
use crate::parts::fill;
use crate::terraform::Context;
use cofferdam_model::database::{Database, Engine};
use cofferdam_model::{Bytes, Fact};
use cofferdam_render::hcl::{self};
use cofferdam_syntax::tree::Node;
use std::collections::BTreeMap;

/// Parameters of the groups that a database names; `None` if it names one that is not in the files, so its
/// settings are unknown.
pub(super) struct Parameters<'n> {
    pub(super) set: BTreeMap<String, &'n Node>,
    pub(super) known: bool,
}

impl<'n> Parameters<'n> {
    /// Those of the group that `argument` of `body` names, of these resource types.
    pub(super) fn of(context: &Context<'n>, body: &Node, argument: &str, kind: &'n str) -> Parameters<'n> {
        let mut parameters = Parameters {
            set: BTreeMap::new(),
            known: true,
        };
        let Some(named) = body.get(argument) else {
            return parameters;
        };
        match context.follow(named, kind, &["name", "name_prefix"]) {
            Some(group) => parameters.add(&hcl::blocks(&group.body, "parameter")),
            // Amazon's own groups contain the defaults.
            None => parameters.known = named.as_str().is_some_and(|n| n.starts_with("default.")),
        }
        parameters
    }

    pub(super) fn add(&mut self, blocks: &[&'n Node]) {
        for block in blocks {
            match (block.get("name").and_then(Node::as_str), block.get("value")) {
                (Some(name), Some(value)) => {
                    self.set.insert(name.to_ascii_lowercase(), value);
                }
                // A list with an unknown part may set anything.
                _ => self.known = false,
            }
        }
    }

    /// An instance's group overrides its cluster's.
    pub(super) fn over(mut self, below: Parameters<'n>) -> Parameters<'n> {
        for (name, value) in below.set {
            self.set.entry(name).or_insert(value);
        }
        self.known &= below.known;
        self
    }

    /// A number, in whatever unit the parameter counts.
    fn number(&self, name: &str, memory: Option<Bytes>) -> Option<Fact<f64>> {
        let node = self.set.get(name)?;
        let text = node.as_str()?;
        if let Ok(number) = text.trim().parse::<f64>() {
            return Some(Fact::declared(number, node.span));
        }
        let value = formula(text, memory?)?;
        let why = format!("`{text}` counted with the memory of the instance class");
        Some(Fact::inferred(value, node.span, why))
    }

    fn switch(&self, name: &str) -> Option<Fact<bool>> {
        self.set
            .get(name)?
            .fact(|text| match text.trim().to_ascii_lowercase().as_str() {
                "1" | "on" | "true" => Some(true),
                "0" | "off" | "false" => Some(false),
                _ => None,
            })
    }
}

/// Applies the parameters, and the engine's defaults for those that are known to be unset.
pub(super) fn settle(database: &mut Database, body: &Node, parameters: &Parameters<'_>) {
    let engine = database.engine.as_ref().map(|e| e.value);
    let memory = database.memory.as_ref().map(|m| m.value);
    let whole = |fact: Fact<f64>| (fact.value >= 0.0 && fact.value < 4e9).then(|| fact.map(|n| n as u32));
    let bytes = |unit: f64| {
        move |fact: Fact<f64>| (fact.value >= 0.0).then(|| fact.map(|n| Bytes((n * unit) as u64)))
    };
    let postgres = matches!(engine, Some(Engine::RdsPostgreSql | Engine::AuroraPostgreSql));
    if let Some(fact) = parameters.number("max_connections", memory).and_then(whole) {
        database.max_connections = Some(fact);
    } else if parameters.known
        && !parameters.set.contains_key("max_connections")
        && database.max_connections.is_none()
    {
        // Aurora MySQL counts by another formula, of which only rounded results are published.
        let raw = body.get("engine").and_then(Node::as_str).unwrap_or_default();
        if !(engine == Some(Engine::MySql) && raw.starts_with("aurora")) {
            database.max_connections = default_connections(database, memory);
        }
    }
    if postgres {
        // shared_buffers counts pages of 8 KiB, work_mem KiB.
        let buffers = parameters
            .number("shared_buffers", memory)
            .and_then(bytes(8192.0));
        fill(&mut database.shared_buffers, buffers);
        let work = parameters.number("work_mem", memory).and_then(bytes(1024.0));
        fill(&mut database.work_mem, work);
        if engine == Some(Engine::AuroraPostgreSql)
            && parameters.known
            && !parameters.set.contains_key("shared_buffers")
            && let Some(pages) = memory
                .and_then(|m| formula(AURORA_BUFFERS, m))
                .filter(|p| *p > 0.0)
        {
            let why =
                format!("shared_buffers is {AURORA_BUFFERS} pages of 8 KiB, Aurora PostgreSQL's default");
            fill(
                &mut database.shared_buffers,
                Some(Fact::assumed(Bytes((pages * 8192.0) as u64), why)),
            );
        }
        reserved(database, parameters);
    }
    let switch = if postgres {
        "rds.force_ssl"
    } else {
        "require_secure_transport"
    };
    database.tls_required = match parameters.switch(switch) {
        Some(fact) => Some(fact),
        None if parameters.known && !parameters.set.contains_key(switch) => default_tls(database),
        None => None,
    };
}

/// Slots that ordinary users cannot take, if a parameter changes either of the two.
fn reserved(database: &mut Database, parameters: &Parameters<'_>) {
    let superuser = parameters.number("superuser_reserved_connections", None);
    let rds = parameters.number("rds.rds_superuser_reserved_connections", None);
    let source = superuser.as_ref().or(rds.as_ref()).cloned();
    if let Some(fact) = source {
        let of =
            |f: &Option<Fact<f64>>, default: f64| f.as_ref().map_or(default, |f| f.value).clamp(0.0, 1e6);
        let total = of(&superuser, 3.0) + of(&rds, 2.0);
        database.reserved_connections = Some(fact.map(|_| total as u32));
    }
}

/// max_connections of the default parameter group.
fn default_connections(database: &Database, memory: Option<Bytes>) -> Option<Fact<u32>> {
    let class = database.tier.as_ref()?.value.clone();
    let memory = memory?;
    let (formula_text, what) = match database.engine.as_ref()?.value {
        Engine::RdsPostgreSql | Engine::AuroraPostgreSql => (POSTGRES_DEFAULT, "PostgreSQL"),
        Engine::MySql => (MYSQL_DEFAULT, "MySQL"),
        _ => return None,
    };
    let n = formula(formula_text, memory)? as u32;
    let why = format!(
        "max_connections is {formula_text} of the {memory} of {class} = {n}, the default parameter group of RDS for {what} \
         (Amazon RDS User Guide, \"Quotas and constraints\"); RDS keeps some of the memory for itself, so it is a little less"
    );
    Some(Fact::assumed(n, why))
}

/// Whether TLS is required if no parameter sets it. Source: Amazon RDS User Guide, "Using SSL with a
/// PostgreSQL DB instance" (on from version 15) and Amazon Aurora User Guide, "Securing Aurora PostgreSQL
/// data with SSL/TLS" (on from version 17).
fn default_tls(database: &Database) -> Option<Fact<bool>> {
    let version = database.version.as_ref()?;
    let major: u32 = version.value.split('.').next()?.parse().ok()?;
    let from = match database.engine.as_ref()?.value {
        Engine::RdsPostgreSql => 15,
        Engine::AuroraPostgreSql => 17,
        _ => return None,
    };
    let on = major >= from;
    let why = format!(
        "rds.force_ssl is {} in version {major}, the default ({from} and later switch it on)",
        u8::from(on)
    );
    Some(Fact::assumed(on, why))
}
