//! Nothing of its own: the benchmark is in `benches/peers.rs`.
