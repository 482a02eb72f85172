//! Variables that look like settings but have no effect, or another one than they seem to.

use crate::table::{TABLE, find};
use crate::{PREFIX, Settings, split};

/// Letters that a name may be off by to be taken for a slip of the finger.
const SLIP_MAX: usize = 3;

/// What is doubtful about these `NAME=VALUE`, in sentences.
pub fn warnings<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut settings = Settings::default();
    let mut warnings = Vec::new();
    for (entry, (name, value)) in entries.filter_map(|entry| Some((entry, split(entry)?))) {
        settings.apply(entry);
        warnings.extend(warning(name, value).map(|doubt| format!("`{PREFIX}{name}` {doubt}")));
    }
    warnings.extend(contradiction(&settings).map(str::to_owned));
    warnings
}

fn warning(name: &str, value: &[u8]) -> Option<String> {
    let Some(setting) = find(name) else { return Some(unknown(name)) };
    let expectation = setting.kind.expectation();
    if value.len() > setting.len_max {
        Some(format!("is ignored: it is longer than {} bytes", setting.len_max))
    } else if (setting.is_plain)(value) {
        None
    } else if setting.kind == crate::Kind::Switch {
        Some(format!("is off: {expectation}"))
    } else {
        Some(format!("is ignored: {expectation}"))
    }
}

fn unknown(name: &str) -> String {
    let distance = |known: &str| strsim::levenshtein(known, name);
    let documented = TABLE.iter().filter(|setting| !setting.meaning.is_empty()).map(|setting| setting.name);
    let closest = documented.min_by_key(|known| distance(known)).filter(|known| distance(known) <= SLIP_MAX);
    let hint = closest.map(|known| format!("; did you mean `{PREFIX}{known}`?")).unwrap_or_default();
    format!("is no setting, and has no effect{hint}")
}

/// Settings that do not go together.
fn contradiction(settings: &Settings) -> Option<&'static str> {
    let placeholder = |letter: u8| settings.output.windows(2).any(|pair| pair == [b'%', letter]);
    if settings.track_child_processes && !settings.output.is_empty() && !placeholder(b'p') {
        return Some(
            "`MEMORY_PROFILER_OUTPUT` has no `%p`: with `MEMORY_PROFILER_TRACK_CHILD_PROCESSES`, processes overwrite each other's captures",
        );
    }
    if settings.enable_broadcast && !settings.enable_server {
        return Some(
            "`MEMORY_PROFILER_ENABLE_BROADCAST` has no effect without `MEMORY_PROFILER_ENABLE_SERVER`",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(entries: &[&str]) -> Vec<String> {
        let entries: Vec<_> = entries.iter().map(|entry| format!("MEMORY_PROFILER_{entry}")).collect();
        warnings(entries.iter().map(|entry| entry.as_bytes()))
    }

    fn check(entries: &[&str], expected: &str) {
        let about = about(entries);
        assert!(about.len() == 1 && about[0].contains(expected), "{entries:?}: {about:?}");
    }

    #[test]
    fn a_slip_of_the_finger_is_noticed() {
        check(&["OUPUT=x"], "did you mean `MEMORY_PROFILER_OUTPUT`?");
        check(&["EXECUTE=1"], "has no effect");
        assert!(!about(&["SOMETHING_ELSE=1"])[0].contains("did you mean"));
    }

    #[test]
    fn a_value_that_does_not_do_what_it_seems_to_is_noticed() {
        check(&["DISABLE_BY_DEFAULT=yes"], "is off: only `1` and `true` mean on");
        check(&["LOG=verbose"], "expected `trace`");
        check(&["BASE_SERVER_PORT=70000"], "at most 65535");
        check(&["TEMPORARY_ALLOCATION_LIFETIME_THRESHOLD=10s"], "expected a whole number");
        check(&["FORMAT=1"], "expected `2` or `0.11`");
        check(&["SERVER_INTERFACE=eth0"], "expected an IPv4 address");
        check(&[&format!("OUTPUT={}", "x".repeat(1025))], "longer than 1024 bytes");
    }

    #[test]
    fn settings_that_do_not_go_together_are_noticed() {
        check(&["TRACK_CHILD_PROCESSES=1", "OUTPUT=a.dat"], "has no `%p`");
        check(&["ENABLE_BROADCAST=1"], "has no effect without");
    }

    #[test]
    fn what_is_as_it_seems_is_not_mentioned() {
        assert_eq!(warnings([&b"PATH=/bin"[..], b"MEMORY_PROFILER"].into_iter()), [""; 0]);
        let plain = ["DISABLE_BY_DEFAULT=false", "OUTPUT=yes", "LOG=info", "EXECUTED=1:2", "FORMAT=0.11"];
        assert_eq!(about(&plain), [""; 0]);
        assert_eq!(about(&["TRACK_CHILD_PROCESSES=1", "ENABLE_SERVER=1", "ENABLE_BROADCAST=1"]), [""; 0]);
    }
}
