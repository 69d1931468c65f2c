//! Readers: text in, platform model out. One file a format; spans are kept everywhere; only what is
//! pointed at is read, and nothing is ever executed.

pub mod argo;
pub mod cloud_run;
pub mod compose;
pub mod config;
pub mod dockerfile;
pub mod environment;
pub mod grand_central;
pub mod hcl;
pub mod helm;
pub mod ideas;
pub mod image;
pub mod images_env;
pub mod kubernetes;
pub mod kustomize;
pub mod overlay;
pub mod parts;
pub mod pgbouncer;
pub mod pipeline;
pub mod prometheus;
mod promql;
pub mod python;
pub mod repo;
pub mod secret_scan;
pub mod settings;
pub mod suppress;
pub mod terraform;
pub mod tree;
pub mod walk;
pub mod yaml;
pub use cofferdam_model::nearest;

pub use pipeline::{LOOKED_FOR, Place, read, read_files, read_input};
pub use walk::{Input, ReadError};
