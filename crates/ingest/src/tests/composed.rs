//! Compose files that belong together, and what belongs to their services.

use crate::pipeline::read_files;
use cofferdam_model::{Environment, Platform};
use cofferdam_syntax::Layer;

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

const BASE: &str = "services:\n  shop:\n    image: r.io/acme/shop:1\n    environment: {DB_HOST: store, DB_POOL_SIZE: '40'}\n    deploy: {replicas: 6}\n  store:\n    image: postgres:16\n    command: [postgres, -c, max_connections=150]\n";

/// What decides how many connections are wanted and available: replicas, size of the pool, limit.
type Figures = (Option<u32>, Option<u32>, Option<u32>);

fn figures(env: &Environment) -> Figures {
    let shop = env.workloads.iter().find(|w| w.id.name == "shop");
    let replicas = shop.and_then(|w| Some(w.replicas.as_ref()?.value));
    let pool = env.pools.first().and_then(|p| Some(p.size.as_ref()?.value));
    let limit = env
        .databases
        .first()
        .and_then(|d| Some(d.max_connections.as_ref()?.value));
    (replicas, pool, limit)
}

fn all(platform: &Platform) -> Vec<(String, Figures)> {
    let environments = platform.environments.iter();
    environments
        .map(|env| {
            let variant = env.variant.as_ref().map_or_else(String::new, |v| format!(" {v}"));
            (format!("{}{variant}", env.name), figures(env))
        })
        .collect()
}

const TOP: &str = "services:\n  shop:\n    environment: [DB_POOL_SIZE=10]\n    deploy: {replicas: 2}\n  store:\n    command: postgres -c max_connections=500\n";

#[test]
fn an_override_file_counts_over_the_file_beside_it() {
    for (base, top) in [
        ("compose.yaml", "compose.override.yaml"),
        ("deploy/docker-compose.yml", "deploy/docker-compose.override.yml"),
    ] {
        let read = platform(&[(base, BASE), (top, TOP)]);
        let wanted = (Some(2), Some(10), Some(500));
        assert_eq!(all(&read), [("default".to_owned(), wanted)], "{base}");
        assert_eq!(read.scope.deployments.len(), 1);
        assert_eq!(read.reading.formats["Compose"], 2);
        assert!(read.reading.skipped.is_empty());
        // The value is in the override, and the file below it is in the chain.
        let size = read.environments[0].pools[0]
            .size
            .as_ref()
            .unwrap()
            .span()
            .unwrap();
        assert_eq!(read.sources.path(size.file).to_str(), Some(top));
        let links = read.sources.chains().of(size);
        let links: Vec<_> = (links.iter())
            .map(|link| {
                (
                    link.layer,
                    read.sources.path(link.span.file).to_str().unwrap(),
                    read.sources.text(link.span),
                )
            })
            .collect();
        assert_eq!(links, [(Layer::Override, base, "'40'")]);
    }
    // In another directory it is another platform's.
    let apart = platform(&[("a/compose.yaml", BASE), ("b/compose.override.yaml", TOP)]);
    assert!(
        all(&apart)
            .iter()
            .any(|(_, figures)| *figures == (Some(6), Some(40), Some(150)))
    );
}

#[test]
fn a_file_for_production_is_laid_over_the_one_that_it_needs() {
    let base = ("compose.yaml", BASE);
    let wanted = (Some(2), Some(10), Some(500));
    assert_eq!(
        all(&platform(&[base, ("compose.prod.yaml", TOP)])),
        [("default".to_owned(), wanted)]
    );
    // A stage before production without evidence says nothing about the platform.
    let plain = (Some(6), Some(40), Some(150));
    assert_eq!(
        all(&platform(&[base, ("compose.dev.yaml", TOP)])),
        [("default".to_owned(), plain)]
    );
    // Two siblings name two environments.
    let more = "services: {shop: {environment: {DB_POOL_SIZE: '2'}}}\n";
    assert_eq!(
        all(&platform(&[
            base,
            ("compose.prod.yaml", TOP),
            ("compose.staging.yaml", more)
        ])),
        [
            ("production".to_owned(), wanted),
            ("staging".to_owned(), (Some(6), Some(2), Some(150)))
        ]
    );
    // Only one of the two is used at a time.
    assert_eq!(
        all(&platform(&[
            base,
            ("compose.prod.yaml", TOP),
            ("compose.override.yaml", more)
        ])),
        [
            (
                "default compose.override.yaml".to_owned(),
                (Some(6), Some(2), Some(150))
            ),
            ("default compose.prod.yaml".to_owned(), wanted),
        ]
    );
}

