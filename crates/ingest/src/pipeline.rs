//! From files to platform: read the tree, build what has to be built (kustomize, charts, Terraform),
//! and give every piece to the reader of its format, once for each environment it holds in.
//!
//! A file is judged once: what a build consumes is judged as part of that build and nowhere else. A piece
//! that names no environment holds in all of them.

use crate::argo::{self, Applications, Deploys};
use crate::cloud_run;
use crate::compose;
use crate::config;
use crate::dockerfile;
use crate::environment;
use crate::grand_central;
use crate::hcl::{self, Terraform};
use crate::helm::{self, Charts};
use crate::ideas;
use crate::kubernetes;
use crate::kustomize::{self, Built, Named};
use crate::overlay::{self, OverlayDocument, Unmatched};
use crate::pgbouncer;
use crate::prometheus;
use crate::python::{Code, interpret::Project};
use crate::repo::{self, Repo, Unreadable};
use crate::secret_scan;
use crate::settings::{self, Setting, env_file, ini, properties};
use crate::suppress;
use crate::terraform;
use crate::tree::Node;
use crate::walk::{self, Config, Input, ReadError, Walked};
use crate::yaml;
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::secrets::SecretLiteral;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Environment, Fact, Owner, Platform, SourceFile, UnreadableFile, link};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What a reader is told besides the tree it reads.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// All files.
    pub repo: &'a Repo,
    /// The environment that is being filled.
    pub environment: &'a str,
    /// File of the piece, or directory of the build.
    pub path: &'a Path,
    /// Whether what is absent is really unset.
    pub completeness: Completeness,
}

/// A tree and where it holds.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    /// The environment it is for; `None` is all.
    environment: Option<&'a str>,
    path: &'a Path,
    completeness: Completeness,
    node: &'a Node,
}

/// Everything that stands between the files and the model.
struct Sources<'a> {
    repo: &'a Repo,
    built: Built,
    charts: Charts,
    releases: Vec<Release>,
    applications: Applications,
    terraform: Terraform,
    /// The environment of each file whose path names one. Paths are compared part by part, which an ordered map would
    /// do a dozen times for each question.
    file_environments: HashMap<&'a Path, String>,
    overlay: &'a OverlayDocument,
    /// Flat settings: `.env`, properties.
    texts: Vec<Text<'a>>,
    /// Python code that says something of the platform.
    code: Project<'a>,
    /// Services that commands deploy.
    deploys: Vec<cloud_run::Deploy>,
    /// Code that could not be read, or only in part.
    code_notes: &'a [Unreadable],
}

/// A chart as one application, or one environment's values, render it.
struct Release {
    environment: Option<String>,
    dir: PathBuf,
    objects: Vec<Node>,
    /// The chart's name there and its values.
    name: String,
    values: Node,
}

impl Release {
    fn of(environment: Option<String>, installed: helm::Installed) -> Release {
        let helm::Installed {
            name,
            dir,
            objects,
            values,
        } = installed;
        Release {
            environment,
            dir,
            objects,
            name,
            values,
        }
    }

    /// Whose its values are: the one workload's that it runs, else those of what bears its name.
    fn owner(&self) -> Owner {
        let mut names: Vec<&str> = self
            .objects
            .iter()
            .filter(|object| object.at("spec/template/spec/containers").is_some())
            .filter_map(|object| object.at("metadata/name")?.as_str())
            .collect();
        names.dedup();
        match names.as_slice() {
            [one] => Owner::named(*one),
            [] => Owner::in_directory(&self.dir),
            _ => Owner::named(&self.name),
        }
    }
}

/// A file of flat settings.
struct Text<'a> {
    path: &'a Path,
    format: &'static str,
    settings: Vec<Setting>,
    /// PgBouncer's file, where it is one.
    ini: Option<ini::Ini>,
}

/// What readers know, for people whose files are none of it.
pub const LOOKED_FOR: &str = "Kubernetes manifests, kustomize, Helm charts, Argo CD, Compose, Prometheus and Alertmanager, deployment files and \
application settings in YAML or JSON; Terraform (.tf, .tfvars); .env and .properties files; PgBouncer's ini; Python code \
that builds clients; commands that deploy to Cloud Run";

