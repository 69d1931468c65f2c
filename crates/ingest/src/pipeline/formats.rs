//! All formats that are read, one row each: how it is recognised, its reader, its name for reports. Dispatch, the
//! summary and "no reader knows this file" rest on this table alone. To add a format, write its reader in a file of
//! its own and add a row.

use super::sources::Sources;
use crate::code::Project;
use crate::context::Place;
use crate::{cloud_run, compose, config, ecs, grand_central, kubernetes, pgbouncer, prometheus, settings};
use cofferdam_model::Parts;
use cofferdam_syntax::source::FileId;
use cofferdam_syntax::tree::Node;
use std::path::Path;

/// A format.
pub(super) struct Format {
    /// Its name in reports.
    pub(super) name: &'static str,
    /// How its files are read.
    pub(super) reads: Reads,
}

/// The ways in which files are read.
pub(super) enum Reads {
    /// Document by document.
    Documents(Documents),
    /// A whole file as text.
    Text(Text),
    /// By a deploy tool or with all code at hand: the files that were read.
    Together(for<'s> fn(&'s Sources<'_>) -> Vec<&'s Path>),
}

/// A format of trees.
pub(super) struct Documents {
    /// Whether the document is of this format. The first row that says so reads it.
    pub(super) knows: fn(&Node, Place<'_>) -> bool,
    /// Environments for which the document has sections of its own; it is read once for each of them.
    pub(super) environments: fn(&Node, &Path) -> Vec<String>,
    /// Whether anything below is a section for one environment.
    pub(super) has_sections: fn(&Node) -> bool,
    /// Reads it. A document without sections for environments reads the same for all.
    pub(super) read: fn(&Node, Place<'_>) -> Parts,
    /// Whether a document from which nothing was read is none of this format.
    pub(super) by_content: bool,
}

/// A format of text.
pub(super) struct Text {
    /// Whether the file is of this format, by its path and the lower case of its name.
    pub(super) knows: fn(&Path, &str) -> bool,
    /// Reads its text; `None` where the content is not of this format after all.
    pub(super) read: fn(&str, FileId, Place<'_>) -> Option<Parts>,
}

fn no_environments(_: &Node, _: &Path) -> Vec<String> {
    Vec::new()
}

/// Every format. The order is that in which a document is offered to them.
pub(super) static FORMATS: &[Format] = &[
    Format {
        name: "Kubernetes",
        reads: Reads::Documents(Documents {
            knows: |node, _| kubernetes::is_object(node),
            environments: no_environments,
            has_sections: |_| false,
            read: kubernetes::read,
            by_content: false,
        }),
    },
    Format {
        name: grand_central::FORMAT,
        reads: Reads::Documents(Documents {
            knows: |node, _| grand_central::is_deployment_file(node),
            environments: |node, _| grand_central::environments(node),
            has_sections: config::has_sections,
            read: grand_central::read,
            by_content: false,
        }),
    },
    Format {
        name: "Compose",
        reads: Reads::Documents(Documents {
            knows: |node, place| compose::is_compose(node, place.path),
            environments: no_environments,
            has_sections: |_| false,
            read: compose::read,
            by_content: false,
        }),
    },
    Format {
        name: "Prometheus",
        reads: Reads::Documents(Documents {
            knows: |node, _| prometheus::is_prometheus(node),
            environments: no_environments,
            has_sections: |_| false,
            read: |node, _| prometheus::read(node),
            by_content: false,
        }),
    },
    Format {
        name: ecs::FORMAT,
        reads: Reads::Documents(Documents {
            knows: |node, _| ecs::is_task_definition(node),
            environments: no_environments,
            has_sections: |_| false,
            read: ecs::read,
            by_content: false,
        }),
    },
    // An object without its apiVersion or kind is applied by nobody; in a whole file that is a defect.
    Format {
        name: "Kubernetes",
        reads: Reads::Documents(Documents {
            knows: kubernetes::is_without_identity,
            environments: no_environments,
            has_sections: |_| false,
            read: |node, _| kubernetes::read_without_identity(node),
            by_content: false,
        }),
    },
    Format {
        name: config::FORMAT,
        reads: Reads::Documents(Documents {
            knows: |node, place| config::may_be_settings(node, place.path),
            environments: config::environments,
            has_sections: config::has_sections,
            read: config::read,
            by_content: true,
        }),
    },
    Format {
        name: ".env",
        reads: Reads::Text(Text {
            knows: settings::is_env_file,
            read: settings::read_env_file,
        }),
    },
    Format {
        name: "properties",
        reads: Reads::Text(Text {
            knows: |_, name| name.ends_with(".properties"),
            read: settings::read_properties,
        }),
    },
    Format {
        name: "PgBouncer",
        reads: Reads::Text(Text {
            knows: |_, name| {
                [".ini", ".conf", ".cfg"]
                    .iter()
                    .any(|ending| name.ends_with(ending))
            },
            read: pgbouncer::read,
        }),
    },
    Format {
        name: "Compose",
        reads: Reads::Together(|sources| sources.composed.files().collect()),
    },
    Format {
        name: cloud_run::FORMAT,
        reads: Reads::Together(|sources| sources.deploys.iter().map(|d| d.path.as_path()).collect()),
    },
    Format {
        name: "helm commands",
        reads: Reads::Together(|sources| {
            sources
                .commands
                .releases
                .iter()
                .map(|r| r.path.as_path())
                .collect()
        }),
    },
    Format {
        name: "Python",
        reads: Reads::Together(|sources| sources.code.values().flat_map(Project::telling).collect()),
    },
    Format {
        name: "kustomize",
        reads: Reads::Together(|sources| sources.built.consumed.iter().map(AsRef::as_ref).collect()),
    },
    Format {
        name: "Helm",
        reads: Reads::Together(|sources| sources.charts.consumed.iter().map(AsRef::as_ref).collect()),
    },
    Format {
        name: "Terraform",
        reads: Reads::Together(|sources| sources.terraform.files.iter().map(AsRef::as_ref).collect()),
    },
];

/// The format of a document, and how it is read; `None` for what no reader knows.
pub(super) fn of_document(node: &Node, place: Place<'_>) -> Option<(&'static Format, &'static Documents)> {
    FORMATS.iter().find_map(|format| match &format.reads {
        Reads::Documents(documents) if (documents.knows)(node, place) => Some((format, documents)),
        _ => None,
    })
}

/// The format of a text by its name, and how it is read. A file that is there to be copied (`.env.example`) sets
/// nothing.
pub(super) fn of_text(path: &Path) -> Option<(&'static Format, &'static Text)> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let is_sample = ["example", "sample", "template", "dist"]
        .iter()
        .any(|word| name.split(['.', '-', '_']).any(|part| part == *word));
    if is_sample {
        return None;
    }
    FORMATS.iter().find_map(|format| match &format.reads {
        Reads::Text(text) if (text.knows)(path, &name) => Some((format, text)),
        _ => None,
    })
}
