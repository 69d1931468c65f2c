//! Names in the overlay that do not exist. A statement may apply to all environments and its subject exist
//! only in some, so a name is wrong if it matches in none.

use cofferdam_model::{Environment, FileId, Owner, Service, ServiceId, Span};
use cofferdam_syntax::nearest::nearest;
use cofferdam_syntax::yaml::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// A name of the overlay, looked for in one environment.
#[derive(Debug, Clone)]
struct Looked {
    /// Kind of thing (`service`, `pooler`).
    kind: &'static str,
    name: String,
    span: Span,
    found: bool,
    /// The nearest name of that kind.
    nearest: Option<String>,
    /// Whether anything of the kind is known.
    any: bool,
}

/// Collects over all environments which names were not found anywhere.
#[derive(Debug, Default)]
pub struct Unmatched(Vec<Looked>);

impl Unmatched {
    pub(super) fn look<'a>(
        &mut self,
        (kind, name, span): (&'static str, &str, Span),
        found: bool,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<&str> = if found {
            Vec::new()
        } else {
            known.into_iter().collect()
        };
        self.0.push(Looked {
            kind,
            name: name.to_owned(),
            span,
            found,
            nearest: nearest(name, known.iter().copied()).map(str::to_owned),
            any: !known.is_empty(),
        });
    }

    /// Adds the results of another environment.
    pub fn join(&mut self, other: Unmatched) {
        self.0.extend(other.0);
    }

    /// The names that no environment knows, each once, in order.
    pub fn names(self) -> Vec<String> {
        let found: BTreeSet<&str> = self
            .0
            .iter()
            .filter(|l| l.found)
            .map(|l| l.name.as_str())
            .collect();
        let names: BTreeSet<&str> = self.0.iter().map(|l| l.name.as_str()).collect();
        names.difference(&found).map(|name| (*name).to_owned()).collect()
    }

    /// The errors about names that no environment knows, ordered by place.
    pub fn problems(self) -> Vec<Problem> {
        let mut by_name: BTreeMap<(Span, &str), Vec<&Looked>> = BTreeMap::new();
        for looked in &self.0 {
            by_name
                .entry((looked.span, &looked.name))
                .or_default()
                .push(looked);
        }
        by_name
            .into_values()
            .filter(|all| all.iter().all(|l| !l.found))
            .filter_map(|all| {
                let first = all.first()?;
                let hint = match all.iter().find_map(|l| l.nearest.as_ref()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if all.iter().any(|l| l.any) => "check the name".to_owned(),
                    None => format!("no file declares any {}", first.kind),
                };
                Some(Problem {
                    message: format!("no {} is called `{}`; {hint}", first.kind, first.name),
                    span: first.span,
                })
            })
            .collect()
    }
}

/// The services that exist besides the overlay: by a workload, a section of a file, code.
pub(super) fn shown(env: &Environment, overlay: Option<FileId>) -> BTreeSet<ServiceId> {
    let elsewhere = |span: &Span| Some(span.file) != overlay;
    let mut shown: BTreeSet<ServiceId> = (env.services.iter().enumerate())
        .filter(|(_, s): &(_, &Service)| !s.workloads.is_empty() || s.declared.iter().any(elsewhere))
        .map(|(at, _)| ServiceId(at))
        .collect();
    let mut add = |owner: &Owner| shown.extend(owner.service);
    // Parts that code or settings show have an owner though no file declares a service of that name.
    let mut found = |owner: &Owner, span: &Span| {
        if elsewhere(span) {
            add(owner);
        }
    };
    env.producers.iter().for_each(|p| found(&p.owner, &p.span));
    env.consumers.iter().for_each(|c| found(&c.owner, &c.span));
    env.pools.iter().for_each(|p| found(&p.owner, &p.span));
    env.breakers.iter().for_each(|b| found(&b.owner, &b.span));
    env.autoscalers.iter().for_each(|a| add(&a.owner));
    env.variable_uses.iter().for_each(|v| add(&v.owner));
    env.deliveries.iter().for_each(|d| add(&d.owner));
    env.poolers.iter().for_each(|p| add(&p.owner));
    env.routings.iter().for_each(|r| add(&r.owner));
    shown
}
