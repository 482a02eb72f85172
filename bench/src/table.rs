//! Measurements beside their targets.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Longer than this one kind of questions is asked only a few times.
const PATIENCE: Duration = Duration::from_secs(10);
const TIMES_MIN: usize = 3;

/// Questions of one kind.
struct Row {
    name: String,
    /// Ascending, in milliseconds.
    took: Vec<f64>,
    /// The median may take so many milliseconds.
    target: Option<f64>,
}

/// Something that is not a time.
struct Bounded {
    what: &'static str,
    value: f64,
    most: f64,
}

/// What was measured so far.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    bounded: Vec<Bounded>,
    missed: Vec<String>,
}

impl Table {
    /// Asks so many times, and before that once for nothing: what is read once and then kept is there. A question is
    /// told its number, to be another one each time.
    pub(crate) fn measure(
        &mut self,
        name: impl Into<String>,
        target: Option<f64>,
        times: u64,
        mut question: impl FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        self.record(name, target, times + 1, |number| {
            let start = Instant::now();
            question(number)?;
            Ok(start.elapsed())
        })
    }

    /// As [`Self::measure`], with a question that tells itself what it took; the first of the `times` does not count.
    pub(crate) fn record(
        &mut self,
        name: impl Into<String>,
        target: Option<f64>,
        times: u64,
        mut question: impl FnMut(u64) -> Result<Duration>,
    ) -> Result<()> {
        let (name, start) = (name.into(), Instant::now());
        question(0)?;
        let mut took = Vec::new();
        for number in 1..times {
            took.push(question(number)?.as_secs_f64() * 1e3);
            if start.elapsed() > PATIENCE && took.len() >= TIMES_MIN {
                break;
            }
        }
        took.sort_unstable_by(f64::total_cmp);
        let row = Row { name, took, target };
        if let Some(target) = row.target.filter(|target| row.at(0.5) > *target) {
            self.missed.push(format!("{}: {:.1} ms, at most {target}", row.name, row.at(0.5)));
        }
        self.rows.push(row);
        Ok(())
    }

    /// Something that is not a time has to be within a bound.
    pub(crate) fn bound(&mut self, what: &'static str, value: f64, most: f64) {
        if value > most {
            self.missed.push(format!("{what}: {value:.1}, at most {most}"));
        }
        self.bounded.push(Bounded { what, value, most });
    }

    /// Prints everything; an error if a target was missed.
    pub(crate) fn finish(self, as_json: bool) -> Result<()> {
        if as_json {
            let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
            let bounded: Vec<Value> = self.bounded.iter().map(Bounded::json).collect();
            println!("{:#}", json!({ "rows": rows, "bounded": bounded, "missed": self.missed }));
        } else {
            println!("{:<54} {:>5} {:>10} {:>10} {:>10}", "", "times", "median ms", "p99 ms", "target ms");
            self.rows.iter().for_each(Row::print);
            self.bounded.iter().for_each(Bounded::print);
        }
        ensure!(self.missed.is_empty(), "missed:\n  {}", self.missed.join("\n  "));
        Ok(())
    }
}

impl Row {
    fn at(&self, share: f64) -> f64 {
        let last = self.took.len().saturating_sub(1);
        self.took.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }

    fn print(&self) {
        let (median, p99) = (self.at(0.5), self.at(0.99));
        let judged = self.target.map(|target| (target.to_string(), verdict(median <= target)));
        let (target, verdict) = judged.unwrap_or_default();
        println!(
            "{:<54} {:>5} {median:>10.2} {p99:>10.2} {target:>10} {verdict}",
            self.name,
            self.took.len()
        );
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "times": self.took.len(),
            "median_ms": self.at(0.5),
            "p99_ms": self.at(0.99),
            "target_ms": self.target,
        })
    }
}

impl Bounded {
    fn print(&self) {
        let Self { what, value, most } = self;
        println!("{what}: {value:.1}, at most {most}: {}", verdict(value <= most));
    }

    fn json(&self) -> Value {
        json!({ "what": self.what, "value": self.value, "most": self.most })
    }
}

fn verdict(is_held: bool) -> &'static str {
    if is_held { "held" } else { "MISSED" }
}
