//! The people on call: a page reaches them, and their actions take effect some time later. Nothing happens
//! before a page.

use std::time::Duration;

use cofferdam_policy::Time;

/// Somebody on call.
#[derive(Debug, Clone)]
pub struct Responder {
    delay: Duration,
    told: Option<Time>,
}

impl Responder {
    /// People whose actions take effect this long after the first page.
    #[must_use]
    pub const fn new(delay: Duration) -> Self {
        Self { delay, told: None }
    }

    /// An alert pages. Later pages change nothing: the first has started the work.
    pub fn page(&mut self, now: Time) {
        self.told = Some(self.told.map_or(now, |told| told.min(now)));
    }

    /// When their actions take effect; `None` if nobody was paged.
    #[must_use]
    pub fn acts(&self) -> Option<Time> {
        self.told.map(|told| told + self.delay)
    }

    /// Whether they have taken effect.
    #[must_use]
    pub fn acted(&self, now: Time) -> bool {
        self.acts().is_some_and(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_act_after_the_first_page_and_never_without_one() {
        let at = |seconds: u64| Time::from_nanos(seconds * 1_000_000_000);
        let mut people = Responder::new(Duration::from_secs(600));
        assert_eq!(people.acts(), None);
        assert!(!people.acted(at(100_000)));
        people.page(at(360));
        people.page(at(480));
        assert_eq!(people.acts(), Some(at(960)));
        assert!(!people.acted(at(959)));
        assert!(people.acted(at(960)));
    }
}
