//! Connectors between serverless services and a private network: a few small machines that carry all traffic
//! from such a service to private addresses.

use crate::source::Fact;
use cofferdam_syntax::Span;

/// A Serverless VPC Access connector.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Name.
    pub name: String,
    /// Place of its name.
    pub span: Span,
    /// Region; only services of the same region can use it.
    pub region: Option<Fact<String>>,
    /// Machine type (`e2-micro`, `e2-standard-4`, `f1-micro`).
    pub machine_type: Option<Fact<String>>,
    /// Minimum number of machines.
    pub min_instances: Option<Fact<u32>>,
    /// Maximum number of machines; a connector never removes machines again.
    pub max_instances: Option<Fact<u32>>,
    /// Maximum throughput in megabits a second, if it is set instead of machines.
    pub max_throughput: Option<Fact<u32>>,
    /// Range of addresses (`10.1.0.0/28`).
    pub range: Option<Fact<String>>,
}
