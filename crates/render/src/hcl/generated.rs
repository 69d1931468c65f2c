//! Files of a module that a tool writes before Terraform runs. The files of Terragrunt's `generate` are read
//! for their names. If a tool writes files that cannot be read, the module is not complete, and an undeclared
//! name proves nothing.

use super::Missing;
use super::module::Module;
use super::parse::{self, Body, Expr};
use cofferdam_syntax::repo::{Repo, normalise};
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure;
use hcl_edit::template::Element;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Levels of included files; deeper ones are left out.
const MAX_INCLUDES_DEEP: usize = 8;

/// Endings of templates from which a tool makes Terraform's files.
const TEMPLATES: &[&str] = &[
    ".j2",
    ".jinja",
    ".jinja2",
    ".tmpl",
    ".tpl",
    ".template",
    ".gotmpl",
    ".erb",
    ".mustache",
    ".hbs",
    ".ejs",
];

/// What units of Terragrunt pass to modules, by the module's directory.
#[derive(Debug, Default)]
pub(super) struct Units {
    pub(super) inputs: BTreeMap<PathBuf, Inputs>,
    /// The units whose modules are in the tree, by module.
    pub(super) of_modules: BTreeMap<PathBuf, Vec<UnitAt>>,
}

/// A unit.
#[derive(Debug)]
pub(super) struct UnitAt {
    /// Its directory.
    pub(super) dir: PathBuf,
    /// Its own file and those that it includes.
    pub(super) files: Vec<PathBuf>,
}

/// Variables that units set.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) names: BTreeSet<String>,
    /// Whether there are no others.
    pub(super) known: bool,
}

/// The files of Terragrunt.
pub(super) fn files(repo: &Repo) -> BTreeMap<PathBuf, parse::File> {
    let own = repo.files.iter().filter(|(path, _)| is_terragrunt(path));
    own.filter_map(|(path, id)| {
        let file = parse::hcl(path, *id, &repo.sources.file(*id).text).ok()?;
        Some((path.clone(), file))
    })
    .collect()
}

/// Adds to the modules of `repo` what is generated into their directories, and returns what units set there.
pub(super) fn declare(
    repo: &Repo,
    files: &BTreeMap<PathBuf, parse::File>,
    modules: &mut BTreeMap<PathBuf, Module<'_>>,
) -> Units {
    let mut units = Units::default();
    for path in files.keys() {
        let is_unit = path.file_name().is_some_and(|name| name == "terragrunt.hcl");
        if !is_unit {
            continue;
        }
        let mut unit = Unit::new(path);
        unit.read(files, path, 0);
        let Some(module) = modules.get_mut(&unit.module) else {
            continue;
        };
        module.incomplete |= unit.opaque;
        module.generated.extend(unit.names);
        if !repo.is_below_link(path) {
            let at = units.of_modules.entry(unit.module.clone()).or_default();
            at.push(UnitAt {
                dir: unit.dir.to_path_buf(),
                files: unit.files,
            });
        }
        let inputs = units.inputs.entry(unit.module).or_insert(Inputs {
            names: BTreeSet::new(),
            known: true,
        });
        inputs.names.extend(unit.inputs);
        inputs.known &= unit.inputs_known && !unit.opaque;
    }
    for path in repo.files.keys().chain(&repo.passed_over) {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let dir = path.parent().unwrap_or(Path::new(""));
        if is_template_of_terraform(name)
            && let Some(module) = modules.get_mut(dir)
        {
            module.incomplete = true;
        }
        // Terramate writes into its own directory and into those below it.
        let terramate = name.ends_with(".tm.hcl") || name.ends_with(".tm");
        if terramate && repo.text(path).is_none_or(|text| text.contains("generate_")) {
            for (_, module) in modules.iter_mut().filter(|(below, _)| below.starts_with(dir)) {
                module.incomplete = true;
            }
        }
    }
    units
}

/// Whether a file is a template of one that Terraform would load, such as `variables.tf.j2`.
pub(super) fn is_template_of_terraform(name: &str) -> bool {
    TEMPLATES.iter().any(|ending| {
        name.strip_suffix(ending)
            .is_some_and(|stem| stem.ends_with(".tf") || stem.ends_with(".tf.json"))
    })
}

fn is_terragrunt(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    name.ends_with(".hcl")
        && !name.ends_with(".lock.hcl")
        && !name.ends_with(".tm.hcl")
        && !name.contains(".tftest.")
        && !name.ends_with(".pkr.hcl")
}

/// A unit of Terragrunt: what is written into the copy of its module.
struct Unit<'p> {
    dir: &'p Path,
    module: PathBuf,
    /// Its own file and those that it includes.
    files: Vec<PathBuf>,
    has_source: bool,
    names: BTreeSet<(Missing, String)>,
    /// Whether a file is written whose content is not known.
    opaque: bool,
    /// Variables that it sets, and whether these are all.
    inputs: BTreeSet<String>,
    inputs_known: bool,
}

impl<'p> Unit<'p> {
    fn new(path: &'p Path) -> Self {
        let dir = path.parent().unwrap_or(Path::new(""));
        Unit {
            dir,
            module: dir.to_path_buf(),
            files: Vec::new(),
            has_source: false,
            names: BTreeSet::new(),
            opaque: false,
            inputs: BTreeSet::new(),
            inputs_known: true,
        }
    }

