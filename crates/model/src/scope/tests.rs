use super::*;

fn home(namespace: Option<&str>, deployment: Option<u32>) -> Home<'_> {
    Home {
        namespace,
        deployment: deployment.map(DeploymentId),
    }
}

#[test]
fn namespaces_meet_as_the_table_says() {
    use Meeting::{Apart, Possible, Same};
    for (a, b, meeting, related) in [
        (home(Some("x"), Some(0)), home(Some("x"), Some(0)), Same, true),
        // Two deployments that name the same namespace share it.
        (home(Some("x"), Some(0)), home(Some("x"), Some(1)), Same, true),
        (home(Some("x"), Some(0)), home(Some("y"), Some(0)), Apart, false),
        (home(None, Some(0)), home(None, Some(0)), Same, true),
        // An unknown namespace equals only the unknown namespace of the same build.
        (home(None, Some(0)), home(None, Some(1)), Possible, false),
        (home(None, Some(0)), home(Some("x"), Some(1)), Possible, false),
        (home(None, Some(0)), home(Some("x"), Some(0)), Possible, true),
        // Things that belong to no deployment (code, settings) are related by name.
        (home(None, None), home(Some("x"), Some(0)), Possible, true),
    ] {
        assert_eq!(a.meets(b), meeting, "{a:?} {b:?}");
        assert_eq!(b.meets(a), meeting, "{b:?} {a:?}");
        assert_eq!(a.is_related(b), related, "{a:?} {b:?}");
    }
}

#[test]
fn what_is_kept_has_the_kind_the_name_and_the_namespace() {
    let any = Kept::default();
    let one = Kept {
        kind: Some("Deployment".to_owned()),
        name: Some("web".to_owned()),
        namespace: Some("shop".to_owned()),
    };
    for (kind, namespace, name, wanted) in [
        ("Deployment", Some("shop"), "web", true),
        // A namespace that is not known may be this one.
        ("Deployment", None, "web", true),
        ("StatefulSet", Some("shop"), "web", false),
        ("Deployment", Some("till"), "web", false),
        ("Deployment", Some("shop"), "api", false),
    ] {
        assert_eq!(
            one.holds(kind, namespace, name),
            wanted,
            "{kind} {namespace:?} {name}"
        );
        assert!(any.holds(kind, namespace, name), "{kind} {namespace:?} {name}");
    }
}

#[test]
fn a_scope_is_open_only_for_what_an_opening_could_bring() {
    let opening = |kinds: &[Absence], environment: Option<&str>| Opening {
        project: ProjectId(0),
        environment: environment.map(str::to_owned),
        kinds: kinds.iter().copied().collect(),
        reason: "a chart was not read".to_owned(),
        span: None,
        ..Opening::default()
    };
    let scope = Scope {
        openings: vec![opening(&[Absence::Alert], None), opening(&[], Some("staging"))].into(),
        ..Scope::default()
    };
    let open = |kind, project, environment| scope.open_for(kind, ProjectId(project), environment).is_some();
    assert!(open(Absence::Alert, 0, "production"));
    assert!(!open(Absence::Topic, 0, "production"));
    assert!(open(Absence::Topic, 0, "staging"));
    assert!(!open(Absence::Alert, 1, "production"));
}

#[test]
fn a_place_inside_a_default_is_a_default() {
    let span = |start, end| Span::new(FileId(0), start, end);
    let scope = Scope {
        default_values: [span(10, 20)].into(),
        ..Scope::default()
    };
    assert!(scope.is_default(span(10, 20)) && scope.is_default(span(12, 15)));
    assert!(!scope.is_default(span(5, 9)) && !scope.is_default(span(21, 22)));
    assert!(!scope.is_default(span(9, 15)) && !scope.is_default(span(15, 21)));
    assert!(!Scope::default().is_default(span(10, 20)));
    assert!(!scope.is_default(Span::new(FileId(1), 12, 15)));
}

#[test]
fn what_may_change_a_value_is_of_its_project_environment_and_file() {
    let altered = |environment: Option<&str>| Altered {
        project: ProjectId(0),
        environment: environment.map(str::to_owned),
        files: [FileId(0)].into(),
        reason: "a generator is not run".to_owned(),
    };
    let reason = |of: Option<&str>, file, project, environment| {
        let scope = Scope {
            altered: vec![altered(of)],
            ..Scope::default()
        };
        let span = Span::new(FileId(file), 0, 1);
        scope.altered(span, ProjectId(project), environment).is_some()
    };
    assert!(reason(None, 0, 0, "production"));
    assert!(reason(Some("production"), 0, 0, "production"));
    assert!(!reason(Some("staging"), 0, 0, "production"));
    assert!(!reason(None, 1, 0, "production"));
    assert!(!reason(None, 0, 1, "production"));
}

