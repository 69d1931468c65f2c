//! Configuration files of database servers (`postgresql.conf`, `my.cnf`) in ConfigMaps, where the server's container
//! mounts them at a place that the server reads.

use cofferdam_model::workload::{ConfigObject, Container, VolumeKind, Workload};
use cofferdam_model::{Bytes, Fact, Parts, Span};

/// Directories from which images take files of settings without being told so (the images' own pages on Docker Hub;
/// Bitnami's container documentation, "Configuration file").
const TAKEN: &[&str] = &[
    "/var/lib/postgresql/data",
    "/docker-entrypoint-initdb.d",
    "/docker-entrypoint-preinitdb.d",
    "/opt/bitnami/postgresql/conf",
    "/bitnami/postgresql/conf",
    "/etc/mysql",
    "/etc/my.cnf",
    "/opt/bitnami/mysql/conf",
    "/opt/bitnami/mariadb/conf",
];

/// What a file of settings says.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) max_connections: Option<Fact<u32>>,
    pub(super) shared_buffers: Option<Fact<Bytes>>,
    pub(super) work_mem: Option<Fact<Bytes>>,
}

/// The settings in the files that a server's container mounts.
pub(super) fn of(workload: &Workload, container: &Container, parts: &Parts) -> Settings {
    let mut found = Settings::default();
    let named = config_file(container);
    for (volume, path) in &container.mounts {
        let Some(map) = config_map(workload, volume, parts) else {
            continue;
        };
        let mount = path.value.trim_end_matches('/');
        for (key, text) in map.data.iter().filter(|(key, _)| is_settings(key)) {
            // With a `subPath` the place of the mount is the file itself.
            let file = match is_settings(mount) {
                true if map.data.len() == 1 || mount.ends_with(&format!("/{key}")) => mount.to_owned(),
                true => continue,
                false => format!("{mount}/{key}"),
            };
            let is_read = match named {
                Some(named) => named == file,
                None => TAKEN.iter().any(|directory| file.starts_with(directory)),
            };
            if let (true, Some(span)) = (is_read, text.span()) {
                read(&text.value, span, &mut found);
            }
        }
    }
    found
}

fn is_settings(name: &str) -> bool {
    [".conf", ".cnf", ".conf.sample"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// The file that the server is told to read: `-c config_file=/etc/postgresql.conf`, `--defaults-file=/etc/my.cnf`.
fn config_file(container: &Container) -> Option<&str> {
    let words = container
        .command
        .iter()
        .flat_map(|part| part.value.split_whitespace());
    words
        .filter_map(|word| {
            let (_, file) = ["config_file=", "config-file=", "defaults-file="]
                .iter()
                .find_map(|name| word.split_once(name))?;
            Some(file.trim_matches(['"', '\'']))
        })
        .next()
}

fn config_map<'p>(workload: &Workload, volume: &str, parts: &'p Parts) -> Option<&'p ConfigObject> {
    let volume = workload.volumes.iter().find(|v| v.name == volume)?;
    let VolumeKind::ConfigMap { name, .. } = &volume.kind else {
        return None;
    };
    let home = workload.id.home();
    parts
        .config_objects
        .iter()
        .find(|o| o.id.kind == "ConfigMap" && o.id.name == *name && o.id.home().is_related(home))
}

/// Reads lines `name = value`; the last of equal names counts, as in the server.
fn read(text: &str, span: Span, found: &mut Settings) {
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or("").trim();
        let pair = line
            .split_once('=')
            .or_else(|| line.split_once(char::is_whitespace));
        let Some((name, value)) = pair else { continue };
        let value = value.trim().trim_matches('\'').trim_matches('"');
        // A number without a unit counts blocks or kilobytes, by the setting.
        let size = || {
            let has_unit = value.ends_with(|c: char| c.is_ascii_alphabetic());
            let size = Bytes::parse(value).filter(|_| has_unit)?;
            Some(Fact::declared(size, span))
        };
        match name.trim() {
            "max_connections" | "max-connections" => {
                let number = value.parse().ok().map(|number| Fact::declared(number, span));
                found.max_connections = number.or(found.max_connections.take());
            }
            "shared_buffers" => found.shared_buffers = size().or(found.shared_buffers.take()),
            "work_mem" => found.work_mem = size().or(found.work_mem.take()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::finished;

    /// The greatest number of connections of a server that mounts a ConfigMap.
    fn connections(image: &str, container: &str, mount: &str, data: &str) -> Option<u32> {
        let env = finished(&format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: conf}}\ndata:\n{data}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: db}}\nspec: {{template: {{metadata: {{labels: {{app: db}}}}, spec: {{containers: [{{name: db, image: '{image}', {container} volumeMounts: [{{name: c, {mount}}}]}}], volumes: [{{name: c, configMap: {{name: conf}}}}]}}}}}}\n"
        ));
        let database = &env.databases[0];
        database.max_connections.as_ref().map(|fact| fact.value)
    }

    const CONF: &str = "  postgresql.conf: |\n    # max_connections = 7\n    shared_buffers = 256MB # x\n    max_connections = 250   # (change requires restart)\n";

    #[test]
    fn the_file_that_the_server_is_told_to_read_counts() {
        let named = "args: [-c, config_file=/etc/postgresql/postgresql.conf],";
        assert_eq!(
            connections("postgres:16", named, "mountPath: /etc/postgresql", CONF),
            Some(250)
        );
        let file = "mountPath: /etc/postgresql/postgresql.conf, subPath: postgresql.conf";
        assert_eq!(connections("postgres:16", named, file, CONF), Some(250));
        assert_eq!(
            connections("postgres:16", named, "mountPath: /elsewhere", CONF),
            None
        );
        let both = "args: [-c, config_file=/etc/postgresql/postgresql.conf, -c, max_connections=300],";
        assert_eq!(
            connections("postgres:16", both, "mountPath: /etc/postgresql", CONF),
            Some(300)
        );
    }

    #[test]
    fn files_in_the_places_of_an_image_count() {
        for (image, mount) in [
            ("bitnami/postgresql:16", "/bitnami/postgresql/conf/conf.d"),
            ("postgres:16", "/docker-entrypoint-initdb.d"),
            ("postgres:16", "/var/lib/postgresql/data/postgresql.conf"),
        ] {
            assert_eq!(
                connections(image, "", &format!("mountPath: {mount}"), CONF),
                Some(250),
                "{mount}"
            );
        }
        assert_eq!(
            connections("postgres:16", "", "mountPath: /etc/postgresql", CONF),
            None
        );
        let mysql = "  my.cnf: |\n    [mysqld]\n    max-connections=400\n";
        assert_eq!(
            connections("mysql:8", "", "mountPath: /etc/mysql/conf.d", mysql),
            Some(400)
        );
    }
}
