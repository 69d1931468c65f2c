//! Any bytes as a YAML file: parsed, then given to every reader of Kubernetes, Compose and the rest.
#![no_main]

use cofferdam_ingest::read_files;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    read_files([("app.yaml".into(), bytes.to_vec())]);
});
