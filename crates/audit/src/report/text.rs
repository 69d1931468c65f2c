//! The report for people: every finding with its source lines, then a summary.

pub use super::style::Style;
use super::style::wrap;
use super::{names, summary, through, unjudged, window};
use crate::engine::{Report, severity_of};
use crate::finding::{Figure, Figures, Finding, Location, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use cofferdam_model::redact::Redactor;
use cofferdam_model::units::{show_number, singular};
use cofferdam_model::{FileId, Platform, SourceFile, Span, UnreadableFile};

/// Prints the whole report.
pub fn render(report: &Report, platform: &Platform, redaction: &Redactor<'_>, style: Style) -> String {
    let mut out = String::new();
    let renderer = renderer(style);
    let names = names::Names::of(report, platform);
    let (counted, apart): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|f| f.apart.is_none());
    for (at, finding) in counted.iter().chain(&apart).enumerate() {
        if at == counted.len() {
            out.push_str("in separate places (examples, tests):\n\n");
        }
        if style.brief {
            out.push_str(&headline(finding, platform, style.color));
        } else {
            out.push_str(&one(finding, (platform, redaction), style, &names));
            out.push('\n');
        }
        out.push('\n');
    }
    for unreadable in report.unreadable(platform) {
        let warning = Level::WARNING.with_name("unreadable");
        out.push_str(&unread(warning, unreadable, (platform, redaction), &renderer));
        out.push_str("\n\n");
    }
    for (span, note) in &report.suppression_notes {
        let here = [Location {
            span: *span,
            label: String::new(),
        }];
        let (snippets, columns) = snippets(&here, platform, redaction);
        let group = Level::NOTE.primary_title(note.as_str()).elements(snippets);
        out.push_str(&columns.corrected(renderer.render(&[group])));
        out.push_str("\n\n");
    }
    if !style.brief {
        unjudged::not_judged(&mut out, &report.unjudged, style);
    }
    summary::summary(&mut out, report, platform, style);
    out
}

fn renderer(style: Style) -> Renderer {
    let renderer = if style.color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.term_width(style.width)
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Critical => Level::ERROR.with_name("critical"),
        Severity::High => Level::ERROR.with_name("high"),
        Severity::Medium => Level::WARNING.with_name("medium"),
        Severity::Low => Level::INFO.with_name("low"),
    }
}

fn headline(finding: &Finding, platform: &Platform, color: bool) -> String {
    let place = finding.locations.first().map_or(String::new(), |l| {
        let position = platform.sources.position(l.span);
        format!(
            "{}:{}:{}: ",
            platform.sources.path(l.span.file).display(),
            position.line,
            position.column
        )
    });
    let severity = severity_of(finding);
    let name = format!("{severity}[{}]", finding.rule);
    // The colours of the full report.
    let name = match (color, severity) {
        (false, _) => name,
        (true, Severity::Critical | Severity::High) => format!("\x1b[1;31m{name}\x1b[0m"),
        (true, Severity::Medium) => format!("\x1b[1;33m{name}\x1b[0m"),
        (true, Severity::Low) => format!("\x1b[1;36m{name}\x1b[0m"),
    };
    format!("{place}{name}: {}", finding.title)
}

fn one(
    finding: &Finding,
    (platform, redaction): (&Platform, &Redactor<'_>),
    style: Style,
    names: &names::Names<'_>,
) -> String {
    let (snippets, columns) = snippets(&finding.locations, platform, redaction);
    let mut group: Group<'_> = level(severity_of(finding))
        .primary_title(finding.title.as_str())
        .id(finding.rule.as_str())
        .elements(snippets);
    let mut note = |name: &'static str, text: &str| {
        if !text.is_empty() {
            // Users copy a page's command and address, so these are not broken.
            let width = if name == "page" {
                usize::MAX
            } else {
                style.width.saturating_sub(name.len() + 9)
            };
            let wrapped = wrap(text, width);
            let message = Level::NOTE.with_name(name).message(wrapped);
            group = std::mem::replace(&mut group, Group::with_level(Level::NOTE)).element(message);
        }
    };
    if style.verbose {
        for line in through::lines(finding, &platform.sources) {
            note("through", &line);
        }
    }
    note("also at", &also_at(finding, platform));
    note("what happens", &finding.explanation);
    note("figures", &figures(&finding.figures));
    for assumption in &finding.assumptions {
        note("assumes", assumption);
    }
    note("fix", &finding.remedy);
    note("environments", &names.holds_in(finding));
    note("page", &page(&finding.rule, style.docs));
    columns.corrected(renderer(style).render(&[group]))
}

