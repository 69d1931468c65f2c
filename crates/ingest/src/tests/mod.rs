//! Tests of the whole path from files to platform.

mod argo_overrides;
mod chains;
mod helmfile;
mod releases;
mod scope;
