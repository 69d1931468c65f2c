//! PgBouncer from its ini file and from the variables of the container that runs it. Images read variables
//! under their own names. A setting under a name that the image does not read has no effect, so it is kept
//! with its *intended* meaning, and named as unread.

mod beside;

use crate::context::Place;
use crate::images_env::{self, KnownImage};
use crate::settings::url;
use cofferdam_model::database::Pooler;
use cofferdam_model::units::seconds;
use cofferdam_model::workload::{Container, VolumeKind, Workload};
use cofferdam_model::{Fact, FileId, Owner, Parts, SourceMap, Span, WorkloadId};
use cofferdam_syntax::environment;
use cofferdam_syntax::ini::{self, Ini};
use cofferdam_syntax::yaml;
use std::collections::BTreeMap;

/// Whether an ini file is PgBouncer's: it has the section, or lists databases by connection strings.
pub fn is_pgbouncer(ini: &Ini) -> bool {
    ini.section("pgbouncer").is_some()
        || ini.section("databases").is_some_and(|s| {
            s.settings
                .iter()
                .any(|d| d.value.value.contains("host=") || d.value.value.contains("dbname="))
        })
}

/// Reads an ini file as the pooler of its directory; `None` if it is not PgBouncer's.
pub fn read(text: &str, file: FileId, place: Place<'_>) -> Option<Parts> {
    let ini = ini::read(text, file, 0);
    is_pgbouncer(&ini).then(|| {
        let mut parts = Parts::default();
        interpret(&ini, place, &mut parts);
        parts
    })
}

/// Reads an ini file that [`is_pgbouncer`] into `env`, as the pooler of its directory. Files for one
/// directory (including an included one) are one pooler.
pub fn interpret(ini: &Ini, place: Place<'_>, parts: &mut Parts) {
    let directory = place.path.parent().unwrap_or(std::path::Path::new(""));
    let Some(span) = ini.sections.first().map(|s| s.span) else {
        return;
    };
    let owner = Owner::in_directory(directory);
    let known = parts
        .poolers
        .iter()
        .position(|p| p.workload.is_none() && crate::parts::same_owner(&p.owner, &owner));
    let at = known.unwrap_or_else(|| {
        let name = directory
            .file_name()
            .and_then(|n| n.to_str())
            .filter(|n| environment::canonical(n).is_none())
            .unwrap_or("pgbouncer");
        parts.poolers.push(Pooler::named(name.to_owned(), span, owner));
        parts.poolers.len() - 1
    });
    fill_from_ini(&mut parts.poolers[at], ini);
    include_userlist(&mut parts.poolers[at], ini, place);
}

/// Counts the users of the file that `auth_file` names, if it is beside the ini file.
fn include_userlist(pooler: &mut Pooler, ini: &Ini, place: Place<'_>) {
    let Some(file) = ini.section("pgbouncer").and_then(|s| s.get("auth_file")) else {
        return;
    };
    let name = file.value.rsplit('/').next().unwrap_or_default();
    let directory = place.path.parent().unwrap_or(std::path::Path::new(""));
    if let Some(text) = place.repo.text(&directory.join(name)) {
        pooler.users = users_of(text).map(|n| Fact::declared(n, file.span));
    }
}

/// Distinct users of a `userlist.txt`: lines of `"user" "password"`.
fn users_of(text: &str) -> Option<u32> {
    let names: std::collections::BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split('"').next())
        .filter(|n| !n.is_empty())
        .collect();
    u32::try_from(names.len()).ok().filter(|n| *n > 0)
}

