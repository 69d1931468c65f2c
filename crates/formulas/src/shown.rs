//! Values as people read them.

use std::time::Duration;

use cofferdam_model::alerts::BurnWindows;
use cofferdam_model::units::{show_duration, show_number};
use cofferdam_model::{Bytes, Rate, Share};

/// A value in readable form.
pub trait Shown {
    /// The value with its unit.
    fn shown(&self) -> String;
}

impl Shown for u32 {
    fn shown(&self) -> String {
        show_number(f64::from(*self))
    }
}

impl Shown for u64 {
    fn shown(&self) -> String {
        show_number(*self as f64)
    }
}

impl Shown for f64 {
    fn shown(&self) -> String {
        show_number(*self)
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        self.clone()
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        if *self < Duration::from_secs(1) {
            return format!("{} ms", show_number(self.as_secs_f64() * 1e3));
        }
        show_duration(*self)
    }
}

impl Shown for Rate {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Share {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for BurnWindows {
    fn shown(&self) -> String {
        format!(
            "above {} over {} and {}",
            Share(self.share),
            self.long.shown(),
            self.short.shown()
        )
    }
}

impl Shown for Bytes {
    fn shown(&self) -> String {
        self.to_string()
    }
}
