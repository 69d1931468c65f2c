//! The scope for people: projects with their deployments, environments, and what is open in each.

use super::table::table;
use super::{ExplainedDeployment, ExplainedEnvironment, ExplainedProject, Explanation, Open, Reason, SHOWN};
use crate::report::names::listed;
use crate::report::style::{Style, wrap};
use cofferdam_model::units::count;
use std::fmt::Write;

/// The column of names is not wider; a longer name moves only its own line.
const WIDEST: usize = 60;

impl ExplainedProject<'_> {
    /// Whether there is nothing to show: a directory that only contains other projects.
    pub(super) fn is_empty(&self) -> bool {
        let named = self.environments.iter().any(|e| !e.evidence.is_empty());
        self.deployments.is_empty() && self.open.is_empty() && !named
    }
}

impl Explanation<'_> {
    /// Writes the scope for programs.
    ///
    /// # Errors
    /// The writer's errors.
    pub fn write_json(&self, mut out: impl std::io::Write) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut out, self)?;
        out.write_all(b"\n")
    }

    /// For people.
    pub fn text(&self, style: Style) -> String {
        let mut out = String::new();
        for project in &self.projects {
            let name = match project.root.as_str() {
                "" => "the root of the check".to_owned(),
                root => format!("project {root}/"),
            };
            let apart = project
                .apart
                .map_or(String::new(), |why| format!(" (apart: {why})"));
            let _ = writeln!(out, "{}", strong(&format!("{name}{apart}"), style));
            project.text(&mut out, style);
            out.push('\n');
        }
        if self.projects.is_empty() {
            out.push_str("no deployment was found\n\n");
        }
        if !self.apart.is_empty() {
            let heading = "separate places, whose findings do not count (see --all)";
            let _ = writeln!(out, "{}", strong(heading, style));
            let rows = self.apart.iter().map(|p| {
                [
                    p.file.clone().unwrap_or_else(|| format!("{}/", p.directory)),
                    p.why.to_owned(),
                    count(p.files as u64, "file"),
                    match p.deployments {
                        0 => String::new(),
                        n => count(n as u64, "deployment"),
                    },
                ]
            });
            table(&mut out, rows.collect(), style.width);
            out.push('\n');
        }
        // The last blank line separates nothing.
        out.pop();
        out
    }
}

