//! Text in, documents out, with the place of every value. This crate knows formats (YAML, JSON, HCL,
//! properties, ini, `.env`, Python) and nothing about platforms: its readers decide what a value means.

pub mod document;
pub mod edit;
pub mod env_file;
pub mod environment;
pub mod expand;
pub mod flat;
pub mod glob;
pub mod hash;
pub mod hcl;
pub mod ini;
pub mod links;
pub mod memo;
pub mod nearest;
pub mod paths;
pub mod pattern;
pub mod properties;
pub mod python;
pub mod repo;
pub mod route;
pub mod sorted;
pub mod source;
pub mod tree;
pub mod words;
pub mod yaml;

pub use source::{ChainId, Chains, FileId, Layer, Link, Position, SourceFile, SourceMap, Span, Spanned};
