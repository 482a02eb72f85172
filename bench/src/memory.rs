//! How much memory this process has to itself.

use std::fs::read_to_string;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// What is gone before this can't be seen.
const LOOK_EVERY: Duration = Duration::from_millis(3);

/// Looks again and again while it lives.
pub(crate) struct Watch {
    most: Arc<AtomicU64>,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let most = Arc::new(AtomicU64::new(anonymous_bytes()));
        let seen = Arc::downgrade(&most);
        thread::spawn(move || {
            while let Some(most) = seen.upgrade() {
                most.fetch_max(anonymous_bytes(), Ordering::Relaxed);
                drop(most);
                thread::sleep(LOOK_EVERY);
            }
        });
        Self { most }
    }

    /// The most that it has seen.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

/// Anonymous memory: what is mapped from files does not count.
pub(crate) fn anonymous_bytes() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = anonymous.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
