//! CPU and memory in a deployment file, in the notation in which other formats' statements are compared.

use super::Section;
use super::aliases;
use super::fields::field;
use crate::facts::NodeFacts as _;
use cofferdam_model::{Bytes, Cpu, Fact, Parts};
use cofferdam_syntax::tree::Node;

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    if !section.is_deployment() || section.owner.name.is_none() {
        return false;
    }
    let mut any = false;
    for (what, names) in [
        ("request", &["requests", "request"]),
        ("limit", &["limits", "limit"]),
    ] {
        if let Some((_, part)) = field(section.node, names) {
            any |= state(part, (aliases::CPU, aliases::MEMORY), what, section, parts);
        }
    }
    let cpu = (
        &["cpurequest", "cpurequests", "requestcpu"],
        &["cpulimit", "cpulimits", "limitcpu"],
    );
    let memory = (
        &["memoryrequest", "memoryrequests", "requestmemory"],
        &["memorylimit", "memorylimits", "limitmemory"],
    );
    any |= state(section.node, (cpu.0, memory.0), "request", section, parts);
    any |= state(section.node, (cpu.1, memory.1), "limit", section, parts);
    any
}

fn state(
    node: &Node,
    names: (aliases::Aliases, aliases::Aliases),
    what: &str,
    section: &Section<'_>,
    parts: &mut Parts,
) -> bool {
    let cpu: Option<Fact<Cpu>> = field(node, names.0).and_then(|(_, n)| n.fact(Cpu::parse));
    let memory: Option<Fact<Bytes>> = field(node, names.1).and_then(|(_, n)| n.fact(Bytes::parse));
    if let Some(cpu) = &cpu {
        section.describe(
            &format!("cpu {what}"),
            cpu.as_ref().map(ToString::to_string),
            parts,
        );
    }
    if let Some(memory) = &memory {
        section.describe(
            &format!("memory {what}"),
            memory.as_ref().map(ToString::to_string),
            parts,
        );
    }
    cpu.is_some() || memory.is_some()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_deployment};

    fn said(text: &str) -> Vec<(String, String)> {
        read_deployment(text)
            .descriptions
            .into_iter()
            .map(|d| (d.attribute, d.value.value))
            .collect()
    }

    #[test]
    fn resources_become_facts_with_one_spelling() {
        // As teams write it in a deployment file.
        let quoted =
            said("resources:\n  requests: {cpu: 500m, memory: 1Gi}\n  limits: {cpu: 1000m, memory: 2Gi}\n");
        let wanted = [
            ("cpu request", "500m CPU"),
            ("memory request", "1 GiB"),
            ("cpu limit", "1 CPU"),
            ("memory limit", "2 GiB"),
        ];
        let wanted: Vec<(String, String)> = wanted
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        assert_eq!(quoted, wanted);
        assert_eq!(
            said("resources: {cpu_limit: 1, memoryLimit: 2048Mi}"),
            wanted[2..]
        );
    }

    #[test]
    fn other_resources_state_no_fact() {
        assert!(said("resources: [deployment.yaml]").is_empty());
        assert!(read("resources: {limits: {cpu: 1}}").descriptions.is_empty());
    }
}