#[test]
fn what_is_deployed_without_a_name_is_in_no_named_environment() {
    let scope = Scope {
        holds: [
            (FileId(0), [None].into()),
            (FileId(1), [Some("production".to_owned())].into()),
            (FileId(2), [None, Some("production".to_owned())].into()),
        ]
        .into(),
        ..Scope::default()
    };
    let unnamed = |files: &[u32], environment| {
        let spans = files.iter().map(|file| Span::new(FileId(*file), 0, 1));
        scope.is_unnamed(spans, environment)
    };
    assert!(unnamed(&[0], "production"));
    assert!(!unnamed(&[1], "production") && !unnamed(&[1], "staging"));
    assert!(!unnamed(&[2], "production") && unnamed(&[2], "staging"));
    assert!(!unnamed(&[0, 1], "production") && unnamed(&[0, 1], "staging"));
    // A file that no deployment uses may be for any, and a finding without places is about the whole.
    assert!(!unnamed(&[0, 3], "production") && !unnamed(&[], "production"));
}

#[test]
fn an_opening_names_the_one_deployment_that_its_reason_does_not() {
    let shown = |reason: &str, at: &[&str]| {
        let opening = Opening {
            project: ProjectId(0),
            environment: None,
            kinds: BTreeSet::new(),
            reason: reason.to_owned(),
            span: None,
            at: at.iter().map(PathBuf::from).collect(),
            ..Opening::default()
        };
        opening.shown()
    };
    assert_eq!(
        shown("a template was not rendered", &["web"]),
        "a template was not rendered (web)"
    );
    assert_eq!(
        shown("web/a.yaml was not read", &["web/a.yaml"]),
        "web/a.yaml was not read"
    );
    assert_eq!(
        shown("a template was not rendered", &["api", "web"]),
        "a template was not rendered"
    );
    assert_eq!(
        shown("a template was not rendered", &[]),
        "a template was not rendered"
    );
}

#[test]
fn kinds_of_which_there_is_none_are_joined_in_one_sentence() {
    let sentence = |kinds: &[Absence]| none_of(&kinds.iter().copied().collect());
    assert_eq!(
        sentence(&[Absence::Alert]),
        "these files contain no alert at all, so alerts may be kept in another repository"
    );
    assert_eq!(
        sentence(&[Absence::Secret, Absence::Alert, Absence::Breaker]),
        "these files contain no Secret, alert or breaker at all, so Secrets, alerts and breakers may be kept in another repository"
    );
    let four = sentence(&[Absence::Secret, Absence::Alert, Absence::Topic, Absence::Breaker]);
    assert!(
        four.ends_with("so they may be kept in another repository"),
        "{four}"
    );
    assert!(Opening::unrecognised(ProjectId(0), Absence::Alert).is_unrecognised());
}

#[test]
fn a_deployment_is_shown_by_its_name_and_root() {
    let shown = |name: Option<&str>, root: &str| {
        let deployment = Deployment {
            project: ProjectId(0),
            kind: DeploymentKind::Helm,
            root: root.into(),
            name: name.map(str::to_owned),
            environment: None,
            cluster: None,
            objects: 0,
            kept_replicas: Vec::new(),
        };
        deployment.shown()
    };
    assert_eq!(shown(None, ""), ".");
    assert_eq!(shown(None, "k8s"), "k8s");
    assert_eq!(shown(Some("web"), "charts/web"), "web (charts/web)");
}

#[test]
fn an_environment_is_added_up_of_what_is_for_it() {
    let deployment = |environment: Option<&str>| Deployment {
        project: ProjectId(0),
        kind: DeploymentKind::Kustomize,
        root: PathBuf::new(),
        name: None,
        environment: environment.map(str::to_owned),
        cluster: None,
        objects: 1,
        kept_replicas: Vec::new(),
    };
    let namespaces = |names: &[(u32, &str)]| {
        let names = names.iter();
        names
            .map(|(id, name)| (DeploymentId(*id), BTreeSet::from([(*name).to_owned()])))
            .collect()
    };
    let mut scope = Scope {
        deployments: [Some("production"), Some("staging"), None, None]
            .map(deployment)
            .into_iter()
            .collect(),
        namespaces: namespaces(&[(0, "shop"), (1, "shop-staging"), (2, "shop")]),
        ..Scope::default()
    };
    let counted = |scope: &Scope, environment: &str| -> Vec<u32> {
        let ids = 0..4u32;
        ids.filter(|id| scope.counts_in(DeploymentId(*id), ProjectId(0), environment))
            .collect()
    };
    assert_eq!(counted(&scope, "production"), [0, 2]);
    assert_eq!(counted(&scope, "staging"), [1]);
    scope.deployments = [None; 4].map(deployment).into_iter().collect();
    assert_eq!(counted(&scope, "default"), [0, 1, 2, 3]);
    scope.by_default = [DeploymentId(1)].into();
    assert_eq!(counted(&scope, "default"), [0, 2, 3]);
    scope.by_default = (0..4).map(DeploymentId).collect();
    assert_eq!(counted(&scope, "default"), [0, 1, 2, 3]);
}

