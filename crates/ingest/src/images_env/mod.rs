//! Variables that well-known images read, and those that look like settings but are not read.
//!
//! Images of one program do not agree: `POOL_MODE` in one is `PGBOUNCER_POOL_MODE` in the next, and a
//! variable under the wrong name silently has no effect. Only names that are certainly meant for the image
//! are judged: its program's own settings under another image's name, and misspellings of its names. All
//! other variables may be read by an entry script, a mounted configuration or the user's own program.

mod data;
mod pgbouncer;

use cofferdam_syntax::nearest::nearest;
use data::IMAGES;
use std::borrow::Cow;

pub use pgbouncer::{
    pgbouncer_default, pgbouncer_default_prepared_statements, pgbouncer_released, version_of,
};

/// An image whose variables are documented.
#[derive(Debug)]
pub struct KnownImage {
    /// Name for reports.
    pub name: &'static str,
    /// The source of the names.
    pub source: &'static str,
    /// Repositories, without registry and `library/`.
    repositories: &'static [&'static str],
    /// The names of its settings.
    program: &'static Program,
    /// Prefix of a variable that becomes a setting of the program; empty if there is none.
    prefix: Option<&'static str>,
    /// Other variables that the image reads.
    own: &'static [&'static str],
    /// Whether every name with the prefix is read, and not only the program's known settings.
    open: bool,
    /// Names of other images for a setting, and this image's name for it.
    elsewhere: &'static [(&'static str, &'static str)],
}

/// A program that images wrap.
#[derive(Debug)]
struct Program {
    /// Its settings, sorted.
    settings: &'static [&'static str],
    /// Prefixes under which some image reads them.
    prefixes: &'static [&'static str],
    /// Between the words of a setting: `_` or `.`.
    separator: char,
}

/// A variable that looks like a setting and that the image does not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread<'v> {
    /// The variable.
    pub variable: &'v str,
    /// The setting that was probably intended (`default_pool_size`).
    pub setting: Option<String>,
    /// The variable that the image does read for it.
    pub instead: Option<String>,
}

/// The image with the name `repository`, with or without a registry (`docker.io/library/postgres`). Only
/// registries that mirror Docker Hub under its own names count: elsewhere the same path may be anything.
pub fn known_image(repository: &str) -> Option<&'static KnownImage> {
    let name = HUB
        .iter()
        .find_map(|hub| repository.strip_prefix(hub))
        .unwrap_or(repository);
    let name = name.strip_prefix("library/").unwrap_or(name);
    IMAGES.iter().find(|image| image.repositories.contains(&name))
}

const HUB: &[&str] = &[
    "docker.io/",
    "index.docker.io/",
    "registry-1.docker.io/",
    "registry.hub.docker.com/",
    "mirror.gcr.io/",
    "public.ecr.aws/docker/",
];

impl KnownImage {
    /// Whether the image uses a variable. If in doubt, it does.
    pub fn reads(&self, variable: &str) -> bool {
        self.owns(variable)
            || match self.rest(variable) {
                Some(rest) if self.open => !rest.is_empty() && !self.belongs_to_another(variable),
                Some(rest) => self.program.setting(rest).is_some(),
                None => false,
            }
    }

