//! Names of RDS' engines, which instances, clusters and modules write alike.

use crate::facts::NodeFacts as _;
use cofferdam_model::Fact;
use cofferdam_model::database::Engine;
use cofferdam_syntax::tree::Node;

pub(super) fn engine_of(node: &Node) -> Option<Fact<Engine>> {
    node.fact(|text| {
        let text = text.to_ascii_lowercase();
        match text.as_str() {
            "postgres" => Some(Engine::RdsPostgreSql),
            "aurora-postgresql" => Some(Engine::AuroraPostgreSql),
            "mysql" | "mariadb" | "aurora" | "aurora-mysql" => Some(Engine::MySql),
            _ if text.starts_with("sqlserver") => Some(Engine::SqlServer),
            _ => None,
        }
    })
}