/// Reads one directory or file.
///
/// # Errors
/// [`ReadError`] when `root` cannot be opened; whatever else cannot be read is in [`Platform::reading`].
pub fn read(root: &Path) -> Result<Platform, ReadError> {
    read_input(&Input::path(root))
}

/// Reads what a person pointed at.
///
/// # Errors
/// [`ReadError`] when a given path or the given overlay cannot be opened, or a statement cannot be understood.
pub fn read_input(input: &Input) -> Result<Platform, ReadError> {
    let mut walked = walk::read(input)?;
    let given: Vec<Node> = (input.statements.iter())
        .map(|statement| overlay::given(&mut walked.repo, statement).map_err(ReadError::Statement))
        .collect::<Result<_, _>>()?;
    Ok(assemble(walked, &given))
}

/// The same for files in memory: paths below an imagined root and their bytes.
pub fn read_files(files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> Platform {
    assemble(Walked::of(Repo::from_files(files)), &[])
}

/// The overlay as it was read, or what is wrong in it.
fn overlay_of(
    repo: &mut Repo,
    config: Option<&Config>,
    given: &[Node],
) -> (OverlayDocument, Vec<UnreadableFile>) {
    let parsed = config.map(|config| (config, parse_overlay(repo, config)));
    let written = match &parsed {
        None => None,
        Some((config, Ok(stream))) => Some(overlay::Written {
            path: &config.path,
            above: &config.above,
            stream,
        }),
        Some((config, Err(message))) => {
            let unread = UnreadableFile {
                path: config.path.clone(),
                span: None,
                message: message.clone(),
            };
            return (OverlayDocument::default(), vec![unread]);
        }
    };
    match overlay::load_with(written.as_ref(), given) {
        Ok(document) => (document, Vec::new()),
        Err(problems) => {
            let problems = problems.into_iter().map(|problem| in_file(repo, problem));
            (OverlayDocument::default(), problems.collect())
        }
    }
}

/// The tree of the overlay, which no other reader gets.
fn parse_overlay(repo: &mut Repo, config: &Config) -> Result<yaml::Stream, String> {
    if let Some(stream) = repo.yaml.remove(&config.path) {
        return Ok(stream);
    }
    let id = match repo.files.remove(&config.path) {
        Some(id) => id,
        None => {
            let text = config.bytes.clone().and_then(repo::to_text)?;
            repo.sources.add(SourceFile::new(config.path.clone(), text))
        }
    };
    Ok(yaml::parse(&repo.sources.file(id).text, id, 0))
}

fn in_file(repo: &Repo, problem: yaml::Problem) -> UnreadableFile {
    UnreadableFile {
        path: repo.sources.path(problem.span.file).to_path_buf(),
        span: Some(problem.span),
        message: problem.message,
    }
}

fn assemble(walked: Walked, given: &[Node]) -> Platform {
    let Walked {
        mut repo,
        config,
        unused,
        root,
        part,
    } = walked;
    let mut platform = Platform::default();
    let (mut stated, mut problems) = overlay_of(&mut repo, config.as_ref(), given);
    repo.exclude(|path| stated.excludes(path));
    stated.find_pins(&repo);
    // What does not need one another is read side by side.
    let (mut charts, (file_environments, (code, (terraform, texts)))) = rayon::join(
        || helm::read(&repo),
        || {
            rayon::join(
                || file_environments(&repo, &stated),
                || {
                    rayon::join(
                        || Code::read(&repo),
                        || rayon::join(|| terraform_of(&repo, &stated), || texts(&repo)),
                    )
                },
            )
        },
    );
    let manifests = repo
        .yaml
        .iter()
        .filter(|(path, _)| !charts.consumed.contains(*path));
    let applications = argo::read(&repo, manifests.flat_map(|(_, stream)| &stream.documents));
    let listed = helm::listed(&repo, &charts);
    charts
        .consumed
        .extend(listed.iter().flat_map(|l| l.files.iter().cloned()));
    let releases = releases(&repo, &charts, (&applications, listed), &stated);
    let sources = Sources {
        code: Project::new(
            &code,
            repo.files.keys().chain(&repo.passed_over).map(PathBuf::as_path),
        ),
        deploys: cloud_run::read(&repo, &code),
        code_notes: &code.notes,
        built: built(&repo, &applications),
        charts,
        releases,
        applications,
        terraform,
        repo: &repo,
        file_environments,
        overlay: &stated,
        texts,
    };
    let pieces = pieces(&sources);
    let filled: Vec<(Environment, Unmatched)> = names(&sources, &pieces)
        .into_par_iter()
        .map(|name| {
            let mut env = Environment {
                name: name.clone(),
                ..Environment::default()
            };
            fill(&sources, &pieces, &mut env);
            let mut unmatched = stated.apply(&name, &mut env);
            // Code comes last: what it reads from its environment is known by now.
            let owners = link::prepare(&mut env);
            let holds = |path: &Path| sources.file_environments.get(path).is_none_or(|e| *e == name);
            dockerfile::interpret(&repo, &owners, &holds, &mut env);
            sources.code.interpret(&mut env, &owners, &holds);
            link::link(&mut env);
            unmatched.join(stated.check_names(&name, &env));
            (env, unmatched)
        })
        .collect();
    let mut unmatched = Unmatched::default();
    for (env, names) in filled {
        platform.environments.push(env);
        unmatched.join(names);
    }
    let given = |config: &Config| !config.path.starts_with("..") && repo.is_given(&config.path);
    let reading = &mut platform.reading;
    reading.root = root;
    reading.part = part;
    reading.stated = config.as_ref().is_some_and(given) && stated.states_parts();
    if part {
        reading.notes.extend(not_here(config.as_ref(), unmatched));
    } else {
        let unmatched = unmatched.problems().into_iter();
        problems.extend(unmatched.map(|problem| in_file(&repo, problem)));
    }
    reading
        .notes
        .extend(unused_overlays(config.as_ref(), &unused, &stated));
    reading.config = config.map(|config| config.path);
    reading.overlay_problems = problems;
    platform.overlay = stated.steering();
    platform.suppressions = suppress::find(&repo.sources);
    report_reading(&sources, &pieces, &mut platform);
    let Sources {
        built,
        charts,
        releases,
        terraform,
        ..
    } = sources;
    platform.sources = repo.sources;
    // Freeing every tree takes as long as judging them, and nobody has to wait for it.
    let yaml = repo.yaml;
    rayon::spawn(move || drop((yaml, built, charts, releases, terraform, code)));
    platform
}

/// The names in the overlay that nothing bears where only a part was read: no fault, since the rest may bear them.
fn not_here(config: Option<&Config>, unmatched: Unmatched) -> Option<UnreadableFile> {
    let names = unmatched.names();
    let path = config?.path.clone();
    let shown: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
    let message = match names.len() {
        0 => return None,
        1 => format!(
            "`{}` is not in the files that were given; only a part was checked",
            shown[0]
        ),
        n => format!(
            "{n} names are not in the files that were given ({}{}); only a part was checked",
            shown.join(", "),
            if n > shown.len() { ", …" } else { "" }
        ),
    };
    Some(UnreadableFile {
        path,
        span: None,
        message,
    })
}

/// Overlays are named that a person may believe to be in use; only so many, since each says the same.
fn unused_overlays(
    config: Option<&Config>,
    unused: &[PathBuf],
    stated: &OverlayDocument,
) -> Vec<UnreadableFile> {
    const NAMED: usize = 5;
    let unused: Vec<&PathBuf> = unused.iter().filter(|path| !stated.excludes(path)).collect();
    let note = |(at, path): (usize, &&PathBuf)| {
        UnreadableFile {
        path: (*path).clone(),
        span: None,
        message: match config {
            _ if at == NAMED => format!("is not used, and {} more", unused.len() - NAMED),
            Some(config) => format!(
                "is not used, because {} is; check its directory alone, or give it with --config",
                config.path.display()
            ),
            None => "is not used, because it is below the root; check its directory alone, or give it with --config"
                .to_owned(),
        },
    }
    };
    unused.iter().enumerate().take(NAMED + 1).map(note).collect()
}

/// The environment of each file whose path names one, or for which a person states one.
fn file_environments<'a>(repo: &'a Repo, stated: &OverlayDocument) -> HashMap<&'a Path, String> {
    let paths: Vec<&Path> = repo.files.keys().map(PathBuf::as_path).collect();
    paths
        .par_chunk_by(|a, b| a.parent() == b.parent())
        .flat_map_iter(|paths| {
            let directory = paths.first().and_then(|path| path.parent());
            let files = environment::Files::in_directory(directory.unwrap_or(Path::new("")));
            paths
                .iter()
                .filter_map(move |path| Some((*path, environment_of(path, &files, stated)?)))
        })
        .collect()
}

