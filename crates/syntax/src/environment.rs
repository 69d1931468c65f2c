//! Names of environments, from words and from paths. People write one environment under many names and show
//! by a file's place for which one it is; both are resolved here, once. The danger is the opposite error: a
//! directory `test` that contains tests is not an environment. Therefore words that also mean other things
//! count only if the place shows that it contains configuration of a platform.

use std::path::{Path, PathBuf};

/// How much a word proves by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Always names an environment.
    Clear,
    /// Names one only beside configuration of a platform.
    NeedsPlace,
}

use Weight::{Clear, NeedsPlace};

/// Aliases (folded: lower case, no separators), the name they stand for, and their requirement.
const ALIASES: &[(&str, &str, Weight)] = &[
    ("production", "production", Clear),
    ("prod", "production", Clear),
    ("prd", "production", Clear),
    ("live", "production", NeedsPlace),
    ("staging", "staging", Clear),
    ("stage", "staging", NeedsPlace),
    ("stg", "staging", Clear),
    ("stag", "staging", NeedsPlace),
    ("development", "development", Clear),
    ("develop", "development", NeedsPlace),
    ("dev", "development", Clear),
    ("test", "test", NeedsPlace),
    ("testing", "test", NeedsPlace),
    ("tst", "test", Clear),
    ("qa", "qa", Clear),
    ("qualityassurance", "qa", Clear),
    ("uat", "uat", Clear),
    ("acceptance", "uat", NeedsPlace),
    ("acc", "uat", NeedsPlace),
    ("preprod", "preproduction", Clear),
    ("preproduction", "preproduction", Clear),
    ("preprd", "preproduction", Clear),
    ("nonprod", "nonproduction", Clear),
    ("nonproduction", "nonproduction", Clear),
    ("sandbox", "sandbox", Clear),
    ("sbx", "sandbox", Clear),
    ("integration", "integration", NeedsPlace),
    ("int", "integration", NeedsPlace),
    ("demo", "demo", NeedsPlace),
    ("preview", "preview", NeedsPlace),
    ("canary", "canary", NeedsPlace),
    ("perf", "performance", NeedsPlace),
    ("performance", "performance", NeedsPlace),
    ("loadtest", "performance", NeedsPlace),
    ("dr", "disaster-recovery", NeedsPlace),
    ("disasterrecovery", "disaster-recovery", Clear),
    ("local", "local", NeedsPlace),
    ("localdev", "local", Clear),
];

/// Directories whose direct children are environments, whatever their names.
const PARENTS: &[&str] = &[
    "overlays",
    "overlay",
    "environments",
    "environment",
    "envs",
    "env",
];

/// Directories beside environments, below such a directory, that are not environments.
const NOT_ENVIRONMENTS: &[&str] = &[
    "base",
    "bases",
    "common",
    "shared",
    "default",
    "defaults",
    "global",
    "all",
    "template",
    "templates",
    "modules",
    "module",
    "components",
    "component",
    "patches",
    "example",
    "examples",
    "sample",
    "lib",
];

/// Directories that contain configuration of a platform, so that a word below them is likely an environment.
const PLACES: &[&str] = &[
    "k8s",
    "kubernetes",
    "kube",
    "deploy",
    "deploys",
    "deployment",
    "deployments",
    "manifests",
    "manifest",
    "kustomize",
    "kustomization",
    "helm",
    "helmfile",
    "charts",
    "chart",
    "values",
    "terraform",
    "tf",
    "tofu",
    "infra",
    "infrastructure",
    "iac",
    "gitops",
    "argocd",
    "argo",
    "flux",
    "clusters",
    "cluster",
    "stages",
    "platform",
    "ops",
    "config",
    "configs",
    "configuration",
    "settings",
    "stacks",
    "live",
    "tfvars",
    "vars",
    "grandcentral",
    "secrets",
    "apps",
];

/// First or last words of files that are written once for each environment.
const CONFIG_WORDS: &[&str] = &[
    "values",
    "value",
    "config",
    "configs",
    "configuration",
    "settings",
    "setting",
    "application",
    "app",
    "appsettings",
    "env",
    "environment",
    "terraform",
    "tfvars",
    "auto",
    "backend",
    "compose",
    "docker",
    "secrets",
    "secret",
    "params",
    "parameters",
    "variables",
    "vars",
    "override",
    "overrides",
    "helmfile",
    "cofferdam",
    "database",
    "db",
    "redis",
    "kafka",
    "pgbouncer",
    "local",
    "kustomization",
    "patch",
    "overlay",
    "deployment",
    "deploy",
    "service",
    "grand",
    "central",
];

