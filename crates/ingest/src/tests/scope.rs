//! What makes a scope open, what is a default, and what is a deployment.

mod deployments;
mod openings;
mod values;

use crate::pipeline::read_files;
use cofferdam_model::Platform;

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

const CHART: &[(&str, &str)] = &[
    ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\n"),
    ("charts/web/values.yaml", "replicas: 1\n"),
    (
        "charts/web/templates/d.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: '{{ .Release.Name }}'}\nspec:\n  replicas: {{ .Values.replicas }}\n  template: {spec: {containers: [{name: a, image: x}]}}\n",
    ),
];