/// The environment that a file is for: as a person states it, else as its path says.
fn environment_of(path: &Path, files: &environment::Files<'_>, stated: &OverlayDocument) -> Option<String> {
    match stated.environment_of(path) {
        Some(name) => Some(name.to_owned()),
        None => files
            .named(path.file_name()?.to_str()?)
            .map(|name| stated.environment_name(&name)),
    }
}

/// Terraform's modules, their environments under the names that a person gave them.
fn terraform_of(repo: &Repo, stated: &OverlayDocument) -> Terraform {
    let mut terraform = hcl::read(repo);
    for root in &mut terraform.roots {
        let place = stated
            .environment_of(&root.dir.join("main.tf"))
            .map(str::to_owned);
        for values in &mut root.environments {
            values.environment = match values.environment.take() {
                Some(name) => Some(stated.environment_name(&name)),
                None => place.clone(),
            };
        }
    }
    terraform
}

/// The builds, each under what the one application that deploys it lays over it.
fn built(repo: &Repo, applications: &Applications) -> Built {
    let mut built = kustomize::build_with(repo, &deployed(applications));
    let mut over: HashMap<&Path, Vec<Option<&Node>>> = HashMap::new();
    for source in applications.applications.iter().flat_map(|a| &a.sources) {
        if let Some(Deploys::Kustomization(dir)) = &source.deploys {
            over.entry(dir).or_default().push(source.kustomize.as_ref());
        }
    }
    for build in &mut built.builds {
        if let Some([Some(section)]) = over.get(build.dir.as_path()).map(Vec::as_slice) {
            kustomize::lay_over(build, section);
        }
    }
    built
}

