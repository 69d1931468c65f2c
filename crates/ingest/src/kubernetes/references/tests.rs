use super::super::tests::{finished, read};
use super::{NAMESPACE_NAME, check, compare};
use cofferdam_model::Environment;
use cofferdam_model::delivery::DanglingKind;
use cofferdam_model::workload::Completeness;

#[test]
fn a_monitor_without_a_service_is_reported_and_one_of_another_team_is_not() {
    let service = |labels: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop, labels: {labels}}}\nspec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}\n---\n"
        ) + &deployment("env: []")
    };
    let monitor = "---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: web, namespace: shop}\nspec: {selector: {matchLabels: {app: web}}, endpoints: [{port: http}]}\n";
    let only = |text: String| told(&text);
    let found = only(service("{}") + monitor);
    assert_eq!(found, [(DanglingKind::Selector, "app=web".into(), None, true)]);
    assert_eq!(only(service("{app: web}") + monitor), []);
    // A Service of another namespace is not examined, and it is the intended one.
    let elsewhere = monitor.replace("namespace: shop", "namespace: observe");
    let found = only(service("{app: web}") + &elsewhere);
    let near = "namespaceSelector: {matchNames: [shop]}".to_owned();
    assert_eq!(
        found,
        [(DanglingKind::Selector, "app=web".into(), Some(near), true)]
    );
    assert_eq!(only(service("{app: other}") + &elsewhere), []);
    // Without any Service in the files it may be anywhere.
    let found = only(deployment("env: []") + monitor);
    assert_eq!(found, [(DanglingKind::Selector, "app=web".into(), None, false)]);
}

fn told(text: &str) -> Vec<(DanglingKind, String, Option<String>, bool)> {
    let env = finished(text);
    env.dangling
        .into_iter()
        .map(|d| (d.kind, d.name.value, d.nearest, d.certain))
        .collect()
}

fn deployment(extra: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec: {{template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: web, ports: [{{name: http, containerPort: 80}}], {extra}}}]}}}}}}\n"
    )
}

#[test]
fn a_config_map_with_another_name_or_namespace_does_not_match() {
    let text = deployment("envFrom: [{configMapRef: {name: web-confg}}]");
    let map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-config, namespace: NS}\ndata: {}\n";
    assert_eq!(
        told(&(text.clone() + &map.replace("NS", "shop"))),
        [(
            DanglingKind::ConfigMap,
            "web-confg".into(),
            Some("web-config".into()),
            true
        )]
    );
    assert_eq!(told(&(text + &map.replace("NS", "other")))[0].2, None);
    let right = deployment("envFrom: [{configMapRef: {name: web-config}}]");
    assert!(told(&(right.clone() + &map.replace("NS", "shop"))).is_empty());
    // A map in an unknown namespace may be in any.
    assert!(told(&(right + &map.replace(", namespace: NS", ""))).is_empty());
}

#[test]
fn a_key_missing_in_a_complete_config_map_is_a_dangling_reference() {
    let text = deployment("env: [{name: A, valueFrom: {configMapKeyRef: {name: c, key: log-level}}}]");
    let map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\ndata: {log_level: info}\n";
    assert_eq!(
        told(&(text + map)),
        [(
            DanglingKind::ConfigMapKey,
            "log-level".into(),
            Some("log_level".into()),
            true
        )]
    );
}

#[test]
fn a_missing_secret_may_be_made_by_hand_and_one_made_by_an_operator_exists() {
    let text = deployment("envFrom: [{secretRef: {name: db}}]");
    assert_eq!(told(&text), [(DanglingKind::Secret, "db".into(), None, false)]);
    let external = "---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: x, namespace: shop}\nspec: {target: {name: db}}\n";
    assert!(told(&(text + external)).is_empty());
}

