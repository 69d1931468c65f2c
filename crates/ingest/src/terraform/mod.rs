//! Terraform's resources into the platform model, one file for each family of providers. Everything here
//! reads evaluated arguments: an unknown value sets nothing, and a provider's default is set only if the
//! argument is known to be absent, as an assumption that names its source.

mod aws;
mod google;
mod kafka;
mod manifest;
mod names;
mod newrelic;
mod refused;
mod secrets;

use crate::context::Place;
use crate::facts::NodeFacts as _;
use cofferdam_model::delivery::{Dangling, DanglingKind, Defect, DefectEffect};
use cofferdam_model::{Fact, Parts, ProjectId, Span};
use cofferdam_render::hcl::{self, Misplaced, Missing, Mode, Resource, Root, RootValues, Terraform};
use cofferdam_syntax::tree::{Node, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// The context of a resource for its interpreter.
pub(crate) struct Context<'a> {
    /// Where it is read and for which environment.
    place: Place<'a>,
    /// All resources of the root module.
    values: &'a RootValues,
    by_address: BTreeMap<&'a str, &'a Resource>,
    /// The created resources, by type, in order.
    by_kind: BTreeMap<&'a str, Vec<&'a Resource>>,
}

/// What Terraform declares in one project.
#[derive(Default)]
pub struct Declared<'t> {
    roots: Vec<&'t Root>,
    misplaced: Vec<&'t Misplaced>,
    misnamed: Vec<(&'t Path, Span)>,
}

/// Divides what `terraform` declares into its projects.
pub fn divide<'t>(
    terraform: &'t Terraform,
    project_of: &dyn Fn(&Path) -> ProjectId,
) -> BTreeMap<ProjectId, Declared<'t>> {
    let mut all: BTreeMap<ProjectId, Declared<'t>> = BTreeMap::new();
    for root in &terraform.roots {
        all.entry(project_of(&root.dir)).or_default().roots.push(root);
    }
    for misplaced in &terraform.misplaced {
        let declared = all.entry(project_of(&misplaced.path)).or_default();
        declared.misplaced.push(misplaced);
    }
    for (path, span) in &terraform.misnamed {
        let declared = all.entry(project_of(path)).or_default();
        declared.misnamed.push((path, *span));
    }
    all
}

/// Fills `env` with all declarations of `terraform` for it, from the directories that are here.
pub fn interpret(declared: &Declared<'_>, place: Place<'_>, parts: &mut Parts) {
    for root in &declared.roots {
        for values in &root.environments {
            if values
                .environment
                .as_ref()
                .is_some_and(|name| name != place.environment)
            {
                continue;
            }
            let context = Context::new(
                values,
                Place {
                    path: &root.dir,
                    ..place
                },
            );
            context.fill(parts);
        }
    }
    for misplaced in &declared.misplaced {
        parts.defects.push(Defect {
            subject: format!("file {}", misplaced.path.display()),
            path: misplaced.name.clone(),
            span: misplaced.span,
            problem: misplaced.problem.clone(),
            effect: DefectEffect::Refused,
            remedy:
                "Put it into its block: an argument counts only inside a resource, module or similar block."
                    .to_owned(),
        });
    }
    for (path, span) in &declared.misnamed {
        parts.defects.push(Defect {
            subject: format!("file {}", path.display()),
            path: String::new(),
            span: *span,
            problem: "contains Terraform blocks, and Terraform loads only files that end in .tf or .tf.json"
                .to_owned(),
            effect: DefectEffect::Ignored,
            remedy: format!(
                "Rename it to {}.",
                path.with_extension("tf")
                    .file_name()
                    .and_then(|n| n.to_str())
                    .unwrap_or("alerts.tf")
            ),
        });
    }
}

impl<'a> Context<'a> {
    fn new(values: &'a RootValues, place: Place<'a>) -> Self {
        let mut by_kind: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
        for resource in values.resources.iter().filter(|r| r.mode == Mode::Managed) {
            by_kind.entry(&resource.kind).or_default().push(resource);
        }
        Context {
            place,
            values,
            by_address: values.resources.iter().map(|r| (r.address.as_str(), r)).collect(),
            by_kind,
        }
    }

