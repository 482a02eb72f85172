//! What the `MEMORY_PROFILER_…` variables of the environment ask for.

mod doubts;

use crate::environment;
use crate::log::{self, Level};
use crate::sys;

/// How the variable begins in which a captured program tells the next one of its process that one's number.
pub(crate) const EXECUTED: &[u8] = b"MEMORY_PROFILER_EXECUTED=";

const PREFIX: &[u8] = b"MEMORY_PROFILER_";
/// Longer values are ignored.
const VALUE_LEN_MAX: usize = 1024;
const OUTPUT: &[u8] = b"memory-profiling_%e_%t_%p.dat";

/// All settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Pattern of the capture's path; empty for none.
    pub(crate) output: Vec<u8>,
    pub(crate) log: Option<Level>,
    /// Pattern of the log's path; none for the standard error.
    pub(crate) log_file: Option<Vec<u8>>,
    /// Whether the program and its libraries are copied into the capture.
    pub(crate) write_binaries: bool,
    /// Whether recording waits for [`start`](crate::lifecycle::start).
    pub(crate) disabled_by_default: bool,
    /// Whether a free notes its stack.
    pub(crate) grab_backtraces_on_free: bool,
    /// Whether a walk of the stack may use what the last one found.
    pub(crate) use_stack_cache: bool,
    /// Whether these signals start and stop recording.
    pub(crate) register_sigusr1: bool,
    pub(crate) register_sigusr2: bool,
    /// Whether programs that this one starts are captured too.
    pub(crate) track_child_processes: bool,
    /// What the capture is labelled with: lines of `key=value`.
    pub(crate) labels: Option<Vec<u8>>,
    /// How many captured programs this process has executed before this one.
    pub(crate) executed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            output: OUTPUT.to_vec(),
            log: None,
            log_file: None,
            write_binaries: true,
            disabled_by_default: false,
            grab_backtraces_on_free: true,
            use_stack_cache: true,
            register_sigusr1: true,
            register_sigusr2: true,
            track_child_processes: false,
            labels: None,
            executed: 0,
        }
    }
}

impl Settings {
    pub(crate) fn from_environment() -> Self {
        let mut settings = Self::default();
        let process = sys::process_id();
        environment::for_each(|entry| settings.apply(entry, process));
        settings
    }

    /// Says in the log which variables look like settings but do not do what they seem to.
    pub(crate) fn warn() {
        environment::for_each(|entry| {
            if let Some((name, doubt)) = doubts::doubt(entry) {
                log::say(Level::Warn, format_args!("`MEMORY_PROFILER_{name}` {doubt}"));
            }
        });
    }

    /// Takes one `NAME=VALUE`, if it is a setting.
    fn apply(&mut self, entry: &[u8], process: u32) {
        let Some(rest) = entry.strip_prefix(PREFIX) else { return };
        let Some(equals) = rest.iter().position(|&byte| byte == b'=') else { return };
        let (name, value) = rest.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        if value.len() > VALUE_LEN_MAX {
            return;
        }
        let yes = matches!(value, b"1" | b"true");
        match name {
            b"OUTPUT" => self.output = value.to_vec(),
            b"LOG" => self.log = Level::parse(value),
            b"LOGFILE" => self.log_file = Some(value.to_vec()),
            b"WRITE_BINARIES_TO_OUTPUT" => self.write_binaries = yes,
            b"DISABLE_BY_DEFAULT" => self.disabled_by_default = yes,
            b"GRAB_BACKTRACES_ON_FREE" => self.grab_backtraces_on_free = yes,
            b"USE_SHADOW_STACK" => self.use_stack_cache = yes,
            b"REGISTER_SIGUSR1" => self.register_sigusr1 = yes,
            b"REGISTER_SIGUSR2" => self.register_sigusr2 = yes,
            b"TRACK_CHILD_PROCESSES" => self.track_child_processes = yes,
            b"LABELS" => self.labels = Some(value.to_vec()),
            b"EXECUTED" => self.executed = number_for(process, value).unwrap_or(0),
            _ => {}
        }
    }
}

/// Reads `PROCESS:NUMBER`. It is for this process alone: children inherit the variable too.
fn number_for(process: u32, value: &[u8]) -> Option<u64> {
    let (whose, number) = core::str::from_utf8(value).ok()?.split_once(':')?;
    (whose.parse() == Ok(process)).then(|| number.parse().ok()).flatten()
}