/// Applies a setting of PgBouncer; returns whether it is one that matters here and could be read.
fn set(pooler: &mut Pooler, setting: &str, value: Fact<String>) -> bool {
    let number = || {
        Some(Fact {
            value: value.value.trim().parse().ok()?,
            source: value.source.clone(),
        })
    };
    let slot = match setting {
        "pool_mode" => {
            let mode = value.value.trim().to_ascii_lowercase();
            let known = matches!(mode.as_str(), "session" | "transaction" | "statement");
            if known {
                pooler.pool_mode = Some(Fact {
                    value: mode,
                    source: value.source.clone(),
                });
            }
            return known;
        }
        "query_wait_timeout" => {
            let time = seconds(&value.value).map(|d| Fact {
                value: d,
                source: value.source.clone(),
            });
            let known = time.is_some();
            pooler.query_wait_timeout = time.or(pooler.query_wait_timeout.take());
            return known;
        }
        "max_client_conn" => &mut pooler.max_client_conn,
        "default_pool_size" => &mut pooler.default_pool_size,
        "reserve_pool_size" => &mut pooler.reserve_pool_size,
        "max_db_connections" => &mut pooler.max_db_connections,
        "max_prepared_statements" => &mut pooler.max_prepared_statements,
        _ => return false,
    };
    let number = number();
    let known = number.is_some();
    *slot = number.or(slot.take());
    known
}

/// Applies the settings of an ini file; the program itself reads it.
fn fill_from_ini(pooler: &mut Pooler, ini: &Ini) {
    if let Some(section) = ini.section("pgbouncer") {
        for setting in &section.settings {
            set(
                pooler,
                &setting.name.to_ascii_lowercase(),
                setting.value.clone().into(),
            );
        }
    }
    if let Some(section) = ini.section("databases") {
        // `*` stands for any database: then their number is unknown.
        let open = section.settings.iter().any(|s| s.name.trim() == "*");
        if let Some(count) = u32::try_from(section.settings.len())
            .ok()
            .filter(|n| *n > 0 && !open)
        {
            pooler.databases = Some(Fact::declared(count, section.span));
        }
        let hosts = section.settings.iter().filter_map(|setting| {
            let pairs = ini::connection_string(&setting.value.value);
            let host = pairs.iter().find(|(name, _)| name == "host")?;
            Some(Fact::declared(url::host_of(&host.1)?, setting.value.span))
        });
        pooler.server_host = hosts.into_iter().next().or(pooler.server_host.take());
    }
    if let Some(section) = ini.section("users")
        && let Some(count) = u32::try_from(section.settings.len()).ok().filter(|n| *n > 0)
    {
        pooler.users = Some(Fact::declared(count, section.span));
    }
}

/// The pooler that a container runs, if its image is PgBouncer's.
pub fn from_container(container: &Container, workload: &Workload, id: WorkloadId) -> Option<Pooler> {
    let image = container.image.as_ref()?;
    let full = match &image.registry {
        Some(registry) => format!("{registry}/{}", image.repository),
        None => image.repository.clone(),
    };
    let last = image.repository.rsplit('/').next().unwrap_or_default();
    let known = images_env::known_image(&full).filter(|k| k.name.contains("pgbouncer"));
    // A private repository with this name also runs it; an exporter only watches it.
    if known.is_none() && (!last.contains("pgbouncer") || last.contains("exporter")) {
        return None;
    }
    let mut owner = workload.owner.clone();
    if owner.name.is_none() {
        owner.name = Some(workload.id.name.clone());
        owner.namespace.clone_from(&workload.id.namespace);
    }
    let mut pooler = Pooler::named(workload.id.name.clone(), workload.span, owner);
    pooler.workload = Some(id);
    pooler.version = image.tag.as_ref().and_then(|tag| {
        let (major, minor, patch) = images_env::version_of(&tag.value)?;
        Some(Fact {
            value: format!("{major}.{minor}.{patch}"),
            source: tag.source.clone(),
        })
    });
    // A command that names a file starts the program without the image's entry script.
    let own_file = container.command.iter().any(|word| word.value.ends_with(".ini"));
    if !own_file {
        fill_from_variables(&mut pooler, container, known);
    }
    Some(pooler)
}

