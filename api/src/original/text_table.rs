//! Tables of text: columns one space apart, each as wide as its widest cell.

use super::one_line::one_line;
use std::io::{self, Write};

/// Rows of cells; the first has the names of the columns.
pub(super) struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(super) fn new(names: [&str; COLUMNS]) -> Self {
        Self { rows: vec![names.map(str::to_owned)] }
    }

    pub(super) fn push(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row.map(|cell| one_line(&cell)));
    }

    /// The last column is not filled up; an empty line ends the table.
    pub(super) fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        });
        for row in &self.rows {
            for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
                match index + 1 < COLUMNS {
                    true => write!(writer, "{cell:<width$} ")?,
                    false => writeln!(writer, "{cell}")?,
                }
            }
        }
        writeln!(writer)
    }
}

/// Bytes in units of a thousand, down to single bytes.
pub(super) fn bytes(size: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "KB")];
    match units.into_iter().find(|(unit, _)| size >= *unit) {
        Some((unit, name)) => format!("{:3}.{:03} {name}", size / unit, size % unit / (unit / 1000)),
        None => format!("{size:7}"),
    }
}

/// Whole seconds, in days, hours, minutes and seconds as far as needed.
pub(super) fn seconds(total: u64) -> String {
    let (days, hours, minutes, seconds) = (total / 86_400, total / 3600 % 24, total / 60 % 60, total % 60);
    let days = if days > 0 { format!("{days} days ") } else { String::new() };
    let hours = if total >= 3600 { format!("{hours:02}h") } else { String::new() };
    let minutes = if total >= 60 { format!("{minutes:02}m") } else { String::new() };
    format!("{days}{hours}{minutes}{seconds:02}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        assert_eq!(bytes(999), "    999");
        assert_eq!(bytes(3_350_441), "  3.350 MB");
        assert_eq!(bytes(1_000), "  1.000 KB");
        assert_eq!(bytes(12_345_678_901_234_567), "12345.678 TB");
    }

    #[test]
    fn durations_begin_with_the_largest_unit_needed() {
        assert_eq!(seconds(0), "00s");
        assert_eq!(seconds(61), "01m01s");
        assert_eq!(seconds(3600), "01h00m00s");
        assert_eq!(seconds(200_000), "2 days 07h33m20s");
    }

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::new(["A", "BB", "C"]);
        table.push(["└1".to_owned(), "2".to_owned(), "3".to_owned()]);
        let mut text = Vec::new();
        table.write(&mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "A  BB C\n└1 2  3\n\n");
    }
}
