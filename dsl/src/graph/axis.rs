//! Ticks at round values, and their labels in readable units.

/// Tick positions and labels of one axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) ticks: Vec<u64>,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    /// µs; labels count from the start in the given unit.
    Time {
        unit_us: u64,
        name: &'static str,
        decimals: usize,
    },
    /// Hours and minutes are read as a clock.
    Clock,
    Scaled {
        divisor: f64,
        name: &'static str,
        decimals: usize,
    },
}

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Steps of more than a second that people count in.
const CLOCK_STEPS: [u64; 18] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
];
/// Intervals an axis is divided into at most.
const INTERVALS: u64 = 10;

impl Axis {
    /// An axis of time from `start` to `end`, in µs since the profiling began.
    pub(crate) fn time(start: u64, end: u64) -> Self {
        let span = end.saturating_sub(start).max(1);
        let step = time_step(span);
        let unit = if end >= 2 * MINUTE && step >= SECOND {
            Unit::Clock
        } else {
            let (unit_us, name) = if end >= 2 * SECOND {
                (SECOND, "s")
            } else if end >= 2_000 {
                (1_000, "ms")
            } else {
                (1, "µs")
            };
            Unit::Time { unit_us, name, decimals: decimals(step as f64 / unit_us as f64) }
        };
        Self { ticks: multiples(step, start, end), unit }
    }

    /// An axis of bytes from 0 to `max`.
    pub(crate) fn bytes(max: u64) -> Self {
        Self::scaled(max, &[(1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1.0, " B")])
    }

    /// An axis of numbers from 0 to `max`.
    pub(crate) fn counts(max: u64) -> Self {
        Self::scaled(max, &[(1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, "")])
    }

    fn scaled(max: u64, units: &[(f64, &'static str)]) -> Self {
        let step = round_step(max);
        let (divisor, name) =
            units.iter().copied().find(|(divisor, _)| max as f64 >= *divisor).unwrap_or((1.0, ""));
        let unit = Unit::Scaled { divisor, name, decimals: decimals(step as f64 / divisor) };
        Self { ticks: multiples(step, 0, max), unit }
    }

    pub(crate) fn label(&self, value: u64) -> String {
        match self.unit {
            _ if value == 0 => "0".to_owned(),
            Unit::Time { unit_us, name, decimals } => {
                format!("{:.decimals$} {name}", value as f64 / unit_us as f64)
            }
            Unit::Clock => clock(value),
            Unit::Scaled { divisor, name, decimals } => {
                format!("{:.decimals$}{name}", value as f64 / divisor)
            }
        }
    }
}

fn clock(us: u64) -> String {
    let seconds = us / SECOND;
    let time = format!("{}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match us / DAY {
        0 => time,
        days => format!("{days}d {time}"),
    }
}

/// `YYYY-MM-DD HH:MM:SS`, UTC.
pub(crate) fn calendar(us_since_1970: u64) -> String {
    let seconds = us_since_1970 / SECOND;
    // Years are counted from March, so that a leap day is the last day of its year.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hours, minutes, seconds) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}")
}

fn time_step(span: u64) -> u64 {
    if span <= INTERVALS * SECOND / 2 {
        return round_step(span);
    }
    let step = CLOCK_STEPS.iter().copied().find(|step| span / step <= INTERVALS);
    step.unwrap_or_else(|| DAY * round_step(span / DAY))
}

/// The smallest 1, 2 or 5 times a power of ten that divides `span` into few enough intervals.
fn round_step(span: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if span / step <= INTERVALS {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

fn multiples(step: u64, start: u64, end: u64) -> Vec<u64> {
    let first = start.div_ceil(step);
    (first..=end / step).map(|n| n * step).collect()
}

/// Decimals that tell neighbouring ticks apart.
fn decimals(step: f64) -> usize {
    let mut decimals = 0;
    let mut step = step;
    while decimals < 6 && (step - step.round()).abs() > 1e-9 {
        step *= 10.0;
        decimals += 1;
    }
    decimals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|&tick| axis.label(tick)).collect()
    }

    #[test]
    fn bytes_have_round_ticks_in_one_unit() {
        assert_eq!(labels(&Axis::bytes(1_300_000))[..4], ["0", "0.2 MB", "0.4 MB", "0.6 MB"]);
        assert_eq!(labels(&Axis::bytes(97_000))[..3], ["0", "10 kB", "20 kB"]);
        assert_eq!(labels(&Axis::bytes(3)), ["0", "1 B", "2 B", "3 B"]);
        assert_eq!(labels(&Axis::counts(0)), ["0"]);
        assert_eq!(labels(&Axis::counts(u64::MAX)).len(), 10);
    }

    #[test]
    fn time_counts_in_the_unit_a_person_would_choose() {
        assert_eq!(labels(&Axis::time(0, 10_023_377))[..3], ["0", "1 s", "2 s"]);
        assert_eq!(labels(&Axis::time(0, 350))[1], "50 µs");
        assert_eq!(labels(&Axis::time(0, 1_500_000))[1], "200 ms");
        assert_eq!(labels(&Axis::time(0, 3_000_000))[1], "0.5 s");
        assert_eq!(labels(&Axis::time(0, 40 * MINUTE))[1], "0:05:00");
        assert_eq!(labels(&Axis::time(0, 3 * DAY)).last().map(String::as_str), Some("3d 0:00:00"));
        assert!(labels(&Axis::time(0, u64::MAX)).len() <= 12);
    }

    #[test]
    fn the_calendar_knows_leap_years() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_709_251_199, "2024-02-29 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(calendar(seconds * SECOND), text);
        }
    }

    #[test]
    fn ticks_lie_inside_the_range() {
        for (start, end) in [(0, 1), (7, 7), (5_000_000, 9_000_000), (123_456, 1_234_567), (HOUR, 30 * HOUR)]
        {
            let axis = Axis::time(start, end);
            assert!(axis.ticks.iter().all(|tick| (start..=end).contains(tick)), "{start}..{end}");
            assert!(axis.ticks.len() <= 12);
        }
    }
}
