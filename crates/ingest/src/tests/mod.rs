//! Tests of the whole path from files to platform.

mod apart;
mod app_of_apps;
mod argo_overrides;
mod chains;
mod environments;
mod helmfile;
mod openings;
mod releases;
mod scope;