    /// The setting of a variable (`PGBOUNCER_DEFAULT_POOL_SIZE` sets `default_pool_size`); `None` if the
    /// image does not read it, or it is not a setting of the program (`DB_HOST`).
    pub fn setting_of(&self, variable: &str) -> Option<Cow<'static, str>> {
        if self.belongs_to_another(variable) {
            return None;
        }
        let rest = self.rest(variable)?;
        if let Some(setting) = self.program.setting(rest) {
            return Some(Cow::Borrowed(setting));
        }
        (self.open && !rest.is_empty() && !self.owns(variable)).then(|| self.program.spell(rest).into())
    }

    /// The variable for a setting (`default_pool_size` is set by `PGBOUNCER_DEFAULT_POOL_SIZE`).
    pub fn variable_of(&self, setting: &str) -> Option<String> {
        let known = self.program.settings.binary_search(&setting).is_ok();
        let upper = setting.replace('.', "_").to_ascii_uppercase();
        (known || self.open).then_some(())?;
        Some(format!("{}{upper}", self.prefix?))
    }

    /// The variable of this image for which an unread one was probably intended.
    pub fn nearest(&self, variable: &str) -> Option<String> {
        if let Some((_, here)) = self.elsewhere.iter().find(|(there, _)| *there == variable) {
            return Some((*here).to_owned());
        }
        if let Some(setting) = self.meant(variable) {
            return self.variable_of(setting);
        }
        let settings: Vec<String> = match self.prefix {
            Some(_) => self
                .program
                .settings
                .iter()
                .filter_map(|s| self.variable_of(s))
                .collect(),
            None => Vec::new(),
        };
        let names = self
            .own
            .iter()
            .copied()
            .chain(settings.iter().map(String::as_str));
        nearest(variable, names).map(str::to_owned)
    }

    /// The variables of a container that look like settings of the image and that it does not read. `command`
    /// is every text of the container that a shell or Kubernetes may expand (arguments, probes, hooks):
    /// variables in them are used. A container with its own command does not run the image's entry script; do
    /// not call this then.
    pub fn unread<'v>(
        &self,
        variables: impl IntoIterator<Item = &'v str>,
        command: &[&str],
    ) -> Vec<Unread<'v>> {
        variables
            .into_iter()
            .filter(|variable| !self.reads(variable))
            .filter(|variable| !command.iter().any(|text| text.contains(*variable)))
            .filter_map(|variable| {
                let meant = self.meant(variable);
                let elsewhere = self.elsewhere.iter().any(|(there, _)| *there == variable);
                let slip = self
                    .prefix
                    .is_some_and(|p| !p.is_empty() && variable.starts_with(p) && !self.open);
                let instead = self.nearest(variable);
                (meant.is_some() || elsewhere || (slip && instead.is_some())).then(|| Unread {
                    variable,
                    setting: meant.map(str::to_owned),
                    instead,
                })
            })
            .collect()
    }

    fn owns(&self, variable: &str) -> bool {
        let base = variable.strip_suffix("_FILE").unwrap_or(variable);
        self.own.iter().any(|own| match own.strip_suffix('*') {
            Some(prefix) => variable.starts_with(prefix),
            None => *own == variable || *own == base,
        })
    }

    /// The part after the prefix of settings.
    fn rest<'v>(&self, variable: &'v str) -> Option<&'v str> {
        variable.strip_prefix(self.prefix?)
    }

    /// Whether a variable has another image's longer prefix (`KAFKA_CFG_` where `KAFKA_` is ours).
    fn belongs_to_another(&self, variable: &str) -> bool {
        let ours = self.prefix.unwrap_or("");
        self.program.prefixes.iter().any(|p| {
            p.len() > ours.len() && p.starts_with(ours) && !ours.is_empty() && variable.starts_with(p)
        })
    }

    /// The setting for which an unread variable was intended, by the prefixes of other images. Without a
    /// prefix, a name that any program may use (`USER`, `SERVICE_NAME`) proves nothing.
    fn meant(&self, variable: &str) -> Option<&'static str> {
        self.program.prefixes.iter().find_map(|prefix| {
            let setting = self.program.setting(variable.strip_prefix(prefix)?)?;
            let common = !setting.contains('_') || COMMON.contains(&setting);
            (!prefix.is_empty() || !common).then_some(setting)
        })
    }
}

/// Settings whose bare names other programs use as well.
const COMMON: &[&str] = &[
    "auth_file",
    "auth_type",
    "auth_user",
    "job_name",
    "peer_id",
    "service_name",
];

