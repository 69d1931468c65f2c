//! Charts as SVG: one panel for each chart, with units, lines at the moments, and the figures as a table
//! below. Colours follow the reader's theme, light or dark, and can be distinguished by colour-blind readers
//! (the palette of Okabe and Ito, adapted to both backgrounds); curves also have different dashes.

use std::fmt::Write;

use cofferdam_model::units::show_number;
use cofferdam_policy::Time;

use super::{moment, value, wrap};
use crate::outcome::{Role, Series};
use crate::rehearse::{Happening, Rehearsal, Summary};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 24.0;
const PLOT_HEIGHT: f64 = 190.0;
/// Rows above a plot for the numbers of moments.
const MARK_ROWS: usize = 3;
const ROW: f64 = 18.0;

/// Colours and sizes are attributes of each element, so that a renderer without style sheets (or with an old one, which
/// knows neither variables nor themes) draws the light theme. The style sheet contains only the dark one.
const STYLE: &str = "\
:root{color-scheme:light dark}\
@media(prefers-color-scheme:dark){\
.ground{fill:#0d1117}.ink{fill:#e6edf3}.soft{fill:#9198a1}.n{fill:#0d1117}.g{stroke:#30363d}\
.c0{stroke:#56b4e9}.c1{stroke:#e69f00}.c2{stroke:#2fc08f}.c3{stroke:#e58ac0}.c4{stroke:#f0e442}.c5{stroke:#8cc8ff}\
.bad{stroke:#ff7b72}.good{stroke:#3fb950}.note{stroke:#d2a8ff}.rest{stroke:#9198a1}\
circle.bad{fill:#ff7b72}circle.good{fill:#3fb950}circle.note{fill:#d2a8ff}circle.rest{fill:#9198a1}}";

const FONT: &str = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif";

/// The colours of curves on a light ground.
const CURVES: [&str; 6] = ["#0062a3", "#b85c00", "#00785a", "#a3427a", "#7a6a00", "#2f7fb5"];

const DASHES: [&str; 6] = ["", "7 3", "2 3", "9 3 2 3", "4 2", "12 4"];

/// One SVG document with the charts of every case that has curves; `None` if none has. Each platform has a
/// word (`before`, `after`), which is empty if there is only one.
#[must_use]
pub fn render(platforms: &[(&str, &[Rehearsal])]) -> Option<String> {
    let mut body = String::new();
    let mut y = 18.0;
    let mut any = false;
    let most = platforms
        .iter()
        .map(|(_, rehearsals)| rehearsals.len())
        .max()
        .unwrap_or(0);
    for number in 0..most {
        for (side, rehearsals) in platforms {
            let Some(rehearsal) = rehearsals.get(number) else {
                continue;
            };
            for summary in rehearsal
                .results
                .iter()
                .filter(|summary| !summary.series.is_empty())
            {
                any = true;
                y = case(&mut body, side, rehearsal, summary, y);
            }
        }
    }
    any.then(|| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y:.0}\" width=\"{WIDTH}\" height=\"{y:.0}\" \
             role=\"img\" font-family=\"{FONT}\" font-size=\"12\"><title>Rehearsed failures</title><style>{STYLE}</style>\
             <rect class=\"ground\" width=\"{WIDTH}\" height=\"{y:.0}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// The headline of a case.
    Headline,
    /// The title of a chart or column.
    Title,
    Plain,
    Soft,
    /// The number in a circle.
    Number,
}

/// Where a text is, relative to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Look {
    /// The element's attributes.
    const fn attributes(self) -> &'static str {
        match self {
            Self::Headline => "class=\"ink\" fill=\"#1f2328\" font-size=\"17\" font-weight=\"600\"",
            Self::Title => "class=\"ink\" fill=\"#1f2328\" font-size=\"13\" font-weight=\"600\"",
            Self::Plain => "class=\"ink\" fill=\"#1f2328\"",
            Self::Soft => "class=\"soft\" fill=\"#59636e\"",
            Self::Number => "class=\"n\" fill=\"#ffffff\" font-size=\"10\" font-weight=\"600\"",
        }
    }
}

