//! What deploy tools make of documents: kustomize builds, Helm charts, Terraform modules, Argo CD
//! applications. Documents in, documents out; every value of the result keeps the place where it is written and what
//! it passed through.
//!
//! Nothing is executed and nothing is fetched. What a tool would have to fetch or run is reported as not read.

pub mod argo;
mod budget;
pub mod flux;
pub mod hcl;
pub mod helm;
pub mod image;
pub mod kustomize;
mod measure;
pub mod selected;
