//! A reference to a missing object stops a pod from starting, or makes a patch do nothing.

use super::dangling_effects::{asks_nothing, selects_nothing};
use super::pods;
use crate::finding::{Finding, Severity, sentence};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::delivery::{Dangling, DanglingKind};
use cofferdam_model::{Absence, Environment};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("dangling-reference"),
    group: Group::Delivery,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a file, config map, secret, service account, port, patch target or variable is referenced and \
        does not exist",
    ),
    absences: &[
        Absence::File,
        Absence::ConfigMap,
        Absence::Secret,
        Absence::ServiceAccount,
        Absence::Service,
        Absence::Workload,
        Absence::Claim,
        Absence::Terraform,
    ],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/dangling-reference.md")),
    check: Check::BuiltIn(check),
};

/// The kind of the referenced object, the consequence when it does not exist, and the severity.
fn consequence(kind: DanglingKind) -> Option<(&'static str, &'static str, Severity)> {
    Some(match kind {
        DanglingKind::File => (
            "file",
            "The tool that reads it stops with an error: nothing of it is deployed, and what runs stays as it is.",
            Severity::High,
        ),
        DanglingKind::ConfigMap => (
            "ConfigMap",
            "The pod does not start: its container waits in CreateContainerConfigError or its volume is never mounted.",
            Severity::High,
        ),
        DanglingKind::ConfigMapKey => (
            "ConfigMap key",
            "The container waits in CreateContainerConfigError.",
            Severity::High,
        ),
        DanglingKind::Secret => (
            "Secret",
            "Unless someone creates it by hand, the pod does not start.",
            Severity::Low,
        ),
        DanglingKind::SecretKey => (
            "Secret key",
            "The container waits in CreateContainerConfigError.",
            Severity::High,
        ),
        DanglingKind::ServiceAccount => (
            "service account",
            "The API server refuses the pod: the rollout stops and the old pods stay.",
            Severity::Medium,
        ),
        DanglingKind::Service => (
            "Service",
            "Requests that are routed there fail with 503.",
            Severity::Medium,
        ),
        DanglingKind::Port => (
            "port",
            "Requests that are routed to this port fail. Ingress controllers usually answer them with 503.",
            Severity::High,
        ),
        DanglingKind::PatchTarget => (
            "patch target",
            "kustomize ignores a patch whose target selects nothing, without a word: what the patch sets is not set.",
            Severity::Medium,
        ),
        DanglingKind::Refused(what) => (
            what,
            "kustomize refuses to build this, so nothing of it is deployed, and what runs stays as it is.",
            Severity::High,
        ),
        DanglingKind::Unused(what) => (
            what,
            "kustomize ignores the entry without a word: what it sets is not set.",
            Severity::Medium,
        ),
        DanglingKind::Volume => ("volume", "The API server refuses the pod.", Severity::High),
        DanglingKind::Claim => (
            "volume claim",
            "The pod waits in Pending until the claim exists.",
            Severity::Medium,
        ),
        DanglingKind::Selector => (
            "pods",
            "It selects nothing and therefore does nothing.",
            Severity::Medium,
        ),
        // These have their own rules, and variables are reported once for each module.
        DanglingKind::Topic | DanglingKind::ScaleTarget | DanglingKind::Variable => return None,
    })
}

/// What happens when a service of a Compose file depends on one that the project does not have. Source: Docker's
/// documentation of Compose, `depends_on`; Compose loads no project with such a reference.
const COMPOSE: (&str, &str, Severity) = (
    "service",
    "Compose refuses the project: `docker compose up` stops before it starts anything.",
    Severity::Medium,
);

fn is_compose(dangling: &Dangling) -> bool {
    dangling.kind == DanglingKind::Service && dangling.subject.starts_with("Compose ")
}