fn fill_from_variables(pooler: &mut Pooler, container: &Container, known: Option<&'static KnownImage>) {
    let texts: BTreeMap<&str, Fact<String>> = container
        .variables
        .iter()
        .filter_map(|(name, variable)| {
            let text = variable.value.value.text()?.to_owned();
            Some((
                name.as_str(),
                Fact {
                    value: text,
                    source: variable.value.source.clone(),
                },
            ))
        })
        .collect();
    let Some(image) = known else {
        for (name, value) in &texts {
            let setting = name
                .strip_prefix("PGBOUNCER_")
                .unwrap_or(name)
                .to_ascii_lowercase();
            set(
                pooler,
                &setting,
                meant(name, value, "the image is not a known one"),
            );
        }
        server_host(pooler, &texts, |_| true);
        return;
    };
    if container.command.is_empty() {
        let variables = container.variables.keys().map(String::as_str);
        for unread in image.unread(variables, &[]) {
            let Some(variable) = container.variables.get(unread.variable) else {
                continue;
            };
            pooler.unread_settings.push((
                Fact::declared(unread.variable.to_owned(), variable.name_span),
                unread.instead.clone(),
            ));
            // The intended meaning decides what the figures are about; that it has no effect is reported with
            // them.
            if let (Some(setting), Some(value)) = (&unread.setting, texts.get(unread.variable)) {
                set(
                    pooler,
                    setting,
                    meant(unread.variable, value, "the image does not read it"),
                );
            }
        }
    }
    for (name, value) in &texts {
        if let Some(setting) = image.setting_of(name) {
            set(pooler, &setting, value.clone());
        }
    }
    server_host(pooler, &texts, |name| image.reads(name));
}

/// A value that is assumed to mean what its name says.
fn meant(name: &str, value: &Fact<String>, why: &str) -> Fact<String> {
    match value.span() {
        Some(span) => Fact::inferred(
            value.value.clone(),
            span,
            format!("`{name}` is used with its intended meaning: {why}"),
        ),
        None => value.clone(),
    }
}

/// The database behind it, by the variables of the known images.
fn server_host(pooler: &mut Pooler, texts: &BTreeMap<&str, Fact<String>>, reads: impl Fn(&str) -> bool) {
    for name in [
        "DATABASES_HOST",
        "DB_HOST",
        "POSTGRESQL_HOST",
        "PGHOST",
        "DATABASE_HOST",
        "POSTGRES_HOST",
    ] {
        if let Some(value) = texts.get(name).filter(|_| reads(name))
            && let Some(host) = url::host_of(&value.value)
        {
            pooler.server_host = Some(Fact {
                value: host,
                source: value.source.clone(),
            });
            return;
        }
    }
    let address = texts.get("DATABASE_URL").filter(|_| reads("DATABASE_URL"));
    if let Some(value) = address
        && let Some((_, host)) = url::parse(&value.value).and_then(|a| a.host)
    {
        pooler.server_host = Some(Fact {
            value: host,
            source: value.source.clone(),
        });
    }
}

/// Adds a pooler for every container that runs PgBouncer, with the ini files and user lists of the ConfigMaps
/// that it mounts, and records credentials that are created for each lease. Called when all objects are
/// known.
pub fn finish(parts: &mut Parts, sources: &SourceMap) {
    let mut found: Vec<Pooler> = Vec::new();
    for (at, workload) in parts.workloads.iter().enumerate() {
        for container in &workload.containers {
            if let Some(mut pooler) = from_container(container, workload, WorkloadId(at)) {
                if workload.containers.len() > 1
                    && container.name != workload.id.name
                    && !workload.id.name.contains("pgbouncer")
                {
                    // A sidecar: one in each pod of another service.
                    pooler.name = format!("{} of {}", container.name, workload.id.name);
                }
                mounted(&mut pooler, workload, parts, sources);
                found.push(pooler);
            }
        }
    }
    if !found.is_empty() {
        // An ini file beside manifests is used once, by the workload that mounts it.
        let is_told =
            |pooler: &Pooler| pooler.workload.is_none() && found.iter().any(|f| same_settings(f, pooler));
        parts.poolers.retain(|p| !is_told(p));
    }
    beside::take(&mut parts.poolers, &mut found, sources);
    parts.poolers.extend(found);
    let leases = leases(parts);
    for pooler in &mut parts.poolers {
        if pooler.dynamic_credentials.is_none() {
            pooler.dynamic_credentials.clone_from(&leases);
        }
    }
}