fn text(out: &mut String, (x, y): (f64, f64), look: Look, anchor: Anchor, words: &str) {
    let anchor = match anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" {}{anchor}>{}</text>",
        look.attributes(),
        escape(words)
    );
}

/// A thin line of the grid.
fn line(out: &mut String, path: &str) {
    let _ = writeln!(
        out,
        "<path class=\"g\" stroke=\"#d1d9e0\" stroke-width=\"1\" d=\"{path}\"/>"
    );
}

/// Draws a case from `y` down; returns where the next one begins.
fn case(out: &mut String, side: &str, rehearsal: &Rehearsal, summary: &Summary, y: f64) -> f64 {
    let mut y = y + 14.0;
    let side = if side.is_empty() {
        String::new()
    } else {
        format!(", {side}")
    };
    let headline = format!("{}: {}{side}", rehearsal.scenario.name, summary.subject);
    text(out, (20.0, y), Look::Headline, Anchor::Start, &headline);
    y += ROW;
    let runs = if summary.runs == 1 {
        "1 run".to_owned()
    } else {
        format!("first of {} runs", summary.runs)
    };
    for line in wrap(rehearsal.scenario.title, 120) {
        text(out, (20.0, y), Look::Soft, Anchor::Start, &line);
        y += ROW;
    }
    let subtitle = format!("{} · {runs} · seed {}", rehearsal.environment, summary.seed);
    text(out, (20.0, y), Look::Soft, Anchor::Start, &subtitle);
    y += ROW;
    // In the order of the first run, whose curves these are.
    let mut marks: Vec<&Happening> = summary.timeline.iter().collect();
    marks.sort_by_key(|mark| mark.first_run.unwrap_or(mark.at));
    let mut charts: Vec<&'static str> = Vec::new();
    for series in &summary.series {
        if !charts.contains(&series.chart) {
            charts.push(series.chart);
        }
    }
    for chart in charts {
        let curves: Vec<&Series> = summary
            .series
            .iter()
            .filter(|series| series.chart == chart)
            .collect();
        y = panel(out, chart, &curves, &marks, y + 8.0);
    }
    y = story(out, &marks, y + 6.0);
    table(out, summary, y + 6.0) + 26.0
}

struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    fn at(&self, value: f64) -> f64 {
        let share = if self.to > self.from {
            (value - self.from) / (self.to - self.from)
        } else {
            0.0
        };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }
}

/// Round steps: 1, 2 or 5 times a power of ten, at most `most` of them up to `to`.
fn step(to: f64, most: f64) -> f64 {
    let rough = (to / most).max(1e-9);
    let power = libm::exp10(libm::floor(libm::log10(rough)));
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|by| by * power)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power)
}

/// Round steps of time: seconds, minutes, hours.
fn time_step(to: f64) -> f64 {
    const STEPS: [f64; 15] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0,
    ];
    if to < 8.0 {
        step(to, 8.0)
    } else {
        STEPS
            .into_iter()
            .find(|step| to / step <= 10.0)
            .unwrap_or(to / 8.0)
    }
}

/// Class and colour of a role.
const fn role_colour(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Cause | Role::Loop => ("bad", "#c03a2b"),
        Role::Recovery => ("good", "#1a7f37"),
        Role::Detection | Role::Action => ("note", "#8250df"),
        Role::Trigger | Role::Effect | Role::Over => ("rest", "#59636e"),
    }
}

/// The numbered circle of a moment.
fn circle(out: &mut String, (x, y): (f64, f64), role: Role, number: usize) {
    let (class, colour) = role_colour(role);
    let _ = writeln!(
        out,
        "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7\" fill=\"{colour}\"/>"
    );
    text(
        out,
        (x, y + 3.5),
        Look::Number,
        Anchor::Middle,
        &number.to_string(),
    );
}

