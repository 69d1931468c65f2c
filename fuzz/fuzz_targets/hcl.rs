//! Any bytes as a Terraform file: parsed, evaluated and interpreted.
#![no_main]

use cofferdam_ingest::read_files;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    read_files([("main.tf".into(), bytes.to_vec())]);
});