    fn fill(&self, parts: &mut Parts) {
        newrelic::fill(self, parts);
        aws::fill_in(self, parts);
        google::fill(self, parts);
        kafka::fill(self, parts);
        manifest::fill(self, parts);
        refused::check(self, parts);
        secrets::fill(self, parts);
        for dangling in self
            .values
            .dangling
            .iter()
            .filter(|dangling| self.may_claim(dangling))
        {
            parts.dangling.push(Dangling {
                subject: match dangling.dir.as_os_str().is_empty() {
                    true => "Terraform module at the root".to_owned(),
                    false => format!("Terraform module {}", dangling.dir.display()),
                },
                kind: DanglingKind::Variable,
                name: Fact::declared(shown(dangling), dangling.span),
                nearest: dangling.nearest.clone(),
                certain: true,
            });
        }
    }

    /// Whether the possible target of a name was read. A directory of which only some files were given may
    /// declare it in another one.
    fn may_claim(&self, dangling: &hcl::Dangling) -> bool {
        let repo = self.place.repo;
        match dangling.what {
            Missing::ModuleDirectory => repo.is_given(Path::new(&dangling.name)),
            _ => repo.is_given(&dangling.dir),
        }
    }

    /// The text of a template of which a part is not known, with `?` for each part that it takes from elsewhere. Empty if
    /// a value is not written as a text.
    pub(super) fn written(&self, node: &Node) -> String {
        let text = self.place.repo.sources.text(node.span).trim();
        let is_format = text.strip_prefix("format(").map(str::trim_start);
        let Some(mut rest) = is_format.unwrap_or(text).strip_prefix('"') else {
            return String::new();
        };
        let mut found = String::new();
        while let Some(c) = rest.chars().next() {
            if c == '"' {
                break;
            }
            let directive = if is_format.is_some() && c == '%' { 2 } else { 0 };
            let skipped = match rest.starts_with("${") || rest.starts_with("%{") {
                true => in_braces(rest),
                false => directive,
            };
            found.push(if skipped > 0 { '?' } else { c });
            rest = rest.get(skipped.max(c.len_utf8())..).unwrap_or_default();
        }
        found
    }

    /// Resources of this type that are created here, in order.
    fn managed(&self, kind: &str) -> impl Iterator<Item = &'a Resource> {
        self.by_kind.get(kind).into_iter().flatten().copied()
    }

    /// The resource that a value refers to: by its address, or by the value of one of the arguments that
    /// name a resource of this type.
    fn follow(&self, node: &Node, kind: &str, named_by: &[&str]) -> Option<&'a Resource> {
        if let Some(reference) = hcl::reference(node) {
            return self.at(reference).filter(|r| r.kind == kind);
        }
        let name = node.as_str()?;
        self.managed(kind).find(|r| {
            named_by
                .iter()
                .any(|key| r.body.get(key).and_then(Node::as_str) == Some(name))
        })
    }

    /// The resource of an address or of an attribute of it. Of a repeated resource that is named as a whole,
    /// the first.
    fn at(&self, reference: &str) -> Option<&'a Resource> {
        let mut address = reference;
        loop {
            if let Some(resource) = self.by_address.get(address) {
                return Some(resource);
            }
            let repeated = format!("{address}[");
            if let Some((_, resource)) = self
                .by_address
                .range(repeated.as_str()..)
                .next()
                .filter(|(found, _)| found.starts_with(&repeated))
            {
                return Some(resource);
            }
            let cut = address.rfind(['.', '['])?;
            address = &address[..cut];
        }
    }
}

fn shown(dangling: &hcl::Dangling) -> String {
    let name = &dangling.name;
    match dangling.what {
        Missing::Variable => format!("var.{name}"),
        Missing::Local => format!("local.{name}"),
        Missing::ModuleCall => format!("module.{name}"),
        Missing::Argument => format!("argument {name}"),
        Missing::Output => format!("output {name}"),
        Missing::ModuleDirectory => format!("module directory {name}"),
        Missing::Resource | Missing::Cycle => name.clone(),
    }
}

