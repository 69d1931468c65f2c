//! Which value a variable of a container has.

use super::{deployment, env, literal, object, span, with_variables};
use crate::link::link;
use crate::owner::Owner;
use crate::platform::Service;
use crate::source::{Fact, Texts};
use crate::variable::{Variable, VariableValue};
use crate::workload::{ConfigObject, VariableSource};
use std::collections::BTreeMap;

// --- variables ---

#[test]
fn container_variables_override_other_formats_and_config_maps_are_resolved() {
    let mut env = env("production");
    let mut api = with_variables(deployment("api"), &[("POOL", "20")]);
    api.containers[0].variables.insert(
        "GROUP".to_owned(),
        Variable {
            value: Fact::declared(
                VariableValue::Config {
                    name: "settings".to_owned(),
                    key: "group".to_owned(),
                    value: None,
                    optional: false,
                },
                span(3),
            ),
            name_span: span(3),
        }
        .into(),
    );
    env.workloads = vec![api];
    env.config_objects.push(ConfigObject {
        withheld: false,
        id: object("ConfigMap", "settings"),
        span: span(6),
        data: Texts::from([(
            "group".to_owned(),
            Fact::declared("collectors".to_owned(), span(6)),
        )]),
        complete: true,
    });
    env.services.push(Service {
        name: "api".to_owned(),
        variables: BTreeMap::from([
            ("POOL".to_owned(), literal("50").into()),
            ("MODE".to_owned(), literal("fast").into()),
        ]),
        ..Service::default()
    });
    link(&mut env);
    let text = |name: &str| env.services[0].variables[name].value.value.text();
    assert_eq!(
        (text("POOL"), text("MODE"), text("GROUP")),
        (Some("20"), Some("fast"), Some("collectors"))
    );
}

#[test]
fn every_key_of_a_config_map_is_a_variable_with_env_from() {
    let mut env = env("production");
    let mut api = with_variables(deployment("api"), &[("APP_MODE", "fast")]);
    api.containers[0].variable_sources.push(VariableSource {
        secret: false,
        name: Fact::declared("settings".to_owned(), span(3)),
        prefix: "APP_".to_owned(),
        optional: false,
    });
    env.workloads = vec![api];
    let text = |t: &str| Fact::declared(t.to_owned(), span(6));
    env.config_objects.push(ConfigObject {
        withheld: false,
        id: object("ConfigMap", "settings"),
        span: span(6),
        data: Texts::from([("MODE".to_owned(), text("slow")), ("GROUP".to_owned(), text("g"))]),
        complete: true,
    });
    link(&mut env);
    let text = |name: &str| env.services[0].variables[name].value.value.text();
    assert_eq!((text("APP_MODE"), text("APP_GROUP")), (Some("fast"), Some("g")));
}

#[test]
fn variables_can_be_resolved_before_linking() {
    let mut env = env("production");
    env.workloads = vec![with_variables(deployment("collector"), &[("TOPIC", "events")])];
    let owners = crate::link::prepare(&mut env);
    let service = owners.find(&Owner::in_directory("services/collector")).unwrap();
    assert_eq!(
        env.service(service).variables["TOPIC"].value.value.text(),
        Some("events")
    );
    let before = env.services[0].declared.len();
    link(&mut env);
    assert_eq!((env.services.len(), env.services[0].declared.len()), (1, before));
}
