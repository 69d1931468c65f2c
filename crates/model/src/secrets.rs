//! Secrets: where they are kept, how they reach a process, who shares them. Values are never stored here.

use crate::owner::Owner;
use crate::source::Fact;
use crate::stated::Said;
use cofferdam_syntax::Span;
use std::fmt;
use std::time::Duration;

/// The text shown in place of a secret.
pub const MASK: &str = "***";

/// A value that is always printed as `***`. Code that needs the value itself calls [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Prevents `value` from being printed.
    pub const fn new(value: T) -> Self {
        Secret(value)
    }

    /// The value, for code that uses it and prints nothing.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// How a secret reaches a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// A variable that refers to a Secret.
    EnvironmentReference {
        /// Secret's name.
        secret: String,
        /// Key in it.
        key: String,
    },
    /// A variable whose value is written in the file.
    EnvironmentLiteral,
    /// Every key of a Secret as a variable (`envFrom`).
    EnvironmentAll {
        /// Secret's name.
        secret: String,
    },
    /// A file from a Secret volume or a CSI driver.
    File {
        /// Secret's or class's name.
        secret: String,
    },
    /// A file that an agent writes (Vault Agent).
    Agent {
        /// Path or role that the agent reads.
        path: String,
    },
}

impl Passage {
    /// Name of the secret object or path that it comes from; `None` for a value in the file itself.
    pub fn source(&self) -> Option<&str> {
        match self {
            Passage::EnvironmentReference { secret, .. }
            | Passage::EnvironmentAll { secret }
            | Passage::File { secret } => Some(secret),
            Passage::Agent { path } => Some(path),
            Passage::EnvironmentLiteral => None,
        }
    }
}

/// What a secret opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretKind {
    /// A token for a secret store: opens every secret that its policy covers.
    VaultToken,
    /// A password or a URL with one.
    Password,
    /// A key or token of an interface.
    Token,
    /// A private key or certificate.
    PrivateKey,
    /// Anything else whose name suggests a secret.
    Other,
}

/// A secret that a process gets.
#[derive(Debug, Clone)]
pub struct SecretUse {
    /// The service that gets it.
    pub owner: Owner,
    /// Place of the reference.
    pub span: Span,
    /// Name of the variable, file or annotation.
    pub name: String,
    /// The access that it gives.
    pub kind: SecretKind,
    /// How it reaches the process.
    pub passage: Passage,
    /// Whether it is created anew for each lease (dynamic credentials), if known.
    pub dynamic: Option<Fact<bool>>,
}

/// A secret value that is written in a file. The value itself is not kept.
#[derive(Debug, Clone)]
pub struct SecretLiteral {
    /// Name of the key that holds it.
    pub name: String,
    /// Place of the value.
    pub span: Span,
    /// The access that it gives.
    pub kind: SecretKind,
    /// Why it counts as a secret ("the prefix of an AWS access key", "looks like a random key"); empty if its name is
    /// the only reason.
    pub evidence: String,
    /// Identifies equal values without revealing them: a keyed hash.
    pub fingerprint: u64,
    /// Whether only its name suggests a secret: the value may also be an ordinary word.
    pub doubtful: bool,
}

/// A secret object and its rotation.
#[derive(Debug, Clone)]
pub struct SecretStore {
    /// Name (of the Secret, ExternalSecret, Vault role, Secrets Manager entry).
    pub name: String,
    /// Namespace, where known.
    pub namespace: Option<String>,
    /// Place of its name.
    pub span: Span,
    /// Time between rotations or lifetime of a lease.
    pub rotation: Option<Fact<Duration>>,
    /// Whether an old and a new version are valid at once during rotation.
    pub overlap: Option<Fact<bool>>,
    /// Whether processes take a new value without a restart.
    pub reload: Option<Fact<bool>>,
    /// Facts that only people state.
    pub said: Said,
}
