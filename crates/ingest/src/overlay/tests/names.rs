//! Names and paths in statements, and the services and files that they mean.

use super::{applied, document, environment_with, place, repo};
use crate::overlay::*;
use cofferdam_model::database::Database;
use cofferdam_model::overlay::PinValue;
use cofferdam_model::registry::{self, Section};
use cofferdam_model::{Fact, Owner, link};

#[test]
fn unknown_names_are_reported_with_the_nearest_name() {
    let text = "
services:
  apy: {processes: 2}
  api: {depends_on: [wroker], database: man}
databases: {main: {used_by: [wrker]}}
poolers: {pgbouncer: {users: 4}}
secrets: {db-credentials: {rotation: 30d}}
";
    let (_, problems) = applied(text, environment_with(&["api", "worker"]));
    let mut told = problems;
    told.sort();
    assert_eq!(
        told,
        [
            "no database is called `man`; did you mean `main`?",
            "no pooler is called `pgbouncer`; no file declares any pooler",
            "no secret is called `db-credentials`; no file declares any secret",
            "no service is called `apy`; did you mean `api`?",
            "no service is called `wrker`; did you mean `worker`?",
            "no service is called `wroker`; did you mean `worker`?",
        ]
    );
}

#[test]
fn statements_match_other_spellings_of_a_name_in_code_and_files() {
    let mut env = environment_with(&["api"]);
    env.databases.push(Database::named("orders-production", None));
    let mut pool = cofferdam_model::database::Pool::at(
        place(),
        Owner::named("api"),
        cofferdam_model::database::PoolTarget::Sql,
    );
    pool.constructed = true;
    pool.host = Some(Fact::declared("db.internal".to_owned(), place()));
    env.pools.push(pool);
    let text =
        "databases: {orders: {max_connections: 500}}\nservices: {api: {database: orders, driver: asyncpg}}";
    let (env, problems) = applied(text, env);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((env.databases.len(), env.pools.len()), (1, 1));
    assert_eq!(env.pools[0].database.map(|d| d.0), Some(0));
    assert_eq!(
        env.pools[0].driver.as_ref().map(|d| d.value.as_str()),
        Some("asyncpg")
    );
}

#[test]
fn a_name_of_a_single_environment_is_accepted() {
    let document = document("services: {api: {processes: 2}}");
    let mut all = Unmatched::default();
    for (name, services) in [("staging", &["web"][..]), ("production", &["api"])] {
        let mut env = environment_with(services);
        all.join(document.apply(name, &mut env, &Placed::default()));
        link::link(&mut env);
        all.join(document.check_names(name, &env));
    }
    assert!(all.problems().is_empty());
}

