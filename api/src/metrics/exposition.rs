//! The text format: families of samples, each with its labels.

use std::fmt::{Display, Write};

/// What the samples of a family are.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A page that is being written.
#[derive(Default)]
pub(super) struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Begins a family: the samples that follow are its own.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.family = name;
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    /// A sample of the family.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample_of("", labels, value);
    }

    /// A sample of the family, whose name goes on with `suffix`.
    pub(super) fn sample_of(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let pairs: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
        let family = self.family;
        self.line(format_args!("{family}{suffix}{labels} {value}"));
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _written = writeln!(self.text, "{line}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_inside_its_quotes() {
        let mut page = Exposition::default();
        page.family("seen_total", Kind::Counter, "What was seen.");
        page.sample(&[("name", "a\"b\\c\nd"), ("kind", "x")], 7);
        assert_eq!(
            page.into_text(),
            "# HELP seen_total What was seen.\n# TYPE seen_total counter\n\
             seen_total{name=\"a\\\"b\\\\c\\nd\",kind=\"x\"} 7\n"
        );
    }
}
