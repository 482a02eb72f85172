//! The settings of the capture library, and those that look like one but are none.

/// What every setting begins with.
const PREFIX: &str = "MEMORY_PROFILER_";

/// Every setting, without the prefix; and what a process tells the program that it executes.
const KNOWN: [&str; 31] = [
    "OUTPUT",
    "LOG",
    "LOGFILE",
    "LOGFILE_ROTATE_WHEN_BIGGER_THAN",
    "CULL_TEMPORARY_ALLOCATIONS",
    "TEMPORARY_ALLOCATION_LIFETIME_THRESHOLD",
    "TEMPORARY_ALLOCATION_PENDING_THRESHOLD",
    "GRAB_BACKTRACES_ON_FREE",
    "DISABLE_BY_DEFAULT",
    "REGISTER_SIGUSR1",
    "REGISTER_SIGUSR2",
    "ENABLE_SERVER",
    "BASE_SERVER_PORT",
    "SERVER_INTERFACE",
    "ENABLE_BROADCAST",
    "WRITE_BINARIES_TO_OUTPUT",
    "ZERO_MEMORY",
    "BACKTRACE_CACHE_SIZE_LEVEL_1",
    "BACKTRACE_CACHE_SIZE_LEVEL_2",
    "GATHER_MMAP_CALLS",
    "GATHER_MAPS",
    "USE_SHADOW_STACK",
    "USE_PERF_EVENT_OPEN",
    "TRACK_CHILD_PROCESSES",
    "INCLUDE_FILE",
    "CHOWN_OUTPUT_TO",
    "DISABLE_PR_SET_VMA_ANON_NAME",
    "EMIT_PARTIAL_BACKTRACES",
    "FORMAT",
    "LABELS",
    "EXECUTED",
];

/// Letters that a name may be off by to be taken for a slip of the finger.
const SLIP_MAX: usize = 3;

/// Says of each environment variable that looks like a setting, but is none, that it has no effect.
pub(crate) fn warn_about_unknown() {
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
        if let Some(warning) = warning(&name) {
            eprintln!("bytehound: warning: {warning}");
        }
    }
}

fn warning(name: &str) -> Option<String> {
    let setting = name.strip_prefix(PREFIX)?;
    if KNOWN.contains(&setting) {
        return None;
    }
    let closest = KNOWN.into_iter().min_by_key(|known| strsim::levenshtein(known, setting));
    let meant = closest.filter(|known| strsim::levenshtein(known, setting) <= SLIP_MAX);
    let hint = meant.map(|known| format!("; did you mean `{PREFIX}{known}`?")).unwrap_or_default();
    Some(format!("`{name}` is no setting, and has no effect{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_noticed() {
        assert_eq!(warning("MEMORY_PROFILER_OUTPUT"), None);
        assert_eq!(warning("PATH"), None);
        let text = warning("MEMORY_PROFILER_OUPUT").unwrap();
        assert!(text.contains("did you mean `MEMORY_PROFILER_OUTPUT`"), "{text}");
        assert!(!warning("MEMORY_PROFILER_SOMETHING_ELSE").unwrap().contains("did you mean"));
    }
}
