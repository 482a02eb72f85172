//! What the library has to say. Hooks leave lines here; the writer puts them out.
//!
//! Nobody waits for long: a line that finds the place full, or taken all the time, is dropped.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

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
/// How often the place is tried: whoever has it copies some text, or was interrupted by who tries.
const TRIES: usize = 1000;

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
    if let Some(mut lines) = lines() {
        let before = lines.len;
        if writeln!(lines, "bytehound: {}: {message}", name(level)).is_err() {
            lines.len = before;
        }
    }
}

/// Gives the lines left so far to `put`. That may take long: others can leave lines meanwhile.
pub(crate) fn take(put: impl FnOnce(&[u8])) {
    let Some(mut lines) = lines().filter(|lines| lines.len != 0) else { return };
    let (text, len) = (lines.text, core::mem::take(&mut lines.len));
    drop(lines);
    put(text.get(..len).unwrap_or_default());
}

fn lines() -> Option<MutexGuard<'static, Lines>> {
    (0..TRIES).find_map(|_| {
        core::hint::spin_loop();
        LINES.try_lock().ok()
    })
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
        take(|text| {
            say(Level::Error, format_args!("that"));
            taken.extend_from_slice(text);
        });
        assert_eq!(taken, b"bytehound: warn: this 1\n");
        take(|text| assert_eq!(text, b"bytehound: error: that\n"));
        take(|_| panic!("lines are given out once"));
    }
}
