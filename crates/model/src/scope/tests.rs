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
        at: BTreeSet::new(),
    };
    let scope = Scope {
        openings: vec![opening(&[Absence::Alert], None), opening(&[], Some("staging"))],
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
