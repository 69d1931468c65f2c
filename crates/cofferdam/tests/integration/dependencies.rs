//! What a newcomer needs to build the command: only Rust and a C compiler.

/// Crates that look for a library or a tool on the machine, or build one for minutes.
const UNWANTED: [&str; 7] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "cmake",
    "native-tls",
    "openssl",
    "openssl-sys",
    "rdkafka-sys",
];

#[test]
fn no_dependency_needs_cmake_or_a_system_library() {
    let lock = include_str!("../../../../Cargo.lock");
    let names: Vec<&str> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .collect();
    // The list was read: the command's own parser of arguments is in it.
    assert!(names.contains(&"clap"));
    let found: Vec<&&str> = names.iter().filter(|name| UNWANTED.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}");
}
