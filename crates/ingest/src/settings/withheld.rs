//! A limit on variables that containers take from whole objects (`envFrom`). Each container has all keys of each object, so
//! that their number grows with the product of both, and a file of a megabyte could ask for a hundred million.

use cofferdam_model::workload::ConfigObject;
use cofferdam_model::{ByHome, Parts, Texts};
use cofferdam_syntax::hash::HashMap;

/// The maximum number of variables that the containers of one environment take from whole objects.
const MOST: usize = 1_000_000;

/// What a reader is told about an object that was dropped.
pub(crate) const WHY: &str = "its keys were not read: more containers take all of them (envFrom) than can be followed (1,000,000 variables of an environment)";

/// Drops the keys of the objects that bring most variables, until all together bring no more than the limit. What such an
/// object contains then counts as unknown, as if it were kept elsewhere.
pub(super) fn withhold(parts: &mut Parts) {
    beyond(parts, MOST);
}

fn beyond(parts: &mut Parts, most: usize) {
    let mut brought = brought(parts);
    let mut all: usize = brought.iter().map(|(count, _)| count).sum();
    if all <= most {
        return;
    }
    brought.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for (count, at) in brought {
        if all <= most {
            break;
        }
        all -= count;
        if let Some(object) = parts.config_objects.get_mut(at) {
            object.data = Texts::new();
            (object.complete, object.withheld) = (false, true);
        }
    }
}

/// How many variables each object brings, with its place in the list.
fn brought(parts: &Parts) -> Vec<(usize, usize)> {
    let mut objects: HashMap<(bool, &str), ByHome<usize>> = HashMap::default();
    for (at, object) in parts.config_objects.iter().enumerate() {
        let key = (object.id.kind != "ConfigMap", object.id.name.as_str());
        objects.entry(key).or_default().push(object.id.home(), at);
    }
    let mut containers: Vec<usize> = vec![0; parts.config_objects.len()];
    for workload in &parts.workloads {
        let all = workload.containers.iter().chain(&workload.init_containers);
        for source in all.flat_map(|container| &container.variable_sources) {
            let known = objects.get(&(source.secret, source.name.value.as_str()));
            if let Some(at) = known.and_then(|same| same.related(workload.id.home()).next().copied())
                && let Some(count) = containers.get_mut(at)
            {
                *count += 1;
            }
        }
    }
    let of = |(at, (count, object)): (usize, (usize, &ConfigObject))| (count * object.data.len(), at);
    containers
        .into_iter()
        .zip(&parts.config_objects)
        .enumerate()
        .map(of)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_that_brings_most_variables_is_dropped_beyond_the_limit() {
        let map = |name: &str, keys: usize| {
            let keys: String = (0..keys).map(|n| format!("  K{n}: v\n")).collect();
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: x}}\ndata:\n{keys}---\n"
            )
        };
        let deployments: String = (0..3)
            .map(|n| {
                format!(
                    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d{n}, namespace: x}}\nspec: {{template: {{spec: \
                     {{containers: [{{name: c, image: a/b, envFrom: [{{configMapRef: {{name: large}}}}, {{configMapRef: \
                     {{name: small}}}}]}}]}}}}}}\n---\n"
                )
            })
            .collect();
        let text = map("large", 10) + &map("small", 4) + &deployments;
        let left = |most: usize| {
            let mut platform = crate::read_files([("a.yaml".into(), text.clone().into_bytes())]);
            let mut parts = platform.environments.remove(0).parts;
            beyond(&mut parts, most);
            let objects = parts.config_objects.iter();
            objects
                .map(|o| (o.data.len(), o.complete, o.withheld))
                .collect::<Vec<_>>()
        };
        // Three containers take 14 keys each.
        assert_eq!(left(42), [(10, true, false), (4, true, false)]);
        assert_eq!(left(41), [(0, false, true), (4, true, false)]);
        assert_eq!(left(11), [(0, false, true), (0, false, true)]);
    }
}