    /// Reads the file at `path`: the unit's own, or one that it includes.
    fn read(&mut self, files: &BTreeMap<PathBuf, parse::File>, path: &Path, depth: usize) {
        let Some(file) = files.get(path).filter(|_| depth < MAX_INCLUDES_DEEP) else {
            self.opaque = true;
            return;
        };
        self.files.push(path.to_path_buf());
        let above = path.parent().unwrap_or(Path::new(""));
        match file.body().attribute("inputs") {
            None => {}
            Some(Expr::Hcl(Expression::Object(object), _)) => {
                let names = object.iter().map(|(key, _)| match key {
                    ObjectKey::Ident(name) => Some(name.to_string()),
                    ObjectKey::Expression(Expression::String(name)) => Some(name.to_string()),
                    ObjectKey::Expression(Expression::Variable(name)) => Some(name.to_string()),
                    ObjectKey::Expression(_) => None,
                });
                for name in names {
                    self.inputs_known &= name.is_some();
                    self.inputs.extend(name);
                }
            }
            Some(_) => self.inputs_known = false,
        }
        for block in file.blocks() {
            match &*block.kind.text {
                "generate" => self.generate(block.body),
                "terraform" if !self.has_source => {
                    if let Some(source) = block.body.attribute("source") {
                        self.has_source = true;
                        let source = text_of(source, &|function| self.place(function, above));
                        let local = source.filter(|text| text.starts_with(['.', '/']));
                        // A module from another repository is not in this tree.
                        self.module = local.map_or_else(
                            || PathBuf::from("/"),
                            |text| match text.strip_prefix('/') {
                                Some(from_root) => normalise(Path::new(from_root.trim_start_matches('/'))),
                                None => normalise(&self.dir.join(text)),
                            },
                        );
                    }
                }
                "include" => match self.included(files, block.body, above) {
                    Some(included) if included != path => self.read(files, &included, depth + 1),
                    _ => self.opaque = true,
                },
                _ => {}
            }
        }
    }

    /// The file that an `include` names.
    fn included(
        &self,
        files: &BTreeMap<PathBuf, parse::File>,
        body: Body<'_>,
        above: &Path,
    ) -> Option<PathBuf> {
        let path = body.attribute("path")?;
        if let Expr::Hcl(Expression::FuncCall(call), _) = path
            && call.name.name.as_str() == "find_in_parent_folders"
        {
            let name = match call.args.get(0) {
                Some(Expression::String(name)) => name.to_string(),
                Some(_) => return None,
                None => "terragrunt.hcl".to_owned(),
            };
            return self
                .dir
                .ancestors()
                .skip(1)
                .map(|dir| dir.join(&name))
                .find(|path| files.contains_key(path.as_path()));
        }
        let text = text_of(path, &|function| self.place(function, above))?;
        let path = match text.strip_prefix('/') {
            Some(from_root) => normalise(Path::new(from_root)),
            None => normalise(&above.join(text)),
        };
        Some(path)
    }

    /// What a function of Terragrunt gives in a path; places of the tree begin with `/`.
    fn place(&self, function: &str, above: &Path) -> Option<String> {
        Some(match function {
            "get_repo_root" | "get_path_to_repo_root" => String::new(),
            "get_terragrunt_dir" | "get_original_terragrunt_dir" => format!("/{}", self.dir.display()),
            "get_parent_terragrunt_dir" => format!("/{}", above.display()),
            "path_relative_to_include" => self.dir.strip_prefix(above).ok()?.display().to_string(),
            _ => return None,
        })
    }

    fn generate(&mut self, body: Body<'_>) {
        let path = body
            .attribute("path")
            .and_then(|path| text_of(path, &|_| Some("x".to_owned())));
        if path.is_some_and(|path| !path.ends_with(".tf")) {
            return;
        }
        // The text contains a value that is not known, so it gives no name.
        let contents = body
            .attribute("contents")
            .and_then(|contents| text_of(contents, &|_| Some("x".to_owned())));
        let Some(Ok(declared)) = contents.map(|text| text.parse::<structure::Body>()) else {
            self.opaque = true;
            return;
        };
        for block in declared.blocks() {
            let label = |n: usize| block.labels.get(n).map(|l| l.as_str().to_owned());
            let name = match (block.ident.as_str(), label(0), label(1)) {
                ("variable", Some(name), _) => (Missing::Variable, name),
                ("module", Some(name), _) => (Missing::ModuleCall, name),
                ("output", Some(name), _) => (Missing::Output, name),
                ("resource", Some(kind), Some(name)) => (Missing::Resource, format!("{kind}.{name}")),
                (mode @ ("data" | "ephemeral"), Some(kind), Some(name)) => {
                    (Missing::Resource, format!("{mode}.{kind}.{name}"))
                }
                ("locals", ..) => {
                    let locals = block
                        .body
                        .attributes()
                        .map(|a| (Missing::Local, a.key.to_string()));
                    self.names.extend(locals);
                    continue;
                }
                _ => continue,
            };
            self.names.insert(name);
        }
    }
}

/// The text of an expression. `value` gives the text for a function that is not known here, and (under an
/// empty name) for any other expression.
fn text_of(expr: Expr<'_>, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let Expr::Hcl(expr, _) = expr else { return None };
    let elements = match expr {
        Expression::String(text) => return Some(text.to_string()),
        Expression::FuncCall(call) => return value(call.name.name.as_str()),
        Expression::StringTemplate(template) => template.iter(),
        Expression::HeredocTemplate(heredoc) => heredoc.template.iter(),
        _ => return None,
    };
    let mut text = String::new();
    for element in elements {
        match element {
            Element::Literal(literal) => text.push_str(literal),
            Element::Interpolation(inner) => match &inner.expr {
                Expression::FuncCall(call) => text.push_str(&value(call.name.name.as_str())?),
                _ => text.push_str(&value("")?),
            },
            Element::Directive(_) => return None,
        }
    }
    Some(text)
}
