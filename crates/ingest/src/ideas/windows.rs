//! When and how deploys happen: windows with their time zone, overrides and holidays; rollback and canary.
//! The shape of a window: a start and an end that are times of the day.

use super::aliases::{self, Aliases};
use super::fields::{field, on, text};
use super::{Section, said};
use crate::facts::NodeFacts as _;
use crate::parts;
use cofferdam_model::delivery::{Delivery, DeployWindow};
use cofferdam_model::{Fact, Parts};
use cofferdam_syntax::tree::{Node, fold};
use jiff::civil::Time;

/// Keys that say something of deploys by themselves.
pub(super) const FLAGS: Aliases = &[
    "rollback",
    "autorollback",
    "automaticrollback",
    "rollbackpolicy",
    "rollbackonfailure",
    "canary",
    "canarydeployment",
    "canaryrelease",
    "canaryconfig",
];

/// Words for an override of the windows that may be beside them.
const BESIDE: Aliases = &[
    "emergencyoverride",
    "emergencydeploymentoverride",
    "deploymentoverride",
    "deployoverride",
    "breakglass",
    "emergencydeploy",
    "emergencydeployment",
    "windowoverride",
];

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let own = section.path.last().map_or("", String::as_str);
    if aliases::WINDOWS.contains(&own) {
        return windows(section, parts);
    }
    if !section.is_deployment() || section.is_under(aliases::CELLS) {
        return false;
    }
    if FLAGS.contains(&own) {
        return flag(section, own, section.node, parts);
    }
    mechanism(section, parts)
}

fn delivery<'e>(section: &Section<'_>, parts: &'e mut Parts) -> &'e mut Delivery {
    let name = section
        .owner
        .name
        .clone()
        .unwrap_or_else(|| section.place.path.display().to_string());
    let delivery = parts::delivery_mut(parts, section.owner, &name, section.key.span);
    delivery.declarable |= section.is_deployment();
    delivery
}

fn windows(section: &Section<'_>, parts: &mut Parts) -> bool {
    let node = section.node;
    let inner = field(
        node,
        &["windows", "allowed", "allowedwindows", "schedule", "times"],
    )
    .map(|(_, n)| n);
    let zone = text(node, aliases::TIMEZONE);
    let mut found: Vec<DeployWindow> = Vec::new();
    for place in [Some(node), inner].into_iter().flatten() {
        if let Some(window) = window(place, zone.as_ref()) {
            found.push(window);
        }
        found.extend(
            place
                .items()
                .iter()
                .filter_map(|item| window(item, zone.as_ref())),
        );
        let named = place.entries().filter(|(_, value)| value.as_map().is_some());
        for (key, value) in named {
            let is_override = aliases::OVERRIDE.contains(&fold(&key.text).as_str());
            if !is_override && !inner.is_some_and(|i| std::ptr::eq(i, value)) {
                found.extend(window_of_day(&key.text, value, zone.as_ref()));
            }
        }
    }
    if found.is_empty() {
        return false;
    }
    let items = || node.items().iter().chain(inner.map_or(&[][..], Node::items));
    let override_path = way_past(node, aliases::OVERRIDE)
        .or_else(|| items().find_map(|item| way_past(item, aliases::OVERRIDE)))
        .or_else(|| way_past(section.parent, BESIDE));
    let mut holidays = field(node, aliases::HOLIDAYS)
        .or_else(|| {
            field(
                section.parent,
                &[
                    "holidays",
                    "deploymentholidays",
                    "blackoutdates",
                    "deploymentfreezes",
                ],
            )
        })
        .map(|(_, n)| dates(n))
        .unwrap_or_default();
    holidays.extend(
        items()
            .filter_map(|item| field(item, aliases::HOLIDAYS))
            .flat_map(|(_, n)| dates(n)),
    );
    let delivery = delivery(section, parts);
    delivery.span = Some(section.key.span);
    delivery.windows = found;
    delivery.override_path = override_path;
    delivery.holidays = holidays;
    true
}

/// An override of the windows: `emergency_override: {enabled: true, approvers: […]}`, `true`, or how to ask
/// for it.
fn way_past(node: &Node, names: Aliases) -> Option<Fact<String>> {
    let (key, value) = field(node, names)?;
    match on(value) {
        Some(on) => on.value.then(|| said(&key.text, key.span)),
        None if !value.items().is_empty() => Some(said(&key.text, key.span)),
        None => value.text_fact().filter(|t| !t.value.trim().is_empty()),
    }
}

fn dates(node: &Node) -> Vec<Fact<String>> {
    if let Some(text) = node.text_fact() {
        return vec![text];
    }
    node.items()
        .iter()
        .filter_map(|item| {
            item.text_fact()
                .or_else(|| text(item, &["date", "day", "name", "start"]))
        })
        .collect()
}

