//! Compose files as people write them.

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

/// What one of several files says.
fn read_one(files: &[(&str, &str)], path: &str) -> Parts {
    let repo = Repo::from_texts(files);
    let path = Path::new(path);
    let document = &repo.yaml[path].documents[0];
    assert!(is_compose(document, path));
    let place = Place {
        repo: &repo,
        environment: "local",
        path,
        completeness: Completeness::Whole,
    };
    super::read(document, place)
}

fn read(text: &str) -> Parts {
    let files = [
        ("app/compose.yaml", text),
        ("app/present.env", "A=1"),
        (".gitignore", "ignored.env\n"),
    ];
    read_one(&files, "app/compose.yaml")
}

#[test]
fn services_are_read_with_their_compose_settings() {
    let env = read(
        "services:\n  api:\n    image: r.io/api:1\n    command: gunicorn -w 3 app:app\n    deploy: {replicas: 2, resources: {limits: {cpus: '0.5', memory: 512M}}}\n    ports: ['8080:80', '127.0.0.1:5000:5001/tcp', {target: 90}]\n    healthcheck: {test: [CMD, curl, localhost], interval: 5s, retries: 2}\n    environment: {LEVEL: '${LEVEL:-info}', FROM_SHELL: , TOKEN_URL: '$URL'}\n",
    );
    let w = &env.workloads[0];
    let c = &w.containers[0];
    assert_eq!(w.id.to_string(), "Compose service api");
    assert_eq!(w.replicas.as_ref().unwrap().value, 2);
    assert_eq!(c.cpu_limit.as_ref().unwrap().value, Cpu(500));
    assert_eq!(c.memory_limit.as_ref().unwrap().value, Bytes(512 << 20));
    let ports: Vec<u32> = c.ports.iter().map(|(_, p)| p.value).collect();
    assert_eq!(ports, [80, 5001, 90]);
    // 5 s × 2 tries.
    assert_eq!(c.readiness.as_ref().unwrap().patience().as_secs(), 10);
    assert_eq!(c.variables["LEVEL"].value.value.text(), Some("info"));
    assert_eq!(c.variables["FROM_SHELL"].value.value.text(), None);
    assert_eq!(c.variables["TOKEN_URL"].value.value.text(), None);
}

#[test]
fn variables_are_filled_from_env_or_are_unknown() {
    let files = [
        (
            "app/compose.yaml",
            "services:\n  a: {image: '${HOST}/a:${TAG}', deploy: {replicas: '${COUNT}'}, environment: {API_TOKEN: '${SECRET}', N: '${TAG}'}}\n  b: {image: '${GONE}'}\n  c: {image: 'c:${GONE:-3}', scale: '${GONE}'}\n",
        ),
        (
            "app/.env",
            "HOST=r.io\nTAG=1.2\nCOUNT=4\nSECRET=h7Gk2pQ9vL9xT4mN7wkZ8pQ2\n",
        ),
    ];
    let repo = Repo::from_files(files.map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec())));
    let path = Path::new("app/compose.yaml");
    let place = Place {
        repo: &repo,
        environment: "",
        path,
        completeness: Completeness::Whole,
    };
    let parts = super::read(&repo.yaml[path].documents[0], place);
    let images: Vec<Option<String>> = (parts.workloads.iter())
        .map(|w| Some(w.containers[0].image.as_ref()?.text.value.clone()))
        .collect();
    assert_eq!(
        images,
        [Some("r.io/a:1.2".to_owned()), None, Some("c:3".to_owned())]
    );
    let replicas = |at: usize| parts.workloads[at].replicas.as_ref().map(|r| r.value);
    assert_eq!((replicas(0), replicas(2)), (Some(4), None));
    let variables = &parts.workloads[0].containers[0].variables;
    assert_eq!(variables["N"].value.value.text(), Some("1.2"));
    assert!(variables["API_TOKEN"].value.value.text().is_some());
    assert!(parts.secret_literals.is_empty(), "it stands in `.env`");
}

#[test]
fn a_list_of_variables_and_a_password_in_it_are_read() {
    let env = read(
        "services: {db: {image: postgres, environment: [POSTGRES_PASSWORD=h7Gk2pQ9, POSTGRES_DB=app, MYSQL_PASSWORD=mysql, ADMIN_PASSWORD=admin]}}",
    );
    assert_eq!(
        env.workloads[0].containers[0].variables["POSTGRES_DB"]
            .value
            .value
            .text(),
        Some("app")
    );
    assert_eq!(env.secret_literals.len(), 1);
}

#[test]
fn a_missing_dependency_is_a_dangling_reference() {
    let env = read(
        "services:\n  api: {build: ., depends_on: [dbb], env_file: [present.env, gone.env, ignored.env, {path: maybe.env, required: false}]}\n  db: {image: postgres, depends_on: {api: {condition: service_started}}}\n",
    );
    let told: Vec<(DanglingKind, &str, Option<&str>)> = env
        .dangling
        .iter()
        .map(|d| (d.kind, d.name.value.as_str(), d.nearest.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (DanglingKind::Service, "dbb", Some("db")),
            (DanglingKind::File, "gone.env", None)
        ]
    );
}

