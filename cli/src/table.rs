//! A comparison as a person reads it: totals, then the stacks that changed most.

use bytehound_index::{Comparison, ComparisonRow, Metric, Profile, Side};
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Arc;

/// The totals, and at most `limit` changed stacks.
pub(crate) fn render(
    comparison: &Comparison,
    base: &[Arc<Profile>],
    new: &[Arc<Profile>],
    metric: Metric,
    limit: usize,
) -> String {
    let paint = Paint::for_stdout();
    let mut text = totals(comparison, paint);
    let changed: Vec<_> = comparison.rows.iter().filter(|row| row.delta.get(metric) != 0).collect();
    for row in changed.iter().take(limit) {
        text.push('\n');
        text.push_str(&stack(row, base, new, metric, paint));
    }
    if changed.len() > limit {
        line(
            &mut text,
            format_args!("\n… and {} more; `--limit {}` shows all", changed.len() - limit, changed.len()),
        );
    }
    text
}

fn totals(comparison: &Comparison, paint: Paint) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("{:<16} {:>14} {:>14} {:>14}", "", "base", "new", "change"));
    for metric in Metric::ALL {
        let (base, new) = (comparison.base.get(metric), comparison.new.get(metric));
        let delta = comparison.delta.get(metric);
        let change = paint.change(delta, &format!("{:>14}", signed(metric, delta)));
        let name = metric.name().replace('_', " ");
        let (base, new) = (plain(metric, base), plain(metric, new));
        line(
            &mut text,
            format_args!("{name:<16} {base:>14} {new:>14} {change}{}", percent(comparison, metric)),
        );
    }
    text
}

fn percent(comparison: &Comparison, metric: Metric) -> String {
    let (base, delta) = (comparison.base.get(metric), comparison.delta.get(metric));
    if base == 0 || delta == 0 {
        return String::new();
    }
    format!(" {:+.1} %", 100.0 * delta as f64 / base as f64)
}

fn stack(
    row: &ComparisonRow,
    base: &[Arc<Profile>],
    new: &[Arc<Profile>],
    metric: Metric,
    paint: Paint,
) -> String {
    let mut text = String::new();
    let delta = row.delta.get(metric);
    let only = match (row.base, row.new) {
        (None, _) => ", only in new",
        (_, None) => ", only in base",
        _ => "",
    };
    let change = paint.change(delta, &signed(metric, delta));
    let count = row.delta.allocated_count;
    line(
        &mut text,
        format_args!("{change} {}{only} ({count:+} allocations)", metric.name().replace('_', " ")),
    );
    let profiles = match row.representative.side {
        Side::Base => base,
        Side::New => new,
    };
    if let Some(profile) = profiles.get(row.representative.profile) {
        for (position, frame) in profile.backtrace(row.representative.backtrace).stripped() {
            line(&mut text, format_args!("  #{position:02} {frame}"));
        }
    }
    text
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _written = writeln!(text, "{arguments}");
}

fn is_bytes(metric: Metric) -> bool {
    matches!(metric, Metric::LeakedBytes | Metric::AllocatedBytes | Metric::PeakBytes)
}

fn plain(metric: Metric, value: u64) -> String {
    if is_bytes(metric) { bytes(value) } else { value.to_string() }
}

fn signed(metric: Metric, value: i64) -> String {
    let sign = match value {
        0 => "",
        1.. => "+",
        _ => "−",
    };
    format!("{sign}{}", plain(metric, value.unsigned_abs()))
}

/// With units of 1024, and three digits that count.
fn bytes(value: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = (value.max(1).ilog2() / 10) as usize;
    match power {
        0 => format!("{value} B"),
        power => format!("{:.1} {}", value as f64 / 1024_f64.powi(power as i32), units[power]),
    }
}

/// Colours, where they are wanted.
#[derive(Clone, Copy)]
struct Paint {
    colours: bool,
}

impl Paint {
    fn for_stdout() -> Self {
        Self { colours: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// More memory is red, less is green.
    fn change(self, delta: i64, text: &str) -> String {
        match delta.signum() {
            1 if self.colours => format!("\u{1b}[31m{text}\u{1b}[0m"),
            -1 if self.colours => format!("\u{1b}[32m{text}\u{1b}[0m"),
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units_and_signs() {
        let shown: Vec<_> =
            [0, 1, -1023, 1024, -1536, 5 << 30, i64::MIN].map(|v| signed(Metric::PeakBytes, v)).to_vec();
        assert_eq!(shown, ["0 B", "+1 B", "−1023 B", "+1.0 KiB", "−1.5 KiB", "+5.0 GiB", "−8.0 EiB"]);
        assert_eq!(signed(Metric::LeakedCount, 12), "+12");
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        assert_eq!(Paint { colours: false }.change(1, "x"), "x");
        assert_eq!(Paint { colours: true }.change(-1, "x"), "\u{1b}[32mx\u{1b}[0m");
        assert_eq!(Paint { colours: true }.change(0, "x"), "x");
    }

    #[test]
    fn the_totals_name_every_metric() {
        let comparison = Comparison {
            rows: Vec::new(),
            base: Default::default(),
            new: Default::default(),
            delta: Default::default(),
        };
        let text = totals(&comparison, Paint { colours: false });
        assert!(Metric::ALL.iter().all(|metric| text.contains(&metric.name().replace('_', " "))), "{text}");
    }
}
