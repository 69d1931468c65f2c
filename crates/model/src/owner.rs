//! The owner of a part, and how parts refer to one another before and after linking.

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

/// The service of a part: what its place shows, and, after linking, the service itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// Name of the service or workload, if the place names one.
    pub name: Option<String>,
    /// Namespace, if known. An unknown one is unknown, not `default`.
    pub namespace: Option<String>,
    /// The deployment that contains it; `None` for code and settings, which belong to none.
    pub deployment: Option<DeploymentId>,
    /// Directory of the code or chart, below the root (`services/kafka-consumer`).
    pub directory: Option<PathBuf>,
    /// The service, once linked.
    pub service: Option<ServiceId>,
    /// How the service was found.
    pub linked: Linked,
}

/// How the service of a part was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Linked {
    /// By its name, or by a declared directory: that is certain.
    #[default]
    Named,
    /// By a directory with the service's name, or because an alert's query selects that name: likely.
    Directory,
    /// By a similar name, by the end of a name, or because there is no other service: likely, and not enough
    /// for a critical finding.
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

    /// An owner of which only the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Owner {
            name: Some(name.into()),
            ..Owner::default()
        }
    }

    /// An owner of which only the directory of its code is known.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Owner {
            directory: Some(directory.into()),
            ..Owner::default()
        }
    }
}
