//! Tests of the whole path from files to platform.

mod apart;
mod app_of_apps;
mod argo_built;
mod argo_overrides;
mod chains;
mod composed;
mod elsewhere;
mod environments;
mod evidence;
mod flux;
mod helmfile;
mod installs;
mod made;
mod openings;
mod reach;
mod reading;
mod releases;
mod roots;
mod scope;
mod unread;