/// The missing object. Ports and volumes are parts of the object that names or has them.
fn claims(dangling: &Dangling) -> Option<Absence> {
    Some(match dangling.kind {
        DanglingKind::File => Absence::File,
        DanglingKind::ConfigMap | DanglingKind::ConfigMapKey => Absence::ConfigMap,
        DanglingKind::Secret | DanglingKind::SecretKey => Absence::Secret,
        DanglingKind::ServiceAccount => Absence::ServiceAccount,
        DanglingKind::Service => Absence::Service,
        DanglingKind::Selector if dangling.subject.starts_with("ServiceMonitor ") => Absence::Service,
        DanglingKind::Selector | DanglingKind::ScaleTarget => Absence::Workload,
        DanglingKind::Claim => Absence::Claim,
        DanglingKind::Variable => Absence::Terraform,
        DanglingKind::Topic => Absence::Topic,
        DanglingKind::Port | DanglingKind::Volume => return None,
        // It could only come from the build that names it, and all of that was read.
        DanglingKind::PatchTarget | DanglingKind::Refused(_) | DanglingKind::Unused(_) => return None,
    })
}

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut modules: BTreeMap<&str, BTreeMap<&str, &Dangling>> = BTreeMap::new();
    let mut files: BTreeMap<&str, Vec<&Dangling>> = BTreeMap::new();
    for dangling in &cx.env.dangling {
        if dangling.kind == DanglingKind::File && dangling.certain {
            files.entry(&dangling.subject).or_default().push(dangling);
        } else if is_compose(dangling) {
            report(dangling, COMPOSE, doubt(dangling, COMPOSE.0, cx.env), out);
        } else if let Some((what, happens, severity)) = consequence(dangling.kind) {
            report(
                dangling,
                (what, happens, severity),
                doubt(dangling, what, cx.env),
                out,
            );
        } else if dangling.kind == DanglingKind::Variable {
            let names = modules.entry(&dangling.subject).or_default();
            let first = names.entry(&dangling.name.value).or_insert(dangling);
            if dangling.name.span() < first.name.span() {
                *first = dangling;
            }
        }
    }
    for (subject, names) in modules {
        report_module(subject, &names, out);
    }
    for (subject, missing) in files {
        report_files(subject, &missing, out);
    }
}

