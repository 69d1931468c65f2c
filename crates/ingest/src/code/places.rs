//! Directories of code: which is a service, which is shared by services, and which is run by hand.

use cofferdam_model::Owner;
use cofferdam_model::link::Owners;
use std::path::Path;

/// Directories whose code is run by hand or once, not as a service.
const NOT_SERVICES: &[&str] = &[
    "scripts",
    "script",
    "migrations",
    "alembic",
    "examples",
    "example",
    "docs",
    "doc",
    "notebooks",
    "benchmarks",
    "benchmark",
    "tools",
    "hack",
    "loadtest",
    "load_tests",
    "fixtures",
];

/// Files at the root of something that is built and deployed as one.
const ROOT_FILES: &[&str] = &[
    "dockerfile",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "pipfile",
    "manage.py",
    "poetry.lock",
    "uv.lock",
    "procfile",
    "cloudbuild.yaml",
    "app.yaml",
];

/// Directories whose children are services or packages.
pub(super) const HOMES: &[&str] = &["services", "apps", "packages", "src", "python", "microservices"];

/// Directories of code that are not a service by themselves.
const SHARED: &[&str] = &[
    "common", "shared", "lib", "libs", "utils", "util", "core", "internal", "pkg", "packages", "commons",
];

pub(super) fn is_one_of(part: &std::ffi::OsStr, words: &[&str]) -> bool {
    part.to_str()
        .is_some_and(|p| words.contains(&p.to_lowercase().as_str()))
}

/// Whether an owner is not a service but a directory of shared code.
pub(super) fn is_shared(owner: &Owner, owners: &Owners) -> bool {
    let last = owner.directory.as_deref().and_then(Path::file_name);
    owners.find(owner).is_none() && last.is_some_and(|l| is_one_of(l, SHARED))
}

pub(super) fn same_service(a: &Owner, b: &Owner, owners: &Owners) -> bool {
    match (owners.find(a), owners.find(b)) {
        (None, None) => a.directory == b.directory,
        (a, b) => a == b,
    }
}

pub(super) fn is_root_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    ROOT_FILES.iter().any(|root| name.eq_ignore_ascii_case(root))
}

/// Whether code runs as part of a service, by its path.
pub(super) fn is_service_code(path: &Path) -> bool {
    !path.iter().any(|p| is_one_of(p, NOT_SERVICES))
}