/// Directories of kustomizations that applications deploy: each is a build of its own, used as a base or not.
fn deployed(applications: &Applications) -> BTreeSet<PathBuf> {
    let sources = applications.applications.iter().flat_map(|a| &a.sources);
    sources
        .filter_map(|source| match &source.deploys {
            Some(Deploys::Kustomization(dir)) => Some(dir.clone()),
            _ => None,
        })
        .collect()
}

/// What the charts become: with the values of the applications that deploy them, else with their own and
/// those of each environment.
fn releases(
    repo: &Repo,
    charts: &Charts,
    (applications, listed): (&Applications, Vec<helm::Listed>),
    stated: &OverlayDocument,
) -> Vec<Release> {
    let named = |environment: &Option<String>| environment.as_ref().map(|name| stated.environment_name(name));
    let mut releases = Vec::new();
    let mut by_application = BTreeSet::new();
    for application in &applications.applications {
        for source in &application.sources {
            let Some((number, values)) = argo::chart_values(repo, charts, source) else {
                continue;
            };
            by_application.insert(number);
            let environment = named(&application.environment);
            let installed = helm::install(repo, charts, number, &values, source.release.as_ref());
            releases.extend(installed.into_iter().map(|i| Release::of(environment.clone(), i)));
        }
    }
    for listed in listed {
        by_application.insert(listed.chart);
        let installed = helm::install(repo, charts, listed.chart, &listed.values, Some(&listed.name));
        let environment = named(&listed.environment);
        releases.extend(installed.into_iter().map(|i| Release::of(environment.clone(), i)));
    }
    for (number, chart) in charts.charts.iter().enumerate() {
        if by_application.contains(&number) || chart.library || helm::is_brought(charts, number) {
            continue;
        }
        for values in chart.deployed() {
            let environment = values.environment.clone();
            let environment = named(&environment.or_else(|| environment::of_directory(&chart.dir)));
            let installed = helm::install(repo, charts, number, &values.values, None);
            releases.extend(installed.into_iter().map(|i| Release::of(environment.clone(), i)));
        }
    }
    releases
}

