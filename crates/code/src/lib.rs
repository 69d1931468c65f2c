//! Facts about a platform in code: Python modules, Dockerfiles and shell scripts. Only literals and simple
//! constants count; nothing is ever executed.

pub mod dockerfile;
pub mod python;
pub mod shell;