#[test]
fn next_to_a_cluster_compose_says_nothing_about_the_platform() {
    let mut env = read("services: {api: {image: x, command: [gunicorn, -w, '3']}}");
    settle(&mut env);
    assert_eq!(env.services[0].processes.as_ref().unwrap().value, 3);
    let mut other = env.workloads[0].clone();
    other.id.kind = "Deployment".to_owned();
    env.workloads.push(other);
    settle(&mut env);
    assert_eq!(env.workloads.len(), 1);
}

#[test]
fn other_files_with_services_are_not_compose_files() {
    for text in [
        "services: {api: {replicas: 2}}",
        "services: [a]",
        "services: {}",
        "{apiVersion: v1, services: {a: {image: x}}}",
    ] {
        let repo = Repo::from_files([(PathBuf::from("a.yaml"), text.as_bytes().to_vec())]);
        assert!(
            !is_compose(&repo.yaml[Path::new("a.yaml")].documents[0], Path::new("a.yaml")),
            "{text}"
        );
    }
}

/// The names that are missing in one of several files, and its workloads.
fn one_of(files: &[(&str, &str)], path: &str) -> (Vec<String>, Vec<String>) {
    let parts = read_one(files, path);
    let missing = parts.dangling.iter().map(|d| d.name.value.clone()).collect();
    (
        missing,
        parts.workloads.iter().map(|w| w.id.name.clone()).collect(),
    )
}

#[test]
fn a_file_laid_over_another_one_has_its_services() {
    let base = (
        "compose.yaml",
        "services:\n  web: {image: 'web:1', depends_on: [setup]}\n  setup: {image: 'web:1'}\n",
    );
    let more = (
        "overrides/compose.db.yaml",
        "services:\n  db: {image: 'mariadb:11'}\n  web: {depends_on: [db]}\n",
    );
    let job = (
        "overrides/compose.job.yaml",
        "services:\n  job: {image: 'web:1', depends_on: [setup, db, gone]}\n",
    );
    let files = [base, more, job];
    assert_eq!(
        one_of(&files, job.0),
        (vec!["gone".to_owned()], vec!["job".to_owned()])
    );
    // The rest of `web` is in the other file.
    assert_eq!(one_of(&files, more.0), (vec![], vec!["db".to_owned()]));
    assert_eq!(one_of(&files, base.0).0, Vec::<String>::new());
    let repo = Repo::from_files(files.map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec())));
    let base_of = |path: &str| {
        let path = Path::new(path);
        super::base(&repo, path, &repo.yaml[path].documents[0])
    };
    assert_eq!(base_of(more.0), Some(Path::new(base.0)));
    assert_eq!(base_of(job.0), Some(Path::new(base.0)));
    assert_eq!(base_of(base.0), None);
}

#[test]
fn a_file_that_needs_no_other_one_stands_alone() {
    let files = [
        ("compose.yaml", "services: {web: {image: 'web:1'}}\n"),
        ("compose.tools.yaml", "services: {tool: {image: 'tool:1'}}\n"),
    ];
    let repo = Repo::from_files(files.map(|(p, t)| (PathBuf::from(p), t.as_bytes().to_vec())));
    let path = Path::new(files[1].0);
    assert_eq!(super::base(&repo, path, &repo.yaml[path].documents[0]), None);
}

#[test]
fn a_service_of_a_compose_file_may_lack_its_image() {
    for (path, text, is) in [
        (
            "docker-compose.prod.yml",
            "services: {a: {restart: always}}",
            true,
        ),
        ("compose-dev.yaml", "services: {a: {ports: ['80:80']}, b: }", true),
        (
            "pwd.yml",
            "services: {a: {image: x}, b: {command: [a], environment: {A: 1}}}",
            true,
        ),
        (
            "values.yaml",
            "services: {a: {image: x}, b: {replicaCount: 2}}",
            false,
        ),
        ("values.yaml", "services: {a: {ports: ['80:80']}}", false),
        ("composer.yaml", "services: {a: {restart: always}}", false),
    ] {
        let repo = Repo::from_files([(PathBuf::from(path), text.as_bytes().to_vec())]);
        let document = &repo.yaml[Path::new(path)].documents[0];
        assert_eq!(is_compose(document, Path::new(path)), is, "{path}: {text}");
    }
}

#[test]
fn sizes_count_in_powers_of_1024() {
    for (text, wanted) in [
        ("512m", 512 << 20),
        ("1gb", 1 << 30),
        ("64K", 64 << 10),
        ("100", 100),
    ] {
        assert_eq!(bytes(text), Some(Bytes(wanted)), "{text}");
    }
    assert_eq!(bytes("a lot"), None);
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a${}:\\-é]{0,24}") {
        let _ = bytes(&text);
    }
}
