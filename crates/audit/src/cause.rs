//! What tells two findings of one rule about one subject apart.

/// A stable word for what is wrong, and the name of what it is wrong with: a variable, a container, a field. A rule that
/// reports once for each subject has none.
///
/// It has no figures, lines or sentences: a finding with another figure has the same cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause {
    what: &'static str,
    of: Option<Box<str>>,
}

impl Cause {
    /// The stable word; empty if there is none.
    #[must_use]
    pub fn what(&self) -> &str {
        self.what
    }

    /// The name of what it is wrong with.
    #[must_use]
    pub fn of(&self) -> Option<&str> {
        self.of.as_deref()
    }
}

impl From<&'static str> for Cause {
    fn from(what: &'static str) -> Cause {
        Cause { what, of: None }
    }
}

/// A name alone.
impl From<String> for Cause {
    fn from(of: String) -> Cause {
        Cause {
            what: "",
            of: Some(of.into_boxed_str()),
        }
    }
}

impl<T: Into<Box<str>>> From<(&'static str, T)> for Cause {
    fn from((what, of): (&'static str, T)) -> Cause {
        Cause {
            what,
            of: Some(of.into()),
        }
    }
}
