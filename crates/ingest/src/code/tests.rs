//! Small platforms in code, and the parts that they become.

mod calls;
mod environments;
mod kafka;
mod owners;
mod stores;

use super::project::Project;
use cofferdam_code::python::Code;
use cofferdam_model::{Environment, Fact, ProjectId, Span};
use cofferdam_model::{FileId, Service, VariableValue, link};
use std::path::Path;
use std::time::Duration;

/// An environment from `files`, for a service `consumer` with these variables.
fn platform_with(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Environment {
    platform_in("default", variables, files)
}

fn platform_in(name: &str, variables: &[(&str, &str)], files: &[(&str, &str)]) -> Environment {
    let manifest = FileId(99);
    let mut env = Environment {
        name: name.to_owned(),
        ..Environment::default()
    };
    let variables = variables.iter().enumerate().map(|(at, (name, value))| {
        let span = Span::new(manifest, at * 10, at * 10 + 5);
        let variable = cofferdam_model::Variable {
            value: Fact::declared(VariableValue::Literal((*value).to_owned()), span),
            name_span: span,
        };
        ((*name).to_owned(), variable.into())
    });
    env.services.push(Service {
        name: "consumer".to_owned(),
        variables: variables.collect(),
        ..Service::default()
    });
    env.services.push(Service {
        name: "gateway".to_owned(),
        ..Service::default()
    });
    let texts: Vec<(FileId, &Path, &str)> = files
        .iter()
        .enumerate()
        .map(|(at, (path, text))| (FileId(u32::try_from(at).unwrap()), Path::new(*path), *text))
        .collect();
    let code = Code::of(&texts);
    let files = files.iter().map(|(path, _)| Path::new(*path));
    let projects = Project::divide(&code, files, &|_| ProjectId::default());
    let owners = link::prepare(&mut env);
    for project in projects.values() {
        project.interpret(&mut env, &owners, &|_| true);
    }
    env
}

fn platform(text: &str) -> Environment {
    platform_with(&[], &[("services/consumer/main.py", text)])
}

fn value<T: Clone>(fact: &Option<Fact<T>>) -> Option<T> {
    fact.as_ref().map(|f| f.value.clone())
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
