//! Any bytes as properties, as an INI file and as an environment file at once.
#![no_main]

use cofferdam_ingest::read_files;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    read_files(
        ["server.properties", "pgbouncer.ini", ".env"]
            .map(|name| (name.into(), bytes.to_vec())),
    );
});
