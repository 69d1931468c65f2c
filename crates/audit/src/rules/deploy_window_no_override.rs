//! Outside the windows in which deploys are allowed, fixes are forbidden too.

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use cofferdam_model::delivery::{Delivery, DeployWindow};
use cofferdam_model::units::show_number;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("deploy-window-no-override"),
    group: Group::Delivery,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "deploy windows have no emergency override: the longest time in which no fix can be deployed",
    ),
    absences: &[Absence::Delivery],
    settings: &[],
    page: Cow::Borrowed(include_str!(
        "../../../../docs/rules/deploy-window-no-override.md"
    )),
    check: Check::BuiltIn(check),
};

/// Two whole years, so that the weeks contain every change of the clock and both kinds of year's end.
const FROM: (i16, i8, i8) = (2026, 1, 1);
const DAYS: usize = 730;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for delivery in cx
        .env
        .deliveries
        .iter()
        .filter(|d| !d.windows.is_empty() && d.override_path.is_none())
    {
        judge(delivery, out);
    }
}

/// The longest time between the end of one window and the start of the next.
#[derive(Debug, Clone, PartialEq)]
struct Closed {
    /// The gap of an ordinary week, in hours.
    usual: f64,
    /// The longest gap of two years, with the clock changes of the time zone.
    longest: f64,
    /// Start and end of the gap in an ordinary week.
    words: String,
}

/// The open windows of two years. Windows that touch are joined.
fn open(windows: &[DeployWindow]) -> Option<Vec<(Timestamp, Timestamp)>> {
    let mut spans = Vec::new();
    let first = Date::new(FROM.0, FROM.1, FROM.2).ok()?;
    for window in windows {
        let zone = match &window.timezone {
            Some(name) => TimeZone::get(&name.value).ok()?,
            None => TimeZone::UTC,
        };
        for day in 0..DAYS {
            let date = first.checked_add(i64::try_from(day).ok()?.days()).ok()?;
            if !window.days[date.weekday().to_monday_zero_offset() as usize] {
                continue;
            }
            let start = date
                .to_datetime(window.start.value)
                .to_zoned(zone.clone())
                .ok()?
                .timestamp();
            // A window that ends before it starts ends the next day.
            let end_date = if window.end.value <= window.start.value {
                date.tomorrow().ok()?
            } else {
                date
            };
            let end = end_date
                .to_datetime(window.end.value)
                .to_zoned(zone.clone())
                .ok()?
                .timestamp();
            spans.push((start, end));
        }
    }
    spans.sort();
    let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (start, end) in spans {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    Some(joined)
}

fn hours(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_second() - from.as_second()) as f64 / 3600.0
}

fn closed(windows: &[DeployWindow]) -> Option<Closed> {
    let spans = open(windows)?;
    let zone = windows
        .first()
        .and_then(|w| w.timezone.as_ref())
        .and_then(|t| TimeZone::get(&t.value).ok())
        .unwrap_or(TimeZone::UTC);
    let gaps: Vec<(f64, Timestamp, Timestamp)> = spans
        .windows(2)
        .map(|p| (hours(p[0].1, p[1].0), p[0].1, p[1].0))
        .collect();
    let longest = gaps.iter().map(|g| g.0).fold(0.0, f64::max);
    // The most frequent of the long gaps is the ordinary week's: only two weeks a year have a clock change.
    let long: Vec<f64> = gaps.iter().map(|g| g.0).filter(|g| *g > longest - 2.5).collect();
    let usual = long
        .iter()
        .copied()
        .max_by_key(|g| long.iter().filter(|x| (*x - g).abs() < 0.01).count())?;
    let (_, from, to) = gaps.iter().find(|g| (g.0 - usual).abs() < 0.01)?;
    let day = |at: Timestamp| {
        let at = at.to_zoned(zone.clone());
        let name = match at.weekday() {
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
            Weekday::Sunday => "Sunday",
        };
        format!("{name} {:02}:{:02}", at.hour(), at.minute())
    };
    Some(Closed {
        usual,
        longest,
        words: format!("{} to {}", day(*from), day(*to)),
    })
}

fn judge(delivery: &Delivery, out: &mut Verdicts) {
    let mut evidence = Evidence::new();
    for window in &delivery.windows {
        evidence.place(window.span, "deploys only here");
        if let Some(zone) = &window.timezone {
            evidence.note(zone, "in this time zone");
        }
    }
    let Some(closed) = closed(&delivery.windows) else {
        let zone = delivery
            .windows
            .iter()
            .find_map(|w| w.timezone.as_ref())
            .map_or("?", |z| z.value.as_str());
        out.cannot_judge(
            format!("deploy windows of {}", delivery.name),
            [format!("a time zone that exists (not `{zone}`)")],
            None,
        );
        return;
    };
    if closed.longest <= 0.0 {
        return;
    }
    let clock = closed.longest - closed.usual;
    let mut explanation = format!(
        "From {} nothing may be deployed: {} h. A problem found just after the window closes, such as a \
         security hole in active use or a fault that loses data, stays until it opens again.",
        closed.words,
        show_number(closed.usual)
    );
    if clock > 0.01 {
        explanation.push_str(&format!(
            " In the week of a clock change it is {} h.",
            show_number(closed.longest)
        ));
    }
    explanation.push_str(if delivery.holidays.is_empty() {
        " A holiday at its end adds a day if it is observed."
    } else {
        " Each declared holiday at its end adds a day."
    });
    let mut finding = Finding::new(
        Subject::of("deploy windows", &delivery.name),
        format!(
            "{}: no fix can be deployed for {} h ({}), and there is no emergency override",
            delivery.name,
            show_number(closed.usual),
            closed.words
        ),
    )
    .explain(explanation)
    .remedy(
        "Declare an emergency override (break-glass) that needs two people and a reason, notifies \
        everyone, and is reviewed afterwards.",
    )
    .absent(Absence::Delivery)
    .figure("closed", closed.usual, "h")
    .figure("closed_at_most", closed.longest, "h")
    .evidence(evidence);
    if let Some(span) = delivery.span {
        finding = finding.at(span, "the delivery");
    }
    out.report(finding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{fact, span};
    use jiff::civil::time;

    fn window(zone: Option<&str>, days: [bool; 7]) -> DeployWindow {
        DeployWindow {
            span: span(1),
            start: fact(time(9, 0, 0, 0), 2),
            end: fact(time(17, 0, 0, 0), 3),
            timezone: zone.map(|z| fact(z.to_owned(), 4)),
            days,
        }
    }

    const WEEKDAYS: [bool; 7] = [true, true, true, true, true, false, false];

    #[test]
    fn a_weekend_is_64_hours_and_65_when_the_clock_goes_back() {
        // Friday 17:00 to Monday 09:00: 7 + 24 + 24 + 9 = 64 h.
        let closed = closed(&[window(Some("America/New_York"), WEEKDAYS)]).unwrap();
        assert_eq!((closed.usual, closed.longest), (64.0, 65.0));
        assert_eq!(closed.words, "Friday 17:00 to Monday 09:00");
    }

    #[test]
    fn utc_has_no_clock_change_and_every_day_closes_for_a_night() {
        assert_eq!(super::closed(&[window(None, WEEKDAYS)]).unwrap().longest, 64.0);
        assert_eq!(super::closed(&[window(None, [true; 7])]).unwrap().usual, 16.0);
    }

    #[test]
    fn an_unknown_time_zone_is_no_panic() {
        assert!(super::closed(&[window(Some("Mars/Olympus"), WEEKDAYS)]).is_none());
    }
}
