//! The processes that a Dockerfile starts: application servers fork workers, and each has its own
//! connections. For a manifest without a command, the image decides.

use crate::arguments;
use crate::compose::build;
use crate::kubernetes::processes;
use cofferdam_code::dockerfile;
use cofferdam_model::secrets::SecretLiteral;
use cofferdam_model::workload::{Container, Workload};
use cofferdam_model::{Environment, Fact, FileId, Owner, ProjectId, Variable, VariableValue, link};
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::Repo;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A Dockerfile, and the owner of its image.
#[derive(Debug)]
pub struct Dockerfile<'r> {
    path: &'r Path,
    file: FileId,
    text: &'r str,
    owner: Owner,
    /// The environment in its name.
    environment: Option<&'static str>,
    /// Secrets in its instructions, which every layer of the image keeps.
    secrets: Vec<SecretLiteral>,
}

impl<'r> Dockerfile<'r> {
    /// Its path.
    pub(crate) fn path(&self) -> &'r Path {
        self.path
    }
}

/// The Dockerfiles of each project.
pub fn find<'r>(
    repo: &'r Repo,
    project_of: &dyn Fn(&Path) -> ProjectId,
) -> BTreeMap<ProjectId, Vec<Dockerfile<'r>>> {
    let mut found: BTreeMap<ProjectId, Vec<Dockerfile<'r>>> = BTreeMap::new();
    for (path, file) in &repo.files {
        let Some((owner, environment)) = owner_of(path).filter(|_| !repo.links.contains_key(path)) else {
            continue;
        };
        found.entry(project_of(path)).or_default().push(Dockerfile {
            path,
            file: *file,
            text: &repo.sources.file(*file).text,
            owner,
            environment,
            secrets: secrets(&repo.sources.file(*file).text, *file),
        });
    }
    found
}

/// The files of Python that images start. A path in an image begins with a directory that only the image has
/// (`/srv/app/tools/main.py`): the longest end of it that exists beside the Dockerfile counts.
pub fn started(repo: &Repo, dockerfiles: &[Dockerfile<'_>]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dockerfile in dockerfiles.iter().filter(|one| one.text.contains("python")) {
        let directory = dockerfile.path.parent().unwrap_or(Path::new(""));
        let command = container(dockerfile.text, dockerfile.file).command;
        let mut is_module = false;
        for word in command.iter().flat_map(|part| part.value.split_whitespace()) {
            let path = match is_module {
                true => PathBuf::from(word.replace('.', "/")).with_extension("py"),
                false => PathBuf::from(word),
            };
            is_module = word == "-m";
            if path.extension().is_none_or(|end| end != "py") {
                continue;
            }
            let parts: Vec<_> = path.components().collect();
            let ends = (0..parts.len()).map(|at| directory.join(parts[at..].iter().collect::<PathBuf>()));
            found.extend(ends.into_iter().find(|end| repo.files.contains_key(end)));
        }
    }
    found
}