/// Every tree with the environment it holds in.
fn pieces<'a>(sources: &'a Sources<'a>) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    for build in &sources.built.builds {
        let completeness = if build.complete {
            Completeness::Whole
        } else {
            Completeness::Fragment
        };
        for node in &build.objects {
            pieces.push(Piece {
                environment: build.environment.as_deref(),
                path: &build.dir,
                completeness,
                node,
            });
        }
    }
    for release in &sources.releases {
        for node in &release.objects {
            pieces.push(Piece {
                environment: release.environment.as_deref(),
                path: &release.dir,
                completeness: Completeness::Fragment,
                node,
            });
        }
    }
    let in_charts = by_hash(&sources.charts.consumed);
    let in_builds = by_hash(&sources.built.consumed);
    let fragments = by_hash(&sources.built.fragments);
    let of_terraform = by_hash(&sources.terraform.claimed);
    for (path, stream) in &sources.repo.yaml {
        let path = path.as_path();
        let fragment = fragments.contains(path);
        let built = in_builds.contains(path) && !fragment;
        if built || in_charts.contains(path) || of_terraform.contains(path) {
            continue;
        }
        let completeness = if fragment {
            Completeness::Fragment
        } else {
            Completeness::Whole
        };
        let stated = sources.file_environments.get(path).map(String::as_str);
        let environment = stated.or_else(|| environment_of_directory(sources, path));
        for node in &stream.documents {
            pieces.push(Piece {
                environment,
                path,
                completeness,
                node,
            });
        }
    }
    // What is for one environment counts over what is for all, and so is read after it.
    pieces.sort_by_key(|p| p.environment.is_some());
    pieces
}

/// Paths to look up, without an order.
fn by_hash(paths: &BTreeSet<PathBuf>) -> HashSet<&Path> {
    paths.iter().map(PathBuf::as_path).collect()
}

/// The environment of the one application that deploys the directory of a plain manifest.
fn environment_of_directory<'a>(sources: &'a Sources<'_>, path: &Path) -> Option<&'a str> {
    let mut found = None;
    for application in &sources.applications.applications {
        let here = application
            .sources
            .iter()
            .any(|s| matches!(&s.deploys, Some(Deploys::Directory(dir)) if path.starts_with(dir)));
        match (&application.environment, found) {
            (Some(name), None) if here => found = Some(name.as_str()),
            (Some(name), Some(other)) if here && name != other => return None,
            _ => {}
        }
    }
    found
}

/// Every file of flat settings. One that is there to be copied (`.env.example`) sets nothing.
fn texts(repo: &Repo) -> Vec<Text<'_>> {
    let mut texts = Vec::new();
    for (path, id) in &repo.files {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default()
            .to_ascii_lowercase();
        let sample = ["example", "sample", "template", "dist"]
            .iter()
            .any(|word| name.split(['.', '-', '_']).any(|part| part == *word));
        let text = &repo.sources.file(*id).text;
        let (format, settings) = if sample {
            continue;
        } else if name == ".env" || name.starts_with(".env.") || name.ends_with(".env") {
            (".env", env_file::read(text, *id, 0))
        } else if name.ends_with(".properties") {
            ("properties", properties::read(text, *id, 0))
        } else if [".ini", ".conf", ".cfg"]
            .iter()
            .any(|ending| name.ends_with(ending))
        {
            let ini = ini::read(text, *id, 0);
            if pgbouncer::is_pgbouncer(&ini) {
                texts.push(Text {
                    path,
                    format: "PgBouncer",
                    settings: Vec::new(),
                    ini: Some(ini),
                });
            }
            continue;
        } else {
            continue;
        };
        texts.push(Text {
            path,
            format,
            settings,
            ini: None,
        });
    }
    texts
}

/// Secrets that stand in a file of flat settings. A password that everybody tries first is there for
/// one's own machine.
fn secrets_in(settings: &[Setting]) -> Vec<SecretLiteral> {
    let found = settings.iter().filter_map(|setting| {
        let text = setting.value.value.as_str();
        let secret = secret_scan::classify(&setting.name, text)?;
        (!secret_scan::is_first_guess(text)).then_some(secret_scan::literal(
            &setting.name,
            text,
            setting.value.span()?,
            secret,
        ))
    });
    found.collect()
}