/// The command that prints a rule's page, and where the page is published, if it is.
fn page(rule: &str, docs: Option<&str>) -> String {
    let published = docs.map_or_else(String::new, |docs| format!(", {docs}/rules/{rule}.md"));
    format!("cofferdam explain {rule}{published}")
}

/// The other places of a finding. With the first, three are shown.
fn also_at(finding: &Finding, platform: &Platform) -> String {
    const SHOWN: usize = 2;
    let shown = finding.also_at.iter().take(SHOWN).map(|span| {
        let position = platform.sources.position(*span);
        let path = platform.sources.path(span.file).display();
        format!("{path}:{}:{}", position.line, position.column)
    });
    let mut places: Vec<String> = shown.collect();
    if finding.also_at.len() > SHOWN {
        places.push(format!("and {} more", finding.also_at.len() - SHOWN));
    }
    places.join(", ").replace(", and", " and")
}

/// The figures in words, without those that only count one thing: the title names it.
fn figures(figures: &Figures) -> String {
    // A number alone that repeats the title computes nothing.
    let is_plain = |name: &str, figure: &Figure| name == figure.unit || is_count(name, figure);
    if figures.len() == 1 && figures.iter().all(|(name, figure)| is_plain(name, figure)) {
        return String::new();
    }
    figures
        .iter()
        .filter(|(name, figure)| figure.value != 1.0 || !is_count(name, figure))
        .map(|(name, figure)| {
            let name = name.replace('_', " ");
            let unit = match figure.value == 1.0 {
                true => singular(&figure.unit),
                false => figure.unit.to_string(),
            };
            let number = show_number(figure.value);
            if name == figure.unit {
                format!("{number} {unit}")
            } else {
                format!("{name} {number} {unit}").trim_end().to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" · ")
}

/// Whether a figure is the number of the things that the finding is about (`places`, `containers`). A number
/// of replicas is a value that somebody chose.
fn is_count(name: &str, figure: &Figure) -> bool {
    figure.unit != "replicas" && (name == figure.unit || name == "workloads")
}

/// Places whose columns on the shown line differ from those of the file, because a mask before them is
/// narrower or wider than the secret: the place as the renderer writes it, and as it is in the file.
#[derive(Default)]
struct Columns(Vec<(String, String)>);

impl Columns {
    /// The text with the columns of the file.
    fn corrected(&self, mut text: String) -> String {
        for (shown, real) in &self.0 {
            if let Some(at) = text.find(shown)
                && !text[at + shown.len()..].starts_with(|c: char| c.is_ascii_digit())
            {
                text.replace_range(at..at + shown.len(), real);
            }
        }
        text
    }

    fn note(&mut self, file: &SourceFile, at: Span, (text, place): (&str, usize)) {
        let position = file.position(at.start);
        let line = text[..place].rfind('\n').map_or(0, |n| n + 1);
        let shown = text[line..place].chars().count() + 1;
        if shown != position.column as usize {
            let path = file.path.display();
            self.0.push((
                format!("{path}:{}:{shown}", position.line),
                format!("{path}:{}:{}", position.line, position.column),
            ));
        }
    }
}

/// One snippet for each file, with files in the order of the locations.
fn snippets<'a>(
    locations: &'a [Location],
    platform: &'a Platform,
    redaction: &Redactor<'_>,
) -> (Vec<Snippet<'a, annotate_snippets::Annotation<'a>>>, Columns) {
    let mut columns = Columns::default();
    let mut files: Vec<FileId> = Vec::new();
    for location in locations {
        if !files.contains(&location.span.file) {
            files.push(location.span.file);
        }
    }
    let primary = locations.first().map(|l| l.span);
    let windows = files.into_iter().flat_map(|id| {
        let file = platform.sources.file(id);
        let here: Vec<&Location> = locations.iter().filter(|l| l.span.file == id).collect();
        let groups = window::groups(file, here);
        groups
            .into_iter()
            .map(move |(here, start, end)| (id, file, here, start, end))
    });
    let all = windows
        .map(|(id, file, here, start, end)| {
            let marks: Vec<Span> = here.iter().map(|l| window::first_line(file, l.span)).collect();
            let excerpt = redaction.excerpt(id, start..end);
            let annotations: Vec<_> = here
                .iter()
                .zip(marks)
                .map(|(location, span)| {
                    let from = excerpt.place(span.start as usize, false);
                    columns.note(file, location.span, (&excerpt.text, from));
                    let to = excerpt.place(span.end as usize, true).max(from);
                    let kind = if Some(location.span) == primary {
                        AnnotationKind::Primary
                    } else {
                        AnnotationKind::Context
                    };
                    let label = (!location.label.is_empty()).then_some(location.label.as_str());
                    kind.span(from..to).label(label)
                })
                .collect();
            let line = file.position(u32::try_from(start).unwrap_or(u32::MAX)).line;
            Snippet::source(excerpt.text)
                .path(file.path.display().to_string())
                .line_start(line as usize)
                .fold(true)
                .annotations(annotations)
        })
        .collect();
    (all, columns)
}

/// Prints the errors in `cofferdam.yaml`, each at its line.
pub fn overlay_problems(
    problems: &[UnreadableFile],
    platform: &Platform,
    redaction: &Redactor<'_>,
    style: Style,
) -> String {
    let renderer = renderer(style);
    let mut out = String::new();
    for problem in problems {
        let error = Level::ERROR.with_name("error[overlay]");
        out.push_str(&unread(error, problem, (platform, redaction), &renderer));
        out.push_str("\n\n");
    }
    out
}

fn unread<'a>(
    level: Level<'a>,
    unreadable: &'a UnreadableFile,
    (platform, redaction): (&Platform, &Redactor<'_>),
    renderer: &Renderer,
) -> String {
    // Without a line below it, the title has to name the file.
    let path = unreadable.path.display();
    let title = match unreadable.span {
        None if ["is ", "cannot "]
            .iter()
            .any(|verb| unreadable.message.starts_with(verb)) =>
        {
            level.primary_title(format!("{path} {}", unreadable.message))
        }
        _ => level.primary_title(unreadable.message.as_str()),
    };
    match unreadable.span {
        Some(span) => {
            let locations = [Location {
                span,
                label: String::new(),
            }];
            let (elements, columns) = snippets(&locations, platform, redaction);
            columns.corrected(renderer.render(&[title.elements(elements)]))
        }
        None => {
            let origin = annotate_snippets::Origin::path(unreadable.path.display().to_string());
            renderer.render(&[title.element(origin)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::secrets::{SecretKind, SecretLiteral};
    use cofferdam_model::{Environment, Parts, SourceFile};

    fn platform() -> Platform {
        let mut platform = Platform::default();
        platform.reading.formats.insert("Kubernetes".to_owned(), 1);
        platform.reading.config = Some("../cofferdam.yaml".into());
        platform.overlay.above = "platform".into();
        let id = platform.sources.add(SourceFile::new(
            "k8s/a.yaml".into(),
            "a: 1\npassword: hunter2x\nmax: 50\n",
        ));
        platform.environments.push(Environment {
            name: "default".to_owned(),
            parts: Parts {
                secret_literals: vec![SecretLiteral {
                    name: "password".to_owned(),
                    span: Span::new(id, 15, 23),
                    kind: SecretKind::Password,
                    evidence: String::new(),
                    fingerprint: 0,
                    doubtful: false,
                }],
                ..Parts::default()
            },
            ..Environment::default()
        });
        platform
    }

    fn finding() -> Finding {
        let mut finding = Finding::new("Deployment a", "2,000 wanted, 997 there")
            .at(Span::new(FileId(0), 29, 31), "at most 50")
            .at(Span::new(FileId(0), 15, 23), "with this password")
            .explain("Late comers are refused.")
            .figure("deficit", 1003.0, "connections")
            .assume("max_connections is 1,000")
            .remedy("Lower the pool.");
        finding.rule = crate::RuleId::new("database-connection-exhaustion");
        finding.severity = Some(Severity::Critical);
        finding
    }

    #[test]
    fn a_finding_reads_like_a_compiler_error_and_never_shows_a_secret() {
        let report = Report {
            findings: vec![finding()],
            environments: vec!["default".into()],
            ..Report::default()
        };
        let platform = platform();
        let text = render(&report, &platform, &platform.redactor(), Style::default());
        assert!(!text.contains("hunter2x"), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_summary_distinguishes_nothing_to_check_from_no_findings() {
        let summary = |change: &dyn Fn(&mut Platform)| {
            let mut platform = platform();
            platform.reading.formats.clear();
            change(&mut platform);
            render(
                &Report::default(),
                &platform,
                &platform.redactor(),
                Style::default(),
            )
        };
        assert!(summary(&|_| {}).starts_with("nothing to check: "));
        let read = summary(&|p| {
            p.reading.formats.insert("Compose".to_owned(), 2);
        });
        assert!(
            read.starts_with("no findings\n") && read.contains("read: 2 files (2 Compose)"),
            "{read}"
        );
        let stated = summary(&|p| p.reading.stated = true);
        assert!(stated.contains("read: only the overlay"), "{stated}");
        let unreadable = summary(&|p| {
            p.reading.unreadable.push(UnreadableFile {
                path: "a.yaml".into(),
                span: None,
                message: "is UTF-16".to_owned(),
            });
        });
        assert!(unreadable.contains("nothing was checked"), "{unreadable}");
        let several = summary(&|p| p.reading.root = Some("services".into()));
        assert!(several.contains(
            "root: services\nconfig: ../cofferdam.yaml (paths in it are relative to its own directory)"
        ));
        let elsewhere = summary(&|p| p.overlay.above = "".into());
        assert!(elsewhere.contains("(paths in it are relative to the root of the check)"));
    }

    #[test]
    fn wrapping_keeps_words() {
        assert_eq!(wrap("a b", 40), "a b");
        let long = "word ".repeat(20);
        assert!(wrap(&long, 40).lines().all(|l| l.len() <= 40));
        // Several spaces become one, line breaks stay, and a word that is too long gets its own line,
        // unbroken.
        let path = "/a-long-path".repeat(6);
        assert_eq!(
            wrap(&format!("  see \t {path}  for\n\nmore"), 40),
            format!("see\n{path}\nfor\n\nmore")
        );
        // The width is counted in columns, not bytes or characters: a wide letter takes two.
        assert_eq!(wrap(&format!("{} b", "語".repeat(20)), 40).lines().count(), 2);
    }

    #[test]
    fn one_thing_is_singular_and_no_word_is_repeated() {
        let shown = |name: &str, value: f64, unit: &str| {
            let figure = Figure {
                value,
                unit: unit.to_owned().into(),
            };
            figures(&[(name.to_owned().into(), figure)].into_iter().collect())
        };
        assert_eq!(shown("replicas", 1.0, "replicas"), "", "the title says it");
        assert_eq!(shown("entries", 2.0, "entries"), "");
        let figure = |value: f64, unit: &'static str| Figure {
            value,
            unit: unit.into(),
        };
        let both = [
            ("left".into(), figure(1.0, "replicas")),
            ("replicas".into(), figure(2.0, "replicas")),
        ];
        let both = both.into_iter().collect();
        assert_eq!(figures(&both), "left 1 replica · 2 replicas");
        assert_eq!(shown("set_twice", 1.0, "entries"), "set twice 1 entry");
        assert_eq!(shown("may_go", 0.0, "pods"), "may go 0 pods");
        assert_eq!(shown("delay", 1.0, "s"), "delay 1 s");
        assert_eq!(shown("rate", 1.0, "requests/s"), "rate 1 requests/s");
        assert_eq!(shown("skew", 3.0, ""), "skew 3");
    }
}
