//! What is wrong with an object, in words, with the fix. The comparison with the tables and the checks of the server
//! both report it.

use super::place_name;
use cofferdam_model::Span;
use cofferdam_model::delivery::{Defect, DefectEffect};

/// Something that Kubernetes would refuse or drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaProblem {
    /// The problem.
    pub kind: ProblemKind,
    /// Path from the root of the object: `spec.template.spec.containers[0].image`.
    pub path: String,
    /// The key or value; for a missing field the key of the map that lacks it.
    pub span: Span,
}

/// Kinds of problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// A field that nothing reads.
    Unknown {
        /// The field that was probably intended.
        nearest: Option<String>,
    },
    /// A field that belongs to another map.
    Misplaced {
        /// Path of that map; `[]` stands for an item of a list.
        belongs: String,
    },
    /// A field that only another API version of the kind has.
    OtherVersion {
        /// The version that has it.
        version: String,
        /// The equivalent in this version.
        instead: String,
    },
    /// A required field is missing.
    Missing,
    /// A value of the wrong type.
    WrongType {
        /// The required type: "text".
        expected: String,
        /// The actual value: "the number 5".
        found: String,
    },
    /// An API version that Kubernetes no longer serves.
    RemovedApi {
        /// The first release without it.
        since: String,
        /// The version that serves the kind now.
        replacement: Option<String>,
    },
    /// A value that the server's validation refuses.
    InvalidValue {
        /// Why, as a clause without a subject: "is not a quantity (500m, 1Gi)".
        reason: String,
        /// The fix, as an imperative.
        remedy: String,
    },
}

impl SchemaProblem {
    /// The problem, as a clause.
    pub fn problem(&self) -> String {
        let path = &self.path;
        let field = path.rsplit('.').next().unwrap_or(path);
        match &self.kind {
            ProblemKind::Unknown { .. } => format!("`{path}` is not a known field"),
            ProblemKind::Misplaced { belongs } => {
                format!("`{path}` is misplaced: `{field}` belongs {}", place_name(belongs))
            }
            ProblemKind::OtherVersion { version, .. } => {
                format!("`{path}` is a field of {version} and unknown in this version")
            }
            ProblemKind::Missing => format!("requires `{path}`, which is missing"),
            ProblemKind::WrongType { expected, found } => {
                format!("`{path}` must be {expected} and is {found}")
            }
            ProblemKind::RemovedApi { since, .. } => {
                format!("`{path}` names an API version that Kubernetes {since} and later do not serve")
            }
            ProblemKind::InvalidValue { reason, .. } => format!("`{path}` {reason}"),
        }
    }

    /// The fix, as an imperative.
    pub fn remedy(&self) -> String {
        let field = self.path.rsplit('.').next().unwrap_or(&self.path);
        match &self.kind {
            ProblemKind::Unknown { nearest: Some(near) } => format!("Write `{near}` instead of `{field}`."),
            ProblemKind::Unknown { nearest: None } => format!("Remove `{field}`."),
            ProblemKind::Misplaced { belongs } => format!("Move `{field}` {}.", place_name(belongs)),
            ProblemKind::OtherVersion { version, instead } => {
                format!("Use {instead}, or apiVersion {version} if the cluster still serves it.")
            }
            ProblemKind::Missing if self.path == "spec.selector" => {
                "Add `spec.selector.matchLabels` with labels that `spec.template.metadata.labels` has."
                    .to_owned()
            }
            ProblemKind::Missing => format!("Add `{}`.", self.path),
            ProblemKind::WrongType { expected, found } => {
                let scalar = found.starts_with("the number") || found.starts_with("the boolean");
                if expected == "text" && scalar {
                    "Put the value in quotes.".to_owned()
                } else {
                    format!("Write {expected}.")
                }
            }
            ProblemKind::RemovedApi {
                replacement: Some(version),
                ..
            } => format!("Write `apiVersion: {version}` and follow the fields of that version."),
            ProblemKind::RemovedApi {
                replacement: None, ..
            } => "Remove the object; nothing replaces it under this kind.".to_owned(),
            ProblemKind::InvalidValue { remedy, .. } => remedy.clone(),
        }
    }

    /// The problem as a defect of `subject` ("Deployment pgbouncer"). Kubectl (since 1.27) and what applies on the server's
    /// side, as Flux does, have unknown fields refused. For a client that does not ask for strict validation (Helm since
    /// 3.9, Argo CD on the client's side) an unknown field is dropped with a warning.
    pub fn to_defect(&self, subject: &str) -> Defect {
        Defect {
            subject: subject.to_owned(),
            path: self.path.clone(),
            span: self.span,
            problem: self.problem(),
            effect: match self.kind {
                ProblemKind::RemovedApi { .. } => DefectEffect::RefusedByVersion,
                ProblemKind::Unknown { .. }
                | ProblemKind::Misplaced { .. }
                | ProblemKind::OtherVersion { .. } => DefectEffect::Unknown,
                _ => DefectEffect::Refused,
            },
            remedy: self.remedy(),
        }
    }
}
