//! To whom a part belongs, and how parts refer to one another before and after linking.

use crate::scope::{DeploymentId, Home};
use std::path::PathBuf;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub usize);
    };
}
id!(/// Index into [`crate::platform::Parts::services`].
    ServiceId);
id!(/// Index into [`crate::platform::Parts::workloads`].
    WorkloadId);
id!(/// Index into [`crate::platform::Parts::databases`].
    DatabaseId);
id!(/// Index into [`crate::platform::Parts::topics`].
    TopicId);
id!(/// Index into [`crate::platform::Parts::autoscalers`].
    AutoscalerId);

/// To which service a part belongs: what its place tells, and, after linking, which service that is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// Name of the service or workload, where the place names one.
    pub name: Option<String>,
    /// Namespace, where known. Unknown is unknown, not `default`.
    pub namespace: Option<String>,
    /// The deployment that brings it; `None` for code and settings, which belong to none.
    pub deployment: Option<DeploymentId>,
    /// Directory of the code or chart, below the root (`services/kafka-consumer`).
    pub directory: Option<PathBuf>,
    /// The service, once linked.
    pub service: Option<ServiceId>,
    /// By what the service was found.
    pub linked: Linked,
}

/// By what a part was found to belong to a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Linked {
    /// By its name, or by a directory that somebody states: that is certain.
    #[default]
    Named,
    /// By a directory that is called like the service: likely.
    Directory,
    /// By a name that is like the service's, by the end of a name, or because there is no other service: likely, and
    /// too little for a critical finding.
    Similar,
}

impl Owner {
    /// Where it is.
    pub fn home(&self) -> Home<'_> {
        Home {
            namespace: self.namespace.as_deref(),
            deployment: self.deployment,
        }
    }

    /// An owner known by its name alone.
    pub fn named(name: impl Into<String>) -> Self {
        Owner {
            name: Some(name.into()),
            ..Owner::default()
        }
    }

    /// An owner known by the directory of its code.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Owner {
            directory: Some(directory.into()),
            ..Owner::default()
        }
    }
}
