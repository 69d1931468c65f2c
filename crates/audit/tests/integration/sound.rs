//! False alarms: on sound platforms nothing above low may be reported, every file must be readable, and every
//! file must really have been read.

use cofferdam_audit::{Options, Severity, audit, severity_of};
use std::path::Path;

/// A workload with many faults, as `kind`.
fn workload(kind: &str) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let (api, kind) = kind.split_once(' ').unwrap();
    let text = format!(
        "apiVersion: {api}\nkind: {kind}\nmetadata: {{name: api}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: api}}}}\n  template:\n    metadata: {{labels: {{app: api}}}}\n    spec:\n      volumes: [{{name: tmp, emptyDir: {{}}}}]\n      containers:\n        - name: api\n          image: registry.example.net/api:latest\n          imagePullPolicy: IfNotPresent\n          ports: [{{containerPort: 8080}}]\n          volumeMounts: [{{name: tmp, mountPath: /data}}]\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: api}}\nspec: {{selector: {{app: api}}, ports: [{{port: 80, targetPort: 8080}}]}}\n"
    );
    vec![("k8s/api.yaml".into(), text.into_bytes())]
}

#[test]
fn a_custom_kind_with_pods_is_judged_like_a_deployment() {
    let rules = |kind: &str| -> std::collections::BTreeSet<String> {
        let platform = cofferdam_ingest::read_files(workload(kind));
        let report = audit(&platform, &Options::default());
        report
            .findings
            .iter()
            .map(|finding| finding.rule.to_string())
            .collect()
    };
    let deployment = rules("apps/v1 Deployment");
    assert!(deployment.len() > 8, "{deployment:?}");
    assert_eq!(rules("apps.kruise.io/v1alpha1 CloneSet"), deployment);
    assert_eq!(rules("example.net/v1 Anything"), deployment);
}

#[test]
fn ten_correct_platforms_have_no_finding_above_low() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cofferdam/tests/sound");
    let mut wrong = Vec::new();
    let mut platforms = 0;
    let mut names: Vec<_> = std::fs::read_dir(&root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    names.sort();
    for dir in names {
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        let platform = cofferdam_ingest::read(&dir).unwrap();
        platforms += 1;
        assert!(
            platform.reading.formats.values().sum::<usize>() >= 3,
            "{name}: {:?}",
            platform.reading.formats
        );
        for unreadable in platform
            .reading
            .unreadable
            .iter()
            .chain(&platform.reading.overlay_problems)
        {
            wrong.push(format!(
                "{name}: unreadable: {}: {}",
                unreadable.path.display(),
                unreadable.message
            ));
        }
        let report = audit(&platform, &Options::default());
        for finding in report.findings.iter().filter(|f| severity_of(f) > Severity::Low) {
            wrong.push(format!(
                "{name}: {}[{}]: {}",
                severity_of(finding),
                finding.rule,
                finding.title
            ));
        }
        for (_, note) in &report.suppression_notes {
            wrong.push(format!("{name}: {note}"));
        }
    }
    assert_eq!(platforms, 10);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
