//! Variables that look like settings but have no effect, or another one than they seem to.

use core::fmt::{self, Display};

use super::{PREFIX, VALUE_LEN_MAX};
use crate::log::Level;

const SWITCHES: [&str; 7] = [
    "WRITE_BINARIES_TO_OUTPUT",
    "DISABLE_BY_DEFAULT",
    "GRAB_BACKTRACES_ON_FREE",
    "USE_SHADOW_STACK",
    "REGISTER_SIGUSR1",
    "REGISTER_SIGUSR2",
    "TRACK_CHILD_PROCESSES",
];
const TEXTS: [&str; 4] = ["OUTPUT", "LOGFILE", "LABELS", "EXECUTED"];
/// Settings that this version does not have yet.
const NOT_HERE: [&str; 19] = [
    "LOGFILE_ROTATE_WHEN_BIGGER_THAN",
    "CULL_TEMPORARY_ALLOCATIONS",
    "TEMPORARY_ALLOCATION_LIFETIME_THRESHOLD",
    "TEMPORARY_ALLOCATION_PENDING_THRESHOLD",
    "ENABLE_SERVER",
    "BASE_SERVER_PORT",
    "ENABLE_BROADCAST",
    "ZERO_MEMORY",
    "BACKTRACE_CACHE_SIZE_LEVEL_1",
    "BACKTRACE_CACHE_SIZE_LEVEL_2",
    "GATHER_MMAP_CALLS",
    "GATHER_MAPS",
    "USE_PERF_EVENT_OPEN",
    "INCLUDE_FILE",
    "CHOWN_OUTPUT_TO",
    "DISABLE_PR_SET_VMA_ANON_NAME",
    "EMIT_PARTIAL_BACKTRACES",
    "SERVER_INTERFACE",
    "FORMAT",
];

/// Why a setting does not do what it seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    Unknown,
    NotHere,
    NoSwitch,
    NoLevel,
    TooLong,
}

impl Display for Doubt {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => write!(to, "is no setting, and has no effect"),
            Self::NotHere => write!(to, "has no effect in this version"),
            Self::NoSwitch => write!(to, "is off: only `1` and `true` mean on, `0` and `false` off"),
            Self::NoLevel => write!(to, "is none of `trace`, `debug`, `info`, `warn` and `error`"),
            Self::TooLong => write!(to, "is ignored: it is longer than {VALUE_LEN_MAX} bytes"),
        }
    }
}

/// Finds what is doubtful about one `NAME=VALUE`; with the name.
pub(crate) fn doubt(entry: &[u8]) -> Option<(&str, Doubt)> {
    let setting = entry.strip_prefix(PREFIX)?;
    let equals = setting.iter().position(|&byte| byte == b'=')?;
    let name = core::str::from_utf8(setting.get(..equals)?).ok()?;
    let value = setting.get(equals + 1..)?;
    let doubt = if value.len() > VALUE_LEN_MAX {
        Doubt::TooLong
    } else if SWITCHES.contains(&name) {
        let is_switch = matches!(value, b"0" | b"1" | b"true" | b"false" | b"");
        return (!is_switch).then_some((name, Doubt::NoSwitch));
    } else if name == "LOG" {
        return Level::parse(value).is_none().then_some((name, Doubt::NoLevel));
    } else if TEXTS.contains(&name) {
        return None;
    } else if NOT_HERE.contains(&name) {
        Doubt::NotHere
    } else {
        Doubt::Unknown
    };
    Some((name, doubt))
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    #[test]
    fn what_does_not_do_what_it_seems_to_is_doubted() {
        let check = |setting: &str, expected: Option<Doubt>| {
            let entry = format!("MEMORY_PROFILER_{setting}");
            assert_eq!(doubt(entry.as_bytes()).map(|(_, doubt)| doubt), expected, "{setting}");
        };
        check("OUPUT=x", Some(Doubt::Unknown));
        check("CULL_TEMPORARY_ALLOCATIONS=1", Some(Doubt::NotHere));
        check("DISABLE_BY_DEFAULT=yes", Some(Doubt::NoSwitch));
        check("DISABLE_BY_DEFAULT=false", None);
        check("LOG=verbose", Some(Doubt::NoLevel));
        check(&format!("LABELS={}", "x".repeat(1025)), Some(Doubt::TooLong));
        check("OUTPUT=yes", None);
        assert_eq!(doubt(b"PATH=/bin"), None);
    }

    #[test]
    fn every_switch_has_an_effect() {
        for name in SWITCHES {
            let set_to = |value: &[u8]| {
                let mut settings = Settings::default();
                settings.apply(&[PREFIX, name.as_bytes(), b"=", value].concat(), 1);
                settings
            };
            assert_ne!(set_to(b"1"), set_to(b"0"), "`{name}`");
        }
    }
}
