//! The results of the walk over a module.

use super::clients::{ClientKind, Library};
use super::scope::{ClassId, FunctionId, Scope};
use super::value::{Argument, Object, Val};
use cofferdam_syntax::Span;

/// A call of a known constructor or function.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientCall {
    /// What it creates or does.
    pub kind: ClientKind,
    /// Its owner.
    pub library: Library,
    /// Dotted name that was called (`kafka.KafkaConsumer`).
    pub constructor: String,
    /// The whole call.
    pub span: Span,
    /// The name of the callee.
    pub callee_span: Span,
    /// Arguments; those of a configuration dictionary count as arguments.
    pub args: Vec<Argument>,
    /// Whether there may be more arguments than are known: a missing one may be set.
    pub open: bool,
    /// The target of the assignment of its result, as written (`self.batch_queue`).
    pub assigned: Option<String>,
    /// Its place.
    pub place: Enclosing,
    /// The client whose method is called, if the module shows how it was built.
    pub client: Option<Client>,
    /// A limit around the call: `asyncio.wait_for`, `asyncio.timeout`.
    pub bounded: Option<Val>,
}

/// A client whose method is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// Place of its construction.
    pub span: Span,
    /// How it was built.
    pub object: Object,
}

/// A place in the structure of a module.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Enclosing {
    /// Class.
    pub class: Option<String>,
    /// Innermost function.
    pub function: Option<String>,
    /// The function that it decorates.
    pub decorates: Option<String>,
    /// How often one process does it, if the code shows more than once.
    pub repeated: Option<Repeat>,
    pub(super) scope: Scope,
}

/// A loop (or a list of threads) that does something several times in one process.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeat {
    /// Place of the loop's head.
    pub span: Span,
    /// How many times; `None` if unknown.
    pub count: Option<Val>,
    /// Whether each repetition is a separate thread, task or process.
    pub spawned: bool,
}

/// A variable of the environment that the module reads.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvRead {
    /// Name of the variable.
    pub name: String,
    /// Place of the name.
    pub name_span: Span,
    /// The value that the code uses if it is not set.
    pub default: Option<Val>,
    /// Whether the code fails if it is not set.
    pub required: bool,
}

/// A use of a circuit breaker: a decorator, a context manager, a method called on it.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerUse {
    /// Last name of the breaker (`DB_BREAKER`, `circuit`).
    pub name: String,
    /// Place of the use.
    pub span: Span,
    /// The class that contains it.
    pub class: Option<String>,
    /// Function that it protects or that calls it.
    pub function: Option<String>,
}

/// A message that is sent to a topic, or a topic that is subscribed to.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicUse {
    /// The producer or consumer, as written (`self.dlq_producer`).
    pub client: String,
    /// The topics.
    pub topics: Vec<Val>,
    /// Place of the call.
    pub span: Span,
    /// Whether messages are sent (or read).
    pub sends: bool,
    /// The class that contains it.
    pub class: Option<String>,
}

/// One function calls or starts another.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) from: Scope,
    pub(super) to: FunctionId,
    pub repeated: Option<Repeat>,
}

/// A class is instantiated.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub(super) from: Scope,
    pub(super) class: ClassId,
    pub repeated: Option<Repeat>,
}

/// The results of the walk.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub calls: Vec<ClientCall>,
    pub env_reads: Vec<EnvRead>,
    pub breaker_uses: Vec<BreakerUse>,
    pub topic_uses: Vec<TopicUse>,
    pub edges: Vec<Edge>,
    pub instances: Vec<Instance>,
    /// The largest batch that a poll asks for, with the consumer as written.
    pub poll_sizes: Vec<(String, Val)>,
    /// Whether it starts several threads, tasks or processes in a loop.
    pub spawns: bool,
    /// Whether the module builds its own HTTP adapter, which may set timeouts.
    pub custom_adapter: bool,
}