impl ExplainedProject<'_> {
    /// Whether no other deployment looks like this one without its values.
    fn is_alone(&self, one: &ExplainedDeployment<'_>) -> bool {
        let like = |d: &&ExplainedDeployment<'_>| {
            (d.kind, &d.root, d.name, d.namespace) == (one.kind, &one.root, one.name, one.namespace)
                && (d.environment, d.cluster) == (one.environment, one.cluster)
        };
        self.deployments.iter().filter(like).count() == 1
    }

    fn text(&self, out: &mut String, style: Style) {
        if self.deployments.is_empty() {
            out.push_str("  no deployment\n");
        } else {
            let head = [
                "DEPLOYED BY",
                "ROOT",
                "NAME",
                "NAMESPACE",
                "BY",
                "ENVIRONMENT",
                "CLUSTER",
                "OBJECTS",
                "JUDGED",
            ]
            .map(str::to_owned);
            let known = |text: Option<&str>| text.unwrap_or_default().to_owned();
            let names_any = self.deployments.iter().any(|d| d.environment.is_some());
            let rows = self.deployments.iter().map(|d| {
                [
                    d.kind.to_owned(),
                    if d.root.is_empty() {
                        ".".to_owned()
                    } else {
                        d.root.clone()
                    },
                    known(d.name),
                    known(d.namespace),
                    if self.is_alone(d) {
                        String::new()
                    } else {
                        d.by_shown()
                    },
                    d.environment
                        .or(names_any.then_some("(unnamed)"))
                        .unwrap_or_default()
                        .to_owned(),
                    known(d.cluster),
                    d.objects.to_string(),
                    match (d.not_read.is_empty(), d.objects) {
                        _ if d.local => "local".to_owned(),
                        (true, _) if d.by_default => "as defaults".to_owned(),
                        (true, _) if d.variant => "as a variant".to_owned(),
                        (true, _) => String::new(),
                        (false, 0) => "not read".to_owned(),
                        (false, _) if d.variant => "in part, as a variant".to_owned(),
                        (false, _) => "in part".to_owned(),
                    },
                ]
            });
            table(out, std::iter::once(head).chain(rows).collect(), style.width);
        }
        out.push_str("  environments\n");
        let width = self
            .environments
            .iter()
            .map(|e| e.shown().chars().count())
            .max()
            .unwrap_or(0)
            .min(WIDEST);
        for environment in &self.environments {
            let mut text = match environment.evidence {
                _ if !environment.judged => "not judged: no file that was read is declared for it".to_owned(),
                [] => "no file names an environment; judged at full severity".to_owned(),
                evidence if style.verbose => evidence.join(", "),
                evidence => listed(evidence, SHOWN),
            };
            if !environment.clusters.is_empty() {
                let clusters: Vec<&str> = environment.clusters.iter().copied().collect();
                text = format!("{text}; on {}", listed(&clusters, SHOWN));
            }
            let indent = width + 6;
            let wrapped = wrap(&text, style.width.saturating_sub(indent));
            let wrapped = wrapped.replace('\n', &format!("\n{:indent$}", ""));
            let _ = writeln!(out, "    {:width$}  {wrapped}", environment.shown());
        }
        if self.open.is_empty() {
            out.push_str("  closed: everything was read, so a thing that is missing here does not exist\n");
            return;
        }
        out.push_str("  open: these may exist although they were not found\n");
        for open in &self.open {
            open.text(out, style);
        }
    }
}

impl ExplainedDeployment<'_> {
    /// What tells a release from another of the same chart: its files of values, else the file that installs it.
    fn by_shown(&self) -> String {
        match self.values.is_empty() {
            true => self.installed_by.clone().unwrap_or_default(),
            false => self.values.join(" "),
        }
    }
}

impl ExplainedEnvironment<'_> {
    fn shown(&self) -> &str {
        self.name.unwrap_or("(unnamed)")
    }
}

impl Reason<'_> {
    /// `the chart redis was not read: 12 deployments (a, b, c and 9 more), in production`
    fn shown(&self) -> String {
        let roots: Vec<&str> = self.deployments.iter().map(String::as_str).collect();
        let at = match roots.as_slice() {
            [] => String::new(),
            [one] => format!(" ({one})"),
            all => format!(": {} places ({})", all.len(), listed(all, SHOWN)),
        };
        let environments: Vec<&str> = self.environments.iter().copied().collect();
        let of = match environments.is_empty() {
            true => String::new(),
            false => format!(", in {}", listed(&environments, SHOWN)),
        };
        format!("{}{at}{of}", self.reason)
    }
}

impl Open<'_> {
    fn text(&self, out: &mut String, style: Style) {
        let kinds = match self.kinds.is_empty() {
            true => "anything".to_owned(),
            false => self.kinds.join(", "),
        };
        let reasons = match self.reasons.len() {
            1 => String::new(),
            n => format!(", for {n} reasons"),
        };
        let kinds = wrap(&format!("{kinds}{reasons}"), style.width.saturating_sub(4));
        let _ = writeln!(out, "    {}", kinds.replace('\n', "\n    "));
        let shown = match style.verbose || self.reasons.len() == SHOWN + 1 {
            true => self.reasons.len(),
            false => SHOWN,
        };
        for reason in self.reasons.iter().take(shown) {
            let wrapped = wrap(&reason.shown(), style.width.saturating_sub(8)).replace('\n', "\n        ");
            let _ = writeln!(out, "      - {wrapped}");
        }
        if self.reasons.len() > shown {
            let _ = writeln!(out, "      - and {} more", self.reasons.len() - shown);
        }
    }
}

fn strong(text: &str, style: Style) -> String {
    match style.color {
        true => format!("\x1b[1m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}
