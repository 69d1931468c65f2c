//! Readers: text in, platform model out. One file a format; spans are kept everywhere; only what is
//! pointed at is read, and nothing is ever executed.

pub mod cloud_run;
pub mod code;
pub mod compose;
pub mod config;
pub mod dockerfile;
pub mod facts;
pub mod grand_central;
pub mod ideas;
pub mod images_env;
pub mod kubernetes;
pub mod overlay;
pub mod parts;
pub mod pgbouncer;
pub mod pipeline;
pub mod prometheus;
mod promql;
pub mod settings;
pub mod suppress;
pub mod terraform;
pub mod walk;

pub use cofferdam_model::secret_scan;
pub use pipeline::{Place, read, read_files, read_given};
pub use walk::ReadError;

#[cfg(test)]
mod tests;