/// The length of what begins with an interpolation, up to the brace that ends it.
fn in_braces(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// The name of a resource for reports: from an argument, otherwise the name in the configuration.
fn name_of(resource: &Resource, arguments: &[&str]) -> Fact<String> {
    arguments
        .iter()
        .find_map(|key| resource.body.get(key)?.text_fact())
        .unwrap_or_else(|| {
            let index = resource
                .index
                .as_ref()
                .map(|i| format!("-{i}"))
                .unwrap_or_default();
            Fact::declared(format!("{}{index}", resource.name), resource.span)
        })
}

/// The value of an argument; the provider's default if it is known to be absent.
fn or_default<T>(
    body: Option<&Node>,
    key: &str,
    read: impl FnOnce(&Node) -> Option<Fact<T>>,
    default: T,
    why: &str,
) -> Option<Fact<T>> {
    match body?.get(key) {
        Some(node) => read(node),
        None => Some(Fact::assumed(default, why)),
    }
}

/// A map of a body for settings that may be blocks or maps, of which the first counts.
fn inner<'n>(body: &'n Node, path: &str) -> Option<&'n Node> {
    path.split('/').try_fold(body, |node, key| hcl::block(node, key))
}

/// Whether an argument exists, whatever its value.
fn is_set(body: &Node, key: &str) -> bool {
    body.get(key)
        .is_some_and(|node| !node.is_null() && !matches!(&node.value, Value::Seq(items) if items.is_empty()))
}

/// Durations that an argument counts in seconds.
fn seconds_fact(node: &Node) -> Option<Fact<std::time::Duration>> {
    node.fact(cofferdam_model::units::seconds)
}

/// Durations that an argument counts in whole days.
fn days_fact(node: &Node) -> Option<Fact<std::time::Duration>> {
    node.fact(|t| {
        let days: u32 = t.trim().parse().ok()?;
        Some(std::time::Duration::from_secs(u64::from(days) * 86_400))
    })
}

/// The place of a resource's header, for parts without a better one.
fn header(resource: &Resource) -> Span {
    resource.span
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::workload::Completeness;
    use cofferdam_syntax::repo::Repo;
    use std::path::Path;

    /// The facts of these files about production, before linking.
    pub(super) fn environment(files: &[(&str, &str)]) -> Parts {
        let repo = Repo::from_texts(files);
        let terraform = hcl::read(&repo);
        assert_eq!(terraform.problems, [], "unreadable");
        let mut env = Parts::default();
        let place = Place {
            repo: &repo,
            environment: "production",
            path: Path::new(""),
            completeness: Completeness::Whole,
        };
        for declared in divide(&terraform, &|_| ProjectId::default()).values() {
            interpret(declared, place, &mut env);
        }
        env
    }

    #[test]
    fn an_argument_outside_any_block_is_refused() {
        let env = environment(&[
            (
                "a/alerts.tf",
                "# Change ALL alert conditions:\naggregation_delay = 0  # Was 120\n",
            ),
            (
                "b/main.tf",
                "resource \"t\" {}\nresurce \"t\" \"r\" {}\nlocals {}\nvariable {}\nprovider \"aws\" {}\n",
            ),
        ]);
        let problems: Vec<&str> = env.defects.iter().map(|d| d.problem.as_str()).collect();
        assert_eq!(
            problems,
            [
                "`aggregation_delay` is outside any block",
                "a `resource` block takes 2 labels, and this has 1",
                "`resurce` is not a type of block",
                "a `variable` block takes 1 label, and this has 0",
            ]
        );
    }

    #[test]
    fn undeclared_names_and_value_files_that_nothing_loads_are_reported() {
        let env = environment(&[
            ("main.tf", "resource \"t\" \"r\" {\n  a = var.gone\n}\n"),
            ("x/alerts.yaml", "resource \"t\" \"r\" {\n  b = \"a: b\"\n}\n"),
        ]);
        assert_eq!(env.dangling[0].name.value, "var.gone");
        assert_eq!(env.defects[0].effect, DefectEffect::Ignored);
        assert_eq!(env.defects[0].remedy, "Rename it to alerts.tf.");
    }
}