fn same_settings(a: &Pooler, b: &Pooler) -> bool {
    let of = |p: &Pooler| {
        (
            p.pool_mode.as_ref().map(|f| f.value.clone()),
            p.default_pool_size.as_ref().map(|f| f.value),
            p.max_db_connections.as_ref().map(|f| f.value),
            p.server_host.as_ref().map(|f| f.value.clone()),
        )
    };
    of(a) == of(b)
}

/// Reads the ini files and user lists of the ConfigMaps that a workload mounts.
fn mounted(pooler: &mut Pooler, workload: &Workload, parts: &Parts, sources: &SourceMap) {
    for volume in &workload.volumes {
        let VolumeKind::ConfigMap { name, .. } = &volume.kind else {
            continue;
        };
        let objects = parts
            .config_objects
            .iter()
            .filter(|o| o.id.kind == "ConfigMap" && o.id.name == *name);
        let objects = objects.filter(|o| o.id.home().is_related(workload.id.home()));
        for (key, text) in objects.flat_map(|o| &o.data) {
            let Some(span) = text.span() else { continue };
            if key.ends_with(".txt") && text.value.trim_start().starts_with('"') {
                pooler.users = users_of(&text.value)
                    .map(|n| Fact::declared(n, span))
                    .or(pooler.users.take());
                continue;
            }
            let ini = read_entry(&text.value, span, sources);
            if is_pgbouncer(&ini) {
                fill_from_ini(pooler, &ini);
            }
        }
    }
}

/// An ini file inside a ConfigMap; each value at its own line if the entry is a `|` block, otherwise all at
/// the entry's.
fn read_entry(text: &str, span: Span, sources: &SourceMap) -> Ini {
    let known = (span.file.0 as usize) < sources.len();
    let file_text = known.then(|| &*sources.file(span.file).text);
    let lines = file_text.and_then(|file| Some((yaml::block_lines(text, span, file)?, file)));
    let links = lines
        .as_ref()
        .map(|(_, file)| sources.chains().inside(span, yaml::is_file(span, file)));
    let place = |inner: Span| match (&lines, &links) {
        (Some((lines, _)), Some(links)) => sources.chains().extended(lines.place(inner), links),
        _ => span,
    };
    let mut ini = ini::read(text, span.file, 0);
    for section in &mut ini.sections {
        section.span = place(section.span);
        for setting in &mut section.settings {
            setting.name_span = place(setting.name_span);
            setting.value.span = place(setting.value.span);
        }
    }
    ini
}

