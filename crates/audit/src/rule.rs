//! What a rule is: an id that never changes, a page of documentation, and a function from an environment to
//! findings. A rule reads only the model; it knows no file format.

use crate::finding::{Finding, Severity, Unjudged};
pub use crate::rule_id::RuleId;
pub use crate::setting::{Setting, Value};
use cofferdam_model::overlay::RuleSettings;
use cofferdam_model::registry::Missing;
use cofferdam_model::workload::ObjectId;
use cofferdam_model::{Absence, DeploymentId, Environment, Platform, Span};
use cofferdam_syntax::hash::HashMap;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::OnceLock;

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// The group of the rule.
    pub group: Group,
    /// Severity unless the finding sets another.
    pub severity: Severity,
    /// Whether and how it can be fixed in the files.
    pub fix: Fix,
    /// What it finds, in one line.
    pub summary: Cow<'static, str>,
    /// What its findings may claim not to exist: objects and files other than the one that they point at.
    /// Empty if every finding is about something that exists.
    pub absences: &'static [Absence],
    /// Its settings in `cofferdam.yaml`, beside `enabled` and `severity`.
    pub settings: &'static [Setting],
    /// Its documentation page, in Markdown.
    pub page: Cow<'static, str>,
    /// Looks at one environment.
    pub check: Check,
}

/// What was made from a rule that people wrote.
pub type OwnCheck = dyn Fn(&Context<'_>, &mut Verdicts) + Send + Sync;

/// What a rule does.
pub enum Check {
    /// A function of a rule that is built in.
    BuiltIn(fn(&Context<'_>, &mut Verdicts)),
    /// What was made from a rule that people wrote.
    Own(Box<OwnCheck>),
}

impl Check {
    /// Looks at one environment.
    pub(crate) fn run(&self, cx: &Context<'_>, out: &mut Verdicts) {
        match self {
            Check::BuiltIn(check) => check(cx, out),
            Check::Own(check) => check(cx, out),
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Check::BuiltIn(_) => "BuiltIn",
            Check::Own(_) => "Own",
        })
    }
}

/// Groups of rules, in the order of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Group {
    Kafka,
    Database,
    Cells,
    Secrets,
    Network,
    Images,
    Alerts,
    Scaling,
    Delivery,
}

impl Group {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Group::Kafka => "Kafka",
            Group::Database => "Database",
            Group::Cells => "Cells, health, caches",
            Group::Secrets => "Secrets",
            Group::Network => "Network",
            Group::Images => "Images",
            Group::Alerts => "Alerts and SLOs",
            Group::Scaling => "Autoscaling and resources",
            Group::Delivery => "Delivery",
        }
    }
}

/// Whether a finding can be fixed in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fix {
    /// By an edit that is always right.
    Automatic,
    /// By an edit that needs a decision.
    Proposed,
    /// Only by people.
    Advice,
}

impl Fix {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Fix::Automatic => "automatic",
            Fix::Proposed => "proposed",
            Fix::Advice => "advice",
        }
    }
}

/// What a rule may read.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The environment it judges.
    pub env: &'a Environment,
    /// The whole platform.
    pub platform: &'a Platform,
    /// The overlay's settings for this rule.
    pub settings: Option<&'a RuleSettings>,
    /// What was found out once for all environments.
    pub shared: &'a Shared,
}

/// What rules find out once for all environments of a platform, when the first of them asks.
#[derive(Debug, Default)]
pub struct Shared {
    /// The environments in which a line sets the replicas of a workload that no autoscaler scales.
    pub(crate) unscaled: OnceLock<HashMap<Span, BTreeSet<String>>>,
}

impl Context<'_> {
    /// The value of a setting of this rule: what people wrote, else the default.
    pub fn setting(&self, setting: &Setting) -> Value {
        let stated = self.settings.and_then(|said| said.settings.get(setting.name));
        // What cannot be read was refused when the overlay was checked.
        let value = stated.and_then(|fact| setting.read(&fact.value).ok());
        value.unwrap_or(setting.default)
    }

    /// Whether an object counts where the objects of the environment are added up or said to have none of something.
    pub fn is_own(&self, id: &ObjectId) -> bool {
        let scope = &self.platform.scope;
        let counts = |of| scope.counts_in(of, self.env.project, &self.env.name);
        id.home().deployment.is_none_or(counts)
    }

    /// Whether something here is seen to make a deployment. Where that is so of none, each counts.
    pub fn is_made(&self, deployment: Option<DeploymentId>) -> bool {
        let scope = &self.platform.scope;
        deployment.is_none_or(|id| {
            !scope.by_default.contains(&id) || scope.counts_in(id, self.env.project, &self.env.name)
        })
    }
}

/// Collects the results of rules.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Findings.
    pub findings: Vec<Finding>,
    /// What could not be judged.
    pub unjudged: Vec<Unjudged>,
}

impl Verdicts {
    /// Reports a finding.
    pub fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Records that `subject` could not be judged, and what is missing.
    pub fn cannot_judge(
        &mut self,
        subject: impl Into<String>,
        needs: impl IntoIterator<Item = impl Into<Missing>>,
        partial: Option<String>,
    ) {
        self.unjudged.push(Unjudged {
            rule: RuleId::default(),
            environments: Vec::new(),
            subject: subject.into(),
            needs: needs.into_iter().map(Into::into).collect(),
            partial,
        });
    }
}