#[test]
fn a_service_without_pods_is_reported_with_the_likely_label() {
    let service = |spec: &str| {
        deployment("")
            + &format!(
                "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: shop}}\nspec: {spec}\n"
            )
    };
    assert!(
        told(&service(
            "{selector: {app: web}, ports: [{port: 80, targetPort: http}]}"
        ))
        .is_empty()
    );
    assert_eq!(
        told(&service("{selector: {app: wbe}}")),
        [(
            DanglingKind::Selector,
            "app=wbe".into(),
            Some("app=web".into()),
            true
        )]
    );
    assert_eq!(
        told(&service(
            "{selector: {app: web}, ports: [{port: 80, targetPort: htpp}]}"
        )),
        [(DanglingKind::Port, "htpp".into(), Some("http".into()), true)]
    );
    // Pods of an operator are not in the files.
    assert!(told(&service("{selector: {postgres-operator.example/cluster: db}}")).is_empty());
    assert!(told(&service("{clusterIP: None}")).is_empty());
}

#[test]
fn a_key_missing_in_a_secret_is_reported_unless_something_else_writes_it() {
    let text = deployment("env: [{name: A, valueFrom: {secretKeyRef: {name: db, key: password}}}]");
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {passwort: x}\n";
    let found = told(&(text.clone() + secret));
    assert_eq!(
        found,
        [(
            DanglingKind::SecretKey,
            "password".into(),
            Some("passwort".into()),
            true
        )]
    );
    assert!(told(&(text.clone() + &secret.replace("passwort", "password"))).is_empty());
    let external = "---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: x, namespace: shop}\nspec: {target: {name: db, creationPolicy: Merge}}\n";
    assert!(told(&(text.clone() + secret + external)).is_empty());
    assert!(
        told(&(text + &secret.replace("stringData: {passwort: x}", "data: {}"))).is_empty(),
        "filled by hand or by a controller"
    );
}

#[test]
fn selectors_of_expressions_and_peers_of_policies_are_looked_up() {
    let policy = |selector: &str, ingress: &str| {
        deployment("env: []")
            + &format!(
                "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{podSelector: {{{selector}}}, ingress: [{{from: [{{{ingress}}}]}}]}}\n"
            )
    };
    let own = "matchLabels: {app: web}";
    let found = told(&policy(
        "matchExpressions: [{key: app, operator: In, values: [a, b]}]",
        "podSelector: {}",
    ));
    assert_eq!(
        found,
        [(DanglingKind::Selector, "app in (a,b)".into(), None, false)]
    );
    let found = told(&policy(own, "podSelector: {matchLabels: {app: front}}"));
    assert_eq!(found, [(DanglingKind::Selector, "app=front".into(), None, false)]);
    // Pods of another namespace are another team's.
    let elsewhere = "namespaceSelector: {matchLabels: {team: x}}, podSelector: {matchLabels: {app: front}}";
    assert!(told(&policy(own, elsewhere)).is_empty());
    assert!(
        told(&policy(
            own,
            "podSelector: {matchExpressions: [{key: app, operator: Exists}]}"
        ))
        .is_empty()
    );
    assert!(
        told(&policy(
            own,
            "podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}"
        ))
        .is_empty()
    );
}

#[test]
fn labels_added_by_controllers_exist() {
    let service = |selector: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: shop}}\nspec: {{selector: {{{selector}}}, ports: [{{port: 80}}]}}\n"
        )
    };
    let config = deployment("env: []").replace(
        "apps/v1\nkind: Deployment",
        "apps.openshift.io/v1\nkind: DeploymentConfig",
    );
    assert!(told(&(config.clone() + &service("deploymentconfig: web"))).is_empty());
    assert_eq!(told(&(config + &service("deploymentconfig: wbe"))).len(), 1);
    let job = deployment("env: []").replace("apps/v1\nkind: Deployment", "batch/v1\nkind: Job");
    assert!(told(&(job + &service("job-name: web"))).is_empty());
    let pod = "statefulset.kubernetes.io/pod-name: web-0";
    assert!(told(&(deployment("env: []") + &service(pod))).is_empty());
}

#[test]
fn a_vertical_autoscaler_names_a_workload_of_its_kind() {
    let of = |kind: &str, name: &str| {
        told(
            &(deployment("env: []")
                + &format!(
                    "---\napiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {{name: v}}\nspec: {{targetRef: {{kind: {kind}, name: {name}}}}}\n"
                )),
        )
    };
    assert!(of("Deployment", "web").is_empty());
    assert_eq!(
        of("DaemonSet", "web"),
        [(
            DanglingKind::ScaleTarget,
            "web".into(),
            Some("Deployment shop/web".into()),
            true
        )]
    );
    assert_eq!(of("Deployment", "weeb")[0].2.as_deref(), Some("web"));
    assert!(of("HarbourApp", "web").is_empty(), "an operator's kind");
}

