//! Any bytes as Python code: parsed, its literals followed, its clients read.
#![no_main]

use cofferdam_ingest::read_files;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    read_files([("consumer.py".into(), bytes.to_vec())]);
});
