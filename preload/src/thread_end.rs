//! Noticing that a thread ends, so that its record can serve another one; and that the last one has ended.
#![expect(unsafe_code, reason = "registers a callback with the C library")]

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::{capture, sys};

/// The key whose destructor tells us that a thread ends, plus one.
static KEY: AtomicU32 = AtomicU32::new(0);
/// Destructors of keys run again while values are set, this often.
const ROUNDS: usize = 4;

/// Makes the key, once in the process's life.
pub(crate) fn create_key() {
    let mut key = 0;
    // SAFETY: plain registration; the destructor stays valid.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(on_thread_end)) } == 0 {
        KEY.store(key + 1, Ordering::Relaxed);
    }
}

/// Has the calling thread's record given up when the thread ends.
pub(crate) fn watch() {
    set_round(1);
}

fn set_round(round: usize) {
    if let Some(key) = KEY.load(Ordering::Relaxed).checked_sub(1) {
        // SAFETY: the key exists; the value is a number, not an address.
        unsafe { libc::pthread_setspecific(key, core::ptr::without_provenance(round)) };
    }
}

/// Waits for the last round, because destructors of other keys may still allocate.
unsafe extern "C" fn on_thread_end(round: *mut c_void) {
    if round.addr() < ROUNDS {
        capture::privately(|| set_round(round.addr() + 1));
    } else {
        capture::detach();
    }
}

/// Links that the folder of a process's threads has beside one for each.
const LINKS: u64 = 2;
/// The state and the exit status among the fields of `/proc/self/stat` that follow the name.
const STATE_FIELD: usize = 0;
const STATUS_FIELD: usize = 49;

/// If all threads of the program have ended, each by a system call of its own, the exit status of the first. The process
/// would have ended with the last one, if this library had no threads, of which there are `ours`.
pub(crate) fn status_if_only_ours_are_left(ours: u64) -> Option<i32> {
    // The first thread stays until the process ends, but it may be dead.
    let links = sys::links(c"/proc/self/task").ok()?;
    if links != LINKS + ours + 1 {
        return None;
    }
    let mut buffer = [0; 1024];
    let stat = sys::read_file(c"/proc/self/stat", &mut buffer).ok()?;
    status_of_dead(core::str::from_utf8(stat).ok()?)
}

/// The exit status of a thread that is dead, of its line of numbers.
fn status_of_dead(stat: &str) -> Option<i32> {
    // The name stands in brackets and may hold some.
    let (_, fields) = stat.rsplit_once(") ")?;
    let field = |at| fields.split_ascii_whitespace().nth(at);
    let wait_status: i32 = field(STATUS_FIELD)?.parse().ok()?;
    matches!(field(STATE_FIELD)?, "Z" | "X").then_some(wait_status >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_dead_thread_is_known() {
        let numbers = "0 ".repeat(48);
        assert_eq!(status_of_dead(&format!("17 (a) Z b) Z {numbers}768\n")), Some(3));
        assert_eq!(status_of_dead(&format!("17 (a) Z b) S {numbers}768\n")), None);
        assert_eq!(status_of_dead("17 (a) Z 1"), None);
    }

    #[test]
    fn a_program_that_lives_is_not_taken_for_dead() {
        assert_eq!(status_if_only_ours_are_left(1), None);
    }
}