#[test]
fn a_service_without_any_pod_in_the_files_is_only_likely() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    assert_eq!(
        told(text),
        [(DanglingKind::Selector, "app=web".into(), None, false)]
    );
}

#[test]
fn a_namespace_without_the_selected_label_is_reported() {
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {podSelector: {}, egress: [{to: [{namespaceSelector: {matchLabels: {KEY: shop}}}]}]}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n";
    assert_eq!(
        told(&policy.replace("KEY", "name")),
        [(
            DanglingKind::Selector,
            "namespaces with name=shop".into(),
            Some("kubernetes.io/metadata.name=shop".into()),
            true
        )]
    );
    assert!(told(&policy.replace("KEY", NAMESPACE_NAME)).is_empty());
    assert!(told(&policy.replace("KEY: shop", "name: kube-system")).is_empty());
}

#[test]
fn an_ingress_needs_an_existing_service_and_port() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{name: http, port: 80}]}\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {rules: [{http: {paths: [{backend: {service: {name: NAME, port: {number: PORT}}}}]}}]}\n";
    assert!(told(&text.replace("NAME", "web").replace("PORT", "80")).is_empty());
    assert_eq!(
        told(&text.replace("NAME", "web").replace("PORT", "8080")),
        [(DanglingKind::Port, "8080".into(), None, true)]
    );
    assert_eq!(
        told(&text.replace("NAME", "wed").replace("PORT", "80")),
        [(DanglingKind::Service, "wed".into(), Some("web".into()), true)]
    );
}

#[test]
fn a_missing_service_account_is_certain_only_if_files_declare_others() {
    let text =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {serviceAccountName: app, containers: []}\n";
    assert_eq!(
        told(text),
        [(DanglingKind::ServiceAccount, "app".into(), None, false)]
    );
    let other = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: other}\n";
    assert!(told(&format!("{text}{other}"))[0].3);
    assert!(told(&text.replace("app", "default")).is_empty());
}

#[test]
fn selectors_of_templates_and_pods_that_were_not_built_are_not_judged() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
    let mut env = super::super::tests::read_fragment(service);
    check(&mut env);
    assert!(env.dangling.is_empty(), "{:?}", env.dangling);
    let mut env = read(&(deployment("env: []") + "---\n" + &service.replace("web", "cache")));
    env.workloads[0].completeness = Completeness::Fragment;
    check(&mut env);
    assert!(env.dangling.is_empty(), "{:?}", env.dangling);
}

#[test]
fn fragments_never_make_a_missing_reference_certain() {
    let other = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {}\n";
    let text = deployment("envFrom: [{configMapRef: {name: gone}}]");
    assert!(told(&(text.clone() + other))[0].3);
    // Without any ConfigMap in the files they may all be elsewhere.
    assert!(!told(&text)[0].3);
    let mut env = read(&(text + other));
    env.workloads[0].completeness = Completeness::Fragment;
    check(&mut env);
    assert!(!env.dangling[0].certain);
}

#[test]
fn declarations_of_another_environment_do_not_count() {
    let text = deployment("envFrom: [{configMapRef: {name: gone}}, {secretRef: {name: gone}}]");
    let object =
        |kind: &str| format!("---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: gone}}\ndata: {{A: b}}\n");
    let staging = finished(&(text.clone() + &object("ConfigMap") + &object("Secret")));
    assert!(staging.dangling.is_empty());
    let mut both = [staging, finished(&text)].map(|parts| Environment {
        parts,
        ..Environment::default()
    });
    compare(&mut both);
    let certain = both[1].dangling.iter().map(|d| (d.kind, d.certain));
    // Somebody may create the Secret of production by hand.
    let wanted = [(DanglingKind::ConfigMap, true), (DanglingKind::Secret, false)];
    assert_eq!(certain.collect::<Vec<_>>(), wanted);
    both[0].project = cofferdam_model::ProjectId(1);
    both[1].dangling[0].certain = false;
    compare(&mut both);
    assert!(!both[1].dangling[0].certain, "another project's");
}
