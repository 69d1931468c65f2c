//! Images and the policies that decide which may run.

use crate::source::Fact;
use cofferdam_syntax::Span;

/// An image as named.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The whole name as written or as composed of repository and tag.
    pub text: Fact<String>,
    /// Registry host, if written (`cf-registry.example.net`).
    pub registry: Option<String>,
    /// Path without registry, tag and digest (`newrelic/data-collector`).
    pub repository: String,
    /// Tag.
    pub tag: Option<Fact<String>>,
    /// Digest.
    pub digest: Option<Fact<String>>,
}

/// A policy that admits or refuses workloads (Kyverno ClusterPolicy, ValidatingAdmissionPolicy, …).
#[derive(Debug, Clone)]
pub struct AdmissionPolicy {
    /// Name.
    pub name: String,
    /// Place of its name.
    pub span: Span,
    /// Whether it refuses (`Enforce`) or only reports (`Audit`).
    pub enforced: Option<Fact<bool>>,
    /// Image patterns that it admits (`cf-registry.example.net/platform-team/*`), from its patterns or, if
    /// there are none, from its message.
    pub allowed_images: Vec<Fact<String>>,
    /// The place where it verifies signatures.
    pub verifies_signatures: Option<Fact<bool>>,
    /// Image patterns whose signatures it verifies.
    pub verified_images: Vec<Fact<String>>,
    /// The message it gives.
    pub message: Option<Fact<String>>,
}
