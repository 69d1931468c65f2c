//! Who reaches a database of Amazon, and what is left of one that is deleted.

use crate::facts::NodeFacts as _;
use crate::terraform::{Context, or_default};
use cofferdam_model::Fact;
use cofferdam_model::database::{Database, Engine, OnDelete};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::{Node, Value};

/// Whether the security groups of a database let in every address; `None` if one of them is not known.
pub(super) fn open_to_all(context: &Context<'_>, body: &Node, database: &Database) -> Option<Fact<bool>> {
    let named = body.get("vpc_security_group_ids")?;
    let Value::Seq(groups) = &named.value else {
        return None;
    };
    let port = port_of(body, database);
    let mut open = Fact::declared(false, named.span);
    for group in groups {
        let group = hcl::reference(group).and_then(|reference| context.at(reference));
        let group = group.filter(|g| g.kind == "aws_security_group" && g.uncertain.is_none())?;
        let of_group = group_open(context, group, port)?;
        if of_group.value {
            open = of_group;
        }
    }
    Some(open)
}

fn port_of(body: &Node, database: &Database) -> Option<f64> {
    match body.get("port") {
        Some(port) => port.as_f64(),
        None => match database.engine.as_ref()?.value {
            Engine::MySql => Some(3306.0),
            Engine::SqlServer => Some(1433.0),
            _ => Some(5432.0),
        },
    }
}

/// Whether one security group lets in every address, by its own blocks and by rules that name it.
fn group_open(context: &Context<'_>, group: &Resource, port: Option<f64>) -> Option<Fact<bool>> {
    let of_group = |rule: &&Resource| {
        let named = rule.body.get("security_group_id").and_then(hcl::reference);
        named
            .and_then(|reference| context.at(reference))
            .is_some_and(|found| found.address == group.address)
    };
    let is_ingress = |rule: &&Resource| rule.body.get("type").and_then(Node::as_str) == Some("ingress");
    let older = context.managed("aws_security_group_rule").filter(is_ingress);
    let newer = context.managed("aws_vpc_security_group_ingress_rule");
    let rules: Vec<&Resource> = older.chain(newer).filter(of_group).collect();
    let blocks = hcl::blocks(&group.body, "ingress");
    let mut open = Fact::declared(false, group.span);
    let bodies = blocks.into_iter().chain(rules.iter().map(|rule| &rule.body));
    for rule in bodies.filter(|rule| includes(rule, port)) {
        for key in ["cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6"] {
            let Some(node) = rule.get(key) else { continue };
            let all = every_address(node)?;
            if all.value {
                open = all;
            }
        }
    }
    // A rule of which nobody knows how often it is repeated may be absent.
    match open.value && rules.iter().any(|rule| rule.uncertain.is_some()) {
        true => None,
        false => Some(open),
    }
}

/// Whether a rule is about the database's port; one whose ports are not known is.
fn includes(rule: &Node, port: Option<f64>) -> bool {
    let protocol = ["protocol", "ip_protocol"]
        .iter()
        .find_map(|key| rule.get(key)?.as_str());
    if matches!(protocol, Some("-1" | "all")) {
        return true;
    }
    let bound = |key| rule.get(key).and_then(Node::as_f64);
    match (port, bound("from_port"), bound("to_port")) {
        (Some(port), Some(from), Some(to)) if from >= 0.0 => (from..=to).contains(&port),
        _ => true,
    }
}

/// Whether a block of addresses, or one of a list, is all addresses; `None` if one is not known.
fn every_address(node: &Node) -> Option<Fact<bool>> {
    let blocks = match &node.value {
        Value::Seq(items) => items.as_slice(),
        Value::Null => return Some(Fact::declared(false, node.span)),
        _ => std::slice::from_ref(node),
    };
    let mut all = Fact::declared(false, node.span);
    for block in blocks {
        if block.as_str()?.trim().ends_with("/0") {
            all = Fact::declared(true, block.span);
        }
    }
    Some(all)
}

