//! Tests of the whole path from files to platform.

mod argo_overrides;
mod helmfile;
mod scope;