/// Endings of programs; in their names `test` always means a test.
const CODE: &[&str] = &["py", "go", "rs", "js", "ts", "rb", "java", "kt", "sh", "tpl"];

fn lookup(word: &str) -> Option<(&'static str, Weight)> {
    ALIASES
        .iter()
        .find(|(alias, ..)| crate::tree::folds_to(word, alias))
        .map(|(_, name, weight)| (*name, *weight))
}

/// The environment that `word` (the whole of it) stands for: `prod`, `PRD` and `production` are `production`;
/// `pre-prod` is `preproduction`. `None` for any other word.
///
/// Use it only if the place already shows that an environment is meant (a key, a label, an argument).
pub fn canonical(word: &str) -> Option<&'static str> {
    lookup(word.trim()).map(|(name, _)| name)
}

/// The environment's name for `word` if it certainly names one: [`canonical`], otherwise the word itself in
/// lower case.
pub fn name(word: &str) -> String {
    canonical(word).map_or_else(|| word.trim().to_lowercase(), str::to_owned)
}

/// Words in names of overlays that say where something is deployed to.
const REGIONS: &[&str] = &[
    "us",
    "eu",
    "uk",
    "emea",
    "apac",
    "europe",
    "asia",
    "africa",
    "america",
    "australia",
    "east",
    "west",
    "north",
    "south",
    "northeast",
    "northwest",
    "southeast",
    "southwest",
];

/// Whether a name has a word for a stage in it: `prod`, `tokyo-dev`.
pub fn is_stage(name: &str) -> bool {
    canonical(name).is_some() || of_name(name).is_some()
}

/// Whether a name has a word for a region in it: `eu-west-1`.
pub fn is_region(name: &str) -> bool {
    let mut words = name.split(['-', '_', '.']);
    let plain = |word: &str| {
        word.trim_end_matches(|c: char| c.is_ascii_digit())
            .to_ascii_lowercase()
    };
    words.any(|word| REGIONS.contains(&plain(word).as_str()))
}

/// Whether a directory holds overlays of kustomize, which may be for environments or variants of one thing.
pub fn is_overlays(dir: &Path) -> bool {
    let name = dir.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| is_one_of(name, &["overlays", "overlay"]))
}

/// Whether a word names what all environments share, or what others are made from: `common`, `base`, `template`.
pub fn is_shared(word: &str) -> bool {
    is_one_of(word, NOT_ENVIRONMENTS)
}

/// The environment in a name of an application, cluster or namespace: its last or first words (`shop-prod`,
/// `staging_eu`, `pre-prod-shop`). Only words without another meaning count.
pub fn of_name(text: &str) -> Option<&'static str> {
    let words: Vec<&str> = text
        .split(['-', '_', '.', '/'])
        .filter(|w| !w.is_empty())
        .collect();
    let certain = |words: &[&str]| match lookup(&words.concat()) {
        Some((name, Clear)) => Some(name),
        _ => None,
    };
    [2, 1].into_iter().find_map(|take| {
        let at = words.len().checked_sub(take)?;
        certain(&words[at..]).or_else(|| certain(&words[..take]))
    })
}

/// The environment of a file or directory, from its path below the root: its own name (`values-prod.yaml`,
/// `.env.production`, `prod.tfvars`), the directory directly below `overlays`, `environments` or `envs`
/// (whatever its name is), or a directory with the name of an environment.
pub fn of_path(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    Files::in_directory(path.parent().unwrap_or(Path::new(""))).named(name)
}

/// The environment in a path, and the part that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The environment.
    pub name: String,
    /// The file or directory whose own name contains it; its siblings show whether it names an environment at
    /// all.
    pub place: PathBuf,
}

/// The environment that the path of a file or directory names, with the part that names it; see [`of_path`].
pub fn label(path: &Path) -> Option<Label> {
    let name = path.file_name()?.to_str()?;
    Files::in_directory(path.parent().unwrap_or(Path::new(""))).label(name)
}

