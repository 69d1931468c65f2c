//! Words that name environments, or show that a place contains configuration or something else. Each table
//! says what a word of it proves.

use Weight::{Clear, NeedsPlace};

/// How much a word proves by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Always names an environment.
    Clear,
    /// Names one only beside configuration of a platform.
    NeedsPlace,
}

/// Aliases (folded: lower case, no separators), the name they stand for, and their requirement.
pub(super) const ALIASES: &[(&str, &str, Weight)] = &[
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
pub(super) const PARENTS: &[&str] = &[
    "overlays",
    "overlay",
    "environments",
    "environment",
    "envs",
    "env",
];

/// Directories beside environments, below such a directory, that are not environments.
pub(super) const NOT_ENVIRONMENTS: &[&str] = &[
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
pub(super) const PLACES: &[&str] = &[
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
pub(super) const CONFIG_WORDS: &[&str] = &[
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
pub(super) const CODE: &[&str] = &["py", "go", "rs", "js", "ts", "rb", "java", "kt", "sh", "tpl"];

/// Words in names of overlays that say where something is deployed to.
pub(super) const REGIONS: &[&str] = &[
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

/// Directories of source code by its language, below which directories are packages.
pub(super) const LANGUAGES: &[&str] = &["java", "kotlin", "scala", "groovy"];

/// What packages of these languages begin with, directly below `src`.
pub(super) const PACKAGES: &[&str] = &["com", "org", "net", "io", "edu", "gov"];

/// Words for directories of which there is one for each environment.
pub(super) const STACKS: &[&str] = &[
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