fn window(node: &Node, zone: Option<&Fact<String>>) -> Option<DeployWindow> {
    let start = time_of_day(field(node, aliases::START)?.1)?;
    let end = time_of_day(field(node, aliases::END)?.1)?;
    let days = match field(node, aliases::DAYS) {
        Some((_, days)) => days_of(days)?,
        None => [true; 7],
    };
    Some(DeployWindow {
        span: node.span,
        start,
        end,
        timezone: text(node, aliases::TIMEZONE).or_else(|| zone.cloned()),
        days,
    })
}

/// `monday: {start: …, end: …}`, `weekdays: {…}`: the key contains the days.
fn window_of_day(key: &str, node: &Node, zone: Option<&Fact<String>>) -> Option<DeployWindow> {
    let mut found = window(node, zone)?;
    if node.like_any(aliases::DAYS).is_none()
        && let Some(days) = days_in(key)
    {
        found.days = days;
    }
    Some(found)
}

/// `09:00`, `9:00`, `17:00:00`, `9am`, `5:30 PM`, `24:00` (the day's last second).
fn time_of_day(node: &Node) -> Option<Fact<Time>> {
    node.fact(|text| {
        let lower = text.trim().to_ascii_lowercase();
        let (clock, shift) = match (lower.strip_suffix("pm"), lower.strip_suffix("am")) {
            (Some(rest), _) => (rest.trim(), Some(12)),
            (_, Some(rest)) => (rest.trim(), Some(0)),
            _ => (lower.as_str(), None),
        };
        let mut parts = clock.split(':');
        let hour: i8 = parts.next()?.parse().ok()?;
        let minute: i8 = match parts.next() {
            Some(minute) => minute.parse().ok()?,
            // A bare number is not a time of the day unless it is marked as one.
            None => shift.map(|_| 0)?,
        };
        let hour = match shift {
            Some(shift) if (1..=12).contains(&hour) => hour % 12 + shift,
            Some(_) => return None,
            None if hour == 24 && minute == 0 => return Time::new(23, 59, 59, 0).ok(),
            None => hour,
        };
        Time::new(hour, minute, 0, 0).ok()
    })
}

const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

fn days_of(node: &Node) -> Option<[bool; 7]> {
    if let Some(text) = node.as_str() {
        return days_in(text);
    }
    let mut days = [false; 7];
    for item in node.items() {
        for (day, open) in days.iter_mut().zip(days_in(item.as_str()?)?) {
            *day |= open;
        }
    }
    days.contains(&true).then_some(days)
}

/// The days in words: `mon`, `Mon-Fri`, `weekdays`, `monday, friday`, `daily`.
fn days_in(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    let lower = text
        .trim()
        .to_ascii_lowercase()
        .replace(" to ", "-")
        .replace(" - ", "-");
    for part in lower.split([',', ' ', ';']).filter(|p| !p.is_empty()) {
        let (from, to) = match part {
            "weekdays" | "weekday" | "workdays" | "businessdays" => (0, 4),
            "weekends" | "weekend" => (5, 6),
            "daily" | "all" | "everyday" | "*" => (0, 6),
            _ => match part.split_once('-') {
                Some((from, to)) => (day_of(from)?, day_of(to)?),
                None => (day_of(part)?, day_of(part)?),
            },
        };
        // `fri-mon` continues over the end of the week.
        let mut day = from;
        loop {
            days[day] = true;
            if day == to {
                break;
            }
            day = (day + 1) % 7;
        }
    }
    days.contains(&true).then_some(days)
}

fn day_of(word: &str) -> Option<usize> {
    let word = word.trim().trim_end_matches('.');
    (word.len() >= 3)
        .then(|| {
            DAYS.iter()
                .position(|day| day.starts_with(word.trim_end_matches('s')) || *day == word)
        })
        .flatten()
}

/// `rollback` or `canary` as a section or switch.
fn flag(section: &Section<'_>, own: &str, node: &Node, parts: &mut Parts) -> bool {
    let automatic = field(
        node,
        &[
            "automatic",
            "auto",
            "onfailure",
            "automaticrollback",
            "autorollback",
        ],
    )
    .and_then(|(_, n)| on(n));
    let Some(value) = automatic.or_else(|| on(node)) else {
        return false;
    };
    let delivery = delivery(section, parts);
    if own.contains("rollback") {
        delivery.rollback = Some(value);
    } else {
        delivery.canary = Some(value);
    }
    true
}

