use crate::terraform::tests::environment;
use cofferdam_model::VariableValue;
use cofferdam_model::workload::Completeness;

#[test]
fn a_terraform_deployment_is_read_like_its_manifest() {
    let env = environment(&[(
        "main.tf",
        r#"
resource "kubernetes_deployment" "api" {
  metadata {
    name      = "api"
    namespace = "platform"
  }
  spec {
    replicas = 3
    selector { match_labels = { app = "api" } }
    template {
      metadata { labels = { app = "api", my_own_label = "x" } }
      spec {
        termination_grace_period_seconds = 45
        container {
          name  = "api"
          image = "registry.example.net/api:1.2"
          port { container_port = 8080 }
          env {
            name  = "DB_POOL_SIZE"
            value = "20"
          }
          resources {
            limits   = { memory = "512Mi" }
            requests = { cpu = "250m" }
          }
          liveness_probe {
            http_get {
              path = "/live"
              port = 8080
            }
            period_seconds = 5
          }
        }
      }
    }
  }
}
resource "kubernetes_horizontal_pod_autoscaler_v2" "api" {
  metadata {
    name      = "api"
    namespace = "platform"
  }
  spec {
    min_replicas = 2
    max_replicas = 50
    scale_target_ref {
      kind = "Deployment"
      name = "api"
    }
    metric {
      type = "Resource"
      resource {
        name = "cpu"
        target {
          type                = "Utilization"
          average_utilization = 70
        }
      }
    }
  }
}
"#,
    )]);
    let workload = &env.workloads[0];
    assert_eq!(workload.id.to_string(), "Deployment platform/api");
    assert_eq!(workload.completeness, Completeness::Whole);
    assert_eq!(workload.replicas.as_ref().unwrap().value, 3);
    assert_eq!(workload.labels["my_own_label"].value, "x");
    assert_eq!(workload.grace.as_ref().unwrap().value.as_secs(), 45);
    let container = &workload.containers[0];
    assert_eq!(container.ports[0].1.value, 8080);
    assert_eq!(
        container.variables["DB_POOL_SIZE"].value.value,
        VariableValue::Literal("20".to_owned())
    );
    assert_eq!(
        container
            .liveness
            .as_ref()
            .unwrap()
            .period
            .as_ref()
            .unwrap()
            .value
            .as_secs(),
        5
    );
    let autoscaler = &env.autoscalers[0];
    assert_eq!(autoscaler.max.as_ref().unwrap().value, 50);
    assert_eq!(autoscaler.metrics[0].target.as_ref().unwrap().value, 0.7);
}

