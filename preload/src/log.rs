//! What the library has to say. Hooks leave lines here; the writer puts them out.
//!
//! Nobody waits: a line that finds the place taken or full is dropped.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Mutex;

pub(crate) use crate::settings::Level;

fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

const LEN: usize = 8 * 1024;

struct Lines {
    text: [u8; LEN],
    len: usize,
}

static LINES: Mutex<Lines> = Mutex::new(Lines { text: [0; LEN], len: 0 });
/// The least important level that is kept; 0 for none.
static LEVEL: AtomicU32 = AtomicU32::new(0);

pub(crate) fn set_level(level: Option<Level>) {
    LEVEL.store(level.map_or(0, |level| level as u32), Ordering::Relaxed);
}

/// Leaves a line for the writer to put out.
pub(crate) fn say(level: Level, message: fmt::Arguments<'_>) {
    if level as u32 > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    if let Ok(mut lines) = LINES.try_lock() {
        let before = lines.len;
        if writeln!(lines, "bytehound: {}: {message}", name(level)).is_err() {
            lines.len = before;
        }
    }
}

/// Gives the lines left so far to `put`.
pub(crate) fn take(put: impl FnOnce(&[u8])) {
    if let Ok(mut lines) = LINES.try_lock() {
        let len = core::mem::take(&mut lines.len);
        if len != 0 {
            put(lines.text.get(..len).unwrap_or_default());
        }
    }
}

impl Write for Lines {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.text.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_enough_importance_arrive_whole() {
        set_level(Some(Level::Warn));
        say(Level::Info, format_args!("not this"));
        say(Level::Warn, format_args!("this {}", 1));
        say(Level::Error, format_args!("{}", "x".repeat(LEN)));
        let mut taken = Vec::new();
        take(|text| taken.extend_from_slice(text));
        assert_eq!(taken, b"bytehound: warn: this 1\n");
        take(|_| panic!("lines are given out once"));
    }
}
