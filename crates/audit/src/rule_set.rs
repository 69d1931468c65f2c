//! The rules of a check: those that are built in, or any others that the caller gives. The engine knows no rule of its own.

use crate::rule::{Rule, RuleId};
use crate::rules;
use cofferdam_model::Span;
use cofferdam_model::overlay::{Overlay, RuleSettings};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::nearest::nearest;

/// Rules in the order of reports within a severity, each id once.
#[derive(Debug, Clone)]
pub struct RuleSet<'r> {
    rules: Vec<&'r Rule>,
    ranks: HashMap<&'r str, usize>,
}

/// Two rules have one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SameId(pub RuleId);

impl std::fmt::Display for SameId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "two rules have the id `{}`", self.0)
    }
}

impl std::error::Error for SameId {}

/// What is wrong with what the overlay says about rules, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The place, if the overlay is in a file.
    pub span: Option<Span>,
    /// The problem, and what to write instead.
    pub message: String,
}

impl RuleSet<'static> {
    /// The rules that are built in.
    #[must_use]
    pub fn built_in() -> RuleSet<'static> {
        // A test makes sure that no two of them have one id.
        RuleSet::from_iter(rules::ALL.iter().copied())
    }
}

/// Of rules with one id, the first counts.
impl<'r> FromIterator<&'r Rule> for RuleSet<'r> {
    fn from_iter<I: IntoIterator<Item = &'r Rule>>(all: I) -> Self {
        let mut set = RuleSet {
            rules: Vec::new(),
            ranks: HashMap::default(),
        };
        for rule in all {
            let _ = set.add(rule);
        }
        set
    }
}

impl<'r> RuleSet<'r> {
    /// Adds a rule after the others.
    ///
    /// # Errors
    /// There is a rule with this id.
    pub fn add(&mut self, rule: &'r Rule) -> Result<(), SameId> {
        if self.ranks.contains_key(rule.id.as_str()) {
            return Err(SameId(rule.id.clone()));
        }
        self.ranks.insert(rule.id.as_str(), self.rules.len());
        self.rules.push(rule);
        Ok(())
    }

    /// The rules in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'r Rule> {
        self.rules.iter().copied()
    }

    /// The rule of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&'r Rule> {
        self.rank(id).map(|rank| self.rules[rank])
    }

    /// The place of a rule in the order of reports.
    pub(crate) fn rank(&self, id: &str) -> Option<usize> {
        self.ranks.get(id).copied()
    }

    /// The id that was probably intended: the nearest one, or one that begins like it.
    #[must_use]
    pub fn nearest(&self, id: &str) -> Option<&'r str> {
        let ids = || self.rules.iter().map(|rule| rule.id.as_str());
        nearest(id, ids()).or_else(|| {
            let parts = id.split('-').count();
            let beginning = |id: &'r str| {
                let end = id
                    .match_indices('-')
                    .nth(parts - 1)
                    .map_or(id.len(), |(at, _)| at);
                (end < id.len()).then(|| &id[..end])
            };
            let beginnings = || ids().filter_map(beginning);
            let near = match beginnings().find(|beginning| *beginning == id) {
                Some(same) => same,
                None => nearest(id, beginnings())?,
            };
            ids().find(|id| beginning(id) == Some(near))
        })
    }

    /// The error for a rule that is not in this set.
    #[must_use]
    pub fn unknown(&self, id: &str) -> String {
        let near = self
            .nearest(id)
            .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        format!("there is no rule `{id}`; {near}`cofferdam rules` lists them all")
    }

    /// What is wrong in the overlay: rules that do not exist, settings that a rule does not have, values of another type.
    #[must_use]
    pub fn problems(&self, overlay: &Overlay) -> Vec<SettingProblem> {
        let settings = overlay
            .rules
            .iter()
            .map(|(id, said)| (Some(id.as_str()), said.span));
        let ignores = overlay
            .ignores
            .iter()
            .map(|ignore| (ignore.rule.as_deref(), Some(ignore.span)));
        let unknown = settings.chain(ignores).filter_map(|(id, span)| {
            let id = id.filter(|id| self.find(id).is_none())?;
            span.map(|span| SettingProblem {
                span: Some(span),
                message: self.unknown(id),
            })
        });
        let known = overlay
            .rules
            .iter()
            .filter_map(|(id, said)| Some((self.find(id)?, said)));
        unknown
            .chain(known.flat_map(|(rule, said)| wrong(rule, said)))
            .collect()
    }
}

/// What is wrong in the settings of one rule.
fn wrong(rule: &Rule, said: &RuleSettings) -> Vec<SettingProblem> {
    let problem = |(name, fact): (&String, &cofferdam_model::Fact<String>)| {
        let message = match rule.settings.iter().find(|setting| setting.name == name) {
            Some(setting) => {
                let refusal = setting.read(&fact.value).err()?;
                format!("the setting {refusal}; without it, it is {}", setting.default)
            }
            None => {
                let own = rule.settings.iter().map(|own| format!(", `{}`", own.name));
                let own: String = own.collect();
                format!(
                    "the rule {} has no setting `{name}`; it has `enabled`, `severity`{own}",
                    rule.id
                )
            }
        };
        Some(SettingProblem {
            span: fact.span(),
            message,
        })
    };
    said.settings.iter().filter_map(problem).collect()
}