#[test]
fn pins_find_values_in_every_kind_of_file() {
    let files = [
        (
            "k8s/a.yaml",
            "spec:\n  replicas: 3\n  containers:\n    - name: api\n      image: x\n",
        ),
        (
            "k8s/config.yaml",
            "data:\n  app.yaml: |\n    pool:\n      size: 20\n",
        ),
        ("app/.env", "# POOL=1\nexport POOL=10 # ten\n"),
        ("app/prod.env", "POOL=30\n"),
        ("app/staging.env", "POOL=40\n"),
        ("kafka.properties", "max.poll.records=500\n"),
        (
            "bouncer.ini",
            "[pgbouncer]\ndefault_pool_size = 25\n[other]\ndefault_pool_size = 1\n",
        ),
        (
            "app/settings.py",
            "DATABASE = {\n    \"staging\": {\"pool_timeout\": 8.0},\n    \"production\": {\"pool_timeout\": 9.0},\n}\n",
        ),
        (
            "app/db.py",
            "engine = create(url,\n    pool_timeout = 30, timeout=5)\nD = {\"pool_timeout\": 15}\n",
        ),
    ];
    let found = |select: &str, environments: &str| -> Vec<String> {
        let text = format!(
            "pins: [{{name: p, select: '{select}', equals: 1, reason: r, environments: [{environments}]}}]"
        );
        let mut all = files.to_vec();
        all.push(("cofferdam.yaml", &text));
        let repo = repo(&all);
        let mut document = load(&repo).unwrap();
        document.find_pins(&repo);
        let pin = document.steering().pins.remove(0);
        assert_eq!(pin.expected, PinValue::Equal("1".to_owned()));
        for fact in &pin.found {
            assert!(repo.sources.text(fact.span().unwrap()).contains(&fact.value));
        }
        pin.found.into_iter().map(|f| f.value).collect()
    };
    assert_eq!(found("k8s/*.yaml:spec.replicas", ""), ["3"]);
    assert_eq!(found("k8s/*.yaml:spec.containers.api.image", ""), ["x"]);
    assert_eq!(found("k8s/*.yaml:spec.containers.0.image", ""), ["x"]);
    assert_eq!(found("**/*.yaml:data.app.yaml.pool.size", ""), ["20"]);
    assert_eq!(found("k8s/config.yaml:data.*.pool.size", ""), ["20"]);
    assert_eq!(found("app/.env:POOL", ""), ["10"]);
    assert_eq!(found("app/*.env:POOL", ""), ["10", "30", "40"]);
    assert_eq!(found("app/*.env:POOL", "prod"), ["10", "30"]);
    assert_eq!(found("*.properties:max.poll.records", ""), ["500"]);
    assert_eq!(found("*.ini:pgbouncer.default_pool_size", ""), ["25"]);
    assert_eq!(found("app/*.py:pool_timeout={}", ""), ["30"]);
    assert_eq!(found("app/db.py:\"pool_timeout\": {}", ""), ["15"]);
    assert_eq!(found("app/*.py: timeout={}", ""), ["5"]);
    assert_eq!(found("app/settings.py:DATABASE.staging.pool_timeout", ""), ["8"]);
    assert_eq!(found("nothing/*:a", ""), Vec::<String>::new());
}

/// The overlay of a directory from which the root is at `above`.
fn document_above(text: &str, above: &str) -> OverlayDocument {
    let repo = repo(&[("cofferdam.yaml", text)]);
    let written = Written {
        above: Path::new(above),
        ..Written::at_root(&repo).unwrap()
    };
    load_with(Some(&written), &[]).unwrap()
}

#[test]
fn patterns_of_paths_are_relative_to_the_overlays_directory() {
    let text = "paths: {exclude: [k8s/old]}\nenvironments: {production: {paths: [k8s/blue/**]}, staging: {paths: [k8s]}}\n\
                pins: [{name: p, select: \"k8s/*.env:SIZE\", equals: 5, reason: r}, {name: q, select: \"*.env:SIZE\", equals: 5, reason: r}]\n";
    let mut document = document_above(text, "k8s");
    let environment = |path: &str| document.environment_of(Path::new(path));
    assert_eq!(environment("blue/a.yaml"), Some("production"));
    assert_eq!(environment("a.yaml"), Some("staging"));
    assert!(document.excludes(Path::new("old/a.yaml")));
    assert!(!document.excludes(Path::new("k8s/old/a.yaml")) && !document.excludes(Path::new("a.yaml")));
    document.find_pins(&repo(&[("app.env", "SIZE=5\n"), ("k8s/app.env", "SIZE=6\n")]));
    let pins = document.steering().pins;
    assert_eq!(pins[0].found.len(), 1);
    assert_eq!(pins[0].found[0].value, "5");
    assert!(pins[1].found.is_empty());
    let overlay = document.steering();
    assert_eq!(overlay.sees(Path::new("a.yaml")), Path::new("k8s/a.yaml"));
    assert_eq!(
        overlay.sees(Path::new("../cofferdam.yaml")),
        Path::new("cofferdam.yaml")
    );
}

#[test]
fn directories_of_code_are_made_relative_to_the_root() {
    let text = "services:\n  a: {code: [src/a, ./src/a/lib]}\n  b: {code: [src/b]}\n  all: {code: [src]}\n";
    let document = document_above(text, "src/a");
    let code = |service: &super::sections::Named| -> Vec<String> {
        let names = service.names(&registry::services::CODE).iter();
        names.map(|name| name.value.clone()).collect()
    };
    let code: Vec<Vec<String>> = document.common.of(Section::Services).iter().map(code).collect();
    assert_eq!(
        code,
        [vec!["".to_owned(), "lib".to_owned()], vec![], vec!["".to_owned()]]
    );
}