fn panel(out: &mut String, title: &str, curves: &[&Series], marks: &[&Happening], y: f64) -> f64 {
    let unit = curves.first().map_or("", |series| series.unit);
    // "replicas" in replicas needs no unit after it.
    let named = title.rsplit(' ').next() == Some(unit);
    let heading = if unit.is_empty() || named {
        title.to_owned()
    } else {
        format!("{title} ({unit})")
    };
    text(out, (20.0, y + 12.0), Look::Title, Anchor::Start, &heading);
    let mut y = legend(out, curves, y + 12.0);
    let points = || curves.iter().flat_map(|series| &series.points);
    // Moments shortly after the last point are part of the picture.
    let end = points().map(|(at, _)| at.as_secs_f64()).fold(0.0, f64::max);
    let told = marks
        .iter()
        .filter_map(|mark| mark.first_run)
        .map(Time::as_secs_f64);
    let last = told.filter(|at| *at <= end * 1.1).fold(end, f64::max);
    let top = points()
        .map(|(_, value)| *value)
        .filter(|value| value.is_finite())
        .fold(0.0, f64::max);
    let by = step(if top > 0.0 { top } else { 1.0 }, 5.0);
    let ceiling = (libm::ceil(top / by - 1e-3) * by).max(by);
    y += MARK_ROWS as f64 * 15.0 + 14.0;
    let (high, low) = (y, y + PLOT_HEIGHT);
    let across = Scale {
        from: 0.0,
        to: last.max(1e-3),
        start: LEFT,
        end: WIDTH - RIGHT,
    };
    let up = Scale {
        from: 0.0,
        to: ceiling,
        start: low,
        end: high,
    };
    let mut tick = 0.0;
    while tick <= ceiling + by / 2.0 {
        let at = up.at(tick);
        line(out, &format!("M{LEFT} {at:.1}H{:.1}", WIDTH - RIGHT));
        text(
            out,
            (LEFT - 8.0, at + 4.0),
            Look::Soft,
            Anchor::End,
            &show_number(tick),
        );
        tick += by;
    }
    let time_by = time_step(last);
    let mut tick = 0.0;
    while tick <= last + time_by / 1e6 {
        let at = across.at(tick);
        line(out, &format!("M{at:.1} {low:.1}v5"));
        let time = moment(Time::from_secs_f64(tick));
        let time = time.trim_start_matches('+');
        text(out, (at, low + 18.0), Look::Soft, Anchor::Middle, time);
        tick += time_by;
    }
    for (number, series) in curves.iter().enumerate() {
        curve(out, number, series, &across, &up);
    }
    draw_marks(out, marks, &across, (high, low), last);
    low + 26.0
}

fn legend(out: &mut String, curves: &[&Series], y: f64) -> f64 {
    if curves.len() < 2 {
        return y;
    }
    let (mut x, mut y) = (20.0, y + ROW);
    for (number, series) in curves.iter().enumerate() {
        // A character of this font is about 6.5 wide; the next entry begins after it.
        let width = 40.0 + series.name.chars().count() as f64 * 6.5;
        if x + width > WIDTH - RIGHT && x > 20.0 {
            x = 20.0;
            y += ROW;
        }
        let _ = writeln!(
            out,
            "<path d=\"M{x:.1} {:.1}h22\" {} stroke-width=\"2.5\"/>",
            y - 4.0,
            stroke(number)
        );
        text(out, (x + 28.0, y), Look::Plain, Anchor::Start, &series.name);
        x += width + 14.0;
    }
    y
}

/// The attributes of a curve's line.
fn stroke(number: usize) -> String {
    let number = number % CURVES.len();
    let dashes = match DASHES[number] {
        "" => String::new(),
        dashes => format!(" stroke-dasharray=\"{dashes}\""),
    };
    format!("class=\"c{number}\" stroke=\"{}\"{dashes}", CURVES[number])
}