#[test]
fn files_that_a_command_or_an_env_file_names_are_laid_over_one_another() {
    let wanted = (Some(2), Some(10), Some(500));
    for (path, text) in [
        (
            "up.sh",
            "docker compose -f compose.yaml -f more/tuned.yaml up -d\n",
        ),
        (
            "Makefile",
            "up:\n\tdocker-compose -f compose.yaml -f more/tuned.yaml up\n",
        ),
        (".env", "COMPOSE_FILE=compose.yaml:more/tuned.yaml\n"),
        (
            ".github/workflows/deploy.yaml",
            "on: push\njobs: {a: {steps: [{run: 'docker compose -f compose.yaml -f more/tuned.yaml up'}]}}\n",
        ),
    ] {
        let read = platform(&[("compose.yaml", BASE), ("more/tuned.yaml", TOP), (path, text)]);
        assert_eq!(all(&read), [("default".to_owned(), wanted)], "{path}");
    }
}

#[test]
fn what_a_file_overrides_that_may_be_used_is_no_more_than_a_default() {
    let read = platform(&[("compose.yaml", BASE), ("compose.small.yaml", TOP)]);
    let plain = (Some(6), Some(40), Some(150));
    assert_eq!(all(&read), [("default".to_owned(), plain)]);
    let env = &read.environments[0];
    let size = env.pools[0].size.as_ref().unwrap().span().unwrap();
    assert!(read.scope.is_default(size));
    let image = env.workloads[0].containers[0]
        .image
        .as_ref()
        .unwrap()
        .text
        .span()
        .unwrap();
    assert!(!read.scope.is_default(image));
}

#[test]
fn beside_a_cluster_one_stack_is_enough() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {template: {spec: {containers: [{name: a, image: r/shop}]}}}\n";
    let read = platform(&[
        ("compose.yaml", BASE),
        ("compose.override.yaml", TOP),
        ("compose.prod.yaml", TOP),
        ("k8s/shop.yaml", deployment),
    ]);
    assert_eq!(read.environments.len(), 1);
    assert_eq!(read.environments[0].workloads.len(), 1);
}

/// The processes of each service.
type Processes = Vec<(String, Option<u32>)>;

/// The processes of each service, and the owner of each call.
fn built(files: &[(&str, &str)]) -> (Processes, Vec<Option<String>>) {
    let read = platform(files);
    let env = &read.environments[0];
    let services = env.services.iter();
    let owner = |owner| env.owner_service(owner).map(|s| s.name.clone());
    (
        services
            .map(|s| (s.name.clone(), s.processes.as_ref().map(|p| p.value)))
            .collect(),
        env.calls.iter().map(|call| owner(&call.owner)).collect(),
    )
}

const RECIPE: &str = "FROM python:3.12\nCOPY . .\nCMD [\"gunicorn\", \"-w\", \"3\", \"main:app\"]\n";
const CODE: &str = "import requests\ndef f():\n    return requests.get('http://ledger:80/x')\n";

#[test]
fn code_and_dockerfile_belong_to_the_service_that_is_built_from_them() {
    for (build, directory, recipe) in [
        ("./app", "app/", "app/Dockerfile"),
        ("{context: app}", "app/", "app/Dockerfile"),
        (
            "{context: ./app, dockerfile: prod.Dockerfile}",
            "app/",
            "app/prod.Dockerfile",
        ),
        (".", "", "Dockerfile"),
        (
            "{context: ., dockerfile: src/thing/Dockerfile}",
            "src/thing/",
            "src/thing/Dockerfile",
        ),
        (
            "{context: ., dockerfile: docker/Dockerfile}",
            "lib/",
            "docker/Dockerfile",
        ),
        ("{dockerfile: Dockerfile}", "", "Dockerfile"),
        // A directory that is called like another service.
        ("./ledger", "ledger/", "ledger/Dockerfile"),
    ] {
        let compose = format!(
            "services:\n  worker:\n    build: {build}\n  ledger:\n    image: ghcr.io/acme/ledger:1\n"
        );
        let code = format!("{directory}main.py");
        let (services, calls) = built(&[("compose.yaml", &compose), (&code, CODE), (recipe, RECIPE)]);
        let of = |name: &str| services.iter().find(|(n, _)| n == name).unwrap().1;
        assert_eq!((of("worker"), of("ledger")), (Some(3), None), "{build}");
        assert_eq!(calls, [Some("worker".to_owned())], "{build}");
    }
}