/// The files of one directory: its path is evaluated once for all of them.
pub struct Files<'p> {
    above: Vec<&'p str>,
    of_directory: Option<(usize, String)>,
}

impl<'p> Files<'p> {
    /// Those of this directory below the root.
    pub fn in_directory(path: &'p Path) -> Self {
        let above: Vec<&str> = path.iter().filter_map(|p| p.to_str()).collect();
        Self {
            of_directory: of_directories(&above),
            above,
        }
    }

    /// The environment of the file with this name; see [`of_path`].
    pub fn named(&self, name: &str) -> Option<String> {
        self.at(name).map(|(_, name)| name)
    }

    /// The environment of the directory itself.
    pub fn of_directory(&self) -> Option<String> {
        self.of_directory.as_ref().map(|(_, name)| name.clone())
    }

    /// The same with the part of the path that names it.
    pub fn label(&self, name: &str) -> Option<Label> {
        let (at, environment) = self.at(name)?;
        let parts = self.above.iter().copied().chain([name]);
        Some(Label {
            name: environment,
            place: parts.take(at + 1).collect(),
        })
    }

    /// The index of the part of the path that names the environment, and the environment.
    fn at(&self, name: &str) -> Option<(usize, String)> {
        let is_file = name.starts_with(".env") || name.get(1..).is_some_and(|rest| rest.contains('.'));
        if is_file {
            of_file_name(name, &self.above)
                .map(|found| (self.above.len(), found.to_owned()))
                .or_else(|| self.of_directory.clone())
        } else {
            let parts: Vec<&str> = self.above.iter().copied().chain([name]).collect();
            of_directories(&parts)
        }
    }
}

/// The environment of a directory, from its path below the root; see [`of_path`].
pub fn of_directory(path: &Path) -> Option<String> {
    let parts: Vec<&str> = path.iter().filter_map(|p| p.to_str()).collect();
    of_directories(&parts).map(|(_, name)| name)
}

/// The same with the directory that names it.
pub fn directory_label(path: &Path) -> Option<Label> {
    let parts: Vec<&str> = path.iter().filter_map(|p| p.to_str()).collect();
    let (at, name) = of_directories(&parts)?;
    Some(Label {
        name,
        place: parts[..=at].iter().collect(),
    })
}

/// Whether a name means a stage before production: `development`, `staging`, `tokyo-dev`.
pub fn is_before_production(name: &str) -> bool {
    let stage = canonical(name).or_else(|| of_name(name));
    stage.is_some_and(|stage| !matches!(stage, "production" | "disaster-recovery" | "canary"))
}

fn is_one_of(word: &str, table: &[&str]) -> bool {
    table.iter().any(|w| crate::tree::folds_to(word, w))
}

/// Directories of source code by its language, below which directories are packages.
const LANGUAGES: &[&str] = &["java", "kotlin", "scala", "groovy"];

/// What packages of these languages begin with, directly below `src`.
const PACKAGES: &[&str] = &["com", "org", "net", "io", "edu", "gov"];

/// How many parts of a path stand before the packages of source code: `com/example/sample/dev` names packages, and
/// nothing of a platform follows from their words.
pub fn before_packages(parts: &[&str]) -> usize {
    let Some(src) = parts.iter().position(|part| part.eq_ignore_ascii_case("src")) else {
        return parts.len();
    };
    let below = &parts[src + 1..];
    if below.first().is_some_and(|part| is_one_of(part, PACKAGES)) {
        return src + 1;
    }
    let language = below.iter().position(|part| is_one_of(part, LANGUAGES));
    language.map_or(parts.len(), |at| src + 1 + at + 1)
}

/// The index of the directory that names the environment, and the environment.
fn of_directories(parts: &[&str]) -> Option<(usize, String)> {
    let parts = &parts[..before_packages(parts)];
    // A directory directly below `overlays` is an environment by its place; the deepest such one wins.
    for (index, pair) in parts.windows(2).enumerate().rev() {
        let names_none =
            pair[1].starts_with('.') || is_one_of(pair[1], NOT_ENVIRONMENTS) || is_one_of(pair[1], PARENTS);
        if is_one_of(pair[0], PARENTS) && !names_none && !in_tests(&parts[..index]) {
            return Some((index + 1, name(undecorated(pair[1]))));
        }
    }
    parts.iter().enumerate().rev().find_map(|(index, part)| {
        let above = &parts[..index];
        let Some((name, weight)) = lookup(undecorated(part)) else {
            return of_stack(part)
                .filter(|_| !in_tests(above))
                .map(|name| (index, name.to_owned()));
        };
        let counts = match weight {
            Clear => !in_tests(above),
            NeedsPlace => above.last().is_some_and(|a| is_one_of(a, PLACES)) && !in_tests(above),
        };
        counts.then(|| (index, name.to_owned()))
    })
}

