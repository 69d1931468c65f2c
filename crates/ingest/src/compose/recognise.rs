//! Which files are Compose files, and which of them are laid over another one.

use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use std::path::{Path, PathBuf};

/// Keys of a service (Compose specification, "Services top-level elements").
const KEYS: &[&str] = &[
    "annotations",
    "attach",
    "blkio_config",
    "build",
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "command",
    "configs",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_shares",
    "cpus",
    "cpuset",
    "depends_on",
    "deploy",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "ipc",
    "isolation",
    "label_file",
    "labels",
    "links",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "network_mode",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "post_start",
    "pre_stop",
    "privileged",
    "profiles",
    "provider",
    "pull_policy",
    "read_only",
    "restart",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "use_api_socket",
    "user",
    "userns_mode",
    "uts",
    "volumes",
    "volumes_from",
    "working_dir",
];

/// Names of the files of which Compose reads the first where nobody names one, in its order.
pub(super) const BASES: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// Whether a tree is a Compose file. A file with a name that Compose files have needs only a map `services`. In any
/// other file one service has an image or a build, and all have only keys of Compose.
pub fn is_compose(node: &Node, path: &Path) -> bool {
    let Some(services) = node.get("services").and_then(Node::as_map) else {
        return super::includes_only(node);
    };
    if services.is_empty() || node.get("apiVersion").is_some() {
        return false;
    }
    if is_named_so(path) {
        return services
            .iter()
            .all(|(_, service)| service.as_map().is_some() || service.is_null());
    }
    let runs = |service: &Node| {
        let shape = |key: &str, scalar_only: bool| {
            service
                .get(key)
                .is_some_and(|n| n.as_str().is_some() || (!scalar_only && n.as_map().is_some()))
        };
        shape("image", true) || shape("build", false) || shape("extends", false)
    };
    let is_service = |service: &Node| {
        let known = |key: &str| KEYS.contains(&key) || key.starts_with("x-");
        service.as_map().is_some() && service.entries().all(|(key, _)| known(&key.text))
    };
    let all: Vec<&Node> = services.iter().map(|(_, service)| service).collect();
    let running = all.iter().filter(|service| runs(service)).count();
    running == all.len() || running > 0 && all.into_iter().all(is_service)
}

/// Whether a file is called like a Compose file: `compose.yaml`, `docker-compose.prod.yml`.
fn is_named_so(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let name = name.to_ascii_lowercase();
    let rest = name.strip_prefix("docker-").unwrap_or(&name);
    let after = rest.strip_prefix("compose");
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    is_yaml && after.is_some_and(|after| after.starts_with(['.', '-', '_']))
}

/// The file that a Compose file is laid over: it is called `compose.NAME.yaml`, the other one `compose.yaml`, beside it or
/// in the directory above, and it needs the other one, since a service of it has no image or depends on one of the
/// other's.
pub(crate) fn base<'r>(repo: &'r Repo, path: &Path, node: &Node) -> Option<&'r Path> {
    let found = likely_base(repo, path)?;
    let of_base = services(repo, found);
    let own = || node.get("services").into_iter().flat_map(Node::entries);
    let names: Vec<&str> = own().map(|(key, _)| &*key.text).collect();
    let needs = own().any(|(key, service)| {
        let runs = ["image", "build", "extends"]
            .iter()
            .any(|k| service.get(k).is_some());
        let changes = !runs && of_base.contains(&&*key.text);
        let depends = super::depends_on(service).into_iter();
        changes
            || depends
                .into_iter()
                .any(|(name, _)| of_base.contains(&name.as_str()) && !names.contains(&name.as_str()))
    });
    needs.then_some(found)
}

fn likely_base<'r>(repo: &'r Repo, path: &Path) -> Option<&'r Path> {
    let name = path.file_name()?.to_str()?;
    if !is_named_so(path) || BASES.contains(&name) {
        return None;
    }
    let dirs: Vec<&Path> = path.ancestors().skip(1).take(2).collect();
    let mut candidates = dirs
        .iter()
        .flat_map(|dir| BASES.iter().map(|base| dir.join(base)));
    candidates.find_map(|candidate: PathBuf| {
        let (found, stream) = repo.yaml.get_key_value(&candidate)?;
        let is_base = stream
            .documents
            .iter()
            .any(|document| is_compose(document, found));
        is_base.then_some(found.as_path())
    })
}

/// The names that the services of a file may depend on besides its own: those of the file that it is laid over, and of
/// the other files that may be laid over the same one.
pub(super) fn laid_with<'r>(repo: &'r Repo, path: &Path) -> Vec<&'r str> {
    let Some(base) = likely_base(repo, path) else {
        return Vec::new();
    };
    let beside = path.parent().unwrap_or(Path::new(""));
    let files = repo.yaml.below(beside).map(|(file, _)| file.as_path());
    let files = files.filter(|file| file.parent() == Some(beside) && is_named_so(file));
    let files: Vec<&Path> = files.chain([base]).collect();
    files.into_iter().flat_map(|file| services(repo, file)).collect()
}

fn services<'r>(repo: &'r Repo, path: &Path) -> Vec<&'r str> {
    let documents = repo.yaml.get(path).map_or(&[][..], |stream| &stream.documents);
    let services = documents.iter().filter_map(|document| document.get("services"));
    services
        .flat_map(Node::entries)
        .map(|(key, _)| &*key.text)
        .collect()
}
