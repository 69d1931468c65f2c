//! Variables of services: those of their containers, which override those of deployment files.

use crate::by_home::ByHome;
use crate::platform::Parts;
use crate::scope::Home;
use crate::source::Fact;
use crate::variable::{Variable, VariableValue, Variables};
use crate::workload::{ConfigObject, Container, VariableSource};
use cofferdam_syntax::hash::HashMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Gives every variable that refers to a ConfigMap's key the key's text, and every container the variables of
/// its `envFrom`, if the objects exist and the reader has not done so.
pub(super) fn resolve_config_maps(parts: &mut Parts) {
    let mut objects = Objects::default();
    for object in &parts.config_objects {
        let key = (object.id.kind != "ConfigMap", object.id.name.as_str());
        objects.entry(key).or_default().push(object.id.home(), object);
    }
    if objects.is_empty() {
        return;
    }
    for workload in &mut parts.workloads {
        let id = workload.id.clone();
        for container in workload
            .containers
            .iter_mut()
            .chain(&mut workload.init_containers)
        {
            for variable in container.variables.values_mut() {
                if let VariableValue::Config {
                    name,
                    key,
                    value: None,
                    ..
                } = &variable.value.value
                    && let Some(object) = find(&objects, (false, name), id.home())
                    && let Some(text) = object.data.get(key.as_str())
                    && let VariableValue::Config { value, .. } = &mut Arc::make_mut(variable).value.value
                {
                    *value = Some(text.value.clone());
                }
            }
            for source in &container.variable_sources {
                let object = find(&objects, (source.secret, &source.name.value), id.home());
                for (key, text) in object.into_iter().flat_map(|o| &o.data) {
                    // A variable of its own overrides one from a whole object.
                    if let Entry::Vacant(slot) = container.variables.entry(format!("{}{key}", source.prefix))
                        && let Some(variable) = from_object(source, key, text)
                    {
                        slot.insert(Arc::new(variable));
                    }
                }
            }
        }
    }
}

/// ConfigMaps (`false`) and Secrets (`true`) by name.
type Objects<'a> = HashMap<(bool, &'a str), ByHome<&'a ConfigObject>>;

fn find<'a>(objects: &Objects<'a>, key: (bool, &str), home: Home<'_>) -> Option<&'a ConfigObject> {
    objects.get(&key)?.related(home).next().copied()
}

fn from_object(source: &VariableSource, key: &str, text: &Fact<String>) -> Option<Variable> {
    let name_span = text.span().or(source.name.span())?;
    let (name, key) = (source.name.value.clone(), key.to_owned());
    let optional = source.optional;
    let value = if source.secret {
        VariableValue::Secret { name, key, optional }
    } else {
        VariableValue::Config {
            name,
            key,
            value: Some(text.value.clone()),
            optional,
        }
    };
    Some(Variable {
        value: text.as_ref().map(|_| value),
        name_span,
    })
}

/// Collects the variables of each service. A container's own value overrides a deployment file's; of several
/// containers the one named like the service comes first, then the order of the manifest (sidecars come after
/// the container that they serve).
pub(super) fn collect(parts: &mut Parts) {
    let Parts {
        services, workloads, ..
    } = parts;
    for service in services {
        let others = std::mem::take(&mut service.variables);
        let mut variables = Variables::new();
        for id in &service.workloads {
            let mut containers: Vec<&Container> = workloads[id.0].containers.iter().collect();
            containers.sort_by_key(|c| c.name != service.name);
            for (name, variable) in containers.into_iter().flat_map(|c| &c.variables) {
                if !variables.contains_key(name) {
                    variables.insert(name.clone(), Arc::clone(variable));
                }
            }
        }
        for (name, variable) in others {
            variables.entry(name).or_insert(variable);
        }
        service.variables = variables;
    }
}
