//! The table.

use crate::value::{Format, Kind, Labels, Level, Value};
use crate::{PREFIX, split};
use core::net::Ipv4Addr;

/// How the variable begins in which a program is told of memory that is handed over to it.
pub const REGION: &[u8] = b"MEMORY_PROFILER_REGION=";
/// How the variable begins in which a captured program tells the next one of its process that one's number.
pub const EXECUTED: &[u8] = b"MEMORY_PROFILER_EXECUTED=";

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name, without the prefix.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What holds without it, as the documentation has it.
    pub default: &'static str,
    /// What it is for, as the documentation has it. Empty for the library's own business.
    pub meaning: &'static str,
    pub(crate) len_max: usize,
    pub(crate) is_plain: fn(&[u8]) -> bool,
}

/// `NAME = field: type = default, "default in words", "meaning"`
macro_rules! settings {
    ($($name:ident = $field:ident: $type:ty = $default:expr, $words:literal, $meaning:literal;)*) => {
        /// All settings, by what they are for.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Settings {
            $(#[doc = concat!("`", stringify!($name), "`: ", $meaning)]
            pub $field: $type,)*
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Settings {
            /// Takes one `NAME=VALUE`, if it is a setting and has a value that can be meant.
            pub fn apply(&mut self, entry: &[u8]) {
                let Some((name, value)) = split(entry) else { return };
                match name {
                    $(stringify!($name) => take(&mut self.$field, value),)*
                    _ => {}
                }
            }
        }

        /// Every setting.
        pub static TABLE: &[Setting] = &[
            $(Setting {
                name: stringify!($name),
                kind: <$type as Value>::KIND,
                default: $words,
                meaning: $meaning,
                len_max: <$type as Value>::LEN_MAX,
                is_plain: <$type as Value>::is_plain,
            },)*
        ];
    };
}

fn take<T: Value>(setting: &mut T, value: &[u8]) {
    if value.len() <= T::LEN_MAX
        && let Some(value) = T::parse(value)
    {
        *setting = value;
    }
}

settings! {
    OUTPUT = output: Vec<u8> = b"memory-profiling_%e_%t_%p.dat".to_vec(), "`memory-profiling_%e_%t_%p.dat`",
        "where the capture goes; `%p` process id, `%t` seconds since 1970, `%e` name of the executable, `%n` a counter from 0, `%%` a percent sign; empty: to no file";
    FORMAT = format: Format = Format::V2, "`2`",
        "the version of the container: `2`, or `0.11`, as Bytehound 0.11 reads it";
    WRITE_BINARIES_TO_OUTPUT = write_binaries_to_output: bool = true, "1",
        "puts the program and its libraries into the capture, so that names and lines can be found anywhere";
    INCLUDE_FILE = include_file: Option<Vec<u8>> = None, "unset",
        "files that are copied into the capture at its start: a pattern with `*`, `?` and `[…]`";
    LABELS = labels: Option<Labels> = None, "unset",
        "lines of `key=value` written into the capture; `bytehound run --label` sets it";
    CHOWN_OUTPUT_TO = chown_output_to: Option<u32> = None, "unset",
        "user id that the capture is given to, if the program may do that";
    LOG = log: Option<Level> = None, "unset: silent",
        "`trace`, `debug`, `info`, `warn`, `error`, or `off`";
    LOGFILE = logfile: Option<Vec<u8>> = None, "unset: standard error",
        "where the log goes; the same placeholders, but for `%n`";
    LOGFILE_ROTATE_WHEN_BIGGER_THAN = logfile_rotate_when_bigger_than: Option<u64> = None, "unset",
        "bytes after which the log begins anew: the first file stays as `….initial`, the last full one as `….old`; 0: never";
    DISABLE_BY_DEFAULT = disable_by_default: bool = false, "0",
        "begins recording only when told to";
    REGISTER_SIGUSR1 = register_sigusr1: bool = true, "1",
        "SIGUSR1 starts and stops recording, unless the program uses it itself";
    REGISTER_SIGUSR2 = register_sigusr2: bool = true, "1",
        "SIGUSR2 does, too";
    GRAB_BACKTRACES_ON_FREE = grab_backtraces_on_free: bool = true, "1",
        "notes the stack of a free, too";
    USE_SHADOW_STACK = use_shadow_stack: bool = true, "1",
        "walks only the part of a stack that has changed since the last walk; 0 is for checking";
    CHECK_BACKTRACES = check_backtraces: bool = false, "0",
        "walks every stack a second time, whole, and compares; the log and the capture (`bytehound/checked-backtraces`) say how many differed";
    GATHER_MMAP_CALLS = gather_mmap_calls: bool = true, "1",
        "records the program's memory maps";
    GATHER_MAPS = gather_maps: bool = true, "1",
        "another name of the same switch: off if either is off";
    CULL_TEMPORARY_ALLOCATIONS = cull_temporary_allocations: bool = false, "0",
        "leaves out blocks that live only shortly";
    TEMPORARY_ALLOCATION_LIFETIME_THRESHOLD = temporary_allocation_lifetime_threshold: u64 = 10_000, "10000",
        "milliseconds after which a block is not temporary";
    TEMPORARY_ALLOCATION_PENDING_THRESHOLD = temporary_allocation_pending_threshold: Option<u64> = None, "unset",
        "so many blocks of the process at most wait for it to be known; beyond that, the oldest are written whatever becomes of them";
    ZERO_MEMORY = zero_memory: bool = false, "0",
        "`malloc` gives zeroed memory, as `calloc` does";
    TRACK_CHILD_PROCESSES = track_child_processes: bool = false, "0",
        "captures programs that this one executes; `MEMORY_PROFILER_OUTPUT` needs `%p` then";
    ENABLE_SERVER = enable_server: bool = false, "0",
        "lets `bytehound gather` fetch the capture over TCP while it is made";
    SERVER_INTERFACE = server_interface: Ipv4Addr = Ipv4Addr::LOCALHOST, "`127.0.0.1`",
        "address to listen on; `0.0.0.0` lets other machines in, and nobody is asked for a password";
    BASE_SERVER_PORT = base_server_port: u16 = 8100, "8100",
        "port to listen on; if it is taken, one of the 100 after it";
    ENABLE_BROADCAST = enable_broadcast: bool = false, "0",
        "announces the server on the local network";
    DISABLE_PR_SET_VMA_ANON_NAME = disable_pr_set_vma_anon_name: bool = false, "0",
        "leaves the library's own memory without a name in `/proc/PID/maps`; the program's is never named";
    BACKTRACE_CACHE_SIZE_LEVEL_1 = backtrace_cache_size_level_1: Option<u64> = None, "unset",
        "has no meaning here: stacks are kept as long as the capture lasts";
    BACKTRACE_CACHE_SIZE_LEVEL_2 = backtrace_cache_size_level_2: Option<u64> = None, "unset",
        "has no meaning here, either";
    USE_PERF_EVENT_OPEN = use_perf_event_open: bool = true, "1",
        "has no meaning here: loaded libraries are noticed without it";
    EMIT_PARTIAL_BACKTRACES = emit_partial_backtraces: bool = true, "1",
        "has no meaning here: every stack is whole";
    REGION = region: Option<Vec<u8>> = None, "", "";
    EXECUTED = executed: Option<Vec<u8>> = None, "", "";
}