/// What the placeholders of a path stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placeholders<'a> {
    pub(crate) process: u32,
    pub(crate) seconds: u64,
    pub(crate) executable: &'a [u8],
}

impl Placeholders<'_> {
    /// Fills a pattern in: `%p`, `%t`, `%e`, `%n` and `%%`. Others vanish. A number that the pattern has no
    /// place for stands before the extension, unless it is 0.
    pub(crate) fn expand(&self, pattern: &[u8], number: u64) -> Vec<u8> {
        let mut path = Vec::with_capacity(2 * VALUE_LEN_MAX);
        let mut has_number = false;
        let mut bytes = pattern.iter();
        while let Some(&byte) = bytes.next() {
            if byte != b'%' {
                path.push(byte);
                continue;
            }
            match bytes.next() {
                Some(b'p') => path.extend_from_slice(self.process.to_string().as_bytes()),
                Some(b't') => path.extend_from_slice(self.seconds.to_string().as_bytes()),
                Some(b'e') => path.extend_from_slice(self.executable),
                Some(b'n') => {
                    has_number = true;
                    path.extend_from_slice(number.to_string().as_bytes());
                }
                Some(b'%') => path.push(b'%'),
                _ => {}
            }
        }
        if number != 0 && !has_number {
            let at = extension_start(&path);
            path.splice(at..at, format!("-{number}").into_bytes());
        }
        path
    }
}

/// Where the extension of a path's last part begins; its end if there is none.
fn extension_start(path: &[u8]) -> usize {
    let name = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let dot = path.iter().rposition(|&byte| byte == b'.');
    dot.filter(|&dot| dot > name).unwrap_or(path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(entries: &[&str]) -> Settings {
        let mut settings = Settings::default();
        entries.iter().for_each(|entry| settings.apply(entry.as_bytes(), 42));
        settings
    }

    #[test]
    fn only_1_and_true_mean_yes() {
        for (value, expected) in [("1", true), ("true", true), ("yes", false), ("0", false), ("", false)] {
            let settings = with(&[&format!("MEMORY_PROFILER_DISABLE_BY_DEFAULT={value}")]);
            assert_eq!(settings.disabled_by_default, expected, "`{value}`");
        }
    }

    #[test]
    fn what_is_not_a_setting_changes_nothing() {
        let others = ["PATH=/bin", "MEMORY_PROFILER_", "MEMORY_PROFILER_NEW=1", "MEMORY_PROFILER_OUTPUT"];
        assert_eq!(with(&others), Settings::default());
    }

    #[test]
    fn a_value_that_is_too_long_is_ignored() {
        let entry = format!("MEMORY_PROFILER_OUTPUT={}", "x".repeat(1025));
        assert_eq!(with(&[&entry]), Settings::default());
    }

    #[test]
    fn values_may_contain_equals_signs() {
        assert_eq!(with(&["MEMORY_PROFILER_LABELS=a=b\nc=d"]).labels.unwrap(), b"a=b\nc=d");
    }

    #[test]
    fn placeholders_are_filled_in_and_unknown_ones_vanish() {
        let placeholders = Placeholders { process: 12, seconds: 99, executable: b"cat" };
        let check = |pattern: &str, expected: &str| {
            assert_eq!(placeholders.expand(pattern.as_bytes(), 0), expected.as_bytes());
        };
        check("memory-profiling_%e_%t_%p.dat", "memory-profiling_cat_99_12.dat");
        check("y%n%q%%z.dat", "y0%z.dat");
        check("end%", "end");
    }

    #[test]
    fn later_programs_of_a_process_have_numbered_files() {
        let placeholders = Placeholders { process: 12, seconds: 99, executable: b"my.cat" };
        let check = |pattern: &str, expected: &str| {
            assert_eq!(placeholders.expand(pattern.as_bytes(), 2), expected.as_bytes());
        };
        check("/a.b/%e.dat", "/a.b/my.cat-2.dat");
        check("/a.b/capture", "/a.b/capture-2");
        check("/a.b/.capture", "/a.b/.capture-2");
        check("%n.dat", "2.dat");
    }

    #[test]
    fn a_number_for_another_process_does_not_count() {
        assert_eq!(with(&["MEMORY_PROFILER_EXECUTED=42:3"]).executed, 3);
        for other in ["41:3", "42", "42:x", ""] {
            assert_eq!(with(&[&format!("MEMORY_PROFILER_EXECUTED={other}")]).executed, 0);
        }
    }
}