/// The environments that anything names; one called `default` where nothing does.
fn names(sources: &Sources<'_>, pieces: &[Piece<'_>]) -> Vec<String> {
    let mut names: BTreeSet<String> = pieces
        .iter()
        .filter(|p| is_configuration(p))
        .filter_map(|p| p.environment.map(str::to_owned))
        .collect();
    // A file that is for one environment by its path names no others.
    let deployment_files = pieces
        .iter()
        .filter(|p| p.environment.is_none() && grand_central::is_deployment_file(p.node));
    names.extend(deployment_files.flat_map(|p| grand_central::environments(p.node)));
    let sections = pieces
        .iter()
        .filter(|p| p.environment.is_none() && is_other(p.node))
        .flat_map(|p| config::environments(p.node, p.path));
    names.extend(sections);
    names.extend(sources.terraform.environments().map(str::to_owned));
    names.extend(sources.overlay.environments().map(str::to_owned));
    if names.is_empty() {
        names = sources.code.environments();
    }
    names.extend(cloud_run::environments(&sources.deploys));
    if names.is_empty() {
        names.insert("default".to_owned());
    }
    names.into_iter().collect()
}

/// Gives everything that holds in `env` to the readers.
fn fill(sources: &Sources<'_>, pieces: &[Piece<'_>], env: &mut Environment) {
    let name = env.name.clone();
    for piece in pieces.iter().filter(|p| p.environment.is_none_or(|e| e == name)) {
        let place = Place {
            repo: sources.repo,
            environment: &name,
            path: piece.path,
            completeness: piece.completeness,
        };
        interpret(piece.node, place, env);
    }
    let mut texts: Vec<&Text<'_>> = sources.texts.iter().collect();
    texts.sort_by_key(|text| sources.file_environments.contains_key(text.path));
    for text in texts {
        // What a build puts into a ConfigMap is its users', not the directory's.
        if sources.built.consumed.contains(text.path) && !sources.built.fragments.contains(text.path) {
            continue;
        }
        let environment = sources.file_environments.get(text.path);
        if environment.is_none_or(|e| *e == name) {
            let completeness = Completeness::Whole;
            let place = Place {
                repo: sources.repo,
                environment: &name,
                path: text.path,
                completeness,
            };
            let owner = Owner::in_directory(text.path.parent().unwrap_or(Path::new("")));
            settings::apply(&text.settings, &owner, place, env);
            env.secret_literals.extend(secrets_in(&text.settings));
            if let Some(ini) = &text.ini {
                pgbouncer::interpret(ini, place, env);
            }
        }
    }
    let place = Place {
        repo: sources.repo,
        environment: &name,
        path: Path::new(""),
        completeness: Completeness::Whole,
    };
    terraform::interpret(&sources.terraform, place, env);
    let deployed_here = |deploy: &cloud_run::Deploy| {
        let of_file = || sources.file_environments.get(deploy.path.as_path());
        (deploy.environment.as_ref().or_else(of_file)).is_none_or(|e| *e == name)
    };
    cloud_run::interpret(&sources.deploys, &deployed_here, place, env);
    compose::settle(env);
    kubernetes::finish(sources.repo, env);
    let mut known = None;
    for release in (sources.releases.iter()).filter(|r| r.environment.as_ref().is_none_or(|e| *e == name)) {
        let place = Place {
            path: &release.dir,
            ..place
        };
        let known = known.get_or_insert_with(|| ideas::Known::of(env));
        ideas::read_values(&release.values, &release.owner(), place, known, env);
    }
    settings::finish(env);
    ideas::finish(env);
    pgbouncer::finish(env, &sources.repo.sources);
    for dangling in sources
        .built
        .dangling
        .iter()
        .chain(&sources.applications.dangling)
    {
        let path = sources.repo.sources.path(dangling.span.file).display();
        env.dangling.push(Dangling {
            subject: path.to_string(),
            kind: match dangling.what {
                Named::File => DanglingKind::File,
                _ => DanglingKind::PatchTarget,
            },
            name: Fact::declared(dangling.name.clone(), dangling.span),
            nearest: dangling.nearest.clone(),
            certain: true,
        });
    }
}

/// Gives a tree to the reader that knows it.
fn interpret(node: &Node, place: Place<'_>, env: &mut Environment) {
    if kubernetes::is_object(node) {
        kubernetes::interpret(node, place, env);
    } else if grand_central::is_deployment_file(node) {
        grand_central::interpret(node, place, env);
    } else if compose::is_compose(node) {
        compose::interpret(node, place, env);
    } else if !prometheus::interpret(node, env) && !without_identity(node, place, env) {
        config::interpret(node, place, env);
    }
}

