//! Readers: text in, platform model out. There is one file for each format; spans are kept everywhere; only
//! the given files are read, and nothing is ever executed.

mod alertmanager;
mod arguments;
pub mod cloud_run;
pub mod code;
mod commands;
pub mod compose;
pub mod config;
pub mod context;
pub mod dockerfile;
pub mod ecs;
pub mod facts;
pub mod grand_central;
pub mod ideas;
pub mod images_env;
pub mod kubernetes;
mod local_cluster;
mod merge;
mod naming;
mod objectives;
pub mod overlay;
pub mod parts;
pub mod pgbouncer;
pub mod pipeline;
pub mod prometheus;
mod promql;
mod scope;
pub mod settings;
mod skaffold;
pub mod suppress;
mod templates;
pub mod terraform;
mod trials;
pub mod walk;

pub use cofferdam_model::secret_scan;
pub use context::Place;
pub use pipeline::{looked_for, read, read_files, read_input};
pub use walk::{Input, ReadError};

#[cfg(test)]
mod tests;