/// `deploy_mechanism: canary`, `strategy: {type: rolling}`.
fn mechanism(section: &Section<'_>, parts: &mut Parts) -> bool {
    let named = match section.node.as_str() {
        Some(_) => section.node.text_fact(),
        None => text(section.node, &["type", "strategy", "mechanism", "method"]),
    };
    let Some(named) = named else { return false };
    let lower = fold(&named.value);
    let known = [
        "canary",
        "rolling",
        "rollingupdate",
        "recreate",
        "bluegreen",
        "rollingdeploy",
        "kubernetes",
        "progressive",
    ];
    if !known.iter().any(|k| lower.contains(k)) {
        return false;
    }
    let canary = lower.contains("canary") || lower.contains("progressive");
    let delivery = delivery(section, parts);
    if canary || delivery.canary.is_none() && lower != "kubernetes" {
        delivery.canary = Some(named.map(|_| canary));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, read_deployment};
    use super::*;

    /// As teams write it in a deployment file.
    const QUOTED: &str = "deployment_windows:\n  - start: \"09:00\"\n    end: \"17:00\"\n    timezone: \"America/New_York\"\n    days: [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\"]\n";
    const WORKDAYS: [bool; 7] = [true, true, true, true, true, false, false];

    #[test]
    fn the_quoted_windows_have_no_override_and_no_holidays() {
        let env = read_deployment(QUOTED);
        let [d] = env.deliveries.as_slice() else { panic!() };
        assert_eq!(d.windows[0].days, WORKDAYS);
        assert_eq!(
            (d.windows[0].start.value, d.windows[0].end.value),
            (Time::constant(9, 0, 0, 0), Time::constant(17, 0, 0, 0))
        );
        assert_eq!(d.windows[0].timezone.as_ref().unwrap().value, "America/New_York");
        assert!(d.override_path.is_none() && d.holidays.is_empty() && d.declarable);
    }

    #[test]
    fn windows_are_read_in_other_words_too() {
        for text in [
            "deployWindows: {timezone: America/New_York, windows: [{days: Mon-Fri, startTime: '9:00', endTime: '17:00'}]}",
            "deploy_windows: {allowed: [{days: weekdays, from: 9am, to: 5pm}], timezone: America/New_York}",
            "deploymentWindow: {days: [Mon, Tue, Wed, Thu, Fri], start_time: '09:00:00', end_time: '17:00:00', tz: America/New_York}",
            "deployment_windows: {weekdays: {start: '09:00', end: '17:00', timezone: America/New_York}}",
        ] {
            let env = read_deployment(text);
            let windows = &env.deliveries[0].windows;
            assert_eq!(windows.len(), 1, "{text}");
            assert_eq!(windows[0].days, WORKDAYS, "{text}");
            assert_eq!(windows[0].end.value, Time::constant(17, 0, 0, 0), "{text}");
            assert_eq!(
                windows[0].timezone.as_ref().unwrap().value,
                "America/New_York",
                "{text}"
            );
        }
    }

    #[test]
    fn overrides_and_holidays_are_found_inside_and_next_to_windows() {
        for text in [
            "deployment_windows: {windows: [{start: '09:00', end: '17:00'}], emergency_override: {enabled: true, approvers: [a]}, holidays: [2026-12-25]}",
            "deployment_windows: [{start: '09:00', end: '17:00', emergency_override: true, holidays: [2026-12-25]}]",
            "deployment_windows: [{start: '09:00', end: '17:00'}]\nbreak_glass: page the lead\nholidays: [{date: 2026-12-25, name: Christmas}]\n",
        ] {
            let d = &read_deployment(text).deliveries[0];
            assert!(d.override_path.is_some(), "{text}");
            assert_eq!(d.holidays[0].value, "2026-12-25", "{text}");
        }
        let off = read_deployment(
            "deployment_windows: {windows: [{start: '09:00', end: '17:00'}], emergency_override: {enabled: false}}",
        );
        assert!(off.deliveries[0].override_path.is_none());
    }

    #[test]
    fn rollback_and_canary_are_read_under_all_their_names() {
        let d = |text: &str| {
            read_deployment(text)
                .deliveries
                .into_iter()
                .next()
                .map(|d| (d.rollback.map(|r| r.value), d.canary.map(|c| c.value)))
        };
        assert_eq!(
            d("deployment: {rollback: {automatic: true}, canary: {enabled: false}}"),
            Some((Some(true), Some(false)))
        );
        assert_eq!(d("auto_rollback: false"), Some((Some(false), None)));
        assert_eq!(d("deploy_mechanism: canary"), Some((None, Some(true))));
        assert_eq!(d("deployment: {strategy: rolling}"), Some((None, Some(false))));
        assert_eq!(d("deploy_mechanism: kubernetes"), Some((None, None)));
        assert_eq!(d("deployment: {image: x}"), None);
    }

    #[test]
    fn invalid_times_make_no_window() {
        for text in [
            "deployment_windows: [{start: 9, end: 17}]",
            "deploy_window: {start: '25:00', end: '26:00'}",
            "deployment_schedule: daily",
            "deploy_windows: [{start: '09:00', end: '17:00', days: [someday]}]",
        ] {
            assert!(read(text).deliveries.is_empty(), "{text}");
        }
        assert_eq!(
            days_in("fri-mon").unwrap(),
            [true, false, false, false, true, true, true]
        );
    }
}
