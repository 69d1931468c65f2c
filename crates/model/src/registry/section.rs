//! The sections of statements: which parts of the platform each is about, and its words.

/// A section of `cofferdam.yaml` whose statements are facts, in the order of the guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Section {
    Services,
    Databases,
    Poolers,
    Kafka,
    Topics,
    Cells,
    Slos,
    Secrets,
    Targets,
    Registries,
    Prices,
}

/// How a section names its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A map from names to statements.
    Named,
    /// A list of statements, each with its `name`.
    Listed,
    /// Statements about the one thing of this kind.
    One,
    /// The same, with further keys that people choose.
    Open,
}

impl Section {
    /// Every section, in order.
    pub const ALL: [Section; 11] = [
        Section::Services,
        Section::Databases,
        Section::Poolers,
        Section::Kafka,
        Section::Topics,
        Section::Cells,
        Section::Slos,
        Section::Secrets,
        Section::Targets,
        Section::Registries,
        Section::Prices,
    ];

    /// Its key, and the keys above it (`kafka.topics`).
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Section::Topics => "kafka.topics",
            _ => self.key(),
        }
    }

    /// Its key.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Section::Services => "services",
            Section::Databases => "databases",
            Section::Poolers => "poolers",
            Section::Kafka => "kafka",
            Section::Topics => "topics",
            Section::Cells => "cells",
            Section::Slos => "slos",
            Section::Secrets => "secrets",
            Section::Targets => "targets",
            Section::Registries => "registries",
            Section::Prices => "prices",
        }
    }

    /// One of its parts.
    #[must_use]
    pub fn part(self) -> &'static str {
        match self {
            Section::Services => "service",
            Section::Databases => "database",
            Section::Poolers => "pooler",
            Section::Kafka => "kafka",
            Section::Topics => "topic",
            Section::Cells => "cell",
            Section::Slos => "slo",
            Section::Secrets => "secret",
            Section::Targets => "target",
            Section::Registries => "registry",
            Section::Prices => "price",
        }
    }

    /// How it names its parts.
    #[must_use]
    pub fn form(self) -> Form {
        match self {
            Section::Services
            | Section::Databases
            | Section::Poolers
            | Section::Topics
            | Section::Cells
            | Section::Secrets => Form::Named,
            Section::Slos => Form::Listed,
            Section::Kafka | Section::Targets | Section::Registries => Form::One,
            Section::Prices => Form::Open,
        }
    }

    /// Whether it may also be written for one environment.
    #[must_use]
    pub fn is_of_environments(self) -> bool {
        !matches!(self, Section::Targets | Section::Registries | Section::Prices)
    }

    /// What it contains.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Section::Services => "Services by name.",
            Section::Databases => "Databases by name.",
            Section::Poolers => "Connection poolers by name.",
            Section::Kafka => "The Kafka cluster.",
            Section::Topics => "Topics by name.",
            Section::Cells => "Cells by name.",
            Section::Slos => "Service level objectives.",
            Section::Secrets => "Secrets by name.",
            Section::Targets => "Targets that the platform is compared with.",
            Section::Registries => "Image registries.",
            Section::Prices => "Prices in US dollars by name.",
        }
    }

    /// What its statements are about, as a heading of the file that people fill in.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Section::Services => "Services: load, replicas, connections, and how they consume.",
            Section::Databases => "Databases: what the server allows.",
            Section::Poolers => "Poolers: who logs in through them.",
            Section::Kafka | Section::Topics => "Kafka: the cluster and its topics.",
            Section::Cells => "Cells: the traffic that each gets and can carry.",
            Section::Slos => "Objectives.",
            Section::Secrets => "Secrets: how they change.",
            Section::Targets => "Targets: the values that the platform is compared with.",
            Section::Registries => "Registries: who may push images.",
            Section::Prices => "Prices in US dollars.",
        }
    }

    /// What one of its parts is.
    #[must_use]
    pub fn of_one(self) -> &'static str {
        match self {
            Section::Services => "A service, by its name in the files.",
            Section::Databases => "A database server or cluster. One that no file declares is added.",
            Section::Poolers => "A connection pooler, by its name in the files.",
            Section::Topics => "A topic.",
            Section::Cells => "A cell that carries a part of the load. One that no file declares is added.",
            Section::Slos => "A service level objective.",
            Section::Secrets => "A secret, by the name of its object.",
            Section::Kafka | Section::Targets | Section::Registries | Section::Prices => self.sentence(),
        }
    }
}
