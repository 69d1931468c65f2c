//! The variables of containers as settings of their workloads, also those whose text is in a ConfigMap.

use super::{Setting, apply_in, of_variables, withheld};
use cofferdam_model::workload::{ConfigObject, Container};
use cofferdam_model::{ByHome, Fact, Home, Owner, Parts, Source, Span, VariableValue};
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::{Chains, Layer};

/// Programs that run their own server and read variables for it, by the last part of their image's name: a
/// setting that looks like a client's is the server's there.
const SERVERS: &[&str] = &[
    "postgres",
    "postgresql",
    "pgbouncer",
    "pgpool",
    "redis",
    "valkey",
    "kafka",
    "zookeeper",
    "schema-registry",
    "connect",
    "mysql",
    "mariadb",
    "exporter",
    "kafka-ui",
    "akhq",
    "kafdrop",
    "pgadmin4",
    "adminer",
];

/// Reads the variables of every container as settings of its workload. Called when all objects are known,
/// because a variable may be in a ConfigMap.
pub fn finish(parts: &mut Parts, chains: &Chains) {
    withheld::withhold(parts);
    let maps = ConfigMaps::of(parts);
    let mut lists: Vec<(Owner, String, Vec<Setting>)> = Vec::new();
    for workload in &parts.workloads {
        for container in workload.containers.iter().filter(|c| !is_server(c)) {
            let mut owner = workload.owner.clone();
            if owner.name.is_none() {
                owner.name = Some(workload.id.name.clone());
                owner.namespace.clone_from(&workload.id.namespace);
                owner.deployment = workload.id.deployment;
            }
            let mut settings = of_variables(&container.variables);
            settings.extend(maps.settings_of(workload.id.home(), container, chains));
            if !settings.is_empty() {
                let section = format!("{} {}", workload.id.kind, workload.id.name);
                lists.push((owner, section, settings));
            }
        }
    }
    drop(maps);
    // Parts that other files created for the same owner are looked up; all others are new, and are not
    // searched among thousands. Two containers of one pod are two clients.
    let known: HashSet<String> = (parts.producers.iter().map(|p| &p.owner))
        .chain(parts.consumers.iter().map(|c| &c.owner))
        .chain(parts.pools.iter().map(|p| &p.owner))
        .filter_map(|owner| owner.name.clone())
        .collect();
    for (owner, section, settings) in lists {
        if owner.name.as_ref().is_some_and(|name| known.contains(name)) {
            apply_in(&settings, &owner, &section, parts);
        } else {
            let mut own = Parts::default();
            apply_in(&settings, &owner, &section, &mut own);
            absorb(parts, own);
        }
    }
}

/// Adds the parts that settings create.
fn absorb(parts: &mut Parts, own: Parts) {
    parts.producers.extend(own.producers);
    parts.consumers.extend(own.consumers);
    parts.pools.extend(own.pools);
    parts.deadlines.extend(own.deadlines);
    parts.services.extend(own.services);
    parts.local_caches.extend(own.local_caches);
    parts.rate_limits.extend(own.rate_limits);
}

/// Whether a container runs a server whose variables are its own.
fn is_server(container: &Container) -> bool {
    let image = container.image.as_ref().map_or("", |i| i.repository.as_str());
    let image = image.rsplit('/').next().unwrap_or_default();
    let image = image.strip_prefix("cp-").unwrap_or(image);
    SERVERS
        .iter()
        .any(|server| image == *server || image.strip_suffix(server).is_some_and(|rest| rest.ends_with('-')))
}

/// ConfigMaps by their names.
struct ConfigMaps<'e>(HashMap<&'e str, ByHome<&'e ConfigObject>>);

impl<'e> ConfigMaps<'e> {
    fn of(parts: &'e Parts) -> Self {
        let mut maps: HashMap<&str, ByHome<&ConfigObject>> = HashMap::default();
        for object in parts.config_objects.iter().filter(|o| o.id.kind == "ConfigMap") {
            let same_name = maps.entry(&object.id.name).or_default();
            same_name.push(object.id.home(), object);
        }
        ConfigMaps(maps)
    }

    /// The ConfigMap to which a name in a pod of that namespace refers.
    fn get(&self, name: &str, home: Home<'_>) -> Option<&'e ConfigObject> {
        self.0.get(name)?.related(home).next().copied()
    }

    /// Variables of a container whose text is in a ConfigMap that exists and that the reader of the container has not
    /// looked up. The container's entry refers to the text.
    fn settings_of(&self, home: Home<'_>, container: &Container, chains: &Chains) -> Vec<Setting> {
        let mut found = Vec::new();
        let given_on = |text: &Fact<String>, entry: Option<Span>| match (&text.source, entry) {
            (Source::Declared(span), Some(entry)) => {
                Fact::declared(text.value.clone(), chains.through(*span, Layer::Reference, entry))
            }
            _ => text.clone(),
        };
        for source in container.variable_sources.iter().filter(|s| !s.secret) {
            let data = self
                .get(&source.name.value, home)
                .into_iter()
                .flat_map(|o| &o.data);
            for (key, text) in data {
                let name = format!("{}{key}", source.prefix);
                if let Some(span) = text.span().filter(|_| !container.variables.contains_key(&name)) {
                    found.push(Setting {
                        name,
                        name_span: span,
                        value: given_on(text, source.name.span()),
                    });
                }
            }
        }
        for (name, variable) in &container.variables {
            if let VariableValue::Config {
                name: map,
                key,
                value: None,
                ..
            } = &variable.value.value
                && let Some(text) = self.get(map, home).and_then(|o| o.data.get(key))
            {
                found.push(Setting {
                    name: name.clone(),
                    name_span: variable.name_span,
                    value: given_on(text, variable.value.span()),
                });
            }
        }
        found
    }
}