/// Says so of what is an object of Kubernetes but for its `apiVersion` or `kind`, in a whole file.
fn without_identity(node: &Node, place: Place<'_>, env: &mut Environment) -> bool {
    place.completeness == Completeness::Whole && kubernetes::lacks_identity(node, env)
}

/// Whether no reader of a format of its own knows this tree.
fn is_other(node: &Node) -> bool {
    !(kubernetes::is_object(node)
        || grand_central::is_deployment_file(node)
        || compose::is_compose(node)
        || prometheus::is_prometheus(node))
}

/// Whether some reader knows what this tree is.
fn is_configuration(piece: &Piece<'_>) -> bool {
    format_of(piece).is_some()
}

/// The name of a tree's format for the summary; `None` for what no reader knows.
fn format_of(piece: &Piece<'_>) -> Option<&'static str> {
    let node = piece.node;
    if node.get("apiVersion").is_some() && node.get("kind").is_some() {
        return Some("Kubernetes");
    }
    if kubernetes::schema::lacks(node).is_some() {
        return Some("Kubernetes");
    }
    if grand_central::is_deployment_file(node) {
        return Some(grand_central::FORMAT);
    }
    if compose::is_compose(node) {
        return Some("Compose");
    }
    if prometheus::is_prometheus(node) {
        return Some("Prometheus");
    }
    config::is_settings(node, piece.path, piece.environment).then_some(config::FORMAT)
}

fn unreadable_file(unreadable: &Unreadable) -> UnreadableFile {
    UnreadableFile {
        path: unreadable.path.clone(),
        span: unreadable.span,
        message: unreadable.message.clone(),
    }
}

/// Fills in what was read and what was not.
fn report_reading(sources: &Sources<'_>, pieces: &[Piece<'_>], platform: &mut Platform) {
    let mut formats: HashMap<&Path, &str> = HashMap::new();
    for piece in pieces {
        if let Some(format) = format_of(piece) {
            formats.insert(piece.path, format);
        }
    }
    for text in (sources.texts.iter()).filter(|t| !t.settings.is_empty() || t.ini.is_some()) {
        formats.insert(text.path, text.format);
    }
    for deploy in &sources.deploys {
        formats.entry(&deploy.path).or_insert(cloud_run::FORMAT);
    }
    for path in sources.code.telling() {
        formats.insert(path, "Python");
    }
    for path in &sources.built.consumed {
        formats.insert(path, "kustomize");
    }
    for path in &sources.charts.consumed {
        formats.insert(path, "Helm");
    }
    for dir in sources
        .built
        .builds
        .iter()
        .map(|b| &b.dir)
        .chain(sources.releases.iter().map(|r| &r.dir))
    {
        formats.remove(dir.as_path());
    }
    for path in &sources.terraform.files {
        formats.insert(path, "Terraform");
    }
    let reading = &mut platform.reading;
    for format in formats.values() {
        *reading.formats.entry((*format).to_owned()).or_default() += 1;
    }
    let files = sources.repo.files.len() + sources.repo.passed_over.len();
    reading.passed_over = files.saturating_sub(formats.len());
    reading
        .unreadable
        .extend(sources.repo.unreadable.iter().map(unreadable_file));
    reading.unreadable.extend(
        sources
            .built
            .builds
            .iter()
            .filter_map(|b| b.failed.as_ref())
            .map(unreadable_file),
    );
    reading
        .unreadable
        .extend(sources.terraform.problems.iter().map(unreadable_file));
    for (path, stream) in &sources.repo.yaml {
        if stream.errors.is_empty() && stream.problems.is_empty()
            || sources.terraform.claimed.contains(path)
            || sources.charts.consumed.contains(path)
        {
            continue;
        }
        let told = |problem: &yaml::Problem| UnreadableFile {
            path: path.clone(),
            span: Some(problem.span),
            message: problem.message.clone(),
        };
        if !stream.errors.is_empty() && looks_like_configuration(path, sources.repo.text(path).unwrap_or(""))
        {
            reading.unreadable.extend(stream.errors.iter().map(told));
        }
        if formats.contains_key(path.as_path()) {
            reading.notes.extend(stream.problems.iter().map(told));
        }
    }
    reading
        .unreadable
        .sort_by(|a, b| (&a.path, a.span).cmp(&(&b.path, b.span)));
    reading.notes.extend(
        sources
            .built
            .notes
            .iter()
            .chain(&sources.charts.notes)
            .map(unreadable_file),
    );
    reading
        .notes
        .extend(sources.code_notes.iter().map(unreadable_file));
    reading
        .notes
        .sort_by(|a, b| (&a.path, a.span).cmp(&(&b.path, b.span)));
}