impl Program {
    /// The setting in the end of a variable.
    fn setting(&self, upper: &str) -> Option<&'static str> {
        let has_lower = upper.bytes().any(|b| b.is_ascii_lowercase());
        (!has_lower && !upper.is_empty()).then_some(())?;
        let spelt = self.spell(upper);
        let index = self.settings.binary_search(&spelt.as_str()).ok()?;
        self.settings.get(index).copied()
    }

    /// `AUTO_CREATE_TOPICS_ENABLE` as `auto.create.topics.enable`; `__` stands for `_`, `___` for `-`
    /// where the separator is a point (the rule of Kafka's images).
    fn spell(&self, upper: &str) -> String {
        if self.separator == '_' {
            return upper.to_ascii_lowercase();
        }
        upper
            .to_ascii_lowercase()
            .replace("___", "-")
            .replace("__", "\u{0}")
            .replace('_', ".")
            .replace('\u{0}', "_")
    }
}

#[cfg(test)]
mod tests {
    use super::data::{KAFKA, PGBOUNCER, POSTGRES, REDIS};
    use super::*;

    #[test]
    fn lists_are_sorted_for_binary_search() {
        for program in [&PGBOUNCER, &POSTGRES, &REDIS, &KAFKA] {
            assert!(program.settings.is_sorted(), "{:?}", program.settings);
        }
    }

    #[test]
    fn images_are_recognised_in_mirrors_of_docker_hub() {
        let name = |repository| known_image(repository).map(|i| i.name);
        assert_eq!(name("postgres"), Some("postgres"));
        assert_eq!(name("docker.io/library/postgres"), Some("postgres"));
        assert_eq!(name("public.ecr.aws/docker/library/redis"), Some("redis"));
        assert_eq!(name("docker.io/pgbouncer/pgbouncer"), Some("pgbouncer/pgbouncer"));
        assert_eq!(name("registry.example.com/postgres"), None);
        assert_eq!(name("someone/pgbouncer"), None);
    }

    #[test]
    fn the_pooler_of_the_mitigation_plan_ignores_all_its_limits() {
        let image = known_image("pgbouncer/pgbouncer").unwrap();
        let variables = [
            "DATABASES_HOST",
            "DATABASES_PORT",
            "POOL_MODE",
            "MAX_CLIENT_CONN",
            "DEFAULT_POOL_SIZE",
            "MAX_DB_CONNECTIONS",
            "TZ",
        ];
        let unread: Vec<(&str, Option<String>)> = image
            .unread(variables, &[])
            .into_iter()
            .map(|u| (u.variable, u.instead))
            .collect();
        assert_eq!(
            unread,
            [
                ("POOL_MODE", Some("PGBOUNCER_POOL_MODE".to_owned())),
                ("MAX_CLIENT_CONN", Some("PGBOUNCER_MAX_CLIENT_CONN".to_owned())),
                (
                    "DEFAULT_POOL_SIZE",
                    Some("PGBOUNCER_DEFAULT_POOL_SIZE".to_owned())
                ),
                (
                    "MAX_DB_CONNECTIONS",
                    Some("PGBOUNCER_MAX_DB_CONNECTIONS".to_owned())
                ),
            ]
        );
        assert_eq!(pgbouncer_default("pool_mode"), Some("session"));
        assert_eq!(pgbouncer_default("default_pool_size"), Some("20"));
    }

    #[test]
    fn each_image_has_its_own_variable_for_a_setting() {
        let cases = [
            ("pgbouncer/pgbouncer", "PGBOUNCER_DEFAULT_POOL_SIZE"),
            ("edoburu/pgbouncer", "DEFAULT_POOL_SIZE"),
            ("bitnami/pgbouncer", "PGBOUNCER_DEFAULT_POOL_SIZE"),
        ];
        for (repository, variable) in cases {
            let image = known_image(repository).unwrap();
            assert!(image.reads(variable), "{repository} {variable}");
            assert_eq!(image.setting_of(variable).as_deref(), Some("default_pool_size"));
            assert_eq!(image.variable_of("default_pool_size").as_deref(), Some(variable));
        }
        let edoburu = known_image("edoburu/pgbouncer").unwrap();
        assert!(!edoburu.reads("PGBOUNCER_POOL_MODE"));
        assert_eq!(
            edoburu.nearest("PGBOUNCER_POOL_MODE").as_deref(),
            Some("POOL_MODE")
        );
        assert_eq!(edoburu.nearest("DATABASES_HOST").as_deref(), Some("DB_HOST"));
        assert_eq!(edoburu.setting_of("DB_HOST"), None);
        assert!(edoburu.reads("DB_PASSWORD_FILE"));
    }

