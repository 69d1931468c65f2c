//! Empty: the benchmark is in `benches/peers.rs`.