/// Missing files that one file names are one fault: its build fails at the first.
fn report_files(subject: &str, missing: &[&Dangling], out: &mut Verdicts) {
    let [first, others @ ..] = missing else { return };
    let Some(consequence) = consequence(first.kind) else {
        return;
    };
    let mut found = Verdicts::default();
    report(first, consequence, None, &mut found);
    for mut finding in found.findings {
        if !others.is_empty() {
            let listed: Vec<String> = missing
                .iter()
                .take(LISTED)
                .map(|d| format!("`{}`", d.name.value))
                .collect();
            let more = match missing.len().saturating_sub(LISTED) {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            let count = missing.len();
            finding.title = format!(
                "{subject} names {count} files that do not exist here: {}{more}",
                listed.join(", ")
            );
            finding.remedy = "Add the files, or remove the references.".to_owned();
        }
        for span in others.iter().filter_map(|d| d.name.span()).take(SHOWN - 1) {
            finding = finding.at(span, "does not exist");
        }
        out.report(finding);
    }
}

/// The number of names that a title lists before it counts the rest.
const LISTED: usize = 8;
/// The number of places that a finding shows.
const SHOWN: usize = 6;

/// The argument and the module of a name that says `argument NAME of module CALL`.
fn argument(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("argument ")?.split_once(" of module ")
}

/// Whether a name says what it is: `output NAME` or `module directory PATH`.
fn is_part(name: &str) -> bool {
    name.starts_with("output ") || name.starts_with("module directory ")
}

fn quoted(name: &str) -> String {
    if let Some((argument, module)) = argument(name) {
        return format!("the argument `{argument}` of module `{module}`");
    }
    match (
        name.strip_prefix("output "),
        name.strip_prefix("module directory "),
    ) {
        (Some(output), _) => format!("the output `{output}` of a module"),
        (_, Some(directory)) => format!("the module directory `{directory}`"),
        _ => format!("`{name}`"),
    }
}

/// Undeclared names of one module are one fault: usually one of the module's files is missing here.
fn report_module(subject: &str, names: &BTreeMap<&str, &Dangling>, out: &mut Verdicts) {
    let listed: Vec<String> = names.keys().take(LISTED).map(|name| quoted(name)).collect();
    let lone = names.keys().next().filter(|_| names.len() == 1);
    let title = match names.len() {
        1 if let Some((argument, module)) = lone.and_then(|name| argument(name)) => {
            format!("{subject}: module `{module}` has no argument `{argument}`")
        }
        1 if lone.is_some_and(|name| is_part(name)) => {
            format!("{subject} names {}, which does not exist here", listed.concat())
        }
        1 => format!(
            "{subject} names the variable, resource or module {}, which does not exist here",
            listed.concat()
        ),
        n if n <= LISTED => format!(
            "{subject} names {n} variables, resources or modules that do not exist here: {}",
            listed.join(", ")
        ),
        n => format!(
            "{subject} names {n} variables, resources or modules that do not exist here: {} and {} more",
            listed.join(", "),
            n - LISTED
        ),
    };
    let nearest: Vec<String> = names
        .iter()
        .filter_map(|(name, dangling)| {
            let written = argument(name).map_or(*name, |(argument, _)| argument);
            let written = written.strip_prefix("output ").unwrap_or(written);
            Some(format!("`{}` for `{written}`", dangling.nearest.as_ref()?))
        })
        .take(LISTED)
        .collect();
    let mut finding = Finding::new(subject, title)
        .cause("names of Terraform")
        .severity(Severity::Medium)
        .likely()
        .absent(Absence::Terraform)
        .explain("The plan fails before it changes anything, unless a file that is not here declares them.")
        .remedy(match nearest.as_slice() {
            [] => "Declare the missing names, or remove the references.".to_owned(),
            near => format!(
                "Write {} if that is the intended name; otherwise declare the missing one.",
                near.join(", ")
            ),
        });
    let mut places: Vec<_> = names
        .values()
        .filter_map(|dangling| dangling.name.span())
        .collect();
    places.sort();
    for span in places.into_iter().take(SHOWN) {
        finding = finding.at(span, "does not exist");
    }
    out.report(finding);
}

/// Why an object that was not found may exist all the same.
fn doubt(dangling: &Dangling, what: &str, env: &Environment) -> Option<String> {
    let objects = || env.config_objects.iter().map(|o| o.id.kind.as_str());
    let any = match dangling.kind {
        _ if dangling.certain => return None,
        DanglingKind::ConfigMap => objects().any(|kind| kind == "ConfigMap"),
        DanglingKind::ServiceAccount => objects().any(|kind| kind == "ServiceAccount"),
        DanglingKind::Claim => objects().any(|kind| kind == "PersistentVolumeClaim"),
        DanglingKind::Service => !env.service_ports.is_empty(),
        DanglingKind::Selector if dangling.subject.starts_with("a peer of ") => {
            return Some("Low, since the pods may be declared elsewhere.".to_owned());
        }
        DanglingKind::Selector => true,
        DanglingKind::File => {
            return Some(
                "Low, since no application here brings the one that names it: it may be a draft.".to_owned(),
            );
        }
        // A Secret's consequence already says who may create it.
        _ => return None,
    };
    Some(match any {
        true => "Low, since what is deployed with it was read only in part and may bring it.".to_owned(),
        false => format!("Low, since no file here declares any {what}: it may come from elsewhere."),
    })
}

fn report(
    dangling: &Dangling,
    (what, happens, severity): (&'static str, &str, Severity),
    doubt: Option<String>,
    out: &mut Verdicts,
) {
    let name = &dangling.name.value;
    let title = match dangling.kind {
        DanglingKind::Selector if dangling.subject.starts_with("ServiceMonitor ") => {
            format!(
                "{} selects Services with {name}, and none here has these labels: nothing is scraped",
                dangling.subject
            )
        }
        DanglingKind::Selector => format!("{} selects {name}, and no pod here matches", dangling.subject),
        _ => format!(
            "{} names the {what} `{name}`, which does not exist here",
            dangling.subject
        ),
    };
    let happens = match dangling.kind {
        DanglingKind::Selector => selects_nothing(&dangling.subject),
        _ => happens,
    };
    let asked = asks_nothing(&dangling.subject).filter(|_| dangling.kind == DanglingKind::Port);
    let (happens, severity) = asked.unwrap_or((happens, severity));
    // Nobody's requests go to a port for metrics.
    let is_for_metrics = dangling.kind == DanglingKind::Port
        && dangling.subject.starts_with("Service ")
        && pods::is_scraped(Some(name));
    let happens = match is_for_metrics {
        true => "Whoever reads metrics from this port gets none.",
        false => happens,
    };
    let severity = if dangling.certain && !is_for_metrics {
        severity
    } else {
        Severity::Low
    };
    let mut finding = Finding::new(&dangling.subject, title)
        .severity(severity)
        .explain(doubt.map_or_else(|| happens.to_owned(), |doubt| format!("{happens} {doubt}")))
        .remedy(match &dangling.nearest {
            Some(near) => format!(
                "Write `{near}` if that is the intended name; otherwise {}.",
                remedy(dangling)
            ),
            None => sentence(&remedy(dangling)),
        });
    finding.absence = claims(dangling);
    finding = match dangling.kind {
        // Overlays add labels of their own to one selector: the line is the cause, not the labels.
        DanglingKind::Selector => finding.cause("selects nothing").alike(),
        // All files that one object names are one finding.
        DanglingKind::File => finding.cause(what),
        _ => finding.cause((what, name.as_str())),
    };
    if let Some(span) = dangling.name.span() {
        finding = finding.at(span, "does not exist");
    }
    out.report(if dangling.certain {
        finding
    } else {
        finding.likely()
    });
}

/// What to do, as a clause without a full stop, if the name is not a typing error.
fn remedy(dangling: &Dangling) -> String {
    let name = &dangling.name.value;
    let of_probe = dangling.subject.contains(" probe of ");
    match dangling.kind {
        DanglingKind::File => format!("add the file `{name}`, or remove the reference"),
        DanglingKind::ConfigMap => format!("add the ConfigMap `{name}`, or remove the reference"),
        DanglingKind::ConfigMapKey => {
            format!("add the key `{name}` to the ConfigMap, or remove the reference")
        }
        DanglingKind::Secret => format!("add the Secret `{name}`, or remove the reference"),
        DanglingKind::SecretKey => format!("add the key `{name}` to the Secret, or remove the reference"),
        DanglingKind::ServiceAccount => {
            format!("add the service account `{name}`, or remove the reference")
        }
        DanglingKind::Service if is_compose(dangling) => {
            format!("add the service `{name}` to the project, or remove it from `depends_on`")
        }
        DanglingKind::Service => format!("add the Service `{name}`, or name one that exists"),
        DanglingKind::Port if of_probe || dangling.subject.starts_with("Service ") => {
            format!("name a container port `{name}`, or use the number")
        }
        DanglingKind::Port => format!("add the port `{name}` to the Service, or name one that it has"),
        DanglingKind::PatchTarget => "add the object, or correct the target of the patch".to_owned(),
        DanglingKind::Volume => format!("add the volume `{name}` to the pod, or remove the mount"),
        DanglingKind::Claim => format!("add the volume claim `{name}`, or name one that exists"),
        DanglingKind::Selector => "correct the labels, or add what they should select".to_owned(),
        DanglingKind::Refused(_)
        | DanglingKind::Unused(_)
        | DanglingKind::Topic
        | DanglingKind::ScaleTarget
        | DanglingKind::Variable => "add what is missing, or remove the reference".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact};
    use cofferdam_model::Parts;

    fn env(kind: DanglingKind, certain: bool) -> Environment {
        let dangling = Dangling {
            subject: "Deployment api".to_owned(),
            kind,
            name: fact("settngs".to_owned(), 1),
            nearest: Some("settings".to_owned()),
            certain,
        };
        Environment {
            parts: Parts {
                dangling: vec![dangling],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn missing_files_of_one_kustomization_are_one_finding() {
        let mut env = env(DanglingKind::File, true);
        env.dangling[0].subject = "k8s/kustomization.yaml".to_owned();
        let first = env.dangling[0].clone();
        assert_eq!(
            testing::only(&RULE, &env).title,
            "k8s/kustomization.yaml names the file `settngs`, which does not exist here"
        );
        env.dangling.extend((2..12).map(|n| Dangling {
            name: fact(format!("f{n}"), n),
            ..first.clone()
        }));
        let finding = testing::only(&RULE, &env);
        assert!(
            finding
                .title
                .starts_with("k8s/kustomization.yaml names 11 files that do not exist here: `settngs`, `f2`"),
            "{}",
            finding.title
        );
        assert!(finding.title.ends_with("`f8` and 3 more"), "{}", finding.title);
        assert_eq!(finding.locations.len(), SHOWN);
        env.dangling[3].subject = "other/kustomization.yaml".to_owned();
        assert_eq!(testing::all(&RULE, &env).len(), 2);
    }

    #[test]
    fn an_unknown_port_name_explains_the_effect_on_its_client_and_the_fix() {
        let told = |subject: &str, nearest: Option<&str>| {
            let mut env = env(DanglingKind::Port, true);
            env.dangling[0].subject = subject.to_owned();
            env.dangling[0].name = fact("metrics".to_owned(), 1);
            env.dangling[0].nearest = nearest.map(str::to_owned);
            let finding = testing::only(&RULE, &env);
            (finding.explanation, finding.remedy)
        };
        let (happens, fix) = told("the liveness probe of Deployment api", None);
        assert!(
            happens.contains("a process that hangs is not restarted"),
            "{happens}"
        );
        assert_eq!(fix, "Name a container port `metrics`, or use the number.");
        let (happens, fix) = told("the readiness probe of Deployment api", Some("metric"));
        assert!(happens.contains("the pod never gets ready"), "{happens}");
        assert_eq!(
            fix,
            "Write `metric` if that is the intended name; otherwise name a container port `metrics`, or use \
             the number."
        );
        let (happens, fix) = told("Ingress shop", None);
        assert!(
            happens.ends_with("Ingress controllers usually answer them with 503."),
            "{happens}"
        );
        let (happens, _) = told("the start-up probe of Deployment api", None);
        assert!(
            happens.contains("its liveness and readiness probes never run"),
            "{happens}"
        );
        assert_eq!(
            fix,
            "Add the port `metrics` to the Service, or name one that it has."
        );
    }

    #[test]
    fn a_missing_port_for_metrics_is_low() {
        let severity = |subject: &str, port: &str| {
            let mut env = env(DanglingKind::Port, true);
            env.dangling[0].subject = subject.to_owned();
            env.dangling[0].name = fact(port.to_owned(), 1);
            testing::only(&RULE, &env).severity
        };
        assert_eq!(severity("Service shop/web", "http-metrics"), Some(Severity::Low));
        assert_eq!(severity("Service shop/web", "http"), Some(Severity::High));
        for (probe, expected) in [
            ("liveness", Severity::Medium),
            ("start-up", Severity::High),
            ("readiness", Severity::High),
        ] {
            let subject = format!("the {probe} probe of Deployment web");
            assert_eq!(severity(&subject, "metrics"), Some(expected), "{probe}");
        }
    }

    #[test]
    fn the_effect_depends_on_the_missing_thing_and_on_certainty() {
        let finding = testing::only(&RULE, &env(DanglingKind::ConfigMap, true));
        assert_eq!(finding.severity, Some(Severity::High));
        assert!(finding.remedy.contains("`settings`"));
        assert!(!finding.explanation.contains("Low"));
        let doubted = testing::only(&RULE, &env(DanglingKind::ConfigMap, false));
        assert_eq!(doubted.severity, Some(Severity::Low));
        assert!(
            doubted
                .explanation
                .contains("no file here declares any ConfigMap"),
            "{}",
            doubted.explanation
        );
        assert_eq!(
            testing::only(&RULE, &env(DanglingKind::Secret, false)).severity,
            Some(Severity::Low)
        );
        assert!(
            testing::all(&RULE, &env(DanglingKind::Topic, true)).is_empty(),
            "reported by its own rule"
        );
        let mut module = env(DanglingKind::Variable, true);
        let mut again = module.dangling[0].clone();
        again.name = fact("var.two".to_owned(), 2);
        module.dangling.extend([again.clone(), again]);
        let finding = testing::only(&RULE, &module);
        assert_eq!(finding.severity, Some(Severity::Medium));
        assert!(
            finding.title.contains("names 2 variables, resources or modules")
                && finding.title.contains("`var.two`")
        );
        assert_eq!(finding.locations.len(), 2);
        let mut argument = env(DanglingKind::Variable, true);
        argument.dangling[0].subject = "Terraform module production".to_owned();
        argument.dangling[0].name = fact("argument instance_clas of module db".to_owned(), 1);
        argument.dangling[0].nearest = Some("instance_class".to_owned());
        let finding = testing::only(&RULE, &argument);
        assert_eq!(
            finding.title,
            "Terraform module production: module `db` has no argument `instance_clas`"
        );
        argument.dangling[0].name = fact("output id".to_owned(), 1);
        let title = testing::only(&RULE, &argument).title;
        assert!(
            title.ends_with("names the output `id` of a module, which does not exist here"),
            "{title}"
        );
        assert!(
            finding
                .remedy
                .starts_with("Write `instance_class` for `instance_clas` if"),
            "{}",
            finding.remedy
        );
        module.dangling[1].subject = "another module".to_owned();
        assert_eq!(testing::all(&RULE, &module).len(), 2);
        let mut selector = env(DanglingKind::Selector, true);
        selector.dangling[0].subject = "Service api".to_owned();
        assert!(
            testing::only(&RULE, &selector)
                .explanation
                .contains("no endpoint")
        );
    }
}
