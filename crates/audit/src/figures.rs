//! The numbers of a finding by name. A platform has many thousands of findings, nearly all with one to five figures: they
//! are kept in a list, which needs a tenth of a tree's memory.

use std::borrow::Cow;
use std::ops::Index;

/// A computed number.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The number.
    pub value: f64,
    /// Its unit (`connections`, `s`, `replicas`, `messages`, `%`); empty for a bare number.
    pub unit: Cow<'static, str>,
}

/// Computed numbers by name (`snake_case`), in the order of the names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures(Vec<(Cow<'static, str>, Figure)>);

impl Figures {
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_ref().cmp(name))
    }

    /// The figure of a name.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        let at = self.place(name).ok()?;
        self.0.get(at).map(|(_, figure)| figure)
    }

    /// Adds a figure, or replaces the one of its name.
    pub fn insert(&mut self, name: Cow<'static, str>, figure: Figure) {
        match self.place(&name) {
            Ok(at) => self.0[at].1 = figure,
            Err(at) => self.0.insert(at, (name, figure)),
        }
    }

    /// Names and figures, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Figure)> {
        self.0.iter().map(|(name, figure)| (name.as_ref(), figure))
    }

    /// How many figures there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Cow<'static, str>, Figure)> for Figures {
    fn from_iter<I: IntoIterator<Item = (Cow<'static, str>, Figure)>>(all: I) -> Figures {
        let mut figures = Figures::default();
        for (name, figure) in all {
            figures.insert(name, figure);
        }
        figures
    }
}

impl Index<&str> for Figures {
    type Output = Figure;

    /// # Panics
    /// If there is no figure of this name.
    fn index(&self, name: &str) -> &Figure {
        match self.get(name) {
            Some(figure) => figure,
            None => panic!("no figure `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_the_order_of_their_names_and_the_last_of_one_name_counts() {
        let figure = |value| Figure {
            value,
            unit: "s".into(),
        };
        let all = [("wait", 2.0), ("delay", 1.0), ("wait", 3.0), ("age", 4.0)];
        let figures: Figures = all
            .map(|(name, value)| (name.into(), figure(value)))
            .into_iter()
            .collect();
        let shown: Vec<(&str, f64)> = figures.iter().map(|(name, f)| (name, f.value)).collect();
        assert_eq!(shown, [("age", 4.0), ("delay", 1.0), ("wait", 3.0)]);
        assert_eq!(figures.len(), 3);
        assert_eq!(figures["wait"].value, 3.0);
        assert_eq!(figures.get("waits"), None);
    }
}
