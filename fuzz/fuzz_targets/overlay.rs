//! Any bytes as `cofferdam.yaml` beside a platform that it can describe, judged by every rule.
#![no_main]

use cofferdam_audit::{Options, audit};
use cofferdam_ingest::read_files;
use libfuzzer_sys::fuzz_target;

const PLATFORM: &[u8] = b"apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: api:1.2
        env:
        - {name: DATABASE_URL, value: 'postgres://api@db.internal:5432/shop'}
        - {name: DB_POOL_SIZE, value: '20'}
";

fuzz_target!(|bytes: &[u8]| {
    let platform = read_files([
        ("api.yaml".into(), PLATFORM.to_vec()),
        ("cofferdam.yaml".into(), bytes.to_vec()),
    ]);
    audit(&platform, &Options::default());
});