fn opening(reach: Reach, from: u32, namespaces: &[&str]) -> Opening {
    Opening {
        reason: format!("opening {from}"),
        from: [DeploymentId(from)].into(),
        namespaces: namespaces.iter().map(|n| (*n).to_owned()).collect(),
        reach,
        ..Opening::default()
    }
}

/// A scope with a deployment for each namespace; the file of each has its number.
fn deployed(namespaces: &[&str], openings: Vec<Opening>) -> Scope {
    let deployment = || Deployment {
        project: ProjectId(0),
        kind: DeploymentKind::Kustomize,
        root: PathBuf::new(),
        name: None,
        environment: None,
        cluster: None,
        objects: 1,
        kept_replicas: Vec::new(),
    };
    let numbered = || (0u32..).zip(namespaces);
    let deployments: Vec<Deployment> = namespaces.iter().map(|_| deployment()).collect();
    Scope {
        users: Users::new(
            numbered().map(|(n, _)| (FileId(n), DeploymentId(n))).collect(),
            &deployments,
        ),
        deployments: deployments.into(),
        namespaces: (numbered().filter(|(_, name)| !name.is_empty()))
            .map(|(n, name)| (DeploymentId(n), [(*name).to_owned()].into()))
            .collect(),
        openings: openings.into(),
        ..Scope::default()
    }
}

fn reason(scope: &Scope, kind: Absence, file: u32, path: &str) -> Option<String> {
    let near = Near {
        files: vec![FileId(file)],
        path: Some(Path::new(path)),
        ..Near::default()
    };
    let found = scope.open_near(kind, (ProjectId(0), "default"), &near);
    found.map(|opening| opening.reason.clone())
}

#[test]
fn the_nearest_opening_is_the_reason() {
    let all = |from, namespaces: &[&str]| opening(Reach::All, from, namespaces);
    let scope = deployed(
        &["a", "b", "b"],
        vec![all(0, &["a"]), all(1, &["b"]), all(2, &["b"])],
    );
    for (file, wanted) in [(0, "opening 0"), (1, "opening 1"), (2, "opening 2")] {
        let found = reason(&scope, Absence::Service, file, "a.yaml");
        assert_eq!(found.as_deref(), Some(wanted));
    }
    let scope = deployed(&["a", "b", "b"], vec![all(0, &["a"]), all(1, &["b"])]);
    assert_eq!(
        reason(&scope, Absence::Service, 2, "a.yaml").as_deref(),
        Some("opening 1")
    );
    // What was only not recognised is the last of all reasons.
    let none = Opening::unrecognised(ProjectId(0), Absence::Service);
    let scope = deployed(&["a", "b"], vec![none, all(0, &["a"])]);
    assert_eq!(
        reason(&scope, Absence::Service, 1, "a.yaml").as_deref(),
        Some("opening 0")
    );
}

#[test]
fn an_opening_opens_only_what_it_can_reach() {
    let kinds = Absence::of_namespaces;
    for (reach, own, same, other, unknown) in [
        (Reach::All, true, true, true, true),
        (Reach::Namespaces(kinds()), true, true, false, true),
        (Reach::KnownNamespaces(kinds()), true, true, false, false),
        (Reach::Own, true, false, false, false),
        (Reach::Module, true, true, true, true),
    ] {
        let scope = deployed(&["a", "a", "b", ""], vec![opening(reach.clone(), 0, &["a"])]);
        let open = |file| reason(&scope, Absence::Service, file, "a.yaml").is_some();
        assert_eq!(
            [open(0), open(1), open(2), open(3)],
            [own, same, other, unknown],
            "{reach:?}"
        );
        // Alerts and policies are for everything.
        let alerts = reason(&scope, Absence::Alert, 2, "a.yaml").is_some();
        assert_eq!(alerts, reach != Reach::Own, "{reach:?}");
    }
    // A root module of Terraform learns nothing from what another one looks up.
    let scope = deployed(&["", ""], vec![opening(Reach::Module, 0, &[])]);
    assert!(reason(&scope, Absence::Alert, 0, "a/main.tf").is_some());
    assert!(reason(&scope, Absence::Alert, 1, "b/main.tf").is_none());
    assert!(reason(&scope, Absence::Alert, 1, "b.yaml").is_some());
}