/// Sets the processes of services whose manifests leave the command to the image. Called when services
/// are known.
pub fn interpret(
    dockerfiles: &[Dockerfile<'_>],
    owners: &link::Owners,
    holds: &dyn Fn(&Path) -> bool,
    env: &mut Environment,
) {
    let built_from = built_from(env);
    for dockerfile in dockerfiles {
        if !holds(dockerfile.path) {
            continue;
        }
        let built = built_from.get(dockerfile.path).map_or(&[][..], Vec::as_slice);
        // What something builds runs, whatever environment its name has.
        let named = dockerfile.environment;
        if built.is_empty() && named.is_some_and(|name| name != env.name) {
            continue;
        }
        env.secret_literals.extend(dockerfile.secrets.iter().cloned());
        for at in services_of(dockerfile, built, owners, env) {
            let service = &env.services[at];
            let overridden = (service.workloads.iter())
                .flat_map(|w| &env.workloads[w.0].containers)
                .any(|c| !c.command.is_empty());
            if service.processes.is_some() || overridden {
                continue;
            }
            let mut container = container(dockerfile.text, dockerfile.file);
            // The platform's settings override the image's own.
            for (name, variable) in &service.variables {
                container.variables.insert(name.clone(), variable.clone());
            }
            env.services[at].processes = processes::of(&[container]);
        }
    }
}

/// The services of Compose that are built from each Dockerfile, in order.
fn built_from(env: &Environment) -> BTreeMap<PathBuf, Vec<usize>> {
    let mut built: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
    for at in 0..env.services.len() {
        for path in workloads(at, env).filter_map(build::dockerfile) {
            let services = built.entry(path.to_path_buf()).or_default();
            if services.last() != Some(&at) {
                services.push(at);
            }
        }
    }
    built
}

/// The services that run the image of a Dockerfile: those that are `built` from it, else the one with its name.
fn services_of(
    dockerfile: &Dockerfile<'_>,
    built: &[usize],
    owners: &link::Owners,
    env: &Environment,
) -> Vec<usize> {
    if built.is_empty() {
        // What is built from another file is not built from this one.
        let found = owners.find(&dockerfile.owner).map(|id| id.0);
        let is_open = |at: &usize| workloads(*at, env).all(|w| build::dockerfile(w).is_none());
        return found.filter(is_open).into_iter().collect();
    }
    // Only the last stage is read.
    let last = dockerfile::last_stage(dockerfile.text);
    let is_last = |target: &str| last.as_deref() == Some(target);
    let runs_last = |at: &usize| workloads(*at, env).filter_map(build::target).all(is_last);
    built.iter().copied().filter(runs_last).collect()
}

fn workloads(service: usize, env: &Environment) -> impl Iterator<Item = &Workload> {
    let ids = env.services[service].workloads.iter();
    ids.map(|id| &env.workloads[id.0])
}

/// The owner of a Dockerfile, by its directory, or by the name before its ending (`backend.Dockerfile`); with
/// the environment that this names.
fn owner_of(path: &Path) -> Option<(Owner, Option<&'static str>)> {
    let name = path.file_name()?.to_str()?;
    // Nearly all files are not Dockerfiles, and this checks each file.
    let is_dockerfile = |end: Option<&str>| end.is_some_and(|end| end.eq_ignore_ascii_case("dockerfile"));
    let (start, end) = (
        name.get(..10),
        name.len().checked_sub(10).and_then(|at| name.get(at..)),
    );
    if !is_dockerfile(start) && !is_dockerfile(end) {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    if let Some(stem) = lower.strip_suffix(".dockerfile") {
        let environment = environment::of_name(stem);
        let owner = stem
            .split('.')
            .find(|word| environment::canonical(word).is_none());
        // `prod.Dockerfile` names no service.
        let beside = || path.parent().unwrap_or(Path::new(""));
        let directory = owner.map_or_else(beside, Path::new);
        return Some((Owner::in_directory(directory), environment));
    }
    let rest = lower.strip_prefix("dockerfile")?;
    let environment = environment::of_name(rest);
    let directory = path.parent().unwrap_or(Path::new(""));
    match rest.trim_start_matches(['.', '-', '_']) {
        // `Dockerfile.worker` at the root builds the worker.
        word if !word.is_empty() && environment.is_none() => {
            Some((Owner::in_directory(directory.join(word)), None))
        }
        _ => Some((Owner::in_directory(directory), environment)),
    }
}

/// The secrets in the instructions of a recipe. A password that everybody tries first is for tests of the image.
fn secrets(text: &str, file: FileId) -> Vec<SecretLiteral> {
    let recipe = dockerfile::read(text, file);
    let settings = recipe.variables.iter().chain(&recipe.arguments);
    let mut found: Vec<SecretLiteral> = settings
        .filter_map(|(name, value)| arguments::setting(name, &value.value, value.span))
        .collect();
    let lines = recipe.lines.into_iter().map(Fact::from);
    found.extend(lines.flat_map(|line| arguments::secrets(&[line], false)));
    found
}

/// The container of an image's recipe.
fn container(text: &str, file: FileId) -> Container {
    let recipe = dockerfile::read(text, file);
    let mut container = Container {
        command: recipe.command.into_iter().map(Fact::from).collect(),
        ..Container::default()
    };
    for (name, value) in recipe.variables {
        let variable = Variable {
            name_span: value.span,
            value: Fact::declared(VariableValue::Literal(value.value), value.span),
        };
        container.variables.insert(name, variable.into());
    }
    container
}

#[cfg(test)]
mod tests {
    use crate::pipeline::read_files;

    #[test]
    fn code_that_an_image_starts_is_a_services_wherever_it_is() {
        let code = "import requests\nrequests.get('http://orders/')\n";
        let calls = |path: &str, command: &str| {
            let dockerfile = format!("FROM python:3.12\nCOPY . /srv/app\n{command}\n");
            let files = [("svc/Dockerfile", dockerfile.as_str()), (path, code)];
            let platform = read_files(files.map(|(p, t)| (p.into(), t.as_bytes().to_vec())));
            platform.environments[0].calls.len()
        };
        let tool = "svc/tools/main.py";
        for command in [
            r#"CMD ["python", "tools/main.py"]"#,
            r#"ENTRYPOINT ["python", "/srv/app/tools/main.py"]"#,
            "CMD python -m tools.main",
        ] {
            assert_eq!(calls(tool, command), 1, "{command}");
        }
        assert_eq!(calls(tool, r#"CMD ["python", "app.py"]"#), 0);
        assert_eq!(calls("svc/app/main.py", r#"CMD ["python", "app.py"]"#), 1);
    }

    fn processes(path: &str, dockerfile: &str, container: &str) -> Option<u32> {
        let manifest = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop-backend}}\nspec: {{template: {{spec: {{containers: [{{name: a, image: r/shop-backend, {container}}}]}}}}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop-web}}\nspec: {{template: {{spec: {{containers: [{{name: a, image: r/web}}]}}}}}}\n"
        );
        let platform = read_files(
            [("k8s.yaml", manifest.as_str()), (path, dockerfile)]
                .map(|(p, t)| (p.into(), t.as_bytes().to_vec())),
        );
        let services = &platform.environments[0].services;
        let backend = services.iter().find(|s| s.name == "shop-backend").unwrap();
        backend.processes.as_ref().map(|p| p.value)
    }

    #[test]
    fn workers_in_the_image_command_belong_to_the_service() {
        for (path, text, wanted) in [
            (
                "backend/Dockerfile",
                "FROM a\nCMD [\"gunicorn\", \"-w\", \"4\", \"app:app\"]\n",
                Some(4),
            ),
            (
                "shop_backend/Dockerfile",
                "FROM a\nCMD exec uvicorn app:app \\\n  --workers 2\n",
                Some(2),
            ),
            (
                "dockerfiles/backend.Dockerfile",
                "FROM a\nENTRYPOINT [\"gunicorn\"]\nCMD [\"--workers=3\", \"app\"]\n",
                Some(3),
            ),
            (
                "Dockerfile.backend",
                "FROM a\nENV WEB_CONCURRENCY=5\nCMD gunicorn app\n",
                Some(5),
            ),
            // Only the last stage runs.
            (
                "backend/Dockerfile",
                "FROM a AS b\nCMD gunicorn -w 9 app\nFROM c\nCMD python app.py\n",
                None,
            ),
            ("other/Dockerfile", "FROM a\nCMD gunicorn -w 9 app\n", None),
        ] {
            assert_eq!(processes(path, text, "ports: []"), wanted, "{path}: {text}");
        }
    }

    #[test]
    fn a_command_in_the_manifest_overrides_the_command_of_the_image() {
        let text = "FROM a\nCMD gunicorn -w 4 app\n";
        assert_eq!(
            processes("backend/Dockerfile", text, "args: [python, app.py]"),
            None
        );
        assert_eq!(
            processes("backend/Dockerfile", text, "args: ['gunicorn -w 2 app']"),
            Some(2)
        );
        let text = "FROM a\nENV WEB_CONCURRENCY=4\nCMD gunicorn app\n";
        assert_eq!(
            processes(
                "backend/Dockerfile",
                text,
                "env: [{name: WEB_CONCURRENCY, value: '6'}]"
            ),
            Some(6)
        );
    }
}