#[test]
fn code_that_several_services_are_built_from_is_the_ones_that_runs_the_image() {
    let compose = |web: &str, worker: &str| {
        format!(
            "services:\n  web: {{build: ./code{web}}}\n  worker: {{build: ./code{worker}}}\n  ledger: {{build: ./l}}\n"
        )
    };
    let read = |compose: &str| {
        built(&[
            ("compose.yaml", compose),
            ("code/main.py", CODE),
            ("code/Dockerfile", RECIPE),
        ])
    };
    let of =
        |services: &[(String, Option<u32>)], name: &str| services.iter().find(|(n, _)| n == name).unwrap().1;
    let (services, calls) = read(&compose("", ", command: celery worker"));
    assert_eq!((of(&services, "web"), of(&services, "worker")), (Some(3), None));
    assert_eq!(calls, [Some("web".to_owned())]);
    // Both run the image, so that each has its processes and its code.
    let (services, calls) = read(&compose("", ""));
    assert_eq!(
        (of(&services, "web"), of(&services, "worker")),
        (Some(3), Some(3))
    );
    let both = [Some("web".to_owned()), Some("worker".to_owned())];
    assert_eq!(calls, both);
    // Each has a command of its own.
    let (_, calls) = read(&compose(
        ", command: uvicorn main:app",
        ", command: celery worker",
    ));
    assert_eq!(calls, both);
    // A migration is not what serves.
    let (_, calls) = read(&compose(
        ", command: uvicorn main:app",
        ", command: python manage.py migrate",
    ));
    assert_eq!(calls, [Some("web".to_owned())]);
    // No service that is built elsewhere gets it.
    let compose = "services:\n  web: {build: ., command: gunicorn a}\n  worker: {build: ., command: celery b}\n  ledger: {image: r.io/acme/ledger}\n";
    let (_, calls) = built(&[
        ("compose.yaml", compose),
        ("main.py", CODE),
        ("Dockerfile", RECIPE),
    ]);
    assert_eq!(calls, both);
}

#[test]
fn only_the_last_stage_of_a_dockerfile_is_read() {
    let recipe = "FROM a AS dev\nCMD flask run\nFROM a AS prod\nCMD gunicorn -w 3 main:app\n";
    for (target, wanted) in [("prod", Some(3)), ("dev", None)] {
        let compose = format!("services: {{web: {{build: {{context: x, target: {target}}}}}}}\n");
        let (services, _) = built(&[("compose.yaml", &compose), ("x/Dockerfile", recipe)]);
        assert_eq!(services, [("web".to_owned(), wanted)], "{target}");
    }
}

#[test]
fn services_with_one_name_of_two_projects_are_two() {
    let project = |workers: &str| {
        format!(
            "services:\n  web: {{build: ., command: gunicorn -w {workers} a:b, environment: {{DB_HOST: db, DB_POOL_SIZE: '5'}}}}\n  db: {{image: 'postgres:15'}}\n"
        )
    };
    let (a, b) = (project("2"), project("7"));
    let read = platform(&[("apps/blog/compose.yaml", &a), ("apps/shop/compose.yaml", &b)]);
    let env = &read.environments[0];
    let web: Vec<_> = env.services.iter().filter(|s| s.name == "web").collect();
    let mut found: Vec<(u32, usize, String)> = (web.iter())
        .map(|s| {
            let processes = s.processes.as_ref().unwrap().value;
            (
                processes,
                s.workloads.len(),
                s.directories[0].display().to_string(),
            )
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [(2, 1, "apps/blog".to_owned()), (7, 1, "apps/shop".to_owned())]
    );
    assert!(web.iter().all(|s| s.deployment.is_some()) && web[0].deployment != web[1].deployment);
}

#[test]
fn an_unknown_password_does_not_hide_the_host_of_an_address() {
    let hosts = |files: &[(&str, &str)]| -> Vec<Option<String>> {
        let read = platform(files);
        let pools = read.environments[0].pools.iter();
        pools.map(|p| p.host.as_ref().map(|h| h.value.clone())).collect()
    };
    for (value, wanted) in [
        (
            "postgresql://app:${DB_PASSWORD}@store:5432/app?pool_size=7",
            Some("store"),
        ),
        (
            "postgresql://$U:${DB_PASSWORD:?set/it}@store/app?pool_size=7",
            Some("store"),
        ),
        ("postgresql://app:x@${HOST}/app?pool_size=7", None),
    ] {
        let compose =
            format!("services:\n  shop:\n    image: a/shop\n    environment:\n      DATABASE_URL: {value}\n");
        let found = hosts(&[("compose.yaml", &compose)]);
        assert_eq!(found, [wanted.map(str::to_owned)], "{value}");
    }
    let env_file = "DATABASE_URL=postgresql://app:${DB_PASSWORD:?no password}@store/app?pool_size=7\n";
    assert_eq!(hosts(&[("shop/.env", env_file)]), [Some("store".to_owned())]);
    let pod = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {template: {spec: {containers: [{name: a, image: r/shop, env: [{name: DATABASE_URL, value: 'postgresql://app:$(PW)@store/app?pool_size=7'}]}]}}}\n";
    assert_eq!(hosts(&[("a.yaml", pod)]), [Some("store".to_owned())]);
}