#[test]
fn in_json_a_block_is_an_object_or_a_list_of_one() {
    let of = |metadata: &str, spec: &str, container: &str, resources: &str| {
        let env = environment(&[(
            "main.tf.json",
            &format!(
                r#"{{"resource": {{"kubernetes_deployment_v1": {{"w": {{"metadata": {metadata}, "spec": {spec}}}}},
                      "kubernetes_service_v1": {{"s": {{"metadata": {metadata}, "spec": {{"selector": {{"app": "w"}}, "port": {{"port": 80}}}}}}}}}}}}"#
            )
            .replace("CONTAINER", container)
            .replace("RESOURCES", resources),
        )]);
        let workload = &env.workloads[0];
        let container = &workload.containers[0];
        let cpu = |fact: &Option<cofferdam_model::Fact<cofferdam_model::Cpu>>| {
            fact.as_ref().map(|f| f.value.to_string()).unwrap_or_default()
        };
        let labels: Vec<&str> = workload.labels.keys().map(String::as_str).collect();
        assert_eq!(env.service_ports[0].ports[0].1.value, 80);
        format!(
            "{} {} {} {} {}",
            workload.id.name,
            labels.join(","),
            workload.replicas.as_ref().map_or(0, |f| f.value),
            cpu(&container.cpu_request),
            cpu(&container.cpu_limit)
        )
    };
    let spec = r#"{"replicas": 3, "selector": {"match_labels": {"app_name": "w"}}, "template": {"metadata": {"labels": {"app_name": "w"}}, "spec": {"container": CONTAINER}}}"#;
    let listed_spec = r#"[{"replicas": 3, "selector": [{"match_labels": {"app_name": "w"}}], "template": [{"metadata": [{"labels": {"app_name": "w"}}], "spec": [{"container": CONTAINER}]}]}]"#;
    let one = r#"{"name": "w", "image": "x:1", "resources": RESOURCES}"#;
    let listed_one = format!("[{one}]");
    let limits = r#"{"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}"#;
    let listed_limits = format!("[{limits}]");
    for spec in [spec, listed_spec] {
        for metadata in [r#"{"name": "w"}"#, r#"[{"name": "w"}]"#] {
            for container in [one, &listed_one] {
                for resources in [limits, &listed_limits] {
                    let shown = of(metadata, spec, container, resources);
                    assert_eq!(
                        shown, "w app_name 3 2 CPU 1 CPU",
                        "{metadata} {spec} {container} {resources}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_port_is_a_block_or_a_number() {
    let env = environment(&[(
        "main.tf",
        "resource \"kubernetes_service\" \"s\" {\n  metadata { name = \"s\" }\n  spec {\n    selector = { app = \"a\" }\n    port {\n      port = 80\n      target_port = 8080\n    }\n  }\n}\n",
    )]);
    assert_eq!(env.service_ports[0].ports[0].1.value, 80);
}

#[test]
fn an_unknown_value_makes_a_fragment() {
    let env = environment(&[(
        "main.tf",
        "variable \"n\" {}\nresource \"kubernetes_manifest\" \"m\" {\n  manifest = {\n    apiVersion = \"apps/v1\"\n    kind = \"Deployment\"\n    metadata = { name = \"a\" }\n    spec = { replicas = var.n, template = { spec = { containers = [{ name = \"a\", image = \"x:1\" }] } } }\n  }\n}\n",
    )]);
    assert_eq!(env.workloads[0].completeness, Completeness::Fragment);
    assert_eq!(env.workloads[0].replicas, None);
}

#[test]
fn both_versions_of_cloud_run_are_the_same_service() {
    let env = environment(&[(
        "main.tf",
        r#"
resource "google_cloud_run_service" "a" {
  name     = "a"
  location = "us-central1"
  template {
    metadata {
      annotations = {
        "autoscaling.knative.dev/maxScale"        = "20"
        "run.googleapis.com/vpc-access-connector" = "staging-connector"
      }
    }
    spec {
      container_concurrency = 80
      containers {
        image = "gcr.io/p/a:1"
        env {
          name  = "POSTGRES_HOST"
          value = "/cloudsql/p:us-central1:main"
        }
      }
    }
  }
}
resource "google_cloud_run_v2_service" "b" {
  name     = "b"
  location = "us-central1"
  template {
    scaling {
      min_instance_count = 1
      max_instance_count = 20
    }
    max_instance_request_concurrency = 80
    vpc_access {
      connector = "staging-connector"
    }
    containers {
      image = "gcr.io/p/b:1"
      env {
        name = "DB_PASSWORD"
        value_source {
          secret_key_ref {
            secret  = "db-password"
            version = "latest"
          }
        }
      }
    }
  }
}
resource "google_cloud_run_v2_service" "c" {
  name     = "c"
  location = "us-central1"
  template {
    containers { image = "gcr.io/p/c:1" }
  }
}
"#,
    )]);
    let kinds: Vec<String> = env.workloads.iter().map(|w| w.id.to_string()).collect();
    assert_eq!(
        kinds,
        [
            "Cloud Run service a",
            "Cloud Run service b",
            "Cloud Run service c"
        ]
    );
    let most: Vec<(u32, bool)> = env
        .autoscalers
        .iter()
        .map(|a| a.max.as_ref().map(|m| (m.value, m.is_assumed())).unwrap())
        .collect();
    assert_eq!(most, [(20, false), (20, false), (100, true)]);
    assert_eq!(env.autoscalers[1].metrics[0].target.as_ref().unwrap().value, 80.0);
    assert_eq!(env.secret_uses[0].name, "DB_PASSWORD");
    assert!(env.references.is_empty() && env.defects.is_empty());
}

#[test]
fn names_of_objects_written_here_are_known() {
    let env = environment(&[(
        "main.tf",
        r#"
variable "image" {}
resource "kubernetes_namespace" "shop" {
  metadata { name = "shop" }
}
resource "kubernetes_config_map" "settings" {
  metadata {
    name      = "settings"
    namespace = kubernetes_namespace.shop.id
  }
  data = { A = "1" }
}
resource "kubernetes_deployment" "api" {
  metadata {
    name      = "api"
    namespace = kubernetes_namespace.shop.metadata.0.name
  }
  spec {
    template {
      metadata { labels = { app = "api" } }
      spec {
        container {
          name  = "api"
          image = var.image
          env_from {
            config_map_ref {
              name = kubernetes_config_map.settings.metadata[0].name
            }
          }
          env {
            name  = "KEY"
            value = aws_instance.x.id
          }
        }
      }
    }
  }
}
resource "kubernetes_deployment" "web" {
  metadata { name = "web" }
  spec {
    replicas = var.count_of
    template {
      spec {
        container {
          name = "web"
        }
      }
    }
  }
}
"#,
    )]);
    let of = |name: &str| env.workloads.iter().find(|w| w.id.name == name).unwrap();
    let api = of("api");
    assert_eq!(api.completeness, Completeness::Whole);
    assert_eq!(api.id.namespace.as_deref(), Some("shop"));
    let sources: Vec<&str> = api.containers[0]
        .variable_sources
        .iter()
        .map(|s| s.name.value.as_str())
        .collect();
    assert_eq!(sources, ["settings"]);
    let settings = env
        .config_objects
        .iter()
        .find(|o| o.id.name == "settings")
        .unwrap();
    assert_eq!(settings.id.namespace.as_deref(), Some("shop"));
    // The number of replicas may be anything.
    assert_eq!(of("web").completeness, Completeness::Fragment);
}
