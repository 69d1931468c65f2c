//! How often a cron schedule runs.

use cofferdam_syntax::memo::Memo;
use jiff::{SignedDuration, Timestamp};

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// How often a schedule runs on a day on which it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frequency {
    /// Shortest time between two runs, in minutes.
    pub shortest: u32,
    /// Runs on such a day.
    pub runs: u32,
}

/// The frequency of a schedule of five fields or of a word (`@hourly`); `None` if it cannot be parsed.
pub(crate) fn frequency(text: &str) -> Option<Frequency> {
    // A schedule that runs each minute is run through 1,440 times.
    thread_local! {
        static KNOWN: Memo<Option<Frequency>> = Memo::default();
    }
    KNOWN.with(|known| known.get(text, measured))
}

fn measured(text: &str) -> Option<Frequency> {
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
    let [minutes, hours, _, _, _] = fields.as_slice() else {
        return None;
    };
    // The days on which it runs do not matter here, so it is parsed as a daily schedule. `?` is `*` to the
    // controller.
    let every_day = format!("{minutes} {hours} * * * UTC").replace('?', "*");
    let runs = runs(&cronexpr::parse_crontab(&every_day).ok()?)?;
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

/// The minutes of a day at which a daily schedule runs, in order.
fn runs(schedule: &cronexpr::Crontab) -> Option<Vec<u32>> {
    let midnight = Timestamp::UNIX_EPOCH;
    let minute =
        |run: &jiff::Zoned| u32::try_from(run.timestamp().duration_since(midnight).as_secs() / 60).ok();
    let after = schedule
        .iter_after(midnight - SignedDuration::from_secs(1))
        .ok()?;
    let of_the_day = after.map_while(|run| minute(&run.ok()?).filter(|minute| *minute < DAY));
    Some(of_the_day.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_has_a_shortest_interval_and_a_number_of_runs() {
        let seen = |text: &str| frequency(text).map(|f| (f.shortest, f.runs));
        assert_eq!(seen("*/5 * * * *"), Some((5, 288)));
        assert_eq!(seen("* * * * *"), Some((1, 1440)));
        assert_eq!(seen("0 3 * * *"), Some((1440, 1)));
        // 8:00, 8:50, 9:00, 9:50: ten minutes from 8:50 to 9:00.
        assert_eq!(seen("0,50 8-9 * * 1-5"), Some((10, 4)));
        assert_eq!(seen("@hourly"), Some((60, 24)));
        assert_eq!(seen("7/20 ? * * *"), Some((20, 72)));
        assert_eq!(seen("0 0-23/8,5 * JAN-MAR mon,wed"), Some((180, 4)));
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