    #[test]
    fn a_misspelt_variable_is_reported_and_an_unrelated_one_is_not() {
        let image = known_image("pgbouncer/pgbouncer").unwrap();
        let unread = image.unread(["PGBOUNCER_POOLMODE", "SENTRY_DSN", "USER", "SERVICE_NAME"], &[]);
        assert_eq!(unread.len(), 1);
        assert_eq!(unread[0].instead.as_deref(), Some("PGBOUNCER_POOL_MODE"));
        let postgres = known_image("postgres").unwrap();
        let names = [
            "POSTGRES_MAX_CONNECTIONS",
            "POSTGRES_DATABASE",
            "POSTGRES_MULTIPLE_DATABASES",
            "PGDATA",
        ];
        let unread = postgres.unread(names, &[]);
        assert_eq!(
            unread,
            [
                Unread {
                    variable: "POSTGRES_MAX_CONNECTIONS",
                    setting: Some("max_connections".to_owned()),
                    instead: None,
                },
                Unread {
                    variable: "POSTGRES_DATABASE",
                    setting: None,
                    instead: Some("POSTGRES_DB".to_owned()),
                },
            ]
        );
    }

    #[test]
    fn a_variable_in_the_command_is_used() {
        let redis = known_image("redis").unwrap();
        assert_eq!(redis.unread(["REDIS_PASSWORD"], &[]).len(), 1);
        let command = ["redis-server", "--requirepass", "$(REDIS_PASSWORD)"];
        assert_eq!(redis.unread(["REDIS_PASSWORD"], &command), []);
        assert_eq!(
            known_image("bitnami/redis")
                .unwrap()
                .unread(["REDIS_PASSWORD"], &[]),
            []
        );
    }

    #[test]
    fn kafka_images_accept_every_setting_with_their_prefix() {
        let apache = known_image("apache/kafka").unwrap();
        let setting = |image: &KnownImage, v: &str| image.setting_of(v).map(Cow::into_owned);
        assert_eq!(
            setting(apache, "KAFKA_AUTO_CREATE_TOPICS_ENABLE").as_deref(),
            Some("auto.create.topics.enable")
        );
        assert_eq!(
            setting(apache, "KAFKA_CONFLUENT_A__B___C").as_deref(),
            Some("confluent.a_b-c")
        );
        assert_eq!(setting(apache, "KAFKA_HEAP_OPTS"), None);
        assert!(apache.reads("KAFKA_HEAP_OPTS"));
        let bitnami = known_image("bitnami/kafka").unwrap();
        assert_eq!(
            setting(bitnami, "KAFKA_CFG_MIN_INSYNC_REPLICAS").as_deref(),
            Some("min.insync.replicas")
        );
        let unread = apache.unread(["KAFKA_CFG_MIN_INSYNC_REPLICAS", "KAFKA_NUM_PARTITIONS"], &[]);
        assert_eq!(unread.len(), 1);
        assert_eq!(unread[0].instead.as_deref(), Some("KAFKA_MIN_INSYNC_REPLICAS"));
        let unread = bitnami.unread(["KAFKA_MIN_INSYNC_REPLICAS", "KAFKA_KRAFT_CLUSTER_ID"], &[]);
        assert_eq!(unread.len(), 1);
        assert_eq!(
            unread[0].instead.as_deref(),
            Some("KAFKA_CFG_MIN_INSYNC_REPLICAS")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics(image in ".{0,30}", variable in ".{0,40}") {
            known_image(&image);
            version_of(&variable);
            for image in IMAGES {
                image.reads(&variable);
                image.setting_of(&variable);
                image.unread([variable.as_str()], &[]);
            }
        }
    }
}