/// Words for directories of which there is one for each environment.
const STACKS: &[&str] = &[
    "terraform",
    "tf",
    "tofu",
    "infra",
    "infrastructure",
    "iac",
    "k8s",
    "kubernetes",
    "kube",
    "kustomize",
    "helm",
    "manifests",
    "deploy",
    "deployment",
    "gitops",
];

/// `terraform-staging`, `prod-infra`, `k8s-gcp-staging`: the first or last word names the environment, and
/// another one describes the contents.
fn of_stack(part: &str) -> Option<&'static str> {
    let words: Vec<&str> = part.split(['-', '_', '.']).filter(|w| !w.is_empty()).collect();
    let (first, last) = (words.first()?, words.last()?);
    if !words.iter().any(|w| is_one_of(w, STACKS)) {
        return None;
    }
    [last, first].into_iter().find_map(|word| match lookup(word) {
        Some((name, Clear)) => Some(name),
        _ => None,
    })
}

/// Whether a directory above contains tests: an apparent environment below it is test data.
fn in_tests(above: &[&str]) -> bool {
    above.iter().any(|part| {
        is_one_of(
            part,
            &[
                "tests",
                "testdata",
                "fixtures",
                "spec",
                "specs",
                "__tests__",
                "e2e",
            ],
        )
    })
}

/// `prod-env`, `env-prod`, `prod-cluster` are `prod`.
fn undecorated(part: &str) -> &str {
    for decoration in ["env", "environment", "cluster", "overlay"] {
        for separator in ['-', '_', '.'] {
            let stripped = part
                .strip_suffix(decoration)
                .and_then(|p| p.strip_suffix(separator))
                .or_else(|| {
                    part.strip_prefix(decoration)
                        .and_then(|p| p.strip_prefix(separator))
                });
            if let Some(word) = stripped
                && lookup(word).is_some()
            {
                return word;
            }
        }
    }
    part
}

fn of_file_name(file: &str, above: &[&str]) -> Option<&'static str> {
    let (stem, extension) = match file.strip_prefix('.') {
        // `.env.production` has its environment in place of an extension.
        Some(dotfile) => (dotfile, ""),
        None => file.rsplit_once('.')?,
    };
    let code = is_one_of(extension, CODE);
    let words: Vec<&str> = stem.split(['.', '-', '_']).filter(|w| !w.is_empty()).collect();
    let place_says = above
        .last()
        .is_some_and(|a| is_one_of(a, PLACES) || is_one_of(a, PARENTS));
    // The whole stem: `prod.tfvars`, `pre-prod.yaml`.
    if let Some((name, weight)) = lookup(stem) {
        let is_settings = matches!(extension, "tfvars" | "env" | "properties");
        return (weight == Clear || (!code && (place_says || is_settings))).then_some(name);
    }
    // The last word or two, then the first: `values-prod`, `application-pre-prod`, `prod.values`.
    let described = |rest: &[&str]| !rest.is_empty() && rest.iter().any(|w| is_one_of(w, CONFIG_WORDS));
    for take in [2, 1] {
        let Some(at) = words.len().checked_sub(take).filter(|at| *at > 0) else {
            continue;
        };
        if let Some((name, weight)) = lookup(&words[at..].concat()) {
            // `.env.production.local` is for production, on one machine.
            if name == "local"
                && let Some((name, Clear)) = lookup(words[at - 1])
            {
                return Some(name);
            }
            if !code && (weight == Clear || described(&words[..at])) {
                return Some(name);
            }
            if code && weight == Clear && described(&words[..at]) {
                return Some(name);
            }
        }
    }
    for take in [2, 1] {
        if words.len() > take
            && let Some((name, weight)) = lookup(&words[..take].concat())
            && words[take..].iter().all(|w| is_one_of(w, CONFIG_WORDS))
            && (weight == Clear || !code)
        {
            return Some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
}