fn curve(out: &mut String, number: usize, series: &Series, across: &Scale, up: &Scale) {
    let mut path = String::new();
    let mut pen_down = false;
    for (at, value) in &series.points {
        if !value.is_finite() {
            pen_down = false;
            continue;
        }
        let command = if pen_down { 'L' } else { 'M' };
        let _ = write!(
            path,
            "{command}{:.1} {:.1}",
            across.at(at.as_secs_f64()),
            up.at(*value)
        );
        pen_down = true;
    }
    let _ = writeln!(
        out,
        "<path d=\"{path}\" fill=\"none\" {} stroke-width=\"2\" stroke-linejoin=\"round\"/>",
        stroke(number)
    );
}

/// A line at each moment in the chart, with its number above; numbers that would touch go to other rows.
fn draw_marks(out: &mut String, marks: &[&Happening], across: &Scale, (high, low): (f64, f64), last: f64) {
    let mut rows = [f64::NEG_INFINITY; MARK_ROWS];
    let mut circles = String::new();
    for (number, happening) in marks.iter().enumerate() {
        // The curves are the first run's, and so are the places of its moments.
        let Some(seconds) = happening
            .first_run
            .map(Time::as_secs_f64)
            .filter(|seconds| *seconds <= last)
        else {
            continue;
        };
        let x = across.at(seconds);
        let row = rows
            .iter()
            .position(|taken| x - taken >= 16.0)
            .unwrap_or(MARK_ROWS - 1);
        let shift = (rows[row] + 16.0 - x).max(0.0);
        let place = x + if shift.is_finite() { shift } else { 0.0 };
        rows[row] = place;
        let (centre, (class, colour)) = (high - 9.0 - row as f64 * 15.0, role_colour(happening.role));
        let _ = writeln!(
            out,
            "<path class=\"{class}\" d=\"M{place:.1} {:.1}L{x:.1} {high:.1}V{low:.1}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1\" stroke-dasharray=\"3 3\"/>",
            centre + 7.0
        );
        // Circles are drawn over all lines, so that every number can be read.
        circle(&mut circles, (place, centre), happening.role, number + 1);
    }
    out.push_str(&circles);
}

/// The numbered moments in words.
fn story(out: &mut String, marks: &[&Happening], y: f64) -> f64 {
    let mut y = y;
    for (number, happening) in marks.iter().enumerate() {
        circle(out, (28.0, y + 8.0), happening.role, number + 1);
        let when = moment(happening.first_run.unwrap_or(happening.at));
        text(out, (44.0, y + 12.0), Look::Soft, Anchor::Start, &when);
        for line in wrap(&format!("{}: {}", happening.role.name(), happening.text), 108) {
            text(out, (122.0, y + 12.0), Look::Plain, Anchor::Start, &line);
            y += ROW;
        }
    }
    y
}

/// The figures as a table.
fn table(out: &mut String, summary: &Summary, y: f64) -> f64 {
    if summary.figures.is_empty() {
        return y;
    }
    let mut y = y + 14.0;
    for (x, anchor, words) in [
        (20.0, Anchor::Start, "figure"),
        (600.0, Anchor::End, "mean"),
        (620.0, Anchor::Start, "95 % interval"),
    ] {
        text(out, (x, y), Look::Title, anchor, words);
    }
    for figure in &summary.figures {
        let (mean, range) = value(figure);
        line(out, &format!("M20 {:.1}H{:.1}", y + 6.0, WIDTH - RIGHT));
        y += ROW + 2.0;
        text(out, (20.0, y), Look::Plain, Anchor::Start, figure.name);
        text(out, (600.0, y), Look::Plain, Anchor::End, &mean);
        text(out, (620.0, y), Look::Soft, Anchor::Start, &range);
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        assert_eq!(
            [step(7.0, 5.0), step(995.0, 5.0), step(0.3, 5.0)],
            [2.0, 200.0, 0.1]
        );
        assert_eq!(
            [time_step(60.0), time_step(600.0), time_step(3.0)],
            [10.0, 60.0, 0.5]
        );
    }

    #[test]
    fn text_from_files_does_not_become_markup() {
        assert_eq!(escape("a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
    }
}
