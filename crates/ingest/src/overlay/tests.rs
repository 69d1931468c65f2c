//! The overlay's statements, and how it refuses invalid ones.

mod errors;
mod facts;
mod names;

use super::*;
use cofferdam_model::workload::{Completeness, Lifecycle, ObjectId, Rollout, Spread, Workload};
use cofferdam_model::{Environment, FileId, Owner, Parts, Span, link};

fn repo(files: &[(&str, &str)]) -> Repo {
    Repo::from_texts(files)
}

fn loaded(text: &str) -> Result<OverlayDocument, Vec<String>> {
    load(&repo(&[("cofferdam.yaml", text)])).map_err(|all| all.into_iter().map(|p| p.message).collect())
}

fn document(text: &str) -> OverlayDocument {
    loaded(text).unwrap()
}

fn place() -> Span {
    Span::new(FileId(0), 0, 1)
}

fn environment_with(services: &[&str]) -> Environment {
    let workloads = services.iter().map(|name| Workload {
        id: ObjectId {
            kind: "Deployment".to_owned(),
            namespace: None,
            deployment: None,
            name: (*name).to_owned(),
        },
        span: place(),
        completeness: Completeness::Whole,
        lifecycle: Lifecycle::Service,
        owner: Owner::default(),
        replicas: None,
        rollout: Rollout::default(),
        labels: Default::default(),
        annotations: Default::default(),
        containers: Vec::new(),
        init_containers: Vec::new(),
        grace: None,
        service_account: None,
        volumes: Vec::new(),
        spread: Spread::default(),
        priority_class: None,
        fields: Default::default(),
    });
    Environment {
        name: "production".to_owned(),
        parts: Parts {
            workloads: workloads.collect(),
            ..Parts::default()
        },
        ..Environment::default()
    }
}

/// The result of the overlay on a platform with these services, and the names without a match.
fn applied(text: &str, mut env: Environment) -> (Environment, Vec<String>) {
    let document = document(text);
    let name = env.name.clone();
    let mut unmatched = document.apply(&name, &mut env, &Placed::default());
    link::link(&mut env);
    unmatched.join(document.check_names(&name, &env));
    let problems = unmatched.problems().into_iter().map(|p| p.message).collect();
    (env, problems)
}
