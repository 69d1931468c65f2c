//! Parts found in code, before they go into an environment.

use cofferdam_model::calls::{Breaker, Call, Deadline};
use cofferdam_model::cells::LocalCache;
use cofferdam_model::database::Pool;
use cofferdam_model::delivery::VariableUse;
use cofferdam_model::kafka::{Consumer, Producer};
use cofferdam_model::{Fact, Owner};

/// Parts found in code, before they go into an environment.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) consumers: Vec<FoundConsumer>,
    pub(super) producers: Vec<Producer>,
    pub(super) pools: Vec<Pool>,
    pub(super) calls: Vec<Call>,
    pub(super) breakers: Vec<Breaker>,
    pub(super) deadlines: Vec<Deadline>,
    pub(super) local_caches: Vec<LocalCache>,
    pub(super) variable_uses: Vec<VariableUse>,
    pub(super) processes: Vec<(Owner, Fact<u32>)>,
}

/// A consumer and its place.
#[derive(Debug)]
pub(super) struct FoundConsumer {
    pub(super) consumer: Consumer,
    pub(super) class: Option<String>,
}
