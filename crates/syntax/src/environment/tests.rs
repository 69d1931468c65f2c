use super::{canonical, name, of_name, of_path};
use proptest::prelude::*;
use std::path::Path;

fn of(path: &str) -> Option<String> {
    of_path(Path::new(path))
}

#[test]
fn aliases_mean_one_environment() {
    for word in ["prod", "PROD", "production", "prd", "live", "Production "] {
        assert_eq!(canonical(word), Some("production"), "{word}");
    }
    for word in ["pre-prod", "preprod", "pre_production", "Pre-Production"] {
        assert_eq!(canonical(word), Some("preproduction"), "{word}");
    }
    assert_eq!(canonical("stg"), Some("staging"));
    assert_eq!(canonical("products"), None);
    assert_eq!(canonical(""), None);
    assert_eq!(name("EU-West"), "eu-west");
}

#[test]
fn every_directory_below_overlays_is_an_environment() {
    let table = [
        ("overlays/prod", Some("production")),
        ("k8s/overlays/prod/patch.yaml", Some("production")),
        ("k8s/overlays/eu-west/kustomization.yaml", Some("eu-west")),
        ("overlays/prod/kafka/topics.yaml", Some("production")),
        ("environments/test/main.tf", Some("test")),
        ("envs/blue/x.yaml", Some("blue")),
        ("overlays/base/kustomization.yaml", None),
        ("environments/modules/vpc/main.tf", None),
        ("overlays", None),
        ("envs/shared.yaml", None),
        ("environments/staging/overlays/canary/x.yaml", Some("canary")),
        ("overlays/prod-env/x.yaml", Some("production")),
    ];
    for (path, wanted) in table {
        assert_eq!(of(path).as_deref(), wanted, "{path}");
    }
}

#[test]
fn directories_with_names_of_environments_count() {
    let table = [
        ("k8s/production/deployment.yaml", Some("production")),
        ("staging/app.yaml", Some("staging")),
        ("clusters/dev/apps.yaml", Some("development")),
        ("terraform/test/main.tf", Some("test")),
        ("k8s/local/a.yaml", Some("local")),
        ("deploy/pre-prod/app.yaml", Some("preproduction")),
        ("terraform-gcp-staging/main.tf", Some("staging")),
        ("prod_infra/a.tf", Some("production")),
        ("k8s-tools/a.yaml", None),
        ("tests/terraform-staging/main.tf", None),
    ];
    for (path, wanted) in table {
        assert_eq!(of(path).as_deref(), wanted, "{path}");
    }
}

#[test]
fn names_that_only_resemble_an_environment_do_not_count() {
    for path in [
        "testing/helpers.yaml",
        "tests/integration/data.yaml",
        "test/deployment.yaml",
        "dev-tools/config.yaml",
        "src/production_line/a.yaml",
        "usr/local/etc/a.conf",
        "tests/fixtures/prod/app.yaml",
        "tests/overlays/x/app.yaml",
        "docs/demo/x.yaml",
        "liveness.yaml",
        "live/app.yaml",
        "stage/hall.yaml",
        "production-readiness.yaml",
        "staging-area.yaml",
        "test_config.py",
        "config_test.py",
        "app/test.py",
        "integration/a.yaml",
        "kustomization.yaml",
        ".env",
        ".env.example",
        "",
        "..",
    ] {
        assert_eq!(of(path), None, "{path}");
    }
}

#[test]
fn each_condition_on_a_path_counts() {
    for (path, wanted) in [
        ("overlays/.cache/x.yaml", None),
        ("overlays/environments/x.yaml", None),
        ("tests/k8s/local/a.yaml", None),
        ("k8s/local/a.yaml", Some("local")),
        ("overlays/blue-env/x.yaml", Some("blue-env")),
        ("overlays/prod-env/x.yaml", Some("production")),
        ("config/local.py", None),
        ("config/local.yaml", Some("local")),
        ("k8s/orders-test.yaml", None),
        ("app/orders_prod.py", None),
    ] {
        assert_eq!(of(path).as_deref(), wanted, "{path}");
    }
}

#[test]
fn packages_of_source_code_name_no_environment() {
    for (path, wanted) in [
        ("src/main/java/com/example/dev/a.yaml", None),
        ("api/src/main/kotlin/org/staging/a.yaml", None),
        ("src/com/example/prod/a.yaml", None),
        ("src/prod/java/com/example/a.yaml", Some("production")),
        ("prod/src/main/java/com/example/dev/a.yaml", Some("production")),
        // Without a directory of sources, `java` and `com` are directories as any other.
        ("java/com/dev/a.yaml", Some("development")),
        ("src/deploy/dev/a.yaml", Some("development")),
    ] {
        assert_eq!(of(path).as_deref(), wanted, "{path}");
    }
}

#[test]
fn files_name_their_environment() {
    let table = [
        ("chart/values-prod.yaml", "production"),
        ("chart/values.staging.yml", "staging"),
        ("chart/prod-values.yaml", "production"),
        ("chart/values-test.yaml", "test"),
        (".env.production", "production"),
        (".env.production.local", "production"),
        (".env.local", "local"),
        (".env.test", "test"),
        ("prod.env", "production"),
        ("prod.tfvars", "production"),
        ("test.tfvars", "test"),
        ("prod.auto.tfvars", "production"),
        ("terraform.dev.tfvars", "development"),
        ("config.staging.json", "staging"),
        ("application-pre-prod.yml", "preproduction"),
        ("appsettings.Production.json", "production"),
        ("docker-compose.dev.yml", "development"),
        ("settings/prod.py", "production"),
        ("settings_prod.py", "production"),
        ("config/test.yaml", "test"),
        ("overlays/prod/values-staging.yaml", "staging"),
        ("orders-prod.yaml", "production"),
        ("values-us-prod.yaml", "production"),
    ];
    for (path, wanted) in table {
        assert_eq!(of(path).as_deref(), Some(wanted), "{path}");
    }
}

#[test]
fn names_of_applications_and_clusters_contain_their_environment() {
    let table = [
        ("shop-prod", Some("production")),
        ("prod", Some("production")),
        ("staging_eu", Some("staging")),
        ("pre-prod-shop", Some("preproduction")),
        ("shop-pre-prod", Some("preproduction")),
        ("shop", None),
        ("test-runner", None),
        ("product-api", None),
        ("", None),
    ];
    for (name, wanted) in table {
        assert_eq!(of_name(name), wanted, "{name}");
    }
}

proptest! {
    #[test]
    fn no_path_panics(path in "[a-z./_é-]{0,40}(prod|env|test)?[./a-z-]{0,10}") {
        of(&path);
    }
}