impl Settings {
    /// How many captured programs the process `process` has executed before this one. The variable says it for one
    /// process alone: children inherit it too.
    pub fn executed_by(&self, process: u32) -> u64 {
        let said = self.executed.as_deref().and_then(|value| core::str::from_utf8(value).ok());
        let (whose, number) = said.and_then(|said| said.split_once(':')).unwrap_or_default();
        if whose.parse() == Ok(process) { number.parse().unwrap_or(0) } else { 0 }
    }

    /// Whether memory maps are recorded.
    pub fn gathers_maps(&self) -> bool {
        self.gather_maps && self.gather_mmap_calls
    }
}

/// The line of a name; none if there is no such setting.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}

impl Setting {
    /// Its name, as it stands in the environment.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(entries: &[&str]) -> Settings {
        let mut settings = Settings::default();
        entries.iter().for_each(|entry| settings.apply(entry.as_bytes()));
        settings
    }

    #[test]
    fn only_1_and_true_mean_yes() {
        for (value, expected) in [("1", true), ("true", true), ("yes", false), ("0", false), ("", false)] {
            let settings = with(&[&format!("MEMORY_PROFILER_DISABLE_BY_DEFAULT={value}")]);
            assert_eq!(settings.disable_by_default, expected, "`{value}`");
        }
    }

    #[test]
    fn what_is_not_a_setting_changes_nothing() {
        let others = ["PATH=/bin", "MEMORY_PROFILER_", "MEMORY_PROFILER_NEW=1", "MEMORY_PROFILER_OUTPUT"];
        assert_eq!(with(&others), Settings::default());
    }

    #[test]
    fn a_value_that_cannot_be_meant_changes_nothing() {
        for (name, value) in [
            ("OUTPUT", "x".repeat(1025).as_str()),
            ("BASE_SERVER_PORT", "65536"),
            ("TEMPORARY_ALLOCATION_LIFETIME_THRESHOLD", "10s"),
            ("SERVER_INTERFACE", "localhost"),
            ("FORMAT", "3"),
            ("CHOWN_OUTPUT_TO", "-1"),
            ("LOG", "loud"),
        ] {
            assert_eq!(with(&[&format!("MEMORY_PROFILER_{name}={value}")]), Settings::default(), "{name}");
        }
    }

    #[test]
    fn every_setting_has_an_effect() {
        for setting in TABLE {
            let other = match setting.kind {
                Kind::Switch if with(&[&format!("{}=1", setting.variable())]) == Settings::default() => "0",
                Kind::Switch => "1",
                Kind::Text => "other",
                Kind::Number(_) => "17",
                Kind::Level => "info",
                Kind::Format => "0.11",
                Kind::Address => "10.0.0.1",
            };
            let changed = with(&[&format!("{}={other}", setting.variable())]);
            assert_ne!(changed, Settings::default(), "`{}`", setting.name);
        }
    }

    #[test]
    fn values_may_contain_equals_signs_and_labels_may_be_long() {
        let labels = format!("a=b\nc={}", "d".repeat(2000));
        assert_eq!(
            with(&[&format!("MEMORY_PROFILER_LABELS={labels}")]).labels,
            Some(Labels(labels.into_bytes()))
        );
    }

    #[test]
    fn a_number_for_another_process_does_not_count() {
        assert_eq!(with(&["MEMORY_PROFILER_EXECUTED=42:3"]).executed_by(42), 3);
        for other in ["41:3", "42", "42:x", ""] {
            assert_eq!(with(&[&format!("MEMORY_PROFILER_EXECUTED={other}")]).executed_by(42), 0);
        }
    }

    #[test]
    fn maps_are_gathered_unless_either_name_says_no() {
        assert!(Settings::default().gathers_maps());
        assert!(!with(&["MEMORY_PROFILER_GATHER_MMAP_CALLS=0"]).gathers_maps());
        assert!(!with(&["MEMORY_PROFILER_GATHER_MAPS=0"]).gathers_maps());
    }
}