/// Whether a YAML or JSON file that cannot be read is likely to be platform configuration; anything else
/// (a document with its own tags, a template of some other tool) is passed over.
fn looks_like_configuration(path: &Path, text: &str) -> bool {
    let hidden_tool = path
        .iter()
        .any(|p| matches!(p.to_str(), Some(".github" | ".vscode" | ".idea" | ".circleci")));
    let is_template = text.contains("{{") || text.contains("{%");
    let marks = [
        "apiVersion:",
        "kind:",
        "replicas",
        "containers:",
        "env_vars",
        "environments:",
        "kafka",
        "deployment",
        "services:",
    ];
    !hidden_tool && !is_template && marks.iter().any(|mark| text.contains(mark))
}

#[cfg(test)]
mod overlay_tests {
    use super::*;

    fn platform(files: &[(&str, &str)]) -> Platform {
        read_files(
            files
                .iter()
                .map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec())),
        )
    }

    #[test]
    fn terraform_is_valued_in_the_environments_that_its_value_files_name() {
        let platform = platform(&[
            (
                "terraform/alerts.tf",
                "variable \"delay\" {}\nresource \"newrelic_nrql_alert_condition\" \"a\" {\n  name = \"a\"\n  aggregation_delay = var.delay\n}\n",
            ),
            ("terraform/prod.tfvars", "delay = 120\n"),
            ("terraform/staging.tfvars", "delay = 0\n"),
            ("terraform/broken.tf", "locals {\n"),
        ]);
        let delays: Vec<(String, u64)> = (platform.environments.iter())
            .map(|e| {
                let cofferdam_model::alerts::Timing::NewRelic(t) = &e.alerts[0].timing else {
                    panic!()
                };
                (e.name.clone(), t.delay.as_ref().unwrap().value.as_secs())
            })
            .collect();
        assert_eq!(
            delays,
            [("production".to_owned(), 120), ("staging".to_owned(), 0)]
        );
        assert_eq!(platform.reading.formats["Terraform"], 3);
        assert_eq!(
            platform.reading.unreadable[0].path,
            Path::new("terraform/broken.tf")
        );
    }

    #[test]
    fn what_a_person_states_is_in_the_platform() {
        let platform = platform(&[
            (
                "cofferdam.yaml",
                "databases: {main: {max_connections: 500}}\ntargets: {detection: 60s}\nenvironments: {prod: {paths: [blue]}, staging: {}}\n",
            ),
            ("blue/a.yaml", "x: 1 # cofferdam: ignore[single-replica] enough\n"),
        ]);
        let names: Vec<&str> = platform.environments.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["production", "staging"]);
        assert_eq!(platform.environments[0].databases.len(), 1);
        assert_eq!(platform.suppressions.len(), 1);
        assert!(platform.overlay.detection_target.is_some());
        assert!(platform.reading.overlay_problems.is_empty());
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        let platform_with = |text: &str| platform(&[("cofferdam.yaml", text)]).reading.overlay_problems;
        assert_eq!(platform_with("servces: {}").len(), 1);
        assert_eq!(platform_with("services: {api: {processes: 2}}").len(), 1);
        assert_eq!(platform_with("services: {").len(), 1);
        let unread = read_files([(PathBuf::from("cofferdam.yaml"), b"\0\x01".to_vec())]);
        assert_eq!(unread.reading.overlay_problems.len(), 1);
    }

    #[test]
    fn excluded_files_are_there_and_not_read() {
        let files = [
            ("cofferdam.yaml", "paths: {exclude: [old]}"),
            ("old/a.yaml", "apiVersion: v1\nkind: [broken\n"),
        ];
        let platform = platform(&files);
        assert!(platform.reading.unreadable.is_empty());
    }
}