/// A path from which a pod reads database users that Vault issues, each for one lease.
fn leases(parts: &Parts) -> Option<Fact<String>> {
    let is_lease = |path: &str| {
        let path = path.trim().trim_start_matches('/');
        path.starts_with("database/creds/") || path.contains("/database/creds/")
    };
    parts
        .workloads
        .iter()
        .flat_map(|w| w.annotations.values())
        .find(|value| is_lease(&value.value))
        .map(|value| value.as_ref().map(|v| v.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::read_files;
    use cofferdam_model::FileId;
    use proptest::prelude::*;

    fn read(files: &[(&str, &str)]) -> Parts {
        let platform = read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())));
        platform.environments.into_iter().next().unwrap().parts
    }

    /// A pooler with settings under names that its image does not read.
    const QUOTED: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: pgbouncer\nspec:\n  replicas: 3\n  template:\n    spec:\n      containers:\n      - name: pgbouncer\n        image: pgbouncer/pgbouncer:1.20.1\n        env:\n        - name: DATABASES_HOST\n          value: \"aurora-endpoint.cluster-xxxxx.us-east-1.rds.amazonaws.com\"\n        - name: DATABASES_PORT\n          value: \"5432\"\n        - name: POOL_MODE\n          value: \"transaction\"\n        - name: MAX_CLIENT_CONN\n          value: \"1000\"\n        - name: DEFAULT_POOL_SIZE\n          value: \"25\"\n        - name: MAX_DB_CONNECTIONS\n          value: \"100\"\n";

    #[test]
    fn the_pooler_of_the_mitigation_plan_is_read_as_intended_with_its_ignored_variables() {
        let env = read(&[("k8s/pgbouncer.yaml", QUOTED)]);
        let [p] = env.poolers.as_slice() else {
            panic!("{:?}", env.poolers)
        };
        assert_eq!(p.version.as_ref().unwrap().value, "1.20.1");
        assert_eq!(p.pool_mode.as_ref().unwrap().value, "transaction");
        assert_eq!(
            (
                p.default_pool_size.as_ref().unwrap().value,
                p.max_db_connections.as_ref().unwrap().value
            ),
            (25, 100)
        );
        assert_eq!(
            p.server_host.as_ref().unwrap().value,
            "aurora-endpoint.cluster-xxxxx.us-east-1.rds.amazonaws.com"
        );
        let unread: Vec<_> = p
            .unread_settings
            .iter()
            .map(|(name, instead)| (name.value.as_str(), instead.as_deref()))
            .collect();
        assert_eq!(
            unread,
            [
                ("DEFAULT_POOL_SIZE", Some("PGBOUNCER_DEFAULT_POOL_SIZE")),
                ("MAX_CLIENT_CONN", Some("PGBOUNCER_MAX_CLIENT_CONN")),
                ("MAX_DB_CONNECTIONS", Some("PGBOUNCER_MAX_DB_CONNECTIONS")),
                ("POOL_MODE", Some("PGBOUNCER_POOL_MODE")),
            ]
        );
        assert_eq!(p.replicas.as_ref().map(|r| r.value), Some(3));
        // The database's address for the pooler does not make it a client with its own pool.
        assert!(env.pools.is_empty());
    }

    #[test]
    fn an_image_that_reads_all_variables_ignores_none() {
        for (image, prefix, host) in [
            ("edoburu/pgbouncer:v1.23.1-p2", "", "DB_HOST"),
            ("bitnami/pgbouncer:1.23.1", "PGBOUNCER_", "POSTGRESQL_HOST"),
        ] {
            let text = QUOTED
                .replace("pgbouncer/pgbouncer:1.20.1", image)
                .replace("DATABASES_HOST", host)
                .replace("DATABASES_PORT", "TZ");
            let text = [
                "POOL_MODE",
                "MAX_CLIENT_CONN",
                "DEFAULT_POOL_SIZE",
                "MAX_DB_CONNECTIONS",
            ]
            .iter()
            .fold(text, |t, n| t.replace(n, &format!("{prefix}{n}")));
            let env = read(&[("k8s/pgbouncer.yaml", &text)]);
            let p = &env.poolers[0];
            assert!(p.unread_settings.is_empty(), "{image}: {:?}", p.unread_settings);
            assert_eq!(p.default_pool_size.as_ref().unwrap().value, 25, "{image}");
            assert!(p.server_host.is_some(), "{image}");
            assert_eq!(p.version.as_ref().unwrap().value, "1.23.1", "{image}");
        }
    }

    #[test]
    fn an_ini_file_in_a_config_map_belongs_to_its_workload() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pgb}\ndata:\n  pgbouncer.ini: |\n    [databases]\n    orders = host=db.internal port=5432\n    users = host=db.internal port=5432\n    [pgbouncer]\n    pool_mode = transaction\n    default_pool_size = 25\n    query_wait_timeout = 60\n  userlist.txt: |\n    \"a\" \"md5x\"\n    \"b\" \"md5y\"\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: pgbouncer}\nspec:\n  template:\n    spec:\n      containers: [{name: pgbouncer, image: registry.example/tools/pgbouncer:1.21.0, command: [pgbouncer, /etc/pgbouncer/pgbouncer.ini], volumeMounts: [{name: c, mountPath: /etc/pgbouncer}]}]\n      volumes: [{name: c, configMap: {name: pgb}}]\n";
        let env = read(&[("k8s/pgbouncer.yaml", text)]);
        let [p] = env.poolers.as_slice() else {
            panic!("{:?}", env.poolers)
        };
        assert_eq!(
            (
                p.users.as_ref().unwrap().value,
                p.databases.as_ref().unwrap().value
            ),
            (2, 2)
        );
        assert_eq!(p.server_host.as_ref().unwrap().value, "db.internal");
        assert_eq!(p.query_wait_timeout.as_ref().unwrap().value.as_secs(), 60);
        let span = p.default_pool_size.as_ref().unwrap().span().unwrap();
        assert_eq!(&text[span.start as usize..span.end as usize], "25");
    }

    #[test]
    fn credentials_of_a_lease_count_as_one_user_each() {
        let app = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  template:\n    metadata: {annotations: {vault.hashicorp.com/agent-inject-secret-db: database/creds/clean-platform}}\n    spec: {containers: [{name: api, image: api:1}]}\n";
        let env = read(&[("k8s/all.yaml", &format!("{QUOTED}{app}"))]);
        assert_eq!(
            env.poolers[0].dynamic_credentials.as_ref().unwrap().value,
            "database/creds/clean-platform"
        );
    }

    #[test]
    fn a_separate_ini_file_is_a_pooler_with_the_user_list_next_to_it() {
        let env = read(&[
            (
                "pgbouncer/pgbouncer.ini",
                "[databases]\n* = host=db.internal\n[pgbouncer]\npool_mode = transaction\nauth_file = /etc/pgbouncer/userlist.cfg\nmax_db_connections = 50\n",
            ),
            ("pgbouncer/userlist.cfg", "\"a\" \"md5x\"\n"),
            ("pgbouncer/other/app.ini", "[server]\nport = 80\n"),
        ]);
        let [p] = env.poolers.as_slice() else {
            panic!("{:?}", env.poolers)
        };
        assert_eq!(
            (p.name.as_str(), p.users.as_ref().map(|u| u.value)),
            ("pgbouncer", Some(1))
        );
        assert_eq!(
            (
                p.max_db_connections.as_ref().unwrap().value,
                p.databases.is_none()
            ),
            (50, true)
        );
    }

    #[test]
    fn an_exporter_is_not_a_pooler() {
        let env = read(&[(
            "k8s/a.yaml",
            &QUOTED.replace(
                "pgbouncer/pgbouncer:1.20.1",
                "prometheuscommunity/pgbouncer-exporter:v0.7",
            ),
        )]);
        assert!(env.poolers.is_empty());
    }

    #[test]
    fn users_of_a_list_are_counted_once() {
        assert_eq!(users_of("\"a\" \"x\"\n\"b\" \"y\"\n\"a\" \"z\"\n; c\n"), Some(2));
        assert_eq!(users_of(""), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(\\[(pgbouncer|databases|users)\\]\n)?[a-c*_= \\n\"%;é0-9]{0,60}") {
            let ini = ini::read(&text, FileId(0), 0);
            let mut pooler = Pooler::named("p".to_owned(), Span::new(FileId(0), 0, 0), Owner::default());
            is_pgbouncer(&ini);
            fill_from_ini(&mut pooler, &ini);
            users_of(&text);
        }
    }
}
