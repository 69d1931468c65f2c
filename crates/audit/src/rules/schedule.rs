//! How often a schedule of cron runs.

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// How often something runs on a day on which it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frequency {
    /// Shortest time between two runs, in minutes.
    pub shortest: u32,
    /// Runs on such a day.
    pub runs: u32,
}

/// The frequency of a schedule of five fields or of a word (`@hourly`); nothing for what cannot be read.
pub(crate) fn frequency(text: &str) -> Option<Frequency> {
    let text = text.trim();
    let text = match text {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" | "@weekly" | "@monthly" | "@yearly" | "@annually" => "0 0 * * *",
        _ => text,
    };
    let fields: Vec<&str> = text
        .split_whitespace()
        .filter(|f| !f.starts_with("TZ=") && !f.starts_with("CRON_TZ="))
        .collect();
    let [minutes, hours, ..] = fields.as_slice() else {
        return None;
    };
    if fields.len() != 5 {
        return None;
    }
    let (minutes, hours) = (values(minutes, 60)?, values(hours, 24)?);
    let runs: Vec<u32> = hours
        .iter()
        .flat_map(|h| minutes.iter().map(move |m| h * 60 + m))
        .collect();
    let (first, last) = (*runs.first()?, *runs.last()?);
    // The last run of a day is followed by the first of the next.
    let around = DAY - last + first;
    let shortest = runs
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .chain([around])
        .min()?;
    Some(Frequency {
        shortest,
        runs: runs.len() as u32,
    })
}

/// The values of a field below `end`, in order.
fn values(field: &str, end: u32) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse().ok().filter(|s: &u32| *s > 0)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (0, end - 1),
            Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
            None => {
                let from: u32 = range.parse().ok()?;
                (from, if step.is_some() { end - 1 } else { from })
            }
        };
        if to >= end {
            return None;
        }
        found.extend((from..=to).step_by(step.unwrap_or(1) as usize));
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_tell_their_shortest_pause_and_their_runs() {
        let seen = |text: &str| frequency(text).map(|f| (f.shortest, f.runs));
        assert_eq!(seen("*/5 * * * *"), Some((5, 288)));
        assert_eq!(seen("* * * * *"), Some((1, 1440)));
        assert_eq!(seen("0 3 * * *"), Some((1440, 1)));
        // 8:00, 8:50, 9:00, 9:50: ten minutes from 8:50 to 9:00.
        assert_eq!(seen("0,50 8-9 * * 1-5"), Some((10, 4)));
        assert_eq!(seen("@hourly"), Some((60, 24)));
        assert_eq!(seen("CRON_TZ=UTC 0 0 * * *"), Some((1440, 1)));
        for wrong in [
            "",
            "5",
            "61 * * * *",
            "*/0 * * * *",
            "a b c d e",
            "@reboot",
            "5-1 * * * *",
        ] {
            assert_eq!(seen(wrong), None, "{wrong}");
        }
    }
}