/// What is left of a database when Terraform deletes it.
/// Source: documentation of the AWS provider, `skip_final_snapshot` and `final_snapshot_identifier`.
pub(super) fn on_delete(body: &Node) -> Option<Fact<OnDelete>> {
    let skipped = or_default(
        Some(body),
        "skip_final_snapshot",
        Node::bool_fact,
        false,
        "skip_final_snapshot is false, the AWS provider's default",
    )?;
    if skipped.value {
        return Some(skipped.map(|_| OnDelete::Nothing));
    }
    let name = body.get("final_snapshot_identifier").filter(|n| !n.is_null());
    Some(match name {
        Some(name) => Fact::declared(OnDelete::Snapshot, name.span),
        None => skipped.map(|_| OnDelete::Refused),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform::tests::environment;

    fn database(groups: &str, more: &str) -> Database {
        let text = format!(
            "resource \"aws_db_instance\" \"main\" {{\n  engine = \"postgres\"\n  publicly_accessible = true\n  {groups}\n}}\n{more}"
        );
        environment(&[("main.tf", &text)]).databases.remove(0)
    }

    fn open(groups: &str, more: &str) -> Option<bool> {
        database(groups, more).open_to_all.map(|f| f.value)
    }

    const GROUP: &str = "vpc_security_group_ids = [aws_security_group.db.id]";

    #[test]
    fn a_security_group_is_open_if_a_rule_for_the_port_lets_in_every_address() {
        let group = |ingress: &str| format!("resource \"aws_security_group\" \"db\" {{\n{ingress}\n}}\n");
        let block = |cidr: &str, ports: &str| {
            group(&format!(
                "  ingress {{\n    {ports}\n    protocol = \"tcp\"\n    cidr_blocks = [{cidr}]\n  }}"
            ))
        };
        let on_port = "from_port = 5432\n    to_port = 5432";
        assert_eq!(open(GROUP, &block("\"0.0.0.0/0\"", on_port)), Some(true));
        assert_eq!(open(GROUP, &block("\"10.0.0.0/8\"", on_port)), Some(false));
        let ssh = "from_port = 22\n    to_port = 22";
        assert_eq!(open(GROUP, &block("\"0.0.0.0/0\"", ssh)), Some(false));
        assert_eq!(open(GROUP, &block("var.unknown", on_port)), None);
        assert_eq!(open(GROUP, &group("")), Some(false));
        assert_eq!(open(GROUP, ""), None, "the group is elsewhere");
        assert_eq!(open("", &block("\"0.0.0.0/0\"", on_port)), None);
    }

    #[test]
    fn rules_of_their_own_count_for_the_group_that_they_name() {
        let rule = |kind: &str, what: &str| {
            format!(
                "resource \"aws_security_group\" \"db\" {{}}\nresource \"{kind}\" \"r\" {{\n  security_group_id = aws_security_group.db.id\n  from_port = 5432\n  to_port = 5432\n  {what}\n}}\n"
            )
        };
        let newer = "aws_vpc_security_group_ingress_rule";
        assert_eq!(open(GROUP, &rule(newer, "cidr_ipv6 = \"::/0\"")), Some(true));
        assert_eq!(
            open(GROUP, &rule(newer, "cidr_ipv4 = \"192.0.2.1/32\"")),
            Some(false)
        );
        let egress = rule("aws_vpc_security_group_egress_rule", "cidr_ipv4 = \"0.0.0.0/0\"");
        assert_eq!(open(GROUP, &egress), Some(false));
        let older = |direction: &str| {
            let what = format!("type = \"{direction}\"\n  cidr_blocks = [\"0.0.0.0/0\"]");
            open(GROUP, &rule("aws_security_group_rule", &what))
        };
        assert_eq!((older("ingress"), older("egress")), (Some(true), Some(false)));
    }

    #[test]
    fn what_is_left_after_a_deletion_is_known_from_the_snapshot() {
        let left = |arguments: &str| database(arguments, "").on_delete.map(|f| f.value);
        assert_eq!(left("skip_final_snapshot = true"), Some(OnDelete::Nothing));
        assert_eq!(
            left("final_snapshot_identifier = \"last\""),
            Some(OnDelete::Snapshot)
        );
        assert_eq!(left(""), Some(OnDelete::Refused));
        assert_eq!(left("skip_final_snapshot = var.unknown"), None);
    }
}
