//! What people can state about cells, objectives and secrets, and what the platform is compared with.

use super::facts;
use crate::alerts::Slo;
use crate::cells::Cell;
use crate::overlay::Overlay;
use crate::owner::Owner;
use crate::registry::access::{self, Access, Slot, field, names};
use crate::registry::kind::Kind;
use crate::registry::{Entry, Key, Section};
use crate::source::{Fact, Source};
use crate::stated::Value;
use crate::units::{Money, Rate, Share};
use std::time::Duration;

/// A rate, or a share of the whole platform's capacity: two fields of the model.
const CAPACITY: Access<Cell> = Access {
    get: |cell| access::get(&cell.capacity).or_else(|| access::get(&cell.capacity_share)),
    set: |cell, stated| {
        access::set(&mut cell.capacity, stated);
        access::set(&mut cell.capacity_share, stated);
    },
};

/// The owner of an objective, by its name.
const OWNER: Access<Slo> = Access {
    get: |slo| {
        let name = slo.owner.name.clone()?;
        Some(Fact {
            value: Value::Text(name),
            source: Source::Declared(slo.span),
        })
    },
    set: |slo, stated| {
        if let Value::Text(name) = &stated.value {
            slo.owner = Owner::named(name.clone());
        }
    },
};

/// [`Access`] to a list of names.
macro_rules! list {
    ($field:ident) => {
        Access {
            get: |overlay: &Overlay| names(&overlay.$field),
            set: |overlay, stated| {
                if let Value::Names(names) = &stated.value {
                    overlay.$field.clone_from(names);
                }
            },
        }
    };
}

/// [`Access`] to a price.
macro_rules! price {
    ($name:literal) => {
        Access {
            get: |overlay: &Overlay| {
                let price = overlay.prices.get($name)?;
                Some(price.clone().map(Value::Money))
            },
            set: |overlay, stated| {
                if let Value::Money(price) = stated.value {
                    let price = stated.clone().map(|_| price);
                    overlay.prices.insert($name.to_owned(), price);
                }
            },
        }
    };
}

facts! {
    /// Cells that share the load.
    cells of Cells;
    REQUESTS_PER_SECOND: Rate = ("requests_per_second", Kind::Rate), "Requests that it gets at peak.", "1000",
        Slot::Cell(field!(traffic)), decides("how much traffic the others get when one is lost");
    CAPACITY_OF: Rate = ("capacity", Kind::RateOrShare),
        "Requests a second that it can carry, or its share of the whole platform's capacity with a percent sign.",
        "1500", Slot::Cell(CAPACITY), decides("how much traffic the others get when one is lost");
    WEIGHT: Share = ("weight", Kind::Share), "Part of the traffic that is routed to it.", "50%",
        Slot::Cell(field!(weight)), decides("how much traffic the others get when one is lost");
    REGION: String = ("region", Kind::Name), "Region.", "us-east-1", Slot::Cell(field!(region)),
        decides("what the loss of a region takes");
}

facts! {
    /// Service level objectives.
    slos of Slos;
    SERVICE: String = ("service", Kind::Name), "The service that it belongs to.", "api", Slot::Slo(OWNER),
        decides("whose failures use its error budget");
    TARGET: Share = ("target", Kind::Share), "Share of good events.", "99.9%", Slot::Slo(field!(target)),
        decides("how fast the error budget is used");
    WINDOW: Duration = ("window", Kind::Duration), "Window over which it counts.", "30d",
        Slot::Slo(field!(window)), decides("how fast the error budget is used");
    INDICATOR: String = ("indicator", Kind::Name), "What is measured (`availability`, `latency`).",
        "availability", Slot::Slo(field!(indicator)), decides("which failures it counts");
}

facts! {
    /// Secrets.
    secrets of Secrets;
    ROTATION: Duration = ("rotation", Kind::Duration), "Time between rotations, or life of a lease.", "90d",
        Slot::Secret(field!(rotation)), decides("how long a leaked value works");
    OVERLAP: bool = ("overlap", Kind::Flag),
        "Whether an old and a new version are valid at once while it rotates.", "false",
        Slot::Secret(field!(overlap)), decides("whether a rotation stops the service");
    RELOAD: bool = ("reload", Kind::Flag), "Whether processes take a new value without a restart.", "false",
        Slot::Secret(field!(reload)), decides("whether a rotation stops the service");
}

facts! {
    /// Targets.
    targets of Targets;
    DETECTION: Duration = ("detection", Kind::Duration), "How soon an outage must be reported.", "60s",
        Slot::Overlay(field!(detection_target)), without("60s", "60 s"),
        decides("which alerts are too slow");
    RESPONSE: Duration = ("response", Kind::Duration),
        "Time from a page until the actions of the people on call take effect.", "10m",
        Slot::Overlay(field!(response)), decides("how long an outage lasts after its page");
}

facts! {
    /// Registries of images.
    registries of Registries;
    TRUSTED: Vec<Fact<String>> = ("trusted", Kind::Names), "Patterns of images that are trusted.",
        "['registry.example.net/platform/*']", Slot::Overlay(list!(trusted_registries)),
        decides("which images are reported");
    OPEN: Vec<Fact<String>> = ("open", Kind::Names),
        "Patterns of images that anyone in the company may push.", "['registry.example.net/playground/*']",
        Slot::Overlay(list!(open_registries)), decides("which images are reported");
}

facts! {
    /// Prices in US dollars.
    prices of Prices;
    POD_HOUR: Money = ("pod_hour", Kind::Money), "One pod for one hour.", "0.05",
        Slot::Overlay(price!("pod_hour")), decides("what an autoscaler costs at its maximum");
    LOG_GB_MONTH: Money = ("log_gb_month", Kind::Money), "A gigabyte of logs for a month.", "0.03",
        Slot::Overlay(price!("log_gb_month")), decides("what logs cost");
}
