//! The file that a capture is gathered into.

use anyhow::{Context, Result};
use bytehound_format::protocol::BroadcastHeader;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Letters of the program's name that are kept: file systems have a limit.
const NAME_LEN_MAX: usize = 200;

/// Creates a file of its own for a capture: `YYYYMMDD_HHMMSS_PID_PROGRAM.dat`, by the start of the capture in UTC. What
/// is there already is left alone: the name gets a number then.
pub(super) fn create(folder: &Path, header: &BroadcastHeader<'_>) -> Result<(File, PathBuf)> {
    let stem = stem(header);
    for number in 0_u32.. {
        let suffix = if number == 0 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("{stem}{suffix}.dat"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot create `{}`", path.display()));
            }
        }
    }
    anyhow::bail!("there is no free name for `{stem}.dat`")
}

fn stem(header: &BroadcastHeader<'_>) -> String {
    let up = header.timestamp.0.saturating_sub(header.initial_timestamp.0) / 1_000_000;
    let [year, month, day, hour, minute, second] = utc(header.wall_clock_secs.saturating_sub(up));
    let program = program_name(header);
    let name: String =
        program.chars().take(NAME_LEN_MAX).map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    format!("{year:04}{month:02}{day:02}_{hour:02}{minute:02}{second:02}_{:05}_{name}", header.pid)
}

/// The last part of the executable's path.
pub(super) fn program_name(header: &BroadcastHeader<'_>) -> String {
    let name = header.executable.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// Year, month, day, hour, minute and second of a moment in UTC.
fn utc(seconds: u64) -> [u64; 6] {
    let (mut day, time) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    // Whole cycles of the calendar first: a moment that is no moment must not take long.
    year += day / DAYS_IN_400_YEARS * 400;
    day %= DAYS_IN_400_YEARS;
    while day >= days_in_year(year) {
        day -= days_in_year(year);
        year += 1;
    }
    let mut month = 1;
    while day >= days_in_month(year, month) {
        day -= days_in_month(year, month);
        month += 1;
    }
    [year, month, day + 1, time / 3600, time / 60 % 60, time % 60]
}

const DAYS_IN_400_YEARS: u64 = 400 * 365 + 97;

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_year(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytehound_format::{DataId, Timestamp};

    fn header() -> BroadcastHeader<'static> {
        BroadcastHeader {
            id: DataId { a: 1, b: 2 },
            initial_timestamp: Timestamp(5_000_000),
            timestamp: Timestamp(15_000_000),
            wall_clock_secs: 1_000_000_010,
            wall_clock_nsecs: 0,
            pid: 42,
            cmdline: b"x\0"[..].into(),
            executable: b"/usr/bin/my.program-1"[..].into(),
            arch: "x86_64".into(),
            listener_port: 8100,
            protocol_version: 2,
        }
    }

    #[test]
    fn a_file_is_named_by_when_the_capture_began_and_what_it_is_of() {
        assert_eq!(stem(&header()), "20010909_014640_00042_my_program_1");
        let hostile = BroadcastHeader { executable: b"/../..\xff/."[..].into(), ..header() };
        assert_eq!(stem(&hostile), "20010909_014640_00042__");
    }

    #[test]
    fn moments_have_their_dates() {
        let check = |seconds, expected| assert_eq!(utc(seconds), expected);
        check(0, [1970, 1, 1, 0, 0, 0]);
        check(951_782_399, [2000, 2, 28, 23, 59, 59]);
        check(951_782_400, [2000, 2, 29, 0, 0, 0]);
        check(4_107_542_399, [2100, 2, 28, 23, 59, 59]);
        check(4_107_542_400, [2100, 3, 1, 0, 0, 0]);
        check(1_798_761_599, [2026, 12, 31, 23, 59, 59]);
        let [year, month, day, ..] = utc(u64::MAX);
        assert!(year > 500_000_000_000 && (1..=12).contains(&month) && (1..=31).contains(&day));
    }

    #[test]
    fn what_is_there_already_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (_, first) = create(folder.path(), &header()).unwrap();
        let (_, second) = create(folder.path(), &header()).unwrap();
        assert!(first.ends_with("20010909_014640_00042_my_program_1.dat"));
        assert!(second.ends_with("20010909_014640_00042_my_program_1-1.dat"));
    }
}
